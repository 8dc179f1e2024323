// The layout of the host table in its SharedArrayBuffer: one column per figure, one slot per host. Each column has one
// writing thread and one place that writes it: fleet-cells.ts writes the fleet thread's `FleetColumns`; own-requests.ts,
// traffic-cells.ts and known-hosts.ts (lib/traffic/host/) write the traffic thread's `TrafficColumns`. All threads read
// all columns. A test enforces this (`checkColumnWriters`).

import { LATENCY_BUCKETS } from './latency-buckets.js';
import { MAX_CLASSES, MAX_POOLS } from '../model.js';
import { SHARE_CELLS } from '../routing/fleet-limit.js';
import { COUNTERS } from './counters.js';

/** Default number of slots; further hosts are left out and counted. */
export const DEFAULT_SLOTS = 16_384;

/** Cells of the header, an Int32Array. The fleet thread writes all of them except `inflight`. */
export const HEADER = {
  /** Which of the two candidate lists is in force: 0 or 1. */
  activeList: 0,
  /** Requests in flight on all hosts; written by the traffic thread. */
  inflight: 2,
} as const;

/** Cells of each pool in `poolHeader`, an Int32Array written by the fleet thread. */
export const POOL_HEADER = {
  /** 1 in panic mode: too many hosts are out, so all are candidates. */
  panic: 0,
  /** Number of healthy hosts in the candidate list; they come first. */
  well: 1,
  /** Where the pool's list begins in each of the two candidate lists; 0, an empty list, before the first. */
  start0: 2,
  start1: 3,
  /** Changes with each new candidate list, and wraps. Odd: the candidates' weights differ. */
  epoch: 4,
} as const;

/** Number of cells of each pool in `poolHeader`. */
export const POOL_HEADER_CELLS = 8;

/** Number of cells of each pool in `fleet`. */
export const FLEET_CELLS = 16;

/** Number of methods that are counted apart in `answers`; see traffic-cells.ts. */
export const METHOD_CELLS = 8;

/** Number of cells for status codes of each pool and method in `answers`; see traffic-cells.ts. */
export const CODE_CELLS = 64;

/** Cells of `trafficTotals`, a Float64Array written by the traffic thread. */
export const TRAFFIC_TOTAL = {
  /** Bytes of bodies and tunnels, from clients and to them. */
  bytesIn: 0,
  bytesOut: 1,
  /** Open connections of clients. */
  connections: 2,
  /** How late the event loop was in the last second, in ms. */
  loopLagMeanMs: 3,
  loopLagP99Ms: 4,
  loopLagMaxMs: 5,
  /** The open connections that speak HTTP/2. */
  http2Connections: 6,
} as const;

const TRAFFIC_TOTAL_CELLS = 8;

/** Pools, and one more for requests that belong to none. */
const POOL_ROWS = MAX_POOLS + 1;

/** The pool of a host that is in none: it is never a candidate. */
export const NO_POOL = -1;

/** Cells of the second header, a Float64Array written by the fleet thread. */
export const WIDE_HEADER = {
  /** The stamp of the table in force; its mastership as a number, the first 12 hex digits. */
  term: 0,
  seq: 1,
  mastership: 2,
  /** The highest term this process ever saw; survives a restart of the fleet thread. */
  highestTerm: 3,
  /** The seq of this process's last load message, 0 before the first; survives a restart of the fleet thread. */
  loadSeq: 4,
} as const;

const HEADER_CELLS = 16;
const WIDE_HEADER_CELLS = 16;
/** Columns that only the fleet thread writes: the master's figures and values derived from them. */
export interface FleetColumns {
  /** See `WIDE_HEADER`. */
  readonly wideHeader: Float64Array;
  /** See `POOL_HEADER`; `POOL_HEADER_CELLS` for each pool. */
  readonly poolHeader: Int32Array;
  /** Figures of each pool over the whole fleet, `FLEET_CELLS` for each; see `FLEET`. */
  readonly fleet: Float64Array;
  /** The cost of a request by this balancer's class id, in ms of CPU; NaN when unknown. */
  readonly classCost: Float64Array;
  /** The two candidate lists, used alternately. Cell 0 is an empty list; those of the pools follow: a count, then slots. */
  readonly lists: readonly [Int32Array, Int32Array];
  /** The index of the host's pool; `NO_POOL` if the host is in none. */
  readonly pool: Int32Array;
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  readonly cores: Float64Array;
  readonly usage: Float64Array;
  readonly reportedAt: Float64Array;
  readonly state: Int32Array;
  /** 1 when the host is down or ejected, and a candidate only in panic mode. */
  readonly out: Int32Array;
  readonly fleetInflight: Int32Array;
  /** The fleet's long-lived requests, and those of the other balancers. */
  readonly fleetLongLived: Int32Array;
  readonly othersLongLived: Int32Array;
  /** Since when a host has been warming up (process clock); 0 if it is not. */
  readonly warmSince: Float64Array;
  /** An operator's setting as a code of `OPERATOR_STATES`; survives a restart of the fleet thread. */
  readonly operator: Int32Array;
  /** The whole fleet's work in flight (ms of CPU), as the master last published it. */
  readonly fleetWork: Float64Array;
  /** The same without this balancer's own part: requests, and their work. */
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  readonly capacity: Float64Array;
  readonly speed: Float64Array;
  /** The host's weight, as the site says; 1 is usual. */
  readonly weight: Float64Array;
}

