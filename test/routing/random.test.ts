// The seeded generator: uniform, reproducible for one seed, and unrelated for others, even consecutive ones. Tolerance:
// chi-square within five standard deviations of its mean.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../lib/routing/random.js';
import { chiSquare, chiSquareLimit } from '../support/host-views.js';

const test = suite('random');

const DRAWS = 100_000;
const even = (cells: number) => Array.from({ length: cells }, () => 1 / cells);

function draw(random: Random, bound: number, draws = DRAWS): number[] {
  const counts = Array.from({ length: bound }, () => 0);
  for (let i = 0; i < draws; i++) {
    const value = random.below(bound);
    counts[value] = (counts[value] as number) + 1;
  }
  return counts;
}

test('every number below the bound is equally likely', () => {
  for (const bound of [2, 3, 7, 10, 64, 1000]) {
    for (const seed of [0, 1, 2, 12_345, -1, 0x7fffffff]) {
      const counts = draw(new Random(seed), bound);
      assert.is(counts.length, bound, 'a number at or above the bound was drawn');
      const found = chiSquare(counts, even(bound));
      assert.ok(found < chiSquareLimit(bound - 1), `bound ${bound}, seed ${seed}: ${found}`);
    }
  }
});

test('consecutive pairs are evenly spread', () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const counts = Array.from({ length: 100 }, () => 0);
    for (let i = 0; i < DRAWS; i++) {
      const cell = random.below(10) * 10 + random.below(10);
      counts[cell] = (counts[cell] as number) + 1;
    }
    assert.ok(chiSquare(counts, even(100)) < chiSquareLimit(99), `seed ${seed}`);
  }
});

test('equal seeds give equal numbers, and different seeds different ones', () => {
  const streamOf = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 20 }, () => random.below(1_000_000)).join();
  };
  assert.is(streamOf(42), streamOf(42));
  assert.is(new Set(Array.from({ length: 1000 }, (_, seed) => streamOf(seed))).size, 1000);
});

test("the first numbers of consecutive seeds are evenly spread, so balancers started together don't move together", () => {
  for (const skip of [0, 1, 5]) {
    const counts = Array.from({ length: 20 }, () => 0);
    for (let seed = 0; seed < DRAWS; seed++) {
      const random = new Random(seed);
      for (let i = 0; i < skip; i++) random.below(2);
      const value = random.below(20);
      counts[value] = (counts[value] as number) + 1;
    }
    assert.ok(chiSquare(counts, even(20)) < chiSquareLimit(19), `number ${skip + 1} of each stream`);
  }
});

test('the first numbers of any 16 consecutive seeds are widely spread', () => {
  for (let start = -500; start < 500; start++) {
    const parts = new Set(Array.from({ length: 16 }, (_, i) => new Random(start + i).below(8)));
    assert.ok(parts.size >= 4, `from ${start}: ${[...parts]}`);
  }
});

test('unusual seeds work too', () => {
  for (const seed of [Number.NaN, Number.POSITIVE_INFINITY, 1.5, 2 ** 40, 0x9e3779b9, -0x61c88647]) {
    const counts = draw(new Random(seed), 8, 8000);
    assert.ok(
      counts.every((count) => count > 800),
      `${seed}: ${counts}`,
    );
  }
});

test('below 1 there is only 0', () => {
  const random = new Random(1);
  for (let i = 0; i < 1000; i++) assert.is(random.below(1), 0);
});

test.run();
