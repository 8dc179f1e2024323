// The fleet thread's cells of the shared table: every write to them, of whatever part of that thread, is a function of
// this file. Who calls one has worked the value out; nothing is worked out here but what a cell makes of a row. The
// traffic thread's cells are written in own-requests.ts and by its pool of hosts; see layout.ts for who has which.

import { type FiguresRow, FLEET, HOST_STATES, type HostRow, type LoadRow, type Stamp } from '../model.js';
import { usageOf } from '../routing/usage.js';
import { type FleetColumns, HEADER, type TableColumns, WIDE_HEADER } from './layout.js';
import { shortMastership } from './stamp.js';

const STATE_UP = HOST_STATES.indexOf('up');

/** Writes a row's figures; `nowMs` is when it arrived (process's clock), and its age is counted back from there. True when the host's state is another one than before. */
export function writeRow(columns: FleetColumns, slot: number, row: HostRow, nowMs: number): boolean {
  writeFigures(columns, slot, row, nowMs);
  writeLoad(columns, slot, row);
  const state = HOST_STATES.indexOf(row.state);
  const hasChanged = columns.state[slot] !== state;
  columns.state[slot] = state;
  return hasChanged;
}

/** Writes what an agent said; see `writeRow` for `nowMs`. */
export function writeFigures(columns: FleetColumns, slot: number, { cpu, memory, cores, ageMs }: FiguresRow, nowMs: number): void {
  columns.cpu[slot] = cpu ?? Number.NaN;
  columns.memory[slot] = memory ?? Number.NaN;
  columns.cores[slot] = cores ?? Number.NaN;
  columns.usage[slot] = usageOf(cpu, memory);
  columns.reportedAt[slot] = ageMs === null ? Number.NaN : nowMs - ageMs;
}

/** Writes what changes of a host many times a second. */
export function writeLoad(columns: FleetColumns, slot: number, row: LoadRow): void {
  columns.fleetInflight[slot] = row.inflight;
  columns.fleetWork[slot] = row.work;
  columns.capacity[slot] = row.capacity ?? Number.NaN;
  columns.speed[slot] = row.speed ?? Number.NaN;
}

/** Makes a slot that of a host of which nothing is known: it is up, and need not warm up. */
export function clearRow(columns: FleetColumns, slot: number): void {
  forgetFigures(columns, slot);
  columns.cores[slot] = Number.NaN;
  columns.fleetInflight[slot] =
    columns.likelyBogus[slot] =
    columns.fleetWork[slot] =
    columns.othersInflight[slot] =
    columns.othersWork[slot] =
      0;
  columns.warmSince[slot] = columns.operator[slot] = 0;
}

/** Forgets what its agent and the master said of a host that stays: it is up again, with no figures. */
export function forgetFigures(columns: FleetColumns, slot: number): void {
  columns.cpu[slot] = columns.memory[slot] = columns.usage[slot] = columns.reportedAt[slot] = Number.NaN;
  columns.capacity[slot] = columns.capacityTrend[slot] = columns.speed[slot] = Number.NaN;
  columns.state[slot] = STATE_UP;
}

/** Whether the master calls the host of a slot too quick to be believed. */
export function setLikelyBogus({ likelyBogus }: FleetColumns, slot: number, isQuick: boolean): void {
  likelyBogus[slot] = isQuick ? 1 : 0;
}

/** What an operator said of a host, as a code; see `OPERATOR_STATES`. */
export function setOperator({ operator }: FleetColumns, slot: number, code: number): void {
  operator[slot] = code;
}

/** What all other balancers have in flight on a host, and the work of it (ms of CPU). */
export function setOthers({ othersInflight, othersWork }: FleetColumns, slot: number, inflight: number, work: number): void {
  othersInflight[slot] = inflight;
  othersWork[slot] = work;
}

/** What a host's capacity was over the last seconds. */
export function setCapacityTrend({ capacityTrend }: FleetColumns, slot: number, trend: number): void {
  capacityTrend[slot] = trend;
}

/** A host that comes into the candidates' list warms up from now on (process's clock). */
export function setWarmSince({ warmSince }: FleetColumns, slot: number, nowMs: number): void {
  warmSince[slot] = nowMs;
}

/** Whether a host is down or ejected: then it is a candidate only in a panic. */
export function setOut({ out }: FleetColumns, slot: number, isOut: boolean): void {
  out[slot] = isOut ? 1 : 0;
}

/** A figure of the fleet as a whole; NaN when it is not known. */
export function setFleetFigure({ fleet }: FleetColumns, figure: keyof typeof FLEET, value: number): void {
  fleet[FLEET[figure]] = value;
}

/** What a request of a class costs (ms of CPU); NaN when that is not known. */
export function setClassCost({ classCost }: FleetColumns, classId: number, costMs: number): void {
  classCost[classId] = costMs;
}

/** The stamp of the table that is in force from now on. */
export function writeStamp({ wideHeader }: FleetColumns, { term, mastership, seq }: Stamp): void {
  wideHeader[WIDE_HEADER.term] = term;
  wideHeader[WIDE_HEADER.seq] = seq;
  wideHeader[WIDE_HEADER.mastership] = shortMastership(mastership);
}

/** The highest term that this process ever saw. */
export function setHighestTerm({ wideHeader }: FleetColumns, term: number): void {
  wideHeader[WIDE_HEADER.highestTerm] = term;
}

/** The seq of the last load message that this process sent. */
export function setLoadSeq({ wideHeader }: FleetColumns, seq: number): void {
  wideHeader[WIDE_HEADER.loadSeq] = seq;
}

/** A list of candidates. */
export interface Candidates {
  /** Element 0 is the count, then come the slots, those that are well first. */
  readonly list: Int32Array;
  /** How many are well. */
  readonly well: number;
  /** Whether so many hosts are out that all are candidates. */
  readonly isPanic: boolean;
}

/** Puts a list in force at one stroke: it is copied into the one that nobody reads, and readers turn to that. */
export function putInForce({ header, lists }: Pick<TableColumns, 'header' | 'lists'>, { list, well, isPanic }: Candidates): void {
  const next = Atomics.load(header, HEADER.activeList) === 0 ? 1 : 0;
  lists[next].set(list.subarray(0, 1 + (list[0] as number)));
  header[HEADER.well] = well;
  header[HEADER.panic] = isPanic ? 1 : 0;
  Atomics.store(header, HEADER.activeList, next);
}
