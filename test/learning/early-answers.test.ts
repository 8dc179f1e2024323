// Responses that are implausibly fast and unlike the others': such requests count as in flight, and then as having
// taken, as long as on the median host. All others count as they are.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLEET, MAX_CLASSES } from '../../lib/model.js';
import { createTable, openTable, type TableColumns } from '../../lib/table/layout.js';
import { beginRequest, endRequest } from '../../lib/table/own-requests.js';
import { EarlyAnswers } from '../../lib/learning/early-answers.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('early answers');

const CLASS = 3;
const PAGE_BYTES = 1000;
const bytesOf = (tookMs: number): number => (tookMs > 2 ? PAGE_BYTES : 0);

interface Stage {
  readonly columns: TableColumns;
  readonly early: EarlyAnswers;
  readonly counted: () => number;
  /** Sends a request to a slot, answered after this long: at once without a body, else with a page. */
  readonly answer: (slot: number, cost: number, startedAtMs: number, tookMs: number, bytes?: number) => void;
}

/** A fleet whose host 0 has answered a thousand requests after 40 ms each, and so has the median host. */
function build({ neutralPace = 1, host = { isRemoved: false } } = {}): Stage {
  const columns = openTable(createTable(4));
  columns.fleet[FLEET.neutralPace] = neutralPace;
  let count = 0;
  const early = new EarlyAnswers(columns, () => count++);
  const answer: Stage['answer'] = (slot, cost, startedAtMs, tookMs, bytes = bytesOf(tookMs)) => {
    beginRequest(columns, slot, cost, startedAtMs);
    endRequest(columns, slot, cost, startedAtMs, startedAtMs + tookMs);
    columns.served[slot] = (columns.served[slot] as number) + 1;
    early.record(Object.assign(host, { slot }), CLASS, cost, bytes, startedAtMs, startedAtMs + tookMs);
    early.turn(startedAtMs + tookMs);
  };
  for (let i = 0; i < 1000; i++) answer(0, 20, 0, 40);
  return { columns, early, counted: () => count, answer };
}

const near = (found: number, expected: number) => assert.ok(Math.abs(found - expected) < 0.01 * expected, `${found}, expected ${expected}`);
const inFlight = ({ phantomInflight, work }: TableColumns, slot: number): [number, number] => [
  phantomInflight[slot] as number,
  work[slot] as number,
];

test('a request answered after 1 ms counts as in flight for the 40 ms it takes elsewhere, and then as having taken them', () => {
  const { columns, early, answer, counted } = build();
  answer(1, 20, 100, 1);
  assert.equal(inFlight(columns, 1), [1, 20]);
  assert.equal([columns.workDone[1], columns.busyMs[1], columns.elapsedSum[1], columns.startSum[1]], [0, 0, 1, 101]);
  early.letGo(139);
  assert.equal(inFlight(columns, 1), [1, 20]);
  early.letGo(150);
  assert.equal(inFlight(columns, 1), [0, 0]);
  assert.equal([columns.workDone[1], columns.startSum[1], columns.servedByClass[MAX_CLASSES + CLASS], counted()], [20, 0, 1, 1]);
  near(columns.busyMs[1] as number, 40);
  near(columns.elapsedSum[1] as number, 40);
});

test("a much faster host with responses like the others' is trusted; one whose responses are half or twice as large is not", () => {
  const { columns, answer, counted } = build();
  for (let i = 0; i < 50; i++) answer(1, 20, 100 * i, 1, PAGE_BYTES * (i % 2 === 0 ? 0.9 : 1.1));
  assert.equal([columns.phantomInflight[1], columns.workDone[1], counted()], [0, 1000, 0]);
  for (const [slot, bytes] of [
    [2, PAGE_BYTES / 2],
    [3, PAGE_BYTES * 2],
  ] as const) {
    for (let i = 0; i < 50; i++) answer(slot, 20, 100 * i, 1, bytes);
    assert.is(columns.phantomInflight[slot], 50, `${bytes}`);
  }
});

test('where half of all responses are empty because clients have them cached, a fast host is trusted, and one with only empty responses is not', () => {
  const { columns, answer } = build();
  const random = new Random(3);
  const bytes = (): number => (random.below(2) === 0 ? 0 : PAGE_BYTES);
  for (let i = 0; i < 2000; i++) {
    answer(0, 20, 100 * i, 40, bytes());
    answer(1, 20, 100 * i, 1, bytes());
    answer(2, 20, 100 * i, 1, 0);
    if (i === 200) columns.phantomInflight.fill(0);
  }
  assert.ok((columns.phantomInflight[1] as number) < 20, `${columns.phantomInflight[1]} of 1800`);
  assert.ok((columns.phantomInflight[2] as number) > 1500, `${columns.phantomInflight[2]} of 1800`);
});

