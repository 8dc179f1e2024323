// How a limit is dealt out: integers that sum up to it, by demand, and nobody starves.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dealShares, FLOOR_FRACTION } from '../../lib/learning/deal-shares.js';

const test = suite('deal shares');

const sumOf = (figures: readonly number[]): number => figures.reduce((sum, each) => sum + each, 0);

test('shares are integers of at least 0 whose sum is the limit, whatever the demands and credits', () => {
  const demands = fc.array(fc.oneof(fc.nat(10_000), fc.double()), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(fc.nat(100_000), demands, fc.array(fc.double({ min: -1, max: 1, noNaN: true })), (limit, wanted, credits) => {
      const shares = dealShares(limit, wanted, credits);
      assert.is(shares.length, wanted.length);
      assert.ok(shares.every((share) => Number.isSafeInteger(share) && share >= 0));
      assert.is(sumOf(shares), limit);
    }),
  );
});

test('below the limit every balancer gets its demand, and some of the rest for traffic that begins', () => {
  const shares = dealShares(1000, [600, 100, 0, 0]);
  assert.ok((shares[0] as number) > 700 && (shares[1] as number) > 100);
  assert.is(shares[2], 38, 'an eighth of the 300 that are left');
});

test('above the limit requests have the same chance everywhere, but for the floor', () => {
  assert.equal(dealShares(1000, [9000, 1000]), [892, 108]);
  const idle = dealShares(1000, [5000, 0, 0, 0]);
  assert.equal(idle.slice(1), [5, 5, 5]);
  assert.is(sumOf(idle.slice(1)) + 5, 1000 * FLOOR_FRACTION);
});

test('without any demand the limit is dealt out evenly, and without balancers there is nothing', () => {
  assert.equal(dealShares(10, [0, Number.NaN, -5]), [4, 3, 3]);
  assert.equal(dealShares(10, []), []);
});

test('with fewer places than balancers everyone gets one in its turn', () => {
  const credits: number[] = [];
  const totals = [0, 0, 0, 0, 0, 0, 0];
  for (let round = 0; round < 700; round++)
    for (const [index, share] of dealShares(3, [5, 5, 5, 5, 5, 5, 5], credits).entries()) (totals[index] as number) += share;
  for (const total of totals) assert.ok(Math.abs(total - 300) <= 2, totals.join());
});

test.run();