/** Columns that only the traffic thread writes: its own requests, and its verdicts on hosts. */
export interface TrafficColumns {
  /** By class id: the number of requests whose CPU time hosts reported, and the sum of it (ms). */
  readonly reportedCostCount: Float64Array;
  readonly reportedCostMs: Float64Array;
  /** 1 while the traffic thread knows the host of this slot: only then may the host be picked. */
  readonly known: Int32Array;
  /** All requests in flight, for limits, drains and operators. */
  readonly inflight: Int32Array;
  /** Those whose host owes the next byte, and their expected work (ms of CPU). */
  readonly awaited: Int32Array;
  readonly work: Float64Array;
  /** Long-lived requests in flight: upgrades and streams. They are not among the awaited ones. */
  readonly longLived: Int32Array;
  readonly served: Float64Array;
  /** Sum of the times since which requests are awaited (process clock), and of the lengths of all turns of the host that ended. */
  readonly startSum: Float64Array;
  readonly elapsedSum: Float64Array;
  /** Sums over successful requests: work (ms of CPU), durations (ms), and their squares and products. */
  readonly workDone: Float64Array;
  readonly busyMs: Float64Array;
  readonly workSquares: Float64Array;
  readonly workByDuration: Float64Array;
  readonly durationSquares: Float64Array;
  /** Requests served by class of the host's pool, and the sum of their durations: `MAX_CLASSES` cells per slot; the counts wrap. */
  readonly servedByClass: Uint32Array;
  readonly busyByClass: Float64Array;
  /** Until when picks avoid the host (process clock): after a refused connection, and until the list is rebuilt. */
  readonly avoidUntil: Float64Array;
  /** Until when this balancer has ejected the host (process clock); Infinity while its probes fail, 0 when not ejected. */
  readonly ejectedUntil: Float64Array;
  /** Fraction (0..1) of recent requests on the host that failed or were answered 5xx. */
  readonly failing: Float64Array;
  /** See `TRAFFIC_TOTAL`. */
  readonly trafficTotals: Float64Array;
  /** Answers by pool index, method and status; see `answersCell`. The last row is for requests that belong to no pool. */
  readonly answers: Float64Array;
  /** By pool index, with one more row as above: requests that ended without an answer or with a 5xx. */
  readonly poolErrors: Float64Array;
  /** By pool index: durations of requests, `LATENCY_BUCKETS` cells each, and their sum (ms). */
  readonly poolLatency: Float64Array;
  readonly poolLatencySumMs: Float64Array;
  /** By pool index: requests that were begun and have not ended, waiting ones too. */
  readonly openRequests: Int32Array;
  /** By slot: attempts that began, and those that failed or were answered 5xx. */
  readonly attempts: Float64Array;
  readonly hostErrors: Float64Array;
  /** By slot: how long the host took, `LATENCY_BUCKETS` cells each (they wrap), and the sum (ms). */
  readonly hostLatency: Uint32Array;
  readonly hostLatencySumMs: Float64Array;
  /** By slot: requests that wait for room on the host. */
  readonly queued: Int32Array;
}

/** Views of one shared table; every thread creates its own over the same buffer. */
export interface TableColumns extends FleetColumns, TrafficColumns {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  /** Each cell has its own writing thread; see `HEADER`. */
  readonly header: Int32Array;
  /** Each counter has its own writing thread; see counters.ts. */
  readonly counters: Float64Array;
  /** The pools' shares of their limits over the fleet, `SHARE_CELLS` for each. Each cell has its own writing thread; see `SHARE_CELL`. */
  readonly shares: Float64Array;
}

const WIDE_COLUMNS = 27 + MAX_CLASSES;
const NARROW_COLUMNS = 12 + MAX_CLASSES + LATENCY_BUCKETS;

/** Wide cells of each row of pools. */
const WIDE_POOL_CELLS = METHOD_CELLS * CODE_CELLS + LATENCY_BUCKETS + 2;

/** Cells of a candidate list besides the slots: an empty list, and the counts of the pools. */
const LIST_HEADS = 1 + MAX_POOLS;

function sizeOf(slots: number): number {
  const wide =
    WIDE_HEADER_CELLS +
    TRAFFIC_TOTAL_CELLS +
    COUNTERS.length +
    WIDE_POOL_CELLS * POOL_ROWS +
    (FLEET_CELLS + SHARE_CELLS + 3 * MAX_CLASSES) * MAX_POOLS +
    WIDE_COLUMNS * slots;
  const narrow = HEADER_CELLS + POOL_ROWS + POOL_HEADER_CELLS * MAX_POOLS + 2 * (LIST_HEADS + slots) + NARROW_COLUMNS * slots;
  return wide * 8 + narrow * 4;
}

