// Where each figure of the host table lies in its SharedArrayBuffer. One column per figure, one slot per host.
// Each column has one writing thread, and there one place that writes it: the fleet thread's, `FleetColumns`, are
// written in fleet-cells.ts alone; the traffic thread's, `TrafficColumns`, in own-requests.ts and by its pool of hosts
// (lib/traffic/host/). All threads read all of them. A test keeps this (`checkColumnWriters`).

import { MAX_CLASSES } from '../model.js';
import { COUNTERS } from './counters.js';

/** The table's size: hosts beyond it are left out, and counted. */
export const DEFAULT_CAPACITY = 16_384;

/** Cells of the header, an Int32Array. The fleet thread writes them, but for `inflight`. */
export const HEADER = {
  /** Which of the two candidates' lists is in force: 0 or 1. */
  activeList: 0,
  /** Requests in flight on all hosts together; written by the traffic thread. */
  inflight: 2,
  /** 1 while so many hosts are out that all are candidates. */
  panic: 3,
  /** How many hosts of the candidates' list are not out; they come first in it. */
  well: 4,
} as const;

/** Cells of the second header, a Float64Array of the fleet thread's. */
export const WIDE_HEADER = {
  /** The stamp of the table in force; of its mastership the first 12 hex digits, as a number. */
  term: 0,
  seq: 1,
  mastership: 2,
  /** The highest term this process ever saw: it outlives a restart of the fleet thread. */
  highestTerm: 3,
  /** The seq of the last load message that this process sent, 0 before the first: it outlives a restart of the fleet thread. */
  loadSeq: 4,
} as const;

const HEADER_CELLS = 16;
const WIDE_HEADER_CELLS = 16;
const FLEET_CELLS = 16;

/** What the fleet thread alone writes: what the master said, and what follows from it. */
export interface FleetColumns {
  /** See `WIDE_HEADER`. */
  readonly wideHeader: Float64Array;
  /** Figures of the fleet as a whole; see `FLEET`. */
  readonly fleet: Float64Array;
  /** What a request of each class costs (ms of CPU), by this balancer's ids; NaN when not known. */
  readonly classCost: Float64Array;
  /** The two candidates' lists, used in turn: element 0 the count, then slots. */
  readonly lists: readonly [Int32Array, Int32Array];
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  readonly cores: Float64Array;
  readonly usage: Float64Array;
  readonly reportedAt: Float64Array;
  readonly state: Int32Array;
  /** 1: the host is down or ejected, and a candidate only in a panic. */
  readonly out: Int32Array;
  readonly fleetInflight: Int32Array;
  readonly likelyBogus: Int32Array;
  /** Since when a host warms up (process's clock); 0 when it need not. */
  readonly warmSince: Float64Array;
  /** What an operator said of a host, as a code of `OPERATOR_STATES`; it outlives a restart of the fleet thread. */
  readonly operator: Int32Array;
  /** What all balancers have in flight, and the work of it (ms of CPU), as the master last said. */
  readonly fleetWork: Float64Array;
  /** The same without this balancer's own part. */
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  readonly capacity: Float64Array;
  /** What the capacity was over the last seconds. */
  readonly capacityTrend: Float64Array;
  readonly speed: Float64Array;
}

/** What the traffic thread alone writes: its own requests, and what it holds against hosts. */
export interface TrafficColumns {
  /** What hosts said that requests took, by class: of how many, and their CPU added up (ms). */
  readonly saidCount: Float64Array;
  readonly saidMs: Float64Array;
  /** 1 while the traffic thread knows the host of this slot: only then may the host be picked. */
  readonly known: Int32Array;
  readonly inflight: Int32Array;
  readonly work: Float64Array;
  /** Requests that were answered too soon to be believed: they still count as in flight. */
  readonly phantomInflight: Int32Array;
  readonly served: Float64Array;
  /** When those in flight began, added up (process's clock), and how long those took that have ended, however. */
  readonly startSum: Float64Array;
  readonly elapsedSum: Float64Array;
  /** Of the requests served as they should be: their work (ms of CPU) and durations (ms), added up, and their products. */
  readonly workDone: Float64Array;
  readonly busyMs: Float64Array;
  readonly workSquares: Float64Array;
  readonly workByDuration: Float64Array;
  readonly durationSquares: Float64Array;
  /** Requests served by class, and their durations added up: `MAX_CLASSES` cells for each slot; the former wrap. */
  readonly servedByClass: Uint32Array;
  readonly busyByClass: Float64Array;
  /** Until when a pick passes the host over (process's clock): for the moments before the list is built anew, and after a refused connection. */
  readonly avoidUntil: Float64Array;
  /** Until when this balancer has ejected the host (process's clock); Infinity while its probes fail, 0 when it is not ejected. */
  readonly ejectedUntil: Float64Array;
  /** The share (0..1) of recent requests on the host that failed or were answered 5xx. */
  readonly failing: Float64Array;
  /** How long the host takes for its answers, as a multiple of what requests of their class take on average, lately; 0 while it has given none. */
  readonly pace: Float64Array;
  /** Answers, and their paces added up. */
  readonly answers: Float64Array;
  readonly paceSum: Float64Array;
}

