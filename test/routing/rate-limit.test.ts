// A rate limit at one balancer: what a bucket lets in, what becomes of its fraction, memory under attack, and header fields.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyHash, keyOf } from '../../lib/routing/key-hash.js';
import { Random } from '../../lib/routing/random.js';
import { RateCells } from '../../lib/routing/rate-cells.js';
import { limitKeyHashOf, MAX_REPORTED_KEYS, RateLimiter } from '../../lib/routing/rate-limit.js';
import { rateLimitFields } from '../../lib/routing/rate-limit-fields.js';
import type { RateLimit } from '../../lib/site-model.js';

const test = suite('rate limit');

const RULE: RateLimit = { requests: 100, perMs: 1000, burst: 50, key: { of: 'client' } };
const ANSWER_MS = 2500;

function buildLimiter({ rule = RULE, balancers = 1, cells = 64 } = {}): { limiter: RateLimiter; cells: RateCells } {
  const table = new RateCells(cells);
  const limiter = new RateLimiter('l', rule, table, ANSWER_MS);
  limiter.setBalancers(balancers);
  return { limiter, cells: table };
}

function allowedOf(limiter: RateLimiter, nowMs: number, wanted = 1000, high = 1, low = 1): number {
  let allowed = 0;
  for (let i = 0; i < wanted; i++) if (limiter.check(high, low, nowMs)) allowed++;
  return allowed;
}

test('a burst is allowed at once, and then one request for each interval', () => {
  const { limiter } = buildLimiter();
  assert.equal([allowedOf(limiter, 0), allowedOf(limiter, 9.9), allowedOf(limiter, 10), allowedOf(limiter, 1010)], [50, 0, 1, 50]);
});

test('in no span of time more than the burst and the rate are allowed, and a client that obeys is never refused', () => {
  const rules = fc.record({
    requests: fc.integer({ min: 1, max: 500 }),
    perMs: fc.constantFrom(100, 1000, 60_000),
    burst: fc.integer({ min: 1, max: 100 }),
  });
  fc.assert(
    fc.property(rules, fc.array(fc.nat(50), { minLength: 50, maxLength: 300 }), (given, gaps) => {
      const { limiter } = buildLimiter({ rule: { ...RULE, ...given } });
      const times: number[] = [];
      let nowMs = 0;
      for (const gap of gaps) {
        nowMs += gap;
        if (!limiter.check(1, 1, nowMs)) {
          nowMs += limiter.retryAfterMs + 1e-4;
          assert.ok(limiter.check(1, 1, nowMs), 'one that waits as it was told is let in');
        }
        times.push(nowMs);
      }
      for (const [index, fromMs] of times.entries())
        for (let to = index; to < times.length; to++) {
          const most = given.burst + (((times[to] as number) - fromMs) * given.requests) / given.perMs;
          assert.ok(to - index + 1 <= most + 1e-3, `${to - index + 1} of ${most}`);
        }
    }),
  );
});

test('after a refusal the figures say when to try again, and after a request what is left', () => {
  const { limiter } = buildLimiter();
  assert.ok(limiter.check(1, 1, 0));
  assert.equal([limiter.remaining, limiter.retryAfterMs, limiter.resetMs], [49, 0, 10]);
  allowedOf(limiter, 0);
  assert.equal([limiter.remaining, limiter.retryAfterMs, limiter.resetMs], [0, 10, 500]);
});

test('keys have budgets of their own', () => {
  const { limiter } = buildLimiter();
  assert.equal([allowedOf(limiter, 0), allowedOf(limiter, 0, 1000, 1, 2), allowedOf(limiter, 0, 1000, 2, 1)], [50, 50, 50]);
});

test('a single budget begins with an even part at each balancer, a client with the whole', () => {
  const route = buildLimiter({ rule: { ...RULE, key: { of: 'route' } }, balancers: 10 }).limiter;
  assert.is(allowedOf(route, 0), 5);
  assert.is(allowedOf(buildLimiter({ balancers: 10 }).limiter, 0), 50);
});

test('a key is reported from an even part of the limit on, and once the master deals it out elsewhere', () => {
  const { limiter } = buildLimiter({ balancers: 5 });
  allowedOf(limiter, 0, 10);
  assert.equal(limiter.report(1), [], 'a fifth of the burst');
  allowedOf(limiter, 1, 2);
  allowedOf(limiter, 1, 4);
  assert.equal(limiter.report(2), [{ limit: 'l', key: keyOf(1, 1), arrivals: 6, admitted: 6, isBusy: true }]);
  assert.is(limiter.report(3)[0]?.arrivals, 0, 'each request once');
  assert.equal(limiter.report(10_000), [], 'it has become idle');
  allowedOf(limiter, 20_000, 1);
  limiter.grant(1, 1, 0.25, 20_000);
  limiter.grant(7, 7, 0.25, 20_000);
  assert.is(limiter.report(20_100).length, 1);
  assert.is(limiter.report(21_000)[0]?.isBusy, false);
  assert.equal(limiter.report(20_000 + ANSWER_MS + 1), [], 'the master no longer deals it out');
});

test('a fraction scales rate and burst, and a bucket stays as full as it was', () => {
  const { limiter } = buildLimiter({ balancers: 2 });
  assert.is(allowedOf(limiter, 0, 25), 25);
  limiter.grant(1, 1, 0.5, 0);
  assert.is(allowedOf(limiter, 0), 15, 'half of half of the burst, and half of half of what comes in 100 ms');
  let allowed = 0;
  for (let nowMs = 1; nowMs <= 10_000; nowMs++) allowed += allowedOf(limiter, nowMs, 2);
  assert.ok(Math.abs(allowed - 500) <= 1, String(allowed));
});