/** Creates an empty table. The system allocates memory only for pages that are written. */
export function createTable(slots: number = DEFAULT_SLOTS): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(sizeOf(slots));
  clearPool(openTable(buffer), 0);
  return buffer;
}

/** Resets the cells of a pool: nothing is known, and it has no candidates. */
export function clearPool(columns: FleetColumns & Pick<TableColumns, 'shares'>, pool: number): void {
  shareCellsOf(columns, pool).fill(0);
  columns.fleet.fill(Number.NaN, pool * FLEET_CELLS, (pool + 1) * FLEET_CELLS);
  columns.classCost.fill(Number.NaN, firstClassOf(pool), firstClassOf(pool + 1));
  columns.poolHeader.fill(0, pool * POOL_HEADER_CELLS, (pool + 1) * POOL_HEADER_CELLS);
}

/** The class ids of a pool begin here: a class id says to which pool it belongs. */
export function firstClassOf(pool: number): number {
  return pool * MAX_CLASSES;
}

/** The pool of a class id. */
export function poolOfClass(classId: number): number {
  return Math.floor(classId / MAX_CLASSES);
}

/** The part of `fleet` that belongs to a pool. */
export function fleetOf({ fleet }: Pick<FleetColumns, 'fleet'>, pool: number): Float64Array {
  return fleet.subarray(pool * FLEET_CELLS, (pool + 1) * FLEET_CELLS);
}

/** The part of `shares` that belongs to a pool. */
export function shareCellsOf({ shares }: Pick<TableColumns, 'shares'>, pool: number): Float64Array {
  return shares.subarray(pool * SHARE_CELLS, (pool + 1) * SHARE_CELLS);
}

/** Opens views of a table made by {@link createTable}. */
export function openTable(buffer: SharedArrayBuffer): TableColumns {
  const fixed = sizeOf(0);
  const slots = (buffer.byteLength - fixed) / (sizeOf(1) - fixed);
  let offset = 0;
  const wide = (cells: number): Float64Array => {
    const view = new Float64Array(buffer, offset, cells);
    offset += cells * 8;
    return view;
  };
  const narrow = (cells: number): Int32Array => {
    const view = new Int32Array(buffer, offset, cells);
    offset += cells * 4;
    return view;
  };
  const unsigned = (cells: number): Uint32Array => {
    const view = new Uint32Array(buffer, offset, cells);
    offset += cells * 4;
    return view;
  };
  // Eight-byte columns first, for alignment.
  return {
    buffer,
    slots,
    wideHeader: wide(WIDE_HEADER_CELLS),
    counters: wide(COUNTERS.length),
    fleet: wide(FLEET_CELLS * MAX_POOLS),
    shares: wide(SHARE_CELLS * MAX_POOLS),
    trafficTotals: wide(TRAFFIC_TOTAL_CELLS),
    answers: wide(METHOD_CELLS * CODE_CELLS * POOL_ROWS),
    poolErrors: wide(POOL_ROWS),
    poolLatency: wide(LATENCY_BUCKETS * POOL_ROWS),
    poolLatencySumMs: wide(POOL_ROWS),
    classCost: wide(MAX_CLASSES * MAX_POOLS),
    reportedCostCount: wide(MAX_CLASSES * MAX_POOLS),
    reportedCostMs: wide(MAX_CLASSES * MAX_POOLS),
    cpu: wide(slots),
    memory: wide(slots),
    cores: wide(slots),
    usage: wide(slots),
    reportedAt: wide(slots),
    served: wide(slots),
    avoidUntil: wide(slots),
    ejectedUntil: wide(slots),
    failing: wide(slots),
    warmSince: wide(slots),
    fleetWork: wide(slots),
    othersInflight: wide(slots),
    othersWork: wide(slots),
    capacity: wide(slots),
    speed: wide(slots),
    weight: wide(slots),
    work: wide(slots),
    startSum: wide(slots),
    elapsedSum: wide(slots),
    workDone: wide(slots),
    busyMs: wide(slots),
    workSquares: wide(slots),
    workByDuration: wide(slots),
    durationSquares: wide(slots),
    busyByClass: wide(slots * MAX_CLASSES),
    attempts: wide(slots),
    hostErrors: wide(slots),
    hostLatencySumMs: wide(slots),
    header: narrow(HEADER_CELLS),
    poolHeader: narrow(POOL_HEADER_CELLS * MAX_POOLS),
    lists: [narrow(LIST_HEADS + slots), narrow(LIST_HEADS + slots)],
    pool: narrow(slots),
    state: narrow(slots),
    out: narrow(slots),
    fleetInflight: narrow(slots),
    fleetLongLived: narrow(slots),
    othersLongLived: narrow(slots),
    operator: narrow(slots),
    known: narrow(slots),
    inflight: narrow(slots),
    awaited: narrow(slots),
    longLived: narrow(slots),
    queued: narrow(slots),
    openRequests: narrow(POOL_ROWS),
    servedByClass: unsigned(slots * MAX_CLASSES),
    hostLatency: unsigned(slots * LATENCY_BUCKETS),
  };
}
