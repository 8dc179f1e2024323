// No herding: several balancers route on the same figures, which are a second old. The naive rule, always the least
// used host, sends a whole second's requests to one host; two random choices spread them. A small seeded simulation in
// virtual time; the bound on a host's share in one second is stated below.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostView, Policy } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { Resource } from '../../lib/routing/resource.js';
import { RoundRobin } from '../../lib/routing/round-robin.js';
import { buildView } from '../support/host-views.js';

const test = suite('herding');

const BALANCERS = 8;
const HOSTS = 20;
const REQUESTS_PER_SECOND = 2000;
const SECONDS = 60;

/** The naive rule, for comparison only. */
const leastUsed: Pick<Policy, 'pick'> = {
  pick(view: HostView) {
    let best = 0;
    for (let slot = 1; slot < HOSTS; slot++) if ((view.usage[slot] as number) < (view.usage[best] as number)) best = slot;
    return best;
  },
};

interface Outcome {
  /** The largest share of one second's requests that one host got, after the first second. */
  readonly maxShare: number;
  /** The mean over seconds of the highest usage of a host. */
  readonly meanPeak: number;
  /** The highest mean usage of a host. */
  readonly maxMean: number;
}

/**
 * Each second every balancer routes on the figures of the previous second; a host's usage is its requests relative to
 * its speed. `memory` is the weight of the previous figure: 0 for that second alone.
 */
function simulate(policyOf: (random: Random) => Pick<Policy, 'pick'>, speeds: readonly number[], memory = 0): Outcome {
  const policies = Array.from({ length: BALANCERS }, (_, i) => policyOf(new Random(100 + i)));
  const noise = new Random(5);
  const totalSpeed = speeds.reduce((sum, speed) => sum + speed, 0);
  // At the same fraction of their speed all hosts would be half used.
  const capacity = speeds.map((speed) => (2 * REQUESTS_PER_SECOND * speed) / totalSpeed);
  let figures = speeds.map(() => 0.5 + noise.below(1000) / 1e5);
  const sums = speeds.map(() => 0);
  let [maxShare, peaks] = [0, 0];
  for (let second = 0; second < SECONDS; second++) {
    const view = buildView(HOSTS, { usage: figures, reportedAt: figures.map(() => second * 1000 - 1000) });
    const got = speeds.map(() => 0);
    for (let i = 0; i < REQUESTS_PER_SECOND; i++) {
      const slot = policies[i % BALANCERS]?.pick(view, second * 1000, -1, 10) ?? 0;
      got[slot] = (got[slot] as number) + 1;
    }
    const usage = got.map((count, slot) => count / (capacity[slot] as number));
    figures = usage.map((now, slot) => memory * (figures[slot] as number) + (1 - memory) * now);
    maxShare = Math.max(maxShare, Math.max(...got) / REQUESTS_PER_SECOND);
    peaks += Math.max(...usage) / SECONDS;
    for (const [slot, figure] of usage.entries()) sums[slot] = (sums[slot] as number) + figure;
  }
  return { maxShare, meanPeak: peaks, maxMean: Math.max(...sums) / SECONDS };
}

const EQUAL = Array.from({ length: HOSTS }, () => 1);
/** Half of the hosts are twice as fast as the others. */
const MIXED = EQUAL.map((_, slot) => 1 + (slot % 2));

test("with figures a second old no host gets more than 2/n of a second's requests, plus a quarter for chance", () => {
  for (const speeds of [EQUAL, MIXED]) {
    const { maxShare } = simulate((random) => new Resource(random), speeds);
    assert.ok(maxShare < (2 / HOSTS) * 1.25, `${maxShare}`);
  }
});

test('the naive rule sends whole seconds to one host', () => {
  const { maxShare, meanPeak } = simulate(() => leastUsed, EQUAL);
  assert.is(maxShare, 1);
  assert.ok(meanPeak > 5, `${meanPeak}`);
});

test('slow hosts are no more loaded than by round-robin, and much less when figures cover more than the last second', () => {
  // By round-robin a slow host gets 1/20 of the requests at 1/30 of the speed: it is 3/4 used, where 1/2 would be even.
  const roundRobin = simulate((random) => new RoundRobin(random), MIXED);
  assert.ok(Math.abs(roundRobin.maxMean - 0.75) < 0.01, `${roundRobin.maxMean}`);
  // Figures of a single second make fast and slow hosts oscillate, which cancels the gain.
  const nervous = simulate((random) => new Resource(random), MIXED);
  assert.ok(nervous.maxMean < 0.78, `${nervous.maxMean}`);
  const calm = simulate((random) => new Resource(random), MIXED, 0.5);
  assert.ok(calm.maxMean < 0.66, `${calm.maxMean}`);
});

test.run();