test('renewing a small fraction does not refund what was used', () => {
  const { limiter } = buildLimiter({ balancers: 64, rule: { ...RULE, burst: 5 } });
  allowedOf(limiter, 0, 100);
  let allowed = 0;
  for (let nowMs = 0; nowMs < 64_000; nowMs += 100) {
    limiter.grant(1, 1, 1 / 64, nowMs);
    allowed += allowedOf(limiter, nowMs, 3);
  }
  assert.ok(allowed >= 88 && allowed <= 101, String(allowed));
});

test('a busy key that the master does not answer for has an even part', () => {
  const { limiter } = buildLimiter({ balancers: 10 });
  allowedOf(limiter, 0);
  for (let nowMs = 0; nowMs <= ANSWER_MS + 100; nowMs += 100) {
    allowedOf(limiter, nowMs, 100);
    limiter.report(nowMs);
  }
  let allowed = 0;
  for (let nowMs = 4000; nowMs < 14_000; nowMs += 10) allowed += allowedOf(limiter, nowMs, 5);
  assert.ok(allowed >= 99 && allowed <= 115, String(allowed));
});

test('while Redis is away, dealt fractions are kept', () => {
  const { limiter } = buildLimiter({ balancers: 10 });
  limiter.check(1, 1, 0);
  limiter.grant(1, 1, 0.02, 0);
  let allowed = 0;
  for (let nowMs = 100; nowMs <= 20_000; nowMs += 100) {
    allowed += allowedOf(limiter, nowMs, 1);
    limiter.report(nowMs, true);
  }
  assert.ok(allowed >= 30 && allowed <= 41, String(allowed));
});

test('no more keys are reported than fit, and the others have an even part', () => {
  const { limiter } = buildLimiter({ balancers: 2, cells: 4096 });
  for (let key = 0; key < 300; key++) assert.is(allowedOf(limiter, 0, 30, 1, key), 30);
  assert.is(limiter.report(0).length, MAX_REPORTED_KEYS);
  assert.is(limiter.unreported, 300 - MAX_REPORTED_KEYS);
  assert.ok(allowedOf(limiter, 0, 50, 1, 299) <= 10, 'of 20 that are left of the whole burst');
});

test('a million new keys do not evict one that is at its limit, and memory does not grow', () => {
  const { limiter, cells } = buildLimiter({ cells: 1024, rule: { requests: 1, perMs: 1000, burst: 10, key: { of: 'client' } } });
  const hash = new KeyHash(1, 2);
  assert.is(allowedOf(limiter, 0, 20, 77, 77), 10);
  let allowed = 0;
  for (let key = 0; key < 1_000_000; key++) {
    const nowMs = key / 100;
    hash.hash(0, `attacker ${key}`);
    limiter.check(hash.high, hash.low, nowMs);
    if (key % 100 === 0 && limiter.check(77, 77, nowMs)) allowed++;
  }
  assert.ok(allowed <= 10, `${allowed} in 10 s`);
  assert.ok(cells.evictions > 100_000);
});

test('idle keys make way first, which is not an eviction', () => {
  const { limiter, cells } = buildLimiter({ cells: 8 });
  for (let key = 0; key < 8; key++) limiter.check(1, key, 0);
  allowedOf(limiter, 0, 50, 1, 3);
  for (let key = 8; key < 15; key++) limiter.check(1, key, 100);
  assert.is(cells.evictions, 0);
  assert.is(allowedOf(limiter, 100, 50, 1, 3), 10, 'what was refilled');
});

test('hashes of keys depend on text, limit and seed, and spread evenly', () => {
  const hash = new KeyHash(1, 2);
  const keys = new Set<string>();
  const sets = new Int32Array(16);
  for (let limit = 0; limit < 4; limit++)
    for (let key = 0; key < 10_000; key++) {
      hash.hash(limit, `10.0.${key >> 8}.${key & 255}`);
      keys.add(keyOf(hash.high, hash.low));
      (sets[hash.low & 15] as number)++;
    }
  assert.is(keys.size, 40_000);
  for (const count of sets) assert.ok(Math.abs(count - 2500) < 250, sets.join());
  const [other, random] = [new KeyHash(3, 2), new Random(1)];
  other.hash(0, 'a');
  hash.hash(0, 'a');
  assert.is.not(other.high, hash.high);
  for (let i = 0; i < 100; i++) {
    const [high, low] = [random.below(2 ** 32) | 0, random.below(2 ** 32) | 0];
    assert.equal(limitKeyHashOf(keyOf(high, low)), [high, low]);
  }
});

test('fields are whole seconds, rounded up; only a refused request gets Retry-After', () => {
  assert.equal(rateLimitFields(RULE, { remaining: 0, retryAfterMs: 1001, resetMs: 5000 }), [
    'Retry-After',
    '2',
    'RateLimit-Policy',
    '"default";q=100;w=1',
    'RateLimit',
    '"default";r=0;t=2',
  ]);
  assert.is(rateLimitFields(RULE, { remaining: 0, retryAfterMs: 0.1, resetMs: 5000 })[1], '1');
  assert.equal(rateLimitFields({ ...RULE, perMs: 60_000 }, { remaining: 7, retryAfterMs: 0, resetMs: 10 }), [
    'RateLimit-Policy',
    '"default";q=100;w=60',
    'RateLimit',
    '"default";r=7;t=1',
  ]);
});

test.run();