test('a host is judged by its recent responses together, not by one', () => {
  const { columns, answer, counted } = build();
  const mixed = (from: number, to: number) => {
    const before = counted();
    for (let i = from; i < to; i++) answer(1, 20, 100 * i, i % 3 === 0 ? 1 : 50);
    return counted() - before;
  };
  assert.ok(mixed(1, 40) <= 1);
  for (let i = 40; i < 100; i++) answer(1, 20, 100 * i, 1);
  assert.ok(counted() > 25, `it has begun to answer without working: ${counted()}`);
  assert.ok(mixed(100, 130) < 6, 'and does so no more');
  assert.is(mixed(130, 160), 0);
  assert.is(counted(), columns.phantomInflight[1]);
});

test('a host at its usual speed is not suspect because most others are slow; one that answers without working still is', () => {
  const { columns, answer, counted } = build();
  columns.fleet[FLEET.neutralPace] = 8;
  for (let i = 0; i < 300; i++) {
    answer(0, 20, 100 * i, 800);
    answer(1, 20, 100 * i, 40);
    answer(2, 20, 100 * i, 1);
  }
  assert.is(columns.phantomInflight[1], 0);
  assert.is(counted(), columns.phantomInflight[2]);
  assert.ok((columns.phantomInflight[2] as number) > 280, `${columns.phantomInflight[2]}`);
});

test('a host that answers without working, and so gets most requests at first, does not set the standard', () => {
  const columns = openTable(createTable(4));
  const early = new EarlyAnswers(columns, () => undefined);
  const answer = (slot: number, startedAtMs: number, tookMs: number): void =>
    early.record({ slot, isRemoved: false }, CLASS, 20, bytesOf(tookMs), startedAtMs, startedAtMs + tookMs);
  for (let i = 0; i < 1000; i++) answer(i % 10 === 0 ? 0 : 1, i, i % 10 === 0 ? 20 : 1);
  // By the median of the two, the slower one.
  columns.fleet[FLEET.neutralPace] = columns.pace[0] as number;
  assert.ok((columns.pace[0] as number) > 4 && (columns.pace[1] as number) > 0.25);
  early.turn(1000);
  for (let i = 1000; i < 1100; i++) answer(i % 2, i, i % 2 === 0 ? 20 : 1);
  assert.ok((columns.pace[0] as number) > 0.75 && (columns.pace[0] as number) < 1.33, `${columns.pace[0]}`);
  assert.ok((columns.phantomInflight[1] as number) >= 35, `${columns.phantomInflight[1]} of 50`);
});

test('a class that reuses an id inherits nothing', () => {
  const { columns, early, answer } = build();
  early.forgetClass(CLASS);
  for (let i = 0; i < 40; i++) answer(0, 20, 100 * i, 400);
  const pace = columns.pace[0] as number;
  assert.ok(pace > 0.8 && pace < 1.3, `${pace}: as quick as it was, not ten times as slow`);
});

test("while hosts can't be compared, nothing is kept and nothing is learned", () => {
  const { columns, answer } = build({ neutralPace: Number.NaN });
  for (let i = 0; i < 50; i++) answer(1, 20, 100 * i, 1);
  assert.equal([inFlight(columns, 1), columns.workDone[0], columns.workDone[1]], [[0, 0], 0, 0]);
  assert.ok((columns.pace[1] as number) < 0.1, 'but what it takes is kept in mind');
});

test("a removed host subtracts nothing from its slot's next one", () => {
  const host = { isRemoved: false };
  const { columns, early, answer } = build({ host });
  answer(1, 20, 100, 1);
  host.isRemoved = true;
  columns.phantomInflight[1] = columns.work[1] = columns.startSum[1] = 0;
  early.letGo(1000);
  assert.equal(inFlight(columns, 1), [0, 0]);
  assert.equal([columns.workDone[1], columns.elapsedSum[1], columns.startSum[1]], [0, 1, 0]);
});

test('in whatever order they arrive, each is released at its time', () => {
  const { columns, early, answer } = build();
  const random = new Random(5);
  const begun: number[] = [];
  for (let i = 0; i < 500; i++) {
    const startedAtMs = random.below(500);
    answer(1, 2, startedAtMs, 0.001);
    begun.push(startedAtMs);
  }
  // These very responses have changed the usual a little.
  const most = begun.filter((startedAtMs) => startedAtMs + 40 > 100).length;
  early.letGo(0);
  assert.is(columns.phantomInflight[1], 500);
  early.letGo(100);
  const left = columns.phantomInflight[1] as number;
  assert.ok(
    left <= 500 - begun.filter((startedAtMs) => startedAtMs + 40 <= 60).length && left > 0 && left >= most * 0.8,
    `${left} of ${most}`,
  );
  early.letGo(600);
  assert.equal([columns.phantomInflight[1], columns.work[1], columns.startSum[1], columns.workDone[1]], [0, 0, 0, 1000]);
});

test('a flood of them takes bounded memory, and none is kept for more than 10 s', () => {
  const { columns, early, answer } = build();
  columns.fleet[FLEET.neutralPace] = 1e6;
  for (let i = 0; i < 20_000; i++) answer(1, 10, 0, 0.5);
  assert.is(columns.phantomInflight[1], 8192);
  early.letGo(10_000);
  assert.equal(inFlight(columns, 1), [0, 0]);
});

test.run();
