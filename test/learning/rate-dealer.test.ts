// How a rate limit's key is dealt out: by demand, what was let in beyond the limit is paid back, and memory is bounded.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_DEALT_KEYS, MAX_GRANTED_KEYS, RateDealer } from '../../lib/learning/rate-dealer.js';
import { FleetRates, fractionsOf, MAX_KEYS } from '../../lib/routing/fleet-rates.js';
import { keyOf } from '../../lib/routing/key-hash.js';
import type { KeyDemand, KeyGrant, LimitReport } from '../../lib/routing/limit-types.js';
import { RateCells } from '../../lib/routing/rate-cells.js';
import { RateLimiter } from '../../lib/routing/rate-limit.js';
import type { RateLimit } from '../../lib/site-model.js';

const test = suite('rate dealer');

const RULE: RateLimit = { requests: 1000, perMs: 1000, burst: 100, key: { of: 'client' } };
const EVERY_MS = 100;

const reportOf = (balancer: string, keys: readonly KeyDemand[]): LimitReport => ({
  balancer,
  instance: 'i',
  seq: 1,
  sentAtMs: 0,
  appliedTerm: 1,
  appliedSeq: 1,
  pools: [],
  keys,
});

const demandOf = (arrivals: number, admitted = arrivals, key = keyOf(0, 1)): KeyDemand => ({
  limit: 'l',
  key,
  arrivals,
  admitted,
  isBusy: true,
});

function buildDealer(rule = RULE): RateDealer {
  const dealer = new RateDealer();
  dealer.setRules(new Map([['l', rule]]));
  dealer.begin(-1000);
  return dealer;
}

/** Intervals in which each balancer saw so many requests, and let in so many. */
function deal(dealer: RateDealer, turns: number, seen: Readonly<Record<string, readonly [number, number]>>, fromMs = 0): KeyGrant[] {
  let grants: KeyGrant[] = [];
  for (let turn = 1; turn <= turns; turn++) {
    const nowMs = fromMs + turn * EVERY_MS;
    for (const [name, [arrivals, admitted]] of Object.entries(seen)) dealer.take(reportOf(name, [demandOf(arrivals, admitted)]), nowMs);
    grants = dealer.deal(Object.keys(seen), nowMs, EVERY_MS);
  }
  return grants;
}

const roundedOf = (grant: KeyGrant | undefined): number[] => (grant?.fractions ?? []).map(([, fraction]) => Math.round(100 * fraction));

test('fractions are in proportion to demand, with a small part for all', () => {
  const [grant] = deal(buildDealer(), 20, { a: [270, 90], b: [30, 10] });
  assert.equal(roundedOf(grant), [89, 11]);
  assert.is(grant?.rest, 0.5, 'for one that has not been heard');
});

test('one balancer with all of the demand gets all of the limit', () => {
  assert.equal(roundedOf(deal(buildDealer(), 20, { a: [300, 100] })[0]), [100]);
});

test('traffic that moves is followed at once', () => {
  const dealer = buildDealer();
  deal(dealer, 20, { a: [150, 90], b: [10, 10] });
  assert.equal(roundedOf(deal(dealer, 1, { a: [10, 10], b: [150, 90] }, 2000)[0]), [7, 93]);
});

test('what was let in beyond the limit is paid back', () => {
  const dealer = buildDealer();
  // A thousand too many: a second of the limit.
  const [over] = deal(dealer, 1, { a: [1100, 1100] });
  assert.equal(roundedOf(over), [0]);
  let nowMs = EVERY_MS;
  let waitedMs = 0;
  while (roundedOf(deal(dealer, 1, { a: [100, 0] }, nowMs)[0])[0] !== 100) {
    nowMs += EVERY_MS;
    waitedMs += EVERY_MS;
  }
  assert.ok(waitedMs >= 700 && waitedMs <= 1000, String(waitedMs));
});

test('a balancer that no longer reports a key has no part of it, and a key that is busy nowhere is not dealt out', () => {
  const dealer = buildDealer();
  deal(dealer, 10, { a: [100, 50], b: [100, 50] });
  assert.equal(roundedOf(deal(dealer, 5, { a: [100, 100] }, 1000)[0]), [100]);
  dealer.take(reportOf('a', [{ ...demandOf(1), isBusy: false }]), 1600);
  assert.equal(dealer.deal(['a'], 1600, EVERY_MS), []);
  assert.equal(dealer.deal(['a'], 60_000, EVERY_MS), []);
  assert.is(dealer.size, 0);
});

test('keys of limits that no longer exist are forgotten, and those of unknown ones never taken', () => {
  const dealer = buildDealer();
  dealer.take(reportOf('a', [demandOf(1), { ...demandOf(1), limit: 'other' }]), 0);
  assert.is(dealer.size, 1);
  dealer.setRules(new Map());
  assert.is(dealer.size, 0);
});

test('memory and messages are bounded, and all keys get their turn', () => {
  const dealer = buildDealer();
  const keys = Array.from({ length: MAX_DEALT_KEYS + 5 }, (_, key) => demandOf(1, 1, keyOf(0, key)));
  dealer.take(reportOf('a', keys), 0);
  assert.equal([dealer.size, dealer.dropped], [MAX_DEALT_KEYS, 5]);
  const seen = new Set<string>();
  for (let turn = 0; turn < MAX_DEALT_KEYS / MAX_GRANTED_KEYS; turn++) {
    const grants = dealer.deal(['a'], 1, EVERY_MS);
    assert.is(grants.length, MAX_GRANTED_KEYS);
    for (const { key } of grants) seen.add(key);
  }
  assert.is(seen.size, MAX_DEALT_KEYS);
});

test('nothing is dealt out before a new master can have heard everyone', () => {
  const dealer = buildDealer();
  dealer.begin(0);
  assert.equal(deal(dealer, 1, { a: [100, 100] }), []);
  assert.is(deal(dealer, 1, { a: [100, 100] }, EVERY_MS).length, 1);
});

test('a balancer applies its own fraction, or the rest, and reports no more keys than a message may have', () => {
  const rates = new FleetRates();
  const cells = new RateCells(8192);
  const limiters = Array.from({ length: 6 }, (_, index) => new RateLimiter(`l${index}`, { ...RULE, burst: 2 }, cells, 2500));
  rates.setLimiters(limiters);
  rates.setBalancers(2);
  for (const [index, limiter] of limiters.entries())
    for (let key = 0; key < 200; key++) for (let i = 0; i < 4; i++) limiter.check(index, key, 0);
  const [first, second] = [rates.report(0), rates.report(0)];
  assert.equal([first.length, second.length], [MAX_KEYS, MAX_KEYS]);
  assert.is(new Set([...first, ...second].map(({ limit, key }) => limit + key)).size, 1200);
  const row = { instance: 'i', heardAtMs: 0, shares: [] };
  const shares = [
    { ...row, balancer: 'a' },
    { ...row, balancer: 'b' },
  ];
  const grant = { limit: 'l0', key: keyOf(0, 5), rest: 0.25, fractions: [[1, 0.5] as const] };
  rates.take(fractionsOf({ term: 1, seq: 1, pools: [], shares, keys: [grant, { ...grant, key: keyOf(0, 6), fractions: [] }] }, 'b'), 0);
  const allowed = [5, 6].map((key) => {
    let count = 0;
    for (let ms = 0; ms < 10_000; ms++) if (limiters[0]?.check(0, key, ms) === true) count++;
    return Math.round(count / 100);
  });
  assert.equal(
    allowed,
    [50, 25].map((percent) => percent + 0),
  );
});

test.run();
