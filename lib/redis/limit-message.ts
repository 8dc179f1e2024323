// Wire format of what balancers and the master tell each other about limits: the field `limits` of a load message, and that of
// a table. Lists without field names, since they are sent many times a second. Invariant: what a decoder accepts is within the
// bounds below; anything else drops the whole part, as half of it would be miscounted.

import { MAX_GRANTED_KEYS } from '../learning/rate-dealer.js';
import { MAX_KEYS } from '../routing/fleet-rates.js';
import { KEEP_SHARE, type KeyDemand, type KeyGrant, type LimitGrants, type LimitReport, type PoolDemand } from '../routing/limit-types.js';
import { type Decoded, type Fields, isCount, isFields, rejected } from './decode.js';
import { isName, isPoolName } from './names.js';

/** Pools with a limit. */
export const MAX_LIMITED_POOLS = 1024;

/** Balancers in grants. */
export const MAX_SHARE_ROWS = 1024;

/** Shares of all balancers and pools in grants; with 64 balancers, all 1,024 pools may be limited. */
export const MAX_SHARES = 1 << 16;

/** Requests in flight, as in load messages. */
const MAX_INFLIGHT = 0x7fffffff;

/** An id of a limit: printable, short. */
const LIMIT_ID = /^[\x21-\x7e]{1,64}$/;
const KEY = /^[0-9a-f]{16}$/;

/** Fractions are whole millionths. */
const FRACTION_UNIT = 1e6;

/** What a load message says about limits; the balancer, its instance and the number stand in the message. */
export type LimitPart = Omit<LimitReport, 'balancer' | 'instance' | 'seq'>;

/** What a table says about limits; the stamp stands in the table. */
export type GrantPart = Omit<LimitGrants, 'term' | 'seq'>;

/** Encodes the part of a load message. */
export function encodeLimitPart({ sentAtMs, appliedTerm, appliedSeq, pools, keys }: LimitPart): Fields {
  return {
    sent: sentAtMs,
    applied: [appliedTerm, appliedSeq],
    ...(pools.length > 0 && { pools: pools.map(({ pool, inflight, share, wanted }) => [pool, inflight, share, wanted]) }),
    ...(keys.length > 0 && {
      keys: keys.map(({ limit, key, arrivals, admitted, isBusy }) => [limit, key, arrivals, admitted, isBusy ? 1 : 0]),
    }),
  };
}

/** Decodes the part of a load message. */
export function decodeLimitPart(part: unknown): Decoded<LimitPart> {
  if (!isFields(part)) return rejected('malformed');
  const { sent, applied, pools = [], keys = [] } = part;
  if (!isTime(sent) || !Array.isArray(applied) || !isCount(applied[0]) || !isCount(applied[1])) return rejected('malformed');
  if (!Array.isArray(pools) || !Array.isArray(keys)) return rejected('malformed');
  if (pools.length > MAX_LIMITED_POOLS || keys.length > MAX_KEYS) return rejected('oversized');
  const demands: PoolDemand[] = [];
  for (const entry of pools) {
    const demand = poolDemandOf(entry);
    if (demand === undefined) return rejected('malformed');
    demands.push(demand);
  }
  if (new Set(demands.map(({ pool }) => pool)).size < demands.length) return rejected('malformed');
  const keyDemands: KeyDemand[] = [];
  for (const entry of keys) {
    const demand = keyDemandOf(entry);
    if (demand === undefined) return rejected('malformed');
    keyDemands.push(demand);
  }
  return {
    ok: true,
    value: { sentAtMs: sent, appliedTerm: applied[0], appliedSeq: applied[1], pools: demands, keys: keyDemands },
  };
}

function poolDemandOf(entry: unknown): PoolDemand | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [pool, inflight, share, wanted] = entry as unknown[];
  if (!isPoolName(pool) || !isInflight(inflight) || !isInflight(share) || !isCount(wanted)) return undefined;
  return { pool, inflight, share, wanted };
}

