// The rule of the verdicts of `bench fleet`: by a table of cases, and as properties of any spreads.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chanceApart, chanceText, compareSpreads, type Outcome, type Yardstick } from '../../../lib/lab/proof/compare.js';
import type { Spread } from '../../../lib/lab/proof/figures.js';

const test = suite('bench fleet: rule');

const spread = (least: number, median: number, most: number): Spread => ({ least, median, most });
const LOWER: Yardstick = { isHigherBetter: false, resolution: 0, rounds: 2 };
const HIGHER: Yardstick = { ...LOWER, isHigherBetter: true };

const CASES: readonly (readonly [what: string, fleet: Spread, other: Spread, yardstick: Yardstick, outcome: Outcome])[] = [
  ['apart and lower', spread(8, 9, 10), spread(11, 12, 13), LOWER, 'better'],
  ['apart and higher', spread(11, 12, 13), spread(8, 9, 10), LOWER, 'worse'],
  ['apart and higher, where that is better', spread(11, 12, 13), spread(8, 9, 10), HIGHER, 'better'],
  ['apart and lower, where higher is better', spread(8, 9, 10), spread(11, 12, 13), HIGHER, 'worse'],
  ['overlapping, however far the medians are apart', spread(8, 9, 20), spread(19, 30, 31), LOWER, 'not shown'],
  ['touching at one value', spread(8, 9, 10), spread(10, 12, 13), LOWER, 'not shown'],
  ['apart by 4 %', spread(100, 100, 100), spread(103.9, 104, 109), LOWER, 'not shown'],
  ['apart by 6 %', spread(100, 100, 100), spread(106, 106.4, 107), LOWER, 'better'],
  ['all rounds within 5 %', spread(100, 101, 102), spread(99, 100, 103), LOWER, 'equal'],
  ['medians alike, one round 6 % off', spread(100, 100, 106), spread(100, 100, 100), LOWER, 'not shown'],
  ['identical', spread(7, 7, 7), spread(7, 7, 7), LOWER, 'equal'],
  ['nothing on either side', spread(0, 0, 0), spread(0, 0, 0), LOWER, 'equal'],
  ['something against nothing', spread(1, 2, 3), spread(0, 0, 0), LOWER, 'worse'],
  ['nothing against something', spread(0, 0, 0), spread(1, 2, 3), LOWER, 'better'],
  ['one too few to resolve', spread(1, 1, 1), spread(0, 0, 0), { ...LOWER, resolution: 1 }, 'not shown'],
  ['two, of which one can be resolved', spread(2, 2, 2), spread(0, 0, 0), { ...LOWER, resolution: 1 }, 'worse'],
  ['below what can be resolved', spread(0, 100, 200), spread(50, 90, 180), { ...LOWER, resolution: 250 }, 'equal'],
  ['one round', spread(1, 1, 1), spread(9, 9, 9), { ...LOWER, rounds: 1 }, 'not shown'],
  ['not measured', spread(Number.NaN, Number.NaN, Number.NaN), spread(9, 9, 9), LOWER, 'not shown'],
  ['other not measured', spread(9, 9, 9), spread(Number.NaN, Number.NaN, Number.NaN), LOWER, 'not shown'],
  ['negative and apart', spread(-3, -2, -1), spread(1, 2, 3), LOWER, 'better'],
  ['never recovered', spread(Infinity, Infinity, Infinity), spread(9, 9, 9), LOWER, 'worse'],
  ['neither recovered', spread(Infinity, Infinity, Infinity), spread(Infinity, Infinity, Infinity), LOWER, 'not shown'],
];

test('a verdict follows from the spreads, the direction, the resolution and the rounds', () => {
  for (const [what, fleet, other, yardstick, outcome] of CASES) {
    const compared = compareSpreads(fleet, other, yardstick);
    assert.is(compared.outcome, outcome, `${what}: ${compared.reason}`);
    assert.is.not(compared.reason, '', what);
  }
});

test('a ratio is that of the medians, and there is none where one of them is not above 0', () => {
  assert.is(compareSpreads(spread(5, 6, 7), spread(2, 3, 4), LOWER).ratio, 2);
  for (const [one, other] of [
    [0, 3],
    [3, 0],
    [-1, 3],
  ] as const) {
    const { ratio, difference } = compareSpreads(spread(one, one, one), spread(other, other, other), LOWER);
    assert.ok(Number.isNaN(ratio), `${one}/${other}`);
    assert.is(difference, one - other);
  }
});

const anySpread = fc
  .tuple(...Array.from({ length: 3 }, () => fc.double({ min: -1e6, max: 1e6, noNaN: true })))
  .map((values) => values.toSorted((one, other) => one - other))
  .map(([least = 0, median = 0, most = 0]) => spread(least, median, most));

test('no difference is claimed for spreads that overlap, nor for one within 5 %, nor an equality where a round differs by more', () => {
  fc.assert(
    fc.property(anySpread, anySpread, fc.boolean(), (fleet, other, isHigherBetter) => {
      const { outcome } = compareSpreads(fleet, other, { isHigherBetter, resolution: 0, rounds: 2 });
      const limit = 0.05 * Math.abs(other.median);
      if (outcome === 'better' || outcome === 'worse') {
        assert.ok(fleet.most < other.least || other.most < fleet.least);
        assert.ok(Math.abs(fleet.median - other.median) > limit);
        assert.is(outcome === 'better', fleet.median > other.median === isHigherBetter);
      }
      if (outcome === 'equal') assert.ok(Math.max(fleet.most - other.least, other.most - fleet.least) <= limit);
    }),
  );
});

test('what is better in one direction is worse in the other, and all else is the same', () => {
  const turned: Readonly<Record<Outcome, Outcome>> = { better: 'worse', worse: 'better', equal: 'equal', 'not shown': 'not shown' };
  fc.assert(
    fc.property(anySpread, anySpread, fc.double({ min: 0, max: 1e6, noNaN: true }), (fleet, other, resolution) => {
      const [lower, higher] = [LOWER, HIGHER].map((yardstick) => compareSpreads(fleet, other, { ...yardstick, resolution }));
      assert.is(higher?.outcome, turned[lower?.outcome ?? 'equal']);
    }),
  );
});

test('the probability of spreads that keep apart by chance is that of all orders of the rounds', () => {
  /** Of all ways to give `ones` of the places in an order to one contestant, those that keep it apart. */
  const counted = (ones: number, others: number): number => {
    const orders = Array.from({ length: 2 ** (ones + others) }, (_, bits) => bits.toString(2).padStart(ones + others, '0')).filter(
      (order) => order.replaceAll('0', '').length === ones,
    );
    return orders.filter((order) => /^(?:1+0+|0+1+)$/.test(order)).length / orders.length;
  };
  for (const [ones, others] of [
    [1, 1],
    [1, 2],
    [2, 2],
    [2, 3],
    [3, 3],
    [5, 5],
  ] as const)
    assert.ok(Math.abs(chanceApart(ones, others) - counted(ones, others)) < 1e-12, `${ones}, ${others}`);
  assert.is(chanceText(2), '1 of 3');
  assert.is(chanceText(5), '1 of 126');
});

test.run();
