// Slow start: a warming host gets 10 % of its share, growing linearly. Seeds are fixed; the tolerance is chi-square
// within five standard deviations of its mean, or stated.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Policy } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, countReads } from '../support/host-views.js';

const test = suite('slow start');

const PICKS = 100_000;
const SLOW_START_MS = 10_000;
const NOW_MS = 60_000;

const both = (seed: number): readonly Policy[] => [
  createPolicy('round-robin', new Random(seed)),
  createPolicy('resource', new Random(seed)),
];

/** A view in which the first hosts began to warm up this long ago; all are equally used. */
function warmView(hosts: number, agesMs: readonly number[], extra: Parameters<typeof buildView>[1] = {}) {
  return buildView(hosts, {
    slowStartMs: SLOW_START_MS,
    reportedAt: Array.from({ length: hosts }, () => NOW_MS),
    warmSince: agesMs.map((ageMs) => NOW_MS - ageMs),
    ...extra,
  });
}

/** The share of the first host relative to the mean of the others. */
function partOf(policy: Policy, view: ReturnType<typeof buildView>, hosts: number): number {
  const [own = 0, ...others] = countPicks(policy, view, hosts, PICKS, NOW_MS).slice(0, hosts);
  return own / (others.reduce((sum, count) => sum + count, 0) / others.length);
}

test('round-robin: a warming host takes exactly its part of each turn, and the others share the rest equally', () => {
  for (const [ageMs, part] of [
    [0, 0.1],
    [2500, 0.325],
    [5000, 0.55],
    [7500, 0.775],
    [9999, 1],
  ] as const) {
    for (const hosts of [2, 3, 10, 50]) {
      for (const seed of [1, 2]) {
        const shares = Array.from({ length: hosts }, (_, slot) => (slot === 0 ? part : 1) / (hosts - 1 + part));
        const counts = countPicks(createPolicy('round-robin', new Random(seed)), warmView(hosts, [ageMs]), hosts, PICKS, NOW_MS);
        assert.is(counts.pop(), 0);
        const found = chiSquare(counts, shares);
        assert.ok(found < chiSquareLimit(hosts - 1), `${ageMs} ms, ${hosts} hosts, seed ${seed}: ${found} for ${counts}`);
      }
    }
  }
});

test('resource: a warming host gets its part of an equal share, within a tenth of the whole', () => {
  for (const [ageMs, part] of [
    [0, 0.1],
    [2500, 0.325],
    [5000, 0.55],
    [7500, 0.775],
    [9999, 1],
  ] as const) {
    for (const hosts of [2, 3, 10, 50]) {
      const found = partOf(createPolicy('resource', new Random(hosts)), warmView(hosts, [ageMs]), hosts);
      assert.ok(Math.abs(found - part) < 0.1, `${ageMs} ms, ${hosts} hosts: ${found}`);
    }
  }
});

test("resource: an idle host that comes back is not flooded: it gets a tenth of the least used host's share", () => {
  const usage = [0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  const share = (agesMs: readonly number[]) =>
    (countPicks(createPolicy('resource', new Random(3)), warmView(10, agesMs, { usage }), 10, PICKS, NOW_MS)[0] as number) / PICKS;
  const [full, begun] = [share([]), share([0])];
  assert.ok(full > 0.18, `${full}`);
  assert.ok(begun / full > 0.08 && begun / full < 0.14, `${begun / full}`);
});

test('the part grows steadily, and is whole after the slow start', () => {
  for (const kind of [0, 1] as const) {
    let before = 0;
    for (let ageMs = 0; ageMs <= 9000; ageMs += 1000) {
      const found = partOf(both(7)[kind] as Policy, warmView(5, [ageMs]), 5);
      assert.ok(found > before, `${ageMs} ms: ${found} after ${before}`);
      before = found;
    }
    for (const ageMs of [SLOW_START_MS, SLOW_START_MS + 1, 1e9]) {
      const found = partOf(both(7)[kind] as Policy, warmView(5, [ageMs]), 5);
      assert.ok(Math.abs(found - 1) < 0.05, `${ageMs} ms: ${found}`);
    }
  }
});

test('when all hosts warm up, at the same time or not, all are used and no request is refused', () => {
  for (const hosts of [2, 3, 10, 100]) {
    for (const policy of both(5)) {
      const counts = countPicks(
        policy,
        warmView(
          hosts,
          Array.from({ length: hosts }, () => 0),
        ),
        hosts,
        PICKS,
        NOW_MS,
      );
      assert.is(counts.pop(), 0);
      assert.ok(
        chiSquare(
          counts,
          counts.map(() => 1 / hosts),
        ) < chiSquareLimit(hosts - 1),
        `${policy.algorithm}: ${counts}`,
      );
      const mixed = countPicks(
        policy,
        warmView(
          hosts,
          Array.from({ length: hosts }, (_, slot) => slot * 90),
        ),
        hosts,
        PICKS,
        NOW_MS,
      );
      assert.is(mixed.pop(), 0);
      assert.ok(Math.min(...mixed) > PICKS / hosts / 25, `${policy.algorithm}: ${mixed}`);
    }
  }
});

test('a warming host gets everything when no other may be picked', () => {
  for (const policy of both(1)) {
    assert.equal(countPicks(policy, warmView(2, [0]), 2, 1000, NOW_MS, 1), [1000, 0, 0], 'the other is excluded');
    assert.equal(
      countPicks(policy, warmView(2, [0], { avoidUntil: { 1: 1e9 } }), 2, 1000, NOW_MS),
      [1000, 0, 0],
      'something is held against the other',
    );
    assert.equal(countPicks(policy, warmView(1, [0]), 1, 1000, NOW_MS), [1000, 0], 'there is no other');
    assert.equal(countPicks(policy, warmView(1, [0]), 1, 1000, NOW_MS, 0), [0, 1000], 'but not when it is the excluded one');
  }
});

test('with a slow start of 0 the column is ignored', () => {
  for (const policy of both(2)) {
    const found = partOf(policy, warmView(4, [0], { slowStartMs: 0 }), 4);
    assert.ok(Math.abs(found - 1) < 0.05, `${found}`);
  }
});

test("a clock slightly behind the other thread's does no harm", () => {
  for (const policy of both(4)) {
    const counts = countPicks(policy, warmView(3, [-50]), 3, PICKS, NOW_MS);
    assert.is(counts[3], 0);
    assert.ok((counts[0] as number) > 0.05 * (counts[1] as number));
  }
});

test('a pick among 10,000 warming hosts reads at most 140 cells', () => {
  for (const policy of both(1)) {
    const { view, reads } = countReads(
      warmView(
        10_000,
        Array.from({ length: 10_000 }, () => 0),
      ),
    );
    for (let i = 0; i < 5000; i++) {
      reads.now = 0;
      assert.ok(policy.pick(view, NOW_MS, -1, 10) >= 0);
      assert.ok(reads.now <= 140, `${reads.now} cells`);
    }
  }
});

test.run();
