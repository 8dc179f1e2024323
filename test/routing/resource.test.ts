// Resource, two random choices: the shares must match the theory, for fresh, old and missing figures. Seeds are fixed;
// the tolerance is chi-square within five standard deviations of its mean at 100,000 picks.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostView } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { Resource } from '../../lib/routing/resource.js';
import { neutralUsageOf } from '../../lib/routing/usage.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, countReads, twoChoiceShares } from '../support/host-views.js';
import { scaled } from '../support/scale.js';

const test = suite('resource');

const PICKS = scaled(30_000, 100_000);
const NOW_MS = 60_000;

/** Checks the shares of all slots of a view against two random choices with these (effective) usages. */
function checkShares(view: HostView, usages: readonly number[], nowMs = NOW_MS): void {
  const shares = twoChoiceShares(usages);
  for (const seed of [1, 2, 3]) {
    const counts = countPicks(new Resource(new Random(seed)), view, usages.length, PICKS, nowMs);
    assert.is(counts.pop(), 0, 'every pick finds a host');
    const found = chiSquare(counts, shares);
    assert.ok(found < chiSquareLimit(usages.length - 1), `seed ${seed}: ${found} for ${counts}`);
  }
}

/** Hosts that reported these usages this long ago; the neutral usage is the median of the numeric `usages`. */
function viewOf(usage: readonly number[], ageMs: readonly number[] | number = 0): HostView & { neutral: number } {
  const neutral = neutralUsageOf(Float64Array.from(usage.filter((figure) => !Number.isNaN(figure))));
  const reportedAt = usage.map((_, slot) => NOW_MS - (typeof ageMs === 'number' ? ageMs : (ageMs[slot] as number)));
  return { ...buildView(usage.length, { usage, reportedAt, neutral }), neutral };
}

test('the i-th least used of n hosts gets (2(n−i)+1)/n² of the requests, so every host gets some', () => {
  for (const n of [2, 3, 5, 10, 50]) {
    const usages = Array.from({ length: n }, (_, i) => ((i * 7) % n) / n);
    const ranks = usages.map((own) => 1 + usages.filter((other) => other < own).length);
    const shares = twoChoiceShares(usages);
    for (const [slot, rank] of ranks.entries()) assert.ok(Math.abs((shares[slot] as number) - (2 * (n - rank) + 1) / n ** 2) < 1e-12);
    checkShares(viewOf(usages), usages);
  }
});

test('equally used hosts get equal shares', () => {
  for (const n of [2, 3, 10, 97])
    checkShares(
      viewOf(Array.from({ length: n }, () => 0.4)),
      Array.from({ length: n }, () => 0.4),
    );
});

test('equal hosts among unequal ones get equal shares', () => {
  const usages = [0.1, 0.5, 0.5, 0.5, 0.9];
  checkShares(viewOf(usages), usages);
});

test('no share exceeds 2/n, however different the hosts are: one idle host is not flooded', () => {
  const shares = twoChoiceShares([0, ...Array.from({ length: 99 }, () => 2)]);
  assert.ok(Math.max(...shares) <= 0.02 + 1e-12);
  checkShares(viewOf([0, ...Array.from({ length: 99 }, () => 2)]), [0, ...Array.from({ length: 99 }, () => 2)]);
});

test('a host without figures gets the share of a median host: neither starved nor favoured', () => {
  for (const known of [
    [0.1, 0.2, 0.3, 0.4, 0.5],
    [0.7, 0.1, 0.9, 0.3],
  ]) {
    const view = viewOf([...known, Number.NaN]);
    checkShares(view, [...known, view.neutral]);
  }
  checkShares(viewOf([Number.NaN, Number.NaN, Number.NaN]), [1, 1, 1]);
});

test('a figure without a time is ignored', () => {
  const view = viewOf([0.1, 0.5, 0.9], [Number.NaN, 0, 0]);
  checkShares(view, [view.neutral, 0.5, 0.9]);
});