function keyDemandOf(entry: unknown): KeyDemand | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [limit, key, arrivals, admitted, isBusy] = entry as unknown[];
  if (!isLimitId(limit) || !isKey(key) || !isCount(arrivals) || !isCount(admitted) || admitted > arrivals) return undefined;
  return isBusy === 0 || isBusy === 1 ? { limit, key, arrivals, admitted, isBusy: isBusy === 1 } : undefined;
}

/** Encodes the part of a table. */
export function encodeGrantPart({ pools, shares, keys }: GrantPart): Fields {
  return {
    pools,
    shares: shares.map(({ balancer, instance, heardAtMs, shares: own }) => [balancer, instance, heardAtMs, ...own]),
    ...(keys.length > 0 && {
      keys: keys.map(({ limit, key, rest, fractions }) => [
        limit,
        key,
        unitsOf(rest),
        ...fractions.flatMap(([balancer, fraction]) => [balancer, unitsOf(fraction)]),
      ]),
    }),
  };
}

/** Rounds down, so that fractions do not sum up to more than 1. */
const unitsOf = (fraction: number): number => Math.floor(Math.min(Math.max(fraction, 0), 1) * FRACTION_UNIT);

/** Decodes the part of a table. */
export function decodeGrantPart(part: unknown): Decoded<GrantPart> {
  if (!isFields(part)) return rejected('malformed');
  const { pools, shares, keys = [] } = part;
  if (!Array.isArray(pools) || !Array.isArray(shares) || !Array.isArray(keys)) return rejected('malformed');
  const isTooBig = pools.length > MAX_LIMITED_POOLS || shares.length > MAX_SHARE_ROWS || keys.length > MAX_GRANTED_KEYS;
  if (isTooBig || pools.length * shares.length > MAX_SHARES) return rejected('oversized');
  if (!pools.every(isPoolName) || new Set(pools).size < pools.length) return rejected('malformed');
  const rows: LimitGrants['shares'][0][] = [];
  for (const entry of shares) {
    if (!Array.isArray(entry) || entry.length !== pools.length + 3) return rejected('malformed');
    const [balancer, instance, heardAtMs, ...own] = entry as unknown[];
    if (!isName(balancer) || !isName(instance)) return rejected('name');
    if (!isTime(heardAtMs) || !own.every(isShare)) return rejected('malformed');
    rows.push({ balancer, instance, heardAtMs, shares: own });
  }
  const grants: KeyGrant[] = [];
  for (const entry of keys) {
    const grant = keyGrantOf(entry, rows.length);
    if (grant === undefined) return rejected('malformed');
    grants.push(grant);
  }
  return { ok: true, value: { pools, shares: rows, keys: grants } };
}

function keyGrantOf(entry: unknown, rows: number): KeyGrant | undefined {
  if (!Array.isArray(entry) || entry.length % 2 === 0 || entry.length > 3 + 2 * rows) return undefined;
  const [limit, key, rest, ...pairs] = entry as unknown[];
  if (!isLimitId(limit) || !isKey(key) || !isUnits(rest)) return undefined;
  const fractions: (readonly [number, number])[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const [balancer, units] = [pairs[at], pairs[at + 1]];
    if (!isCount(balancer) || balancer >= rows || !isUnits(units)) return undefined;
    fractions.push([balancer, units / FRACTION_UNIT]);
  }
  return { limit, key, rest: rest / FRACTION_UNIT, fractions };
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const isInflight = (value: unknown): value is number => isCount(value) && value <= MAX_INFLIGHT;
const isShare = (value: unknown): value is number => value === KEEP_SHARE || isInflight(value);
const isUnits = (value: unknown): value is number => isCount(value) && value <= FRACTION_UNIT;
const isLimitId = (value: unknown): value is string => typeof value === 'string' && LIMIT_ID.test(value);
const isKey = (value: unknown): value is string => typeof value === 'string' && KEY.test(value);
