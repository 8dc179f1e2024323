// Answers that come too soon to be true: their requests stay counted for half of the time that their work takes on
// the median host, and not a moment longer.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLEET } from '../../lib/model.js';
import { createTable, openTable, type TableColumns } from '../../lib/table/layout.js';
import { EarlyAnswers } from '../../lib/traffic/early-answers.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('early answers');

/** A median host does one millisecond of work in two. */
function build(speed = 0.5): { columns: TableColumns; early: EarlyAnswers } {
  const columns = openTable(createTable(4));
  columns.fleet[FLEET.neutralSpeed] = speed;
  return { columns, early: new EarlyAnswers(columns) };
}

const counted = ({ kept, work }: TableColumns, slot: number): [number, number] => [kept[slot] as number, work[slot] as number];

test('a request of 20 ms of work that was answered after 1 ms counts for 20 ms, half of the 40 that it takes', () => {
  const { columns, early } = build();
  early.take({ slot: 1, isRemoved: false }, 20, 100, 101);
  assert.equal(counted(columns, 1), [1, 20]);
  early.letGo(119.9);
  assert.equal(counted(columns, 1), [1, 20]);
  early.letGo(120);
  assert.equal(counted(columns, 1), [0, 0]);
});

test('an answer that took its time is let go at once, and so is every one while no speed is known', () => {
  const { columns, early } = build();
  early.take({ slot: 1, isRemoved: false }, 20, 100, 120);
  const unknown = build(Number.NaN);
  unknown.early.take({ slot: 1, isRemoved: false }, 20, 100, 101);
  assert.equal([counted(columns, 1), counted(unknown.columns, 1)], [[0, 0], [0, 0]]);
});

test('a host that has left takes nothing off the one that has its slot now', () => {
  const { columns, early } = build();
  const host = { slot: 1, isRemoved: false };
  early.take(host, 20, 100, 101);
  host.isRemoved = true;
  columns.kept[1] = columns.work[1] = 0;
  early.letGo(1000);
  assert.equal(counted(columns, 1), [0, 0]);
});

test('in whatever order they come, each is let go at its time', () => {
  const { columns, early } = build(1);
  const random = new Random(5);
  const ends: number[] = [];
  for (let i = 0; i < 500; i++) {
    const cost = 2 + random.below(1000);
    early.take({ slot: 0, isRemoved: false }, cost, 0, 0.5);
    ends.push(cost / 2);
  }
  for (let nowMs = 0; nowMs <= 510; nowMs += 0.5) {
    early.letGo(nowMs);
    assert.is(columns.kept[0], ends.filter((end) => end > nowMs).length, `at ${nowMs}`);
  }
  assert.is(columns.work[0], 0);
});

test('a flood of them takes bounded memory: those beyond are let go at once', () => {
  const { columns, early } = build(1);
  for (let i = 0; i < 20_000; i++) early.take({ slot: 0, isRemoved: false }, 10, 0, 0.5);
  assert.is(columns.kept[0], 8192);
  early.letGo(5);
  assert.equal(counted(columns, 0), [0, 0]);
});

test.run();
