// Weights of hosts in all policies: a host of weight 2 gets twice the requests of an equal host. Seeded; tolerances are
// standard deviations where picks are independent, and fixed shares where requests in flight steer them.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Algorithm, ALGORITHMS, type HostView } from '../../lib/model.js';
import { CandidateWeights, drawPlace } from '../../lib/routing/candidate-weights.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';
import { RoundRobin } from '../../lib/routing/round-robin.js';
import { isWithin } from '../support/bench.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, countReads, type ViewOptions } from '../support/host-views.js';

const test = suite('weights');

const NOW_MS = 1000;
const PICKS = 100_000;
const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
const sharesOf = (weights: readonly number[]): number[] => weights.map((weight) => weight / sum(weights));
const many = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

/** Equal hosts of 4 cores whose figures are current. */
const equalHosts = (weight: readonly number[], othersShare = 0): ViewOptions => ({
  weight,
  reportedAt: many(weight.length, NOW_MS),
  capacity: many(weight.length, 4),
  speed: many(weight.length, 1),
  fleet: { loadsAt: NOW_MS, neutralCapacity: 4, neutralSpeed: 1, meanCost: 10, mostCapacity: 4, othersShare },
});

const SETS: Readonly<Record<string, readonly number[]>> = {
  '1 and 2': [1, 2],
  '1 to 8': [1, 2, 3, 4, 5, 6, 7, 8],
  '1 and 1000': [1, 1000],
  'a heavy host among many': [...many(99, 1), 100],
  'fractions below and above 1': [0.25, 1, 1.75, 3.5],
};

/** Counts of picks while this number of requests is in flight, each of which ends at a random time. */
function countLoaded(algorithm: Algorithm, view: HostView, slots: number, inFlight: number): number[] {
  const random = new Random(inFlight);
  const policy = createPolicy(algorithm, new Random(5));
  const counts = many(slots, 0);
  const slotsInFlight: number[] = [];
  const move = (slot: number, requests: number): void => {
    for (const column of [view.awaited, view.inflight]) column[slot] = (column[slot] as number) + requests;
    view.work[slot] = (view.work[slot] as number) + 10 * requests;
  };
  for (let i = 0; i < PICKS; i++) {
    if (slotsInFlight.length === inFlight) move(slotsInFlight.splice(random.below(inFlight), 1)[0] as number, -1);
    const slot = policy.pick(view, NOW_MS, -1, 10);
    counts[slot] = (counts[slot] as number) + 1;
    slotsInFlight.push(slot);
    move(slot, 1);
  }
  return counts;
}

for (const algorithm of ALGORITHMS) {
  for (const [what, weights] of Object.entries(SETS)) {
    test(`${algorithm} gives idle hosts their shares: ${what}`, () => {
      const slots = weights.length;
      for (const othersShare of [0, 0.9]) {
        const view = buildView(slots, equalHosts(weights, othersShare));
        const counts = countPicks(createPolicy(algorithm, new Random(7)), view, slots, PICKS, NOW_MS);
        const found = chiSquare(counts, [...sharesOf(weights), 0]);
        assert.ok(found < chiSquareLimit(slots - 1), `${found}: ${counts.join(' ')}`);
      }
    });
  }

  test(`${algorithm} picks the same hosts whether all weights are 1, all are 3, or none is set`, () => {
    const slots = 20;
    const picks = (weight: number): number[] => {
      const options = { ...equalHosts(many(slots, weight)), inflight: Array.from({ length: slots }, (_, slot) => (slot * 7) % 5) };
      const policy = createPolicy(algorithm, new Random(9));
      const view = buildView(slots, options);
      return Array.from({ length: 1000 }, () => policy.pick(view, NOW_MS, -1, 10));
    };
    const plain = picks(1);
    assert.ok(new Set(plain).size > 1);
    for (const weight of [3, 0, Number.NaN]) assert.equal(picks(weight), plain, `${weight}`);
  });

  test(`${algorithm} gives a host that is excluded, avoided or full nothing, and the others the rest`, () => {
    const weights = [4, 8, 1, 2, 1];
    const inflight = [0, 0, 0, 0, 9];
    const view = buildView(5, { ...equalHosts(weights), inflight, maxInflight: 9, avoidUntil: { 1: 5000 } });
    const counts = countPicks(createPolicy(algorithm, new Random(11)), view, 5, 10_000, NOW_MS, 0);
    assert.equal([counts[0], counts[1], counts[4], counts[5]], [0, 0, 0, 0], counts.join(' '));
    isWithin((counts[3] as number) / 10_000, 0.5, 0.8, 'share of weight 2 beside weight 1');
  });

  test(`${algorithm} notices new weights with the next list`, () => {
    const view = buildView(2, equalHosts([1, 1]));
    const policy = createPolicy(algorithm, new Random(13));
    isWithin((countPicks(policy, view, 2, 10_000, NOW_MS)[0] as number) / 10_000, 0.47, 0.53, 'share of equal hosts');
    view.weight[0] = 3;
    const changed = { ...view, epoch: 3 };
    isWithin((countPicks(policy, changed, 2, 10_000, NOW_MS)[0] as number) / 10_000, 0.72, 0.78, 'share of weight 3 beside 1');
  });
}

