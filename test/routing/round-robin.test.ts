// Round-robin: each host in turn, from a start that differs between balancers, skipping hosts that may not be picked,
// with a bounded number of looks. Exact where the order is fixed, seeded where it is not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../lib/routing/random.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { RoundRobin } from '../../lib/routing/round-robin.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, countReads } from '../support/host-views.js';

const test = suite('round-robin');

const start = (seed: number) => new RoundRobin(new Random(seed));

test("an algorithm's name gives its policy", () => {
  for (const algorithm of ['round-robin', 'resource'] as const) assert.is(createPolicy(algorithm, new Random(1)).algorithm, algorithm);
});

test('each host gets exactly its share, in table order', () => {
  for (const hosts of [1, 2, 3, 10, 97]) {
    const view = buildView(hosts);
    const policy = start(hosts);
    const first = policy.pick(view, 0, -1);
    for (let i = 1; i < 3 * hosts; i++) assert.is(policy.pick(view, 0, -1), (first + i) % hosts);
    const counts = countPicks(policy, view, hosts, 1000 * hosts);
    assert.ok(counts.slice(0, hosts).every((count) => count === 1000));
  }
});

test('the result is a slot, not a place in the list', () => {
  const picked = countPicks(start(1), buildView(50, { candidates: [7, 40, 23] }), 50, 300);
  assert.equal(
    [...picked.entries()].filter(([, count]) => count > 0),
    [
      [7, 100],
      [23, 100],
      [40, 100],
    ],
  );
});

test('balancers start at different places', () => {
  const view = buildView(50);
  const counts = Array.from({ length: 50 }, () => 0);
  for (let seed = 0; seed < 100_000; seed++) {
    const slot = start(seed).pick(view, 0, -1);
    counts[slot] = (counts[slot] as number) + 1;
  }
  const found = chiSquare(
    counts,
    counts.map(() => 1 / 50),
  );
  assert.ok(found < chiSquareLimit(49), `${found}`);
});

test('without hosts there is no pick', () => {
  assert.is(start(1).pick(buildView(0), 0, -1), -1);
  assert.is(start(1).pick(buildView(3, { candidates: [] }), 0, -1), -1);
});

test('a single host is picked, unless it is the excluded one', () => {
  const view = buildView(1);
  assert.is(start(1).pick(view, 0, -1), 0);
  assert.is(start(1).pick(view, 0, 0), -1);
});

test('the excluded host is never picked, and of two the other always is', () => {
  assert.equal(countPicks(start(1), buildView(2), 2, 1000, 0, 1), [1000, 0, 0]);
  const counts = countPicks(start(1), buildView(10), 10, 10_000, 0, 3);
  assert.equal([counts[3], counts[10]], [0, 0]);
  assert.ok(counts.every((count, slot) => slot === 3 || slot === 10 || count >= 1000));
});

test('an avoided host is not picked until that ends', () => {
  const view = buildView(4, { avoidUntil: { 2: 1000 } });
  assert.is(countPicks(start(1), view, 4, 4000, 999)[2], 0);
  assert.is(countPicks(start(1), view, 4, 4000, 1000)[2], 1000);
});

test('when all are avoided one is still picked, but never the excluded one', () => {
  const view = buildView(4, { avoidUntil: { 0: 1e9, 1: 1e9, 2: 1e9, 3: 1e9 } });
  assert.equal(countPicks(start(1), view, 4, 4000), [1000, 1000, 1000, 1000, 0]);
  const counts = countPicks(start(1), view, 4, 4000, 0, 2);
  assert.equal([counts[2], counts[4]], [0, 0]);
});

test('hosts that come and go cause no error and starve none', () => {
  const policy = start(3);
  const counts = Array.from({ length: 20 }, () => 0);
  const random = new Random(9);
  for (let change = 0; change < 500; change++) {
    const hosts = 1 + random.below(20);
    const view = buildView(hosts);
    for (let i = 0; i < 200; i++) {
      const slot = policy.pick(view, 0, -1);
      assert.ok(slot >= 0 && slot < hosts);
      counts[slot] = (counts[slot] as number) + 1;
    }
  }
  // The last one is present a 20th of the time, and then gets a 20th.
  assert.ok(
    counts.every((count) => count > 100),
    `${counts}`,
  );
});

test('a pick among 10,000 hosts reads at most 100 cells, however many may not be picked', () => {
  for (const avoided of [0, 5000, 10_000]) {
    const avoidUntil = Object.fromEntries(Array.from({ length: avoided }, (_, slot) => [slot, 1e9]));
    const { view, reads } = countReads(buildView(10_000, { avoidUntil }));
    const policy = start(1);
    for (let i = 0; i < 12_000; i++) {
      reads.now = 0;
      assert.ok(policy.pick(view, 0, i % 10_000) >= 0);
      assert.ok(reads.now <= 100, `${reads.now} cells`);
    }
  }
});

test.run();
