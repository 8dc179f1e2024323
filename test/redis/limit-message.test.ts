// The parts of load messages and tables about limits: they come back as they went, and damage never lets nonsense pass.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Decoded } from '../../lib/redis/decode.js';
import {
  decodeGrantPart,
  decodeLimitPart,
  encodeGrantPart,
  encodeLimitPart,
  type GrantPart,
  type LimitPart,
  MAX_LIMITED_POOLS,
} from '../../lib/redis/limit-message.js';
import { MAX_KEYS } from '../../lib/routing/fleet-rates.js';
import { KEEP_SHARE } from '../../lib/routing/limit-types.js';
import { Random } from '../../lib/routing/random.js';
import { mutateValue } from '../support/mutate.js';

const test = suite('limit message');

const ROUNDS = 6000;
const KEY = '00000000deadbeef';

const REPORT: LimitPart = {
  sentAtMs: 12_345.5,
  appliedTerm: 3,
  appliedSeq: 77,
  pools: [{ pool: 'web', inflight: 5, share: 4, wanted: 9 }],
  keys: [{ limit: 'r1', key: KEY, arrivals: 8, admitted: 7, isBusy: true }],
};

const GRANTS: GrantPart = {
  pools: ['web', 'api'],
  shares: [
    { balancer: 'a', instance: 'i', heardAtMs: 5, shares: [7, KEEP_SHARE] },
    { balancer: 'b', instance: 'j', heardAtMs: 6, shares: [0, 3] },
  ],
  keys: [{ limit: 'r1', key: KEY, rest: 0.25, fractions: [[1, 0.5]] }],
};

const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const reasonOf = (decoded: Decoded<unknown>): string => (decoded.ok ? 'accepted' : decoded.reason);

test('parts come back as they went', () => {
  assert.equal(decodeLimitPart(sent(encodeLimitPart(REPORT))), { ok: true, value: REPORT });
  assert.equal(decodeLimitPart(sent(encodeLimitPart({ ...REPORT, pools: [], keys: [] }))), {
    ok: true,
    value: { ...REPORT, pools: [], keys: [] },
  });
  assert.equal(decodeGrantPart(sent(encodeGrantPart(GRANTS))), { ok: true, value: GRANTS });
  assert.equal(decodeGrantPart(sent(encodeGrantPart({ pools: [], shares: [], keys: [] }))), {
    ok: true,
    value: { pools: [], shares: [], keys: [] },
  });
});

test('fractions are rounded down, so that their sum does not grow', () => {
  const third = { ...GRANTS, keys: [{ limit: 'r', key: KEY, rest: 2, fractions: [[0, 2 / 3] as const] }] };
  const decoded = decodeGrantPart(sent(encodeGrantPart(third)));
  assert.equal(decoded.ok && decoded.value.keys[0], { limit: 'r', key: KEY, rest: 1, fractions: [[0, 0.666666]] });
});

test('what is out of bounds is refused', () => {
  const report = sent(encodeLimitPart(REPORT)) as Record<string, unknown>;
  const grants = sent(encodeGrantPart(GRANTS)) as Record<string, unknown>;
  const pool = ['web', 1, 1, 1];
  const key = ['r1', KEY, 1, 1, 0];
  for (const [change, reason] of [
    [{ pools: [pool, pool] }, 'malformed'],
    [{ pools: [['../x', 1, 1, 1]] }, 'malformed'],
    [{ pools: [['web', -1, 1, 1]] }, 'malformed'],
    [{ pools: [['web', 2 ** 31, 1, 1]] }, 'malformed'],
    [{ pools: Array.from({ length: MAX_LIMITED_POOLS + 1 }, () => pool) }, 'oversized'],
    [{ keys: Array.from({ length: MAX_KEYS + 1 }, () => key) }, 'oversized'],
    [{ keys: [['r1', 'DEADBEEF00000000', 1, 1, 0]] }, 'malformed'],
    [{ keys: [['r1', KEY, 1, 2, 0]] }, 'malformed'],
    [{ keys: [['r1', KEY, 1, 1, true]] }, 'malformed'],
    [{ keys: [['r 1', KEY, 1, 1, 0]] }, 'malformed'],
    [{ sent: -1 }, 'malformed'],
    [{ applied: [1] }, 'malformed'],
  ] as const)
    assert.is(reasonOf(decodeLimitPart({ ...report, ...change })), reason, JSON.stringify(change).slice(0, 80));
  for (const [change, reason] of [
    [{ pools: ['web', 'web'] }, 'malformed'],
    [{ shares: [['a', 'i', 5, 7]] }, 'malformed'],
    [{ shares: [['a b', 'i', 5, 7, 7]] }, 'name'],
    [{ shares: [['a', 'i', 5, 7, -2]] }, 'malformed'],
    [{ shares: [['a', 'i', 5, 7, 0.5]] }, 'malformed'],
    [{ keys: [['r1', KEY, 1, 2, 5]] }, 'malformed'],
    [{ keys: [['r1', KEY, 1_000_001]] }, 'malformed'],
    [{ keys: [['r1', KEY, 1, 0]] }, 'malformed'],
    [{ pools: Array.from({ length: 1000 }, (_, pool_) => `p${pool_}`), shares: Array.from({ length: 100 }, () => []) }, 'oversized'],
  ] as const)
    assert.is(reasonOf(decodeGrantPart({ ...grants, ...change })), reason, JSON.stringify(change).slice(0, 80));
});

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function checkReport({ sentAtMs, appliedTerm, appliedSeq, pools, keys }: LimitPart): void {
  assert.ok(sentAtMs >= 0 && isCount(appliedTerm) && isCount(appliedSeq));
  for (const { pool, inflight, share, wanted } of pools) assert.ok(/^[\w-]{1,63}$/.test(pool) && [inflight, share, wanted].every(isCount));
  for (const { limit, key, arrivals, admitted } of keys)
    assert.ok(limit.length > 0 && /^[0-9a-f]{16}$/.test(key) && isCount(arrivals) && isCount(admitted) && admitted <= arrivals);
}

function checkGrants({ pools, shares, keys }: GrantPart): void {
  for (const row of shares) {
    assert.ok(row.heardAtMs >= 0 && row.shares.length === pools.length);
    for (const share of row.shares) assert.ok(share === KEEP_SHARE || isCount(share));
  }
  for (const { rest, fractions } of keys) {
    assert.ok(rest >= 0 && rest <= 1);
    for (const [balancer, fraction] of fractions) assert.ok(balancer < shares.length && fraction >= 0 && fraction <= 1);
  }
}

test('no odd value makes a decoder throw or let nonsense pass', () => {
  const random = new Random(1);
  const accepted = { reports: 0, grants: 0 };
  for (let i = 0; i < ROUNDS; i++) {
    const report = decodeLimitPart(mutateValue(random, sent(encodeLimitPart(REPORT))));
    const grants = decodeGrantPart(mutateValue(random, sent(encodeGrantPart(GRANTS))));
    if (report.ok) {
      checkReport(report.value);
      accepted.reports++;
    }
    if (grants.ok) {
      checkGrants(grants.value);
      accepted.grants++;
    }
  }
  for (const count of Object.values(accepted)) assert.ok(count > 50 && count < ROUNDS / 2, JSON.stringify(accepted));
  assert.equal(Object.keys(Object.prototype), []);
});

test.run();