/** Views of one shared table; every thread makes its own over the same buffer. */
export interface TableColumns extends FleetColumns, TrafficColumns {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  /** Each cell has its own writing thread; see `HEADER`. */
  readonly header: Int32Array;
  /** Each counter has its own writing thread; see counters.ts. */
  readonly counters: Float64Array;
}

const WIDE_COLUMNS = 27 + MAX_CLASSES;
const NARROW_COLUMNS = 8 + MAX_CLASSES;

function sizeOf(capacity: number): number {
  const wide = WIDE_HEADER_CELLS + COUNTERS.length + FLEET_CELLS + 3 * MAX_CLASSES + WIDE_COLUMNS * capacity;
  const narrow = HEADER_CELLS + 2 * (capacity + 1) + NARROW_COLUMNS * capacity;
  return wide * 8 + narrow * 4;
}

/** A new, empty table. Memory is taken from the system only where it is written. */
export function createTable(capacity: number = DEFAULT_CAPACITY): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(sizeOf(capacity));
  const { fleet, classCost } = openTable(buffer);
  fleet.fill(Number.NaN);
  classCost.fill(Number.NaN);
  return buffer;
}

/** The views of a table made by {@link createTable}. */
export function openTable(buffer: SharedArrayBuffer): TableColumns {
  const fixed = sizeOf(0);
  const capacity = (buffer.byteLength - fixed) / (sizeOf(1) - fixed);
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
  // Eight-byte columns first: they must be aligned.
  return {
    buffer,
    slots: capacity,
    wideHeader: wide(WIDE_HEADER_CELLS),
    counters: wide(COUNTERS.length),
    fleet: wide(FLEET_CELLS),
    classCost: wide(MAX_CLASSES),
    saidCount: wide(MAX_CLASSES),
    saidMs: wide(MAX_CLASSES),
    cpu: wide(capacity),
    memory: wide(capacity),
    cores: wide(capacity),
    usage: wide(capacity),
    reportedAt: wide(capacity),
    served: wide(capacity),
    avoidUntil: wide(capacity),
    ejectedUntil: wide(capacity),
    failing: wide(capacity),
    pace: wide(capacity),
    answers: wide(capacity),
    paceSum: wide(capacity),
    warmSince: wide(capacity),
    fleetWork: wide(capacity),
    othersInflight: wide(capacity),
    othersWork: wide(capacity),
    capacity: wide(capacity),
    capacityTrend: wide(capacity),
    speed: wide(capacity),
    work: wide(capacity),
    startSum: wide(capacity),
    elapsedSum: wide(capacity),
    workDone: wide(capacity),
    busyMs: wide(capacity),
    workSquares: wide(capacity),
    workByDuration: wide(capacity),
    durationSquares: wide(capacity),
    busyByClass: wide(capacity * MAX_CLASSES),
    header: narrow(HEADER_CELLS),
    lists: [narrow(capacity + 1), narrow(capacity + 1)],
    state: narrow(capacity),
    out: narrow(capacity),
    fleetInflight: narrow(capacity),
    likelyBogus: narrow(capacity),
    operator: narrow(capacity),
    known: narrow(capacity),
    inflight: narrow(capacity),
    phantomInflight: narrow(capacity),
    servedByClass: unsigned(capacity * MAX_CLASSES),
  };
}
