// Writes the fleet thread's cells of the shared table: every write to them is a function of this file. Callers compute
// the values; here only rows are converted into cells. own-requests.ts and known-hosts.ts write the traffic thread's
// cells; layout.ts says who owns which.

import { type FiguresRow, FLEET, HOST_STATES, type HostRow, type LoadRow, type Stamp } from '../model.js';
import { usageOf } from '../routing/usage.js';
import { FLEET_CELLS, type FleetColumns, HEADER, POOL_HEADER, POOL_HEADER_CELLS, type TableColumns, WIDE_HEADER } from './layout.js';
import { shortMastership } from './stamp.js';

const STATE_UP = HOST_STATES.indexOf('up');

/**
 * Writes a row's figures; true when the host's state or weight changed. `nowMs` is its arrival (process clock), from which its
 * age is counted back.
 */
export function writeRow(columns: FleetColumns, slot: number, row: HostRow, nowMs: number): boolean {
  writeFigures(columns, slot, row, nowMs);
  writeLoad(columns, slot, row);
  const state = HOST_STATES.indexOf(row.state);
  const { weight = 1 } = row;
  const hasChanged = columns.state[slot] !== state || columns.weight[slot] !== weight;
  columns.state[slot] = state;
  columns.weight[slot] = weight;
  return hasChanged;
}

/** Writes an agent's figures; see `writeRow` for `nowMs`. */
export function writeFigures(columns: FleetColumns, slot: number, { cpu, memory, cores, ageMs }: FiguresRow, nowMs: number): void {
  columns.cpu[slot] = cpu ?? Number.NaN;
  columns.memory[slot] = memory ?? Number.NaN;
  columns.cores[slot] = cores ?? Number.NaN;
  columns.usage[slot] = usageOf(cpu, memory);
  columns.reportedAt[slot] = ageMs === null ? Number.NaN : nowMs - ageMs;
}

/** Writes the part of a row that changes many times a second. */
export function writeLoad(columns: FleetColumns, slot: number, row: LoadRow): void {
  columns.fleetInflight[slot] = row.inflight;
  columns.fleetWork[slot] = row.work;
  columns.fleetLongLived[slot] = row.longLived;
  columns.capacity[slot] = row.capacity ?? Number.NaN;
  columns.speed[slot] = row.speed ?? Number.NaN;
}

/** Resets a slot for a new host: up, without figures or warm-up. */
export function clearRow(columns: FleetColumns, slot: number): void {
  forgetFigures(columns, slot);
  columns.cores[slot] = Number.NaN;
  columns.fleetInflight[slot] = columns.fleetWork[slot] = columns.othersInflight[slot] = columns.othersWork[slot] = 0;
  columns.fleetLongLived[slot] = columns.othersLongLived[slot] = 0;
  columns.warmSince[slot] = columns.operator[slot] = 0;
  columns.weight[slot] = 1;
}

/** Discards the figures of a host that stays: it is up, with nothing known. */
export function forgetFigures(columns: FleetColumns, slot: number): void {
  columns.cpu[slot] = columns.memory[slot] = columns.usage[slot] = columns.reportedAt[slot] = Number.NaN;
  columns.capacity[slot] = columns.speed[slot] = Number.NaN;
  columns.state[slot] = STATE_UP;
}

/** Writes an operator's setting of a host, as a code; see `OPERATOR_STATES`. */
export function setOperator({ operator }: FleetColumns, slot: number, code: number): void {
  operator[slot] = code;
}

/** Writes the other balancers' requests in flight on a host, their work (ms of CPU), and their long-lived requests. */
export function setOthers(columns: FleetColumns, slot: number, inflight: number, work: number, longLived = 0): void {
  columns.othersInflight[slot] = inflight;
  columns.othersWork[slot] = work;
  columns.othersLongLived[slot] = longLived;
}

/** Starts a host's warm-up (process clock). */
export function setWarmSince({ warmSince }: FleetColumns, slot: number, nowMs: number): void {
  warmSince[slot] = nowMs;
}

/** Marks a host as down or ejected: then it is a candidate only in panic mode. */
export function setOut({ out }: FleetColumns, slot: number, isOut: boolean): void {
  out[slot] = isOut ? 1 : 0;
}

/** Writes a host's weight; true when it changed. */
export function setWeight({ weight }: FleetColumns, slot: number, value: number): boolean {
  if (weight[slot] === value) return false;
  weight[slot] = value;
  return true;
}

/** Writes the pool that a host belongs to, as its index. */
export function setPool({ pool }: FleetColumns, slot: number, index: number): void {
  pool[slot] = index;
}

/** Writes a figure of a pool over the whole fleet; NaN when unknown. */
export function setFleetFigure({ fleet }: FleetColumns, figure: keyof typeof FLEET, value: number, pool = 0): void {
  fleet[pool * FLEET_CELLS + FLEET[figure]] = value;
}

/** Writes the cost of a request of a class (ms of CPU); NaN when unknown. */
export function setClassCost({ classCost }: FleetColumns, classId: number, costMs: number): void {
  classCost[classId] = costMs;
}

/** Writes the stamp of the table now in force. */
export function writeStamp({ wideHeader }: FleetColumns, { term, mastership, seq }: Stamp): void {
  wideHeader[WIDE_HEADER.term] = term;
  wideHeader[WIDE_HEADER.seq] = seq;
  wideHeader[WIDE_HEADER.mastership] = shortMastership(mastership);
}

/** Writes the highest term that this process ever saw. */
export function setHighestTerm({ wideHeader }: FleetColumns, term: number): void {
  wideHeader[WIDE_HEADER.highestTerm] = term;
}

/** Writes the seq of the last load message that this process sent. */
export function setLoadSeq({ wideHeader }: FleetColumns, seq: number): void {
  wideHeader[WIDE_HEADER.loadSeq] = seq;
}

/** The candidates of one pool. */
export interface Candidates {
  /** The index of the pool. */
  readonly pool: number;
  /** Element 0 is the count, then the slots follow, healthy ones first. */
  readonly list: Int32Array;
  /** Number of healthy candidates. */
  readonly well: number;
  /** Whether panic mode is on: too many hosts are out, so all are candidates. */
  readonly isPanic: boolean;
  /** Whether the candidates' weights differ. */
  readonly isWeighted: boolean;
}

/** Publishes the lists of all pools atomically: copies them into the inactive buffer, then switches readers over. */
export function putInForce(
  { header, poolHeader, lists }: Pick<TableColumns, 'header' | 'poolHeader' | 'lists'>,
  pools: readonly Candidates[],
): void {
  const next = Atomics.load(header, HEADER.activeList) === 0 ? 1 : 0;
  // Cell 0 is the list of pools that have none.
  let start = 1;
  for (const { pool, list, well, isPanic } of pools) {
    const length = 1 + (list[0] as number);
    lists[next].set(list.subarray(0, length), start);
    const cells = pool * POOL_HEADER_CELLS;
    poolHeader[cells + POOL_HEADER.start0 + next] = start;
    poolHeader[cells + POOL_HEADER.well] = well;
    poolHeader[cells + POOL_HEADER.panic] = isPanic ? 1 : 0;
    start += length;
  }
  Atomics.store(header, HEADER.activeList, next);
  // Afterwards: whoever sees the new epoch sees the new list.
  for (const { pool, isWeighted } of pools) {
    const cell = pool * POOL_HEADER_CELLS + POOL_HEADER.epoch;
    poolHeader[cell] = ((poolHeader[cell] as number) & ~1) + (isWeighted ? 3 : 2);
  }
}