test('figures count fully at 2 s, half at 6 s, and not at all at 20 s', () => {
  const usages = [0.05, 0.3, 0.4, 0.5, 0.95];
  checkShares(viewOf(usages, [2000, 0, 0, 0, 0]), usages);
  // Half way from 0.05 to the median of 0.4 is 0.225: still the least. From 0.35 it would not be.
  checkShares(viewOf(usages, [6000, 0, 0, 0, 0]), [0.225, 0.3, 0.4, 0.5, 0.95]);
  checkShares(viewOf([0.05, 0.2, 0.4, 0.5, 0.95], [6000, 0, 0, 0, 0]), [0.225, 0.2, 0.4, 0.5, 0.95]);
  checkShares(viewOf(usages, [20_000, 0, 0, 0, 0]), [0.4, 0.3, 0.4, 0.5, 0.95]);
});

test('when all figures are 20 s old, all hosts are equal', () => {
  checkShares(viewOf([0, 0.2, 0.5, 2], 20_000), [1, 1, 1, 1]);
});

test('when all figures are 6 s old, their order still counts', () => {
  const usages = [0, 0.2, 0.5, 2];
  checkShares(viewOf(usages, 6000), usages);
});

test('failures count as usage: a host that fails fast and so looks idle attracts nothing', () => {
  const usages = [0.05, 0.3, 0.4, 0.5, 0.6];
  const failing = [1, 0, 0.15, 0, 0];
  const view = buildView(usages.length, { usage: usages, reportedAt: usages.map(() => NOW_MS), failing });
  checkShares(
    view,
    usages.map((usage, slot) => usage + (failing[slot] as number)),
  );
});

test('without hosts there is no pick, and a single host is picked unless it is the excluded one', () => {
  const policy = new Resource(new Random(1));
  assert.is(policy.pick(buildView(0), 0, -1), -1);
  assert.is(policy.pick(buildView(1), 0, -1), 0);
  assert.is(policy.pick(buildView(1, { avoidUntil: { 0: 1e9 } }), 0, -1), 0);
  assert.is(policy.pick(buildView(1), 0, 0), -1);
});

test('the excluded host is never picked, and of two the other always is', () => {
  const policy = new Resource(new Random(1));
  assert.equal(countPicks(policy, viewOf([0, 2]), 2, 1000, NOW_MS, 0), [0, 1000, 0]);
  const counts = countPicks(policy, viewOf([0, 0.5, 0.6, 0.7]), 4, 10_000, NOW_MS, 0);
  assert.equal([counts[0], counts[4]], [0, 0]);
  assert.ok(counts.slice(1, 4).every((count) => count > 1000));
});

test('an avoided host is not picked until that ends', () => {
  const view = buildView(4, { usage: [0, 0.5, 0.6, 0.7], reportedAt: [0, 0, 0, 0], avoidUntil: { 0: 1000 } });
  const policy = new Resource(new Random(1));
  assert.is(countPicks(policy, view, 4, 10_000, 999)[0], 0);
  assert.ok((countPicks(policy, view, 4, 10_000, 1000)[0] as number) > 4000);
});

test('when all are avoided one is still picked, but never the excluded one', () => {
  const avoidUntil = Object.fromEntries(Array.from({ length: 100 }, (_, slot) => [slot, 1e9]));
  const view = buildView(100, { avoidUntil });
  const counts = countPicks(new Resource(new Random(1)), view, 100, PICKS, 0, 7);
  assert.equal([counts[7], counts[100]], [0, 0]);
  assert.ok(counts.every((count, slot) => slot === 7 || slot === 100 || count > PICKS / 200));
});

test('the result is a slot, not a place in the list', () => {
  const counts = countPicks(new Resource(new Random(1)), buildView(50, { candidates: [7, 40, 23] }), 50, 3000);
  assert.equal(
    [...counts.keys()].filter((slot) => (counts[slot] as number) > 0),
    [7, 23, 40],
  );
});

test('a pick among 10,000 hosts reads at most 120 cells, however many may not be picked, and few when all may', () => {
  for (const [avoided, most] of [
    [0, 16],
    [5000, 120],
    [10_000, 120],
  ] as const) {
    const avoidUntil = Object.fromEntries(Array.from({ length: avoided }, (_, slot) => [slot, 1e9]));
    const { view, reads } = countReads(buildView(10_000, { avoidUntil }));
    const policy = new Resource(new Random(1));
    for (let i = 0; i < 10_000; i++) {
      reads.now = 0;
      assert.ok(policy.pick(view, 0, avoided === 0 ? -1 : i) >= 0);
      assert.ok(reads.now <= most, `${reads.now} cells`);
    }
  }
});

test.run();
