// Consistent hashing with bounded load: every balancer comes to the same host, a host that comes or goes moves its own
// keys only, shares follow weights, and no host gets more than 1.25 times its share of the requests in flight.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostView } from '../../lib/model.js';
import { HashAffinity, mayStick } from '../../lib/routing/affinity.js';
import { HostHashes } from '../../lib/routing/host-hashes.js';
import { Random } from '../../lib/routing/random.js';
import { TextHash } from '../../lib/routing/text-hash.js';
import { isWithin } from '../support/bench.js';
import { buildView, chiSquare, chiSquareLimit, countReads, type ViewOptions } from '../support/host-views.js';

const test = suite('affinity');

const SLOTS = 256;
const KEYS = 100_000;
const NOW_MS = 1000;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A balancer that knows hosts `h0`, `h1`, … in the slots that `slotOf` says; picks give the number of the host. */
class Balancer {
  readonly hashes = new HostHashes(SLOTS);
  readonly affinity = new HashAffinity(this.hashes);
  view: HostView;
  readonly #slotOf: (host: number) => number;
  readonly #hostOf = new Map<number, number>();
  readonly #hash = new TextHash();
  #epoch = 0;

  constructor(hosts: readonly number[], options: ViewOptions = {}, slotOf = (host: number): number => host) {
    this.#slotOf = slotOf;
    for (const host of range(SLOTS)) {
      this.hashes.set(slotOf(host), `h${host}`);
      this.#hostOf.set(slotOf(host), host);
    }
    this.view = this.list(hosts, options);
  }

