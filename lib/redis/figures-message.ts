// Wire format of the figures that balancers publish on `figures`, once a second. Pools and hosts are arrays without field
// names, since there can be thousands of hosts: `[pool, requests, errors, inflight, bucket, count, …]` and
// `[host, attempts, errors, why it is ejected or '', bucket, count, …]`; slow requests likewise. The pool '' is for requests
// that no route led to a pool.

import type { BalancerFigures, HostTraffic, PoolTraffic, SlowRequest, SparseCounts } from '../fleet-figures.js';
import { MAX_POOLS } from '../model.js';
import { LATENCY_BUCKETS } from '../table/latency-buckets.js';
import { DEFAULT_SLOTS } from '../table/layout.js';
import { type Decoded, decodeFields, isCount, MESSAGE_VERSION, numberWithin, rejected } from './decode.js';
import { isClassName } from './load-message.js';
import { isHostId, isName, isPoolName } from './names.js';

/** A longer message is dropped unread: 16,384 hosts, each with latencies in 40 buckets, fit. */
export const MAX_FIGURES_LENGTH = 8 << 20;

/** Most slow requests in a message. */
export const MAX_SLOWEST = 20;

/** Longest time that a message may cover, in seconds. */
const MAX_SECONDS = 60;

/** Elements before the buckets. */
const FIXED = 4;

/** A count of a second or a few fits by far. */
const MAX_COUNT = 0x7fffffff;

/** Longest reason of an ejection: what Node says of a failed connection. */
const MAX_REASON = 200;

const REQUEST_ID = /^[\x21-\x7e]{1,200}$/;

/** Encodes the figures of a balancer. Numbers stay as exact as they are worth reading. */
export function encodeFigures({ balancer, instance, seq, seconds, pools, hosts, slowest }: BalancerFigures): string {
  return JSON.stringify({
    v: MESSAGE_VERSION,
    balancer,
    instance,
    seq,
    seconds: Number(seconds.toFixed(3)),
    pools: pools.map(({ name, requests, errors, inflight, latency }) => [name, requests, errors, inflight, ...latency]),
    hosts: hosts.map(({ name, attempts, errors, ejected, latency }) => [name, attempts, errors, reasonOf(ejected), ...latency]),
    slowest: slowest.filter(isSlowRequest).slice(0, MAX_SLOWEST).map(encodeSlow),
  });
}

/** Replaces what terminals and pages could take amiss; never empty. */
function reasonOf(ejected: string | undefined): string {
  if (ejected === undefined) return '';
  return ejected.slice(0, MAX_REASON).replace(/\p{C}/gu, '?') || 'ejected';
}

/** A slow request as a list; whose balancer it is stands elsewhere. */
export function encodeSlow({ id, atMs, durationMs, className, pool, host, status }: SlowRequest): unknown[] {
  return [id, Math.round(atMs), Number(durationMs.toFixed(1)), className, pool, host, status];
}

/** Decodes a slow request of this balancer; undefined if invalid. */
export function decodeSlow(entry: unknown, balancer: string): SlowRequest | undefined {
  if (!Array.isArray(entry) || entry.length !== 7) return undefined;
  const [id, atMs, durationMs, className, pool, host, status] = entry as [string, number, number, string, string, string, number];
  const request = { id, balancer, atMs, durationMs, className, pool, host, status };
  return isSlowRequest(request) ? request : undefined;
}

function isSlowRequest({ id, atMs, durationMs, className, pool, host, status }: SlowRequest): boolean {
  if (typeof id !== 'string' || !REQUEST_ID.test(id) || !(className === '' || isClassName(className))) return false;
  if (!isTime(atMs) || !isTime(durationMs) || !isCount(status) || status > 999) return false;
  return isPoolOrNone(pool) && (host === '' || isHostId(host));
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const isPoolOrNone = (value: unknown): value is string => value === '' || isPoolName(value);
const isSmallCount = (value: unknown): value is number => isCount(value) && value <= MAX_COUNT;

/** Decodes a message; one invalid entry drops it all, since a part of it would be miscounted. */
export function decodeFigures(text: unknown): Decoded<BalancerFigures> {
  const decoded = decodeFields(text, MAX_FIGURES_LENGTH);
  if (!decoded.ok) return decoded;
  const { balancer, instance, seq, seconds, pools, hosts, slowest } = decoded.value;
  if (!isName(balancer) || !isName(instance)) return rejected('name');
  if (!isCount(seq) || !numberWithin(seconds, 0.001, MAX_SECONDS)) return rejected('malformed');
  if (!Array.isArray(pools) || !Array.isArray(hosts) || !Array.isArray(slowest)) return rejected('malformed');
  if (pools.length > MAX_POOLS + 1 || hosts.length > DEFAULT_SLOTS || slowest.length > MAX_SLOWEST) return rejected('oversized');
  const value = {
    balancer,
    instance,
    seq,
    seconds: seconds as number,
    pools: allOf(pools, poolTrafficOf),
    hosts: allOf(hosts, hostTrafficOf),
    slowest: allOf(slowest, (entry) => decodeSlow(entry, balancer)),
  };
  if (value.pools === undefined || value.hosts === undefined || value.slowest === undefined) return rejected('malformed');
  if (hasTwice(value.pools) || hasTwice(value.hosts)) return rejected('malformed');
  return { ok: true, value: value as BalancerFigures };
}

/** All entries decoded; undefined if one is invalid. */
export function allOf<T>(entries: readonly unknown[], decode: (entry: unknown) => T | undefined): T[] | undefined {
  const all: T[] = [];
  for (const entry of entries) {
    const each = decode(entry);
    if (each === undefined) return undefined;
    all.push(each);
  }
  return all;
}

function hasTwice(named: readonly { readonly name: string }[]): boolean {
  return new Set(named.map(({ name }) => name)).size < named.length;
}

function poolTrafficOf(entry: unknown): PoolTraffic | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [name, requests, errors, inflight] = entry as unknown[];
  if (!isPoolOrNone(name) || !isSmallCount(requests) || !isSmallCount(errors) || !isSmallCount(inflight)) return undefined;
  const latency = latencyOf(entry);
  return latency && { name, requests, errors, inflight, latency };
}

function hostTrafficOf(entry: unknown): HostTraffic | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [name, attempts, errors, ejected] = entry as unknown[];
  if (!isHostId(name) || !isSmallCount(attempts) || !isSmallCount(errors) || !isReason(ejected)) return undefined;
  const latency = latencyOf(entry);
  return latency && { name, attempts, errors, latency, ...(ejected !== '' && { ejected }) };
}

/** Whether this may be shown on terminals and pages: short, without control or bidirectional characters. */
export function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_REASON && !/\p{C}/u.test(value);
}

/** The buckets of an entry, ascending and none of them empty; undefined if invalid. */
function latencyOf(entry: readonly unknown[]): SparseCounts | undefined {
  if (entry.length < FIXED || entry.length % 2 !== 0) return undefined;
  const latency: number[] = [];
  let last = -1;
  for (let at = FIXED; at < entry.length; at += 2) {
    const [bucket, count] = [entry[at], entry[at + 1]];
    if (!isCount(bucket) || bucket <= last || bucket >= LATENCY_BUCKETS || !isSmallCount(count) || count === 0) return undefined;
    latency.push(bucket, count);
    last = bucket;
  }
  return latency;
}