for (const algorithm of ['adaptive', 'least-request'] as const) {
  test(`${algorithm} gives hosts their shares also while they have requests in flight, within 30 % for few and 15 % for many`, () => {
    for (const weights of [
      [1, 2],
      [1, 10],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ]) {
      const shares = sharesOf(weights);
      for (const [inFlight, most] of [
        [1, 0.3],
        [4, 0.3],
        [200, 0.15],
      ] as const) {
        const counts = countLoaded(algorithm, buildView(weights.length, equalHosts(weights)), weights.length, inFlight);
        counts.forEach((count, slot) => {
          const relative = count / PICKS / (shares[slot] as number);
          isWithin(relative, 1 - most, 1 + most, `${weights.join(':')}, ${inFlight} in flight, slot ${slot}`);
        });
      }
    }
  });

  test(`${algorithm} does not send a heavy host what it has no room for: requests per weight decide`, () => {
    const inflight = [0, 60];
    const options = { ...equalHosts([1, 10]), inflight, work: [0, 600] };
    const counts = countPicks(createPolicy(algorithm, new Random(3)), buildView(2, options), 2, 1000, NOW_MS);
    assert.ok((counts[0] as number) > (algorithm === 'adaptive' ? 990 : 600), counts.join(' '));
  });

  test(`${algorithm} gives long-lived requests to the host with the fewest per weight`, () => {
    const view = buildView(3, { ...equalHosts([1, 1, 4]), longLived: [3, 3, 10] });
    const policy = createPolicy(algorithm, new Random(3));
    for (let i = 0; i < 100; i++) assert.is(policy.pickLongLived?.(view, NOW_MS, -1), 2);
    view.longLived[2] = 16;
    for (let i = 0; i < 100; i++) assert.is.not(policy.pickLongLived?.(view, NOW_MS, -1), 2);
  });
}

test('round-robin is exact: after a cycle each host had as many turns as its weight', () => {
  const weights = [5, 1, 3, 3, 8];
  const view = buildView(weights.length, { weight: weights });
  const policy = new RoundRobin(new Random(1));
  for (let cycle = 0; cycle < 50; cycle++) assert.equal(countPicks(policy, view, 5, sum(weights)), [...weights, 0]);
});

test('round-robin gives no host a burst: of up to 40, in any run of picks each is within ten requests of its share', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(1, 1, 1, 2, 3, 5, 8, 20, 100, 1000), { minLength: 2, maxLength: 40 }),
      fc.integer(),
      (weights, seed) => {
        const view = buildView(weights.length, { weight: weights });
        const policy = new RoundRobin(new Random(seed));
        const shares = sharesOf(weights);
        // Of the difference between a host's picks and its share so far: its extremes bound any run of picks.
        const most = many(weights.length, 0);
        const least = many(weights.length, 0);
        const ahead = many(weights.length, 0);
        for (let i = 0; i < 2000; i++) {
          const picked = policy.pick(view, 0, -1);
          for (let slot = 0; slot < weights.length; slot++) {
            const now = (ahead[slot] as number) + (slot === picked ? 1 : 0) - (shares[slot] as number);
            ahead[slot] = now;
            most[slot] = Math.max(most[slot] as number, now);
            least[slot] = Math.min(least[slot] as number, now);
          }
        }
        for (let slot = 0; slot < weights.length; slot++)
          assert.ok((most[slot] as number) - (least[slot] as number) < 10, weights.join(' '));
      },
    ),
    { seed: 17, numRuns: 60 },
  );
});

test('round-robin looks at each host at most twice for a pick, whatever the weights', () => {
  const { view, reads } = countReads(buildView(1000, { weight: [...many(999, 1), 1000] }));
  const policy = new RoundRobin(new Random(1));
  policy.pick(view, 0, -1);
  let most = 0;
  for (let i = 0; i < 2000; i++) {
    const before = reads.now;
    policy.pick(view, 0, -1);
    most = Math.max(most, reads.now - before);
  }
  assert.ok(most < 2 * 1000 + 10, `${most} cells read`);
});

test('sampling follows a list that grows, shrinks and changes its weights', () => {
  const random = new Random(23);
  const weights = new CandidateWeights();
  let epoch = 0;
  for (const set of [[1], [2, 1], many(100, 1), [...many(99, 2), 50], [3, 1, 1], many(3, 7), [1, 9]]) {
    const isUneven = new Set(set).size > 1;
    epoch += 2;
    const view = { ...buildView(set.length, { weight: set }), epoch: epoch + (isUneven ? 1 : 0) };
    const own = weights.of(view, view.candidates(), set.length);
    assert.is(own?.most, isUneven ? Math.max(...set) : undefined);
    const counts = many(set.length, 0);
    for (let i = 0; i < PICKS; i++) {
      const place = drawPlace(own, set.length, random);
      counts[place] = (counts[place] as number) + 1;
    }
    assert.ok(chiSquare(counts, sharesOf(set)) <= chiSquareLimit(set.length - 1), counts.join(' '));
  }
});

test.run();
