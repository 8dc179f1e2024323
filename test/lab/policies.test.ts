// The parts of `meercat bench policies`: the simulated CPU, which must be exact however rarely it is advanced, and the
// scenario, which must be the same for all contestants.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLASSES, drawArrivals, drawNeighbours, rateFor, speedOf } from '../../lib/lab/scenario.js';
import { SharedProcessor } from '../../lib/lab/shared-processor.js';
import { Random } from '../../lib/routing/random.js';
import { isWithin } from '../support/bench.js';

const test = suite('bench policies');

test('a simulated CPU gives every request an equal share of the cores, at most one core', () => {
  for (const [cores, speed, taken, works, expected] of [
    [1, 1, 0, [10], [10]],
    [1, 1, 0, [10, 20], [20, 30]],
    [1, 1, 0, [20, 10], [20, 30]],
    [4, 1, 0, [10, 20, 20], [10, 20, 20]],
    [4, 0.5, 0, [10], [20]],
    [4, 1, 3, [10, 10], [20, 20]],
    [2, 1, 0, [10, 10, 10, 30], [20, 20, 20, 40]],
    [4, 1, 4, [10], []],
  ] as const) {
    const processor = new SharedProcessor<number>(cores, speed, 0);
    processor.setTaken(taken);
    works.forEach((work, index) => processor.add(work, index));
    const done = processor.advance(1000);
    assert.equal(
      done.map(({ atMs }) => Math.round(atMs * 1e6) / 1e6),
      [...expected],
      JSON.stringify([cores, speed, taken, works]),
    );
  }
});

test('its counters give the CPU used by requests, available to them, and taken by neighbours', () => {
  const processor = new SharedProcessor<string>(4, 1, 0);
  processor.add(30, 'one');
  assert.equal(processor.advance(10), []);
  processor.setTaken(3);
  processor.add(20, 'other');
  assert.is(processor.nextAtMs, 50);
  assert.equal(
    processor.advance(100).map(({ item, atMs }) => [item, atMs]),
    [
      ['one', 50],
      ['other', 50],
    ],
  );
  assert.equal(processor.meter, { busyMs: 10 + 40, availableMs: 40 + 90, takenMs: 270 });
});

test('it is exact however rarely it is advanced', () => {
  const run = (lookEveryMs: number): [number, number][] => {
    const random = new Random(3);
    const processor = new SharedProcessor<number>(4, 0.6, 0);
    const done: [number, number][] = [];
    const look = (atMs: number): void =>
      void done.push(...processor.advance(atMs).map(({ item, atMs: at }): [number, number] => [item, Math.round(at * 1000)]));
    for (let [atMs, id] = [0, 0]; id < 2000; id++) {
      const nextMs = atMs + random.below(20);
      if (lookEveryMs > 0) for (let lookMs = atMs; lookMs < nextMs; lookMs += lookEveryMs) look(lookMs);
      atMs = nextMs;
      look(atMs);
      if (id % 50 === 0) processor.setTaken(random.below(4));
      processor.add(CLASSES[random.below(3)]?.workMs ?? 1, id);
    }
    look(1e7);
    return done;
  };
  const often = run(0.25);
  assert.is(often.length, 2000);
  assert.equal(run(0), often);
});

test('the same seed draws the same requests and neighbours, with the expected shares', () => {
  const arrivals = drawArrivals(7, 1000, 60_000, 4);
  assert.equal(drawArrivals(7, 1000, 60_000, 4), arrivals);
  // 60,000 requests: within four standard deviations.
  isWithin(arrivals.atMs.length, 59_000, 61_000, 'requests');
  assert.ok(arrivals.atMs.every((atMs, index) => index === 0 || atMs >= (arrivals.atMs[index - 1] as number)));
  CLASSES.forEach(({ share }, index) => {
    const part = arrivals.kind.filter((kind) => kind === index).length / arrivals.kind.length;
    isWithin(part, share - 0.007, share + 0.007, `class ${index}`);
  });
  for (let to = 0; to < 4; to++)
    isWithin(arrivals.to.filter((each) => each === to).length / arrivals.to.length, 0.243, 0.257, `balancer ${to}`);
  assert.equal(drawNeighbours(7, 8, 60_000, 1), drawNeighbours(7, 8, 60_000, 1));
});

test('neighbours move from host to host, and their total is constant', () => {
  const taken = new Map<number, number>();
  let movedAtMs = 0;
  let moves = 0;
  for (const { atMs, host, taken: cores } of drawNeighbours(1, 8, 400_000, 1)) {
    if (atMs > movedAtMs) {
      assert.is(
        [...taken.values()].reduce((sum, each) => sum + each, 0),
        4,
      );
      movedAtMs = atMs;
      moves++;
    }
    isWithin(cores, 0, 3, 'cores');
    taken.set(host, cores);
  }
  // Two neighbours, each for 8 s on average: a hundred moves, within four standard deviations.
  isWithin(moves, 60, 140, 'moves');
});

test('a load is a fraction of the cores not taken by neighbours', () => {
  assert.equal(
    Array.from({ length: 8 }, (_, host) => speedOf(host, 8)),
    [1, 1, 1, 1, 1, 1, 0.6, 0.6],
  );
  // 28 cores of 0.9 on average, 17 ms a request.
  assert.is(Math.round(rateFor(1, 8, 1)), Math.round((28 * 0.9 * 1000) / 17));
  assert.is(rateFor(0.7, 8, 2), rateFor(0.7, 8, 1) / 2);
  assert.is(speedOf(0, 1), 1);
  assert.equal(drawNeighbours(1, 1, 1000, 1), []);
});

test.run();