  /** Puts a list of hosts in force. */
  list(hosts: readonly number[], options: ViewOptions = {}): HostView {
    const view = buildView(SLOTS, { fleet: { loadsAt: NOW_MS }, ...options, candidates: hosts.map(this.#slotOf) });
    this.#epoch += 2;
    this.view = { ...view, epoch: this.#epoch + (view.epoch & 1) };
    return this.view;
  }

  pick(key: string, excluded = -1): number {
    this.#hash.take(key);
    const slot = this.affinity.pick(this.view, NOW_MS, excluded, this.#hash.hi, this.#hash.lo);
    return this.#hostOf.get(slot) ?? -1;
  }

  /** The slots of many keys. */
  all(): Int32Array {
    return Int32Array.from({ length: KEYS }, (_, i) => {
      this.#hash.take(`/item/${i}`);
      return this.affinity.pick(this.view, NOW_MS, -1, this.#hash.hi, this.#hash.lo);
    });
  }
}

/** Compared without assert.equal, which takes seconds for this many. */
const isSame = (a: Int32Array, b: Int32Array): boolean => a.length === b.length && a.every((slot, i) => slot === b[i]);

function countsOf(slots: Int32Array, hosts: number): number[] {
  const counts = range(hosts).map(() => 0);
  for (const slot of slots) counts[slot] = (counts[slot] as number) + 1;
  return counts;
}

for (const hosts of [2, 7, 64, 200]) {
  test(`${hosts} equal hosts get equal shares of the keys`, () => {
    const counts = countsOf(new Balancer(range(hosts)).all(), hosts);
    const found = chiSquare(
      counts,
      counts.map(() => 1 / hosts),
    );
    assert.ok(found < chiSquareLimit(hosts - 1), `${found}`);
  });

  test(`of ${hosts} hosts, one that leaves moves its keys only, to all others; when it comes back, they do too`, () => {
    const balancer = new Balancer(range(hosts));
    const before = balancer.all();
    balancer.list(range(hosts).filter((host) => host !== 1));
    const after = balancer.all();
    const moved = before.map((slot, i) => (slot === after[i] ? 0 : 1)).reduce((sum, each) => sum + each, 0);
    assert.ok(before.every((slot, i) => (slot === 1 ? after[i] !== 1 : after[i] === slot)));
    // Four standard deviations.
    isWithin(moved / KEYS, 0, 1 / hosts + 4 * Math.sqrt(1 / hosts / KEYS), 'share of keys that moved');
    assert.ok(moved > 0);
    const heirs = new Set(after.filter((_, i) => before[i] === 1));
    // The keys of one of many hosts are too few for all others.
    assert.ok(heirs.size > 0.8 * (hosts - 1), `${heirs.size} heirs`);
    balancer.list(range(hosts));
    assert.ok(isSame(balancer.all(), before));
  });
}

test('shares follow weights, and a heavier weight only draws keys to its host', () => {
  const weight = [1, 2, 3, 4, 0.5];
  const balancer = new Balancer(range(5), { weight });
  const before = balancer.all();
  const sharesOf = (weights: readonly number[]) => weights.map((each) => each / weights.reduce((sum, other) => sum + other, 0));
  assert.ok(chiSquare(countsOf(before, 5), sharesOf(weight)) < chiSquareLimit(4), countsOf(before, 5).join(' '));
  const heavier = [1, 2, 6, 4, 0.5];
  balancer.list(range(5), { weight: heavier });
  const after = balancer.all();
  assert.ok(chiSquare(countsOf(after, 5), sharesOf(heavier)) < chiSquareLimit(4), countsOf(after, 5).join(' '));
  assert.ok(before.every((slot, i) => after[i] === slot || after[i] === 2));
});

test('equal weights other than 1, and weights that have become equal, change nothing', () => {
  const balancer = new Balancer(range(9));
  const before = balancer.all();
  balancer.list(range(9), { weight: range(9).map(() => 7) });
  assert.ok(isSame(balancer.all(), before));
  // An odd epoch takes the weighted way.
  balancer.view = { ...balancer.view, epoch: balancer.view.epoch + 1 };
  assert.ok(isSame(balancer.all(), before));
});

test('two balancers with other slots and another order of the list come to the same hosts, also when hosts are skipped', () => {
  for (const weight of [range(12).map(() => 1), range(12).map((host) => 1 + (host % 3))]) {
    const slotOf = (host: number) => (host * 37 + 11) % SLOTS;
    const moved = range(SLOTS).map(() => 1);
    for (const host of range(12)) moved[slotOf(host)] = weight[host] as number;
    const one = new Balancer(range(12), { weight, avoidUntil: { 3: 5000 } });
    const other = new Balancer(range(12).toReversed(), { weight: moved, avoidUntil: { [slotOf(3)]: 5000 } }, slotOf);
    for (let i = 0; i < 2000; i++) assert.is(one.pick(`key ${i}`), other.pick(`key ${i}`));
  }
});

test('a host that is excluded, avoided or full loses its keys to the next in rank, and gets them back', () => {
  const balancer = new Balancer(range(6));
  const before = balancer.all();
  balancer.list(range(6).filter((host) => host !== 2));
  const without = balancer.all();
  for (const options of [{ avoidUntil: { 2: 5000 } }, { maxInflight: 3, inflight: [0, 0, 3, 0, 0, 0], awaited: [] }]) {
    balancer.list(range(6), options);
    assert.ok(isSame(balancer.all(), without));
  }
  balancer.list(range(6));
  const hash = new TextHash();
  for (let i = 0; i < 1000; i++) {
    hash.take(`/item/${i}`);
    assert.is(balancer.affinity.pick(balancer.view, NOW_MS, 2, hash.hi, hash.lo), without[i]);
  }
  assert.ok(isSame(balancer.all(), before));
});

test('there is no pick without candidates, or when none may be picked', () => {
  assert.is(new Balancer([]).pick('x'), -1);
  assert.is(new Balancer([4]).pick('x', 4), -1);
  assert.is(new Balancer([4, 5], { avoidUntil: { 4: 5000, 5: 5000 } }).pick('x'), -1);
  assert.is(new Balancer([4]).pick('x'), 4);
});

/** Sends requests for one key, none of which ends; returns the most that each host may have had, and had. */
function flood(balancer: Balancer, hosts: number, weights: readonly number[], requests: number): void {
  const { awaited, othersInflight } = balancer.view;
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 1; i <= requests; i++) {
    const host = balancer.pick('hot');
    awaited[host] = (awaited[host] as number) + 1;
    const load = (awaited[host] as number) + (othersInflight[host] as number);
    const total = range(hosts).reduce((sum, each) => sum + (awaited[each] as number) + (othersInflight[each] as number), 0);
    assert.ok(load <= Math.ceil((1.25 * total * (weights[host] as number)) / all), `request ${i}: host ${host} has ${load} of ${total}`);
  }
}

test('no host gets more than 1.25 times the mean in flight, rounded up, even if all requests have one key', () => {
  for (const hosts of [1, 2, 5, 40]) {
    const ones = range(hosts).map(() => 1);
    flood(new Balancer(range(hosts)), hosts, ones, 400);
    flood(new Balancer(range(hosts), { othersInflight: range(hosts).map((host) => host % 7) }), hosts, ones, 400);
    const weight = range(hosts).map((host) => 1 + (host % 4));
    flood(new Balancer(range(hosts), { weight }), hosts, weight, 400);
  }
});

test('a hot key stays on as few hosts as the bound allows, the same ones each time', () => {
  const balancer = new Balancer(range(10));
  flood(
    balancer,
    10,
    range(10).map(() => 1),
    100,
  );
  const { awaited } = balancer.view;
  const used = range(10).filter((host) => (awaited[host] as number) > 0);
  assert.is(used.length, 8, 'hosts for 100 requests of which each takes ⌈12.5⌉ at most');
  const again = new Balancer(range(10));
  flood(
    again,
    10,
    range(10).map(() => 1),
    100,
  );
  assert.equal(again.view.awaited, awaited);
});

test('within the bound a loaded host keeps its keys; above it, they go to the next in rank', () => {
  const balancer = new Balancer(range(4));
  const own = balancer.pick('x');
  balancer.list(range(4).filter((host) => host !== own));
  const next = balancer.pick('x');
  const loads = (ownLoad: number): Partial<Record<'othersInflight', number[]>> => ({
    othersInflight: range(4).map((host) => (host === own ? ownLoad : 8)),
  });
  // With the new request there are 24 + load + 1, and ⌈1.25 / 4⌉ of them is the bound.
  balancer.list(range(4), loads(10));
  assert.is(balancer.pick('x'), own);
  balancer.list(range(4), loads(12));
  assert.is(balancer.pick('x'), next);
  const old = { ...loads(12), fleet: { loadsAt: NOW_MS - 5000 } };
  balancer.list(range(4), old);
  assert.is(balancer.pick('x'), own, 'an old table does not count');
});

test('the bound is over the hosts that may be picked: others have no room', () => {
  const balancer = new Balancer(range(8), { avoidUntil: { 0: 5000, 1: 5000, 2: 5000, 3: 5000 } });
  for (let i = 0; i < 400; i++) {
    const host = balancer.pick('hot');
    balancer.view.awaited[host] = (balancer.view.awaited[host] as number) + 1;
  }
  const most = Math.max(...balancer.view.awaited);
  assert.is(most, Math.ceil((1.25 * 400) / 4));
});

test('what is remembered of keys never changes a pick, while hosts come, go and change their weights', () => {
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (seed, isWeighted) => {
      const random = new Random(seed);
      const balancer = new Balancer([0]);
      for (let change = 0; change < 8; change++) {
        const hosts = range(10).filter(() => random.below(3) > 0);
        const weight = range(10).map(() => (isWeighted ? 1 + random.below(3) : 1));
        balancer.list(hosts, { weight, avoidUntil: { [random.below(10)]: 5000 } });
        const fresh = new Balancer(hosts);
        fresh.view = balancer.view;
        for (let i = 0; i < 60; i++) {
          const key = `k${random.below(40)}`;
          assert.is(balancer.pick(key), fresh.pick(key));
        }
      }
    }),
    { seed: 17, numRuns: 100 },
  );
});

test('a known key is picked without a look at all hosts', () => {
  const { view, reads } = countReads(new Balancer(range(SLOTS)).view);
  const balancer = new Balancer([0]);
  balancer.view = view;
  balancer.pick('x');
  assert.ok(reads.now > SLOTS);
  reads.now = 0;
  balancer.pick('x');
  assert.ok(reads.now < 10, `${reads.now} cells`);
});

test('the bound follows the loads also in a large pool, where the sum is not taken for each pick', () => {
  const balancer = new Balancer(range(SLOTS), { othersInflight: range(SLOTS).map(() => 4) });
  for (let i = 0; i < 3000; i++) {
    const host = balancer.pick('hot');
    balancer.view.awaited[host] = (balancer.view.awaited[host] as number) + 1;
  }
  const total = 4 * SLOTS + 3000;
  const most = Math.max(...balancer.view.awaited) + 4;
  isWithin(most, Math.ceil((1.25 * total) / SLOTS) - 1, Math.ceil((1.25 * total) / SLOTS), 'most requests in flight on one host');
});

test('a session stays with its host while that is a candidate, also when it is full, unless it has just failed', () => {
  const view = buildView(6, { candidates: [1, 3, 4], avoidUntil: { 4: NOW_MS + 1 }, maxInflight: 2, inflight: [0, 0, 0, 2] });
  // A longer list was in force before: its end is still in the buffer.
  const buffer = Int32Array.of(3, 1, 3, 4, 5, 0);
  const stale = { ...view, candidates: () => buffer };
  assert.equal(
    [0, 1, 2, 3, 4, 5].map((slot) => mayStick(stale, slot, NOW_MS, 1)),
    [false, false, false, true, false, false],
  );
  assert.is(mayStick(stale, 1, NOW_MS, -1), true);
  assert.is(mayStick(stale, 4, NOW_MS + 1, -1), true);
});

test('an id that takes over a slot is another host', () => {
  const balancer = new Balancer(range(4));
  const keys = range(200).map((i) => `key ${i}`);
  const before = keys.map((key) => balancer.pick(key));
  balancer.hashes.set(3, 'h77');
  balancer.list(range(4));
  const moved = keys.filter((key, i) => balancer.pick(key) !== before[i]);
  isWithin(moved.length, 1, 150, 'keys that moved to or from the new host');
  assert.ok(keys.every((key, i) => balancer.pick(key) === before[i] || before[i] === 3 || balancer.pick(key) === 3));
});

test.run();
