// The split of a route's requests over its pools: exact shares, no bursts, another start in each balancer.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../lib/routing/random.js';
import { Split } from '../../lib/routing/split.js';

const test = suite('split');

const picks = (split: Split, count: number): number[] => Array.from({ length: count }, () => split.next());

const times = (chosen: readonly number[], pool: number): number => chosen.filter((each) => each === pool).length;

test('after any number of requests each pool has its share, to within one request for each pool', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 1_000_000 })), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.integer(),
      (weights, count, seed) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        fc.pre(total > 0);
        const chosen = picks(new Split(weights, new Random(seed)), count);
        for (const [pool, weight] of weights.entries()) {
          const share = (count * weight) / total;
          if (weight === 0) assert.is(times(chosen, pool), 0);
          else assert.ok(Math.abs(times(chosen, pool) - share) <= weights.length, `${times(chosen, pool)}, not ${share}`);
        }
      },
    ),
  );
});

test('a split is exact in the long run: no rounding adds up', () => {
  const chosen = picks(new Split([1, 3, 7], new Random(1)), 1_100_000);
  for (const [pool, weight] of [1, 3, 7].entries()) assert.ok(Math.abs(times(chosen, pool) - weight * 100_000) <= 1);
});

test('a small share comes at even intervals, not in bursts', () => {
  for (let seed = 0; seed < 20; seed++) {
    const chosen = picks(new Split([95, 5], new Random(seed)), 4000);
    const places = chosen.flatMap((pool, i) => (pool === 1 ? [i] : []));
    for (const [i, place] of places.slice(1).entries()) {
      const gap = place - (places[i] as number);
      assert.ok(gap === 20 || gap === 19 || gap === 21, String(gap));
    }
  }
});

test('equal weights alternate', () => {
  const chosen = picks(new Split([5, 5, 5], new Random(3)), 300);
  for (let i = 3; i < 300; i++) assert.is(chosen[i], chosen[i - 3]);
  assert.is(new Set(chosen.slice(0, 3)).size, 3);
});

test('balancers begin at different places, and on average with the share that the weights say', () => {
  const BALANCERS = 4000;
  const firsts = Array.from({ length: BALANCERS }, (_, seed) => new Split([80, 20], new Random(seed)).next());
  // Of independent draws the count would deviate by 25 (one sigma); five of them.
  assert.ok(Math.abs(times(firsts, 1) - 0.2 * BALANCERS) < 126, String(times(firsts, 1)));
});

test('a pool of weight 0 is never chosen, first or last', () => {
  for (const [weights, only] of [
    [[0, 3, 0], 1],
    [[3, 0], 0],
    [[0, 0, 1], 2],
  ] as const)
    for (let seed = 0; seed < 50; seed++) assert.equal([...new Set(picks(new Split(weights, new Random(seed)), 20))], [only]);
});

test.run();
