// Counts what requests and hosts did, for metrics and people: answers by pool, method and status, latencies in buckets,
// bytes. Only additions to the shared table, nothing is allocated; every write to these columns is a function of this file.

import { bucketOf, LATENCY_BUCKETS } from './latency-buckets.js';
import { MAX_POOLS } from '../model.js';
import { CODE_CELLS, METHOD_CELLS, type TableColumns, TRAFFIC_TOTAL } from './layout.js';

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The methods that are counted by name, and the rest. */
export const METHOD_LABELS: readonly string[] = [...METHODS, '_other'];

const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** The status codes that IANA has registered and a host may answer with: each is counted by itself. */
const CODES: readonly number[] = [
  101,
  ...from(200, 208),
  226,
  ...from(300, 305),
  ...[307, 308],
  ...from(400, 417),
  ...from(421, 426),
  ...[428, 429, 431, 451],
  ...from(500, 508),
  ...[510, 511],
];

/** The labels of the code cells; `none`: the client got no answer. */
export const CODE_LABELS: readonly string[] = ['none', ...CODES.map(String), '_other'];

const OTHER_CODE = CODE_LABELS.length - 1;
const CELL_OF_CODE = new Uint8Array(1000).fill(OTHER_CODE);
CELL_OF_CODE[0] = 0;
for (const [i, code] of CODES.entries()) CELL_OF_CODE[code] = 1 + i;

/** Where the answers to requests that no route led to a pool are counted. */
export const NO_POOL_INDEX = MAX_POOLS;

/** The cell of `answers` for requests to a pool, as an index of `METHOD_LABELS` and one of `CODE_LABELS`. */
export function answersCell(pool: number, method: number, code: number): number {
  return (pool * METHOD_CELLS + method) * CODE_CELLS + code;
}

/**
 * Counts the end of a request.
 * @param pool its index; `NO_POOL_INDEX` without one
 * @param status of the answer; 0 for none
 * @param isError whether the client lacks what it asked for, and not through its own fault: no answer, a part of one, or a 5xx
 * @param durationMs from its head to the end of the answer; NaN for upgrades and streams, whose length says nothing
 */
export function recordAnswer(
  { answers, poolErrors, poolLatency, poolLatencySumMs, trafficTotals }: TableColumns,
  pool: number,
  method: string,
  status: number,
  isError: boolean,
  durationMs: number,
  bytesIn: number,
  bytesOut: number,
): void {
  const named = METHODS.indexOf(method);
  const cell = answersCell(pool, named < 0 ? METHOD_LABELS.length - 1 : named, CELL_OF_CODE[status] ?? OTHER_CODE);
  answers[cell] = (answers[cell] as number) + 1;
  trafficTotals[TRAFFIC_TOTAL.bytesIn] = (trafficTotals[TRAFFIC_TOTAL.bytesIn] as number) + bytesIn;
  trafficTotals[TRAFFIC_TOTAL.bytesOut] = (trafficTotals[TRAFFIC_TOTAL.bytesOut] as number) + bytesOut;
  if (isError) poolErrors[pool] = (poolErrors[pool] as number) + 1;
  if (Number.isNaN(durationMs)) return;
  const bucket = pool * LATENCY_BUCKETS + bucketOf(durationMs);
  poolLatency[bucket] = (poolLatency[bucket] as number) + 1;
  poolLatencySumMs[pool] = (poolLatencySumMs[pool] as number) + durationMs;
}

/** Counts an attempt that begins on a host: a pick. */
export function recordAttempt({ attempts }: TableColumns, slot: number): void {
  attempts[slot] = (attempts[slot] as number) + 1;
}

/** Counts an attempt that failed through the host, or was answered 5xx. */
export function recordHostError({ hostErrors }: TableColumns, slot: number): void {
  hostErrors[slot] = (hostErrors[slot] as number) + 1;
}

/** Counts how long a host took for a request: its own turns, not the client's. */
export function recordHostLatency({ hostLatency, hostLatencySumMs }: TableColumns, slot: number, ms: number): void {
  const bucket = slot * LATENCY_BUCKETS + bucketOf(ms);
  hostLatency[bucket] = (hostLatency[bucket] as number) + 1;
  hostLatencySumMs[slot] = (hostLatencySumMs[slot] as number) + ms;
}

/** Writes how many requests wait for room on a host. */
export function setQueued({ queued }: TableColumns, slot: number, count: number): void {
  queued[slot] = count;
}

/** Adds or removes open requests: those whose head was read and whose end was not recorded. */
export function countOpenRequests({ openRequests }: TableColumns, pool: number, by: 1 | -1): void {
  openRequests[pool] = (openRequests[pool] as number) + by;
}

/** Writes how many client connections are open, and how many of them speak HTTP/2. */
export function setConnections({ trafficTotals }: TableColumns, count: number, http2Count: number): void {
  trafficTotals[TRAFFIC_TOTAL.connections] = count;
  trafficTotals[TRAFFIC_TOTAL.http2Connections] = http2Count;
}

/** Writes how late the event loop that serves requests was in the last second: mean, 99th percentile and maximum, in ms. */
export function setLoopLag(
  { trafficTotals }: TableColumns,
  { meanMs, p99Ms, maxMs }: { readonly meanMs: number; readonly p99Ms: number; readonly maxMs: number },
): void {
  trafficTotals[TRAFFIC_TOTAL.loopLagMeanMs] = meanMs;
  trafficTotals[TRAFFIC_TOTAL.loopLagP99Ms] = p99Ms;
  trafficTotals[TRAFFIC_TOTAL.loopLagMaxMs] = maxMs;
}

/** Resets the cells of a pool's index for a new pool; it has no open requests. */
export function clearPoolTraffic({ answers, poolErrors, poolLatency, poolLatencySumMs }: TableColumns, pool: number): void {
  poolErrors[pool] = poolLatencySumMs[pool] = 0;
  answers.fill(0, answersCell(pool, 0, 0), answersCell(pool + 1, 0, 0));
  poolLatency.fill(0, pool * LATENCY_BUCKETS, (pool + 1) * LATENCY_BUCKETS);
}

/** Resets the cells of a slot for a new host. */
export function clearHostTraffic({ attempts, hostErrors, hostLatency, hostLatencySumMs, queued }: TableColumns, slot: number): void {
  attempts[slot] = hostErrors[slot] = hostLatencySumMs[slot] = queued[slot] = 0;
  hostLatency.fill(0, slot * LATENCY_BUCKETS, (slot + 1) * LATENCY_BUCKETS);
}
