// Weights of hosts in the shared table: where they come from, and how readers notice that they changed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { counterOf } from '../../lib/table/counters.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';
import { TableWriter } from '../../lib/table/writer.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('table: weights');

/** A table of these hosts, whose first list was built. */
function openStage(...weights: readonly (readonly [name: string, weight?: number])[]) {
  const columns = openTable(createTable(8));
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters));
  const reader = new TableReader(columns);
  const rows = weights.map(([name, weight]) => buildRow(name, weight === undefined ? {} : { weight }));
  let seq = 1;
  writer.apply(buildTable(1, seq, rows), 0);
  writer.rebuildCandidates(0);
  return {
    reader,
    writer,
    weightOf: (name: string) => reader.weight[writer.hosts().find((host) => host.name === name)?.slot ?? -1],
    change: (name: string, weight: number) => writer.apply(buildChange(1, ++seq, [buildRow(name, { weight })]), 0),
  };
}

test('a host without a weight has 1, also in a slot that a heavy one had', () => {
  const { writer, weightOf } = openStage(['a', 5], ['b']);
  assert.equal([weightOf('a'), weightOf('b')], [5, 1]);
  const { removed } = writer.apply(buildTable(1, 2, [buildRow('b')]), 0);
  const slot = removed[0]?.slot ?? -1;
  writer.release(slot);
  const { added } = writer.setStatics([{ name: 'c', url: 'http://127.0.0.1:1' }]);
  assert.equal(
    added.map((host) => host.slot),
    [slot],
  );
  assert.is(weightOf('c'), 1);
});

test('the epoch is odd only while weights of candidates differ, and never the same for two lists', () => {
  const { reader, writer, change } = openStage(['a'], ['b'], ['c', 1]);
  const epochs = [reader.epoch];
  const rebuild = (): number => {
    writer.rebuildCandidates(0);
    epochs.push(reader.epoch);
    return reader.epoch & 1;
  };
  assert.is(reader.epoch & 1, 0);
  change('b', 2);
  assert.is(writer.isListOld, true, 'a new weight needs a new list');
  assert.is(rebuild(), 1);
  assert.is(rebuild(), 1);
  change('a', 2);
  assert.is(rebuild(), 1);
  change('c', 2);
  assert.is(rebuild(), 0);
  change('c', 1);
  writer.setOperatorStates(new Map([['c', 'drained']]));
  assert.is(rebuild(), 0, 'a host that is no candidate does not count');
  assert.is(new Set(epochs).size, epochs.length, epochs.join(' '));
});

test('the same weight again needs no new list', () => {
  const { writer, change } = openStage(['a', 3], ['b']);
  change('a', 3);
  assert.is(writer.isListOld, false);
});

test('a row read back has its weight, and none for the usual one', () => {
  const { writer } = openStage(['a', 3], ['b']);
  assert.equal(
    writer.rows(0).map(({ weight }) => weight),
    [3, undefined],
  );
});

test.run();
