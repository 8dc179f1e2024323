// A host's row and its cells in the shared table: one written into the other, and back. What is not known
// is NaN in a cell and null in a row.

import { type FiguresRow, HOST_STATES, type HostRow, type LoadRow } from '../model.js';
import { usageOf } from '../routing/usage.js';
import type { TableColumns } from './layout.js';

const STATE_UP = HOST_STATES.indexOf('up');

/** Writes a row's figures; `nowMs` is when it arrived (process's clock), and its age is counted back from there. True when the host's state is another one than before. */
export function writeRow(columns: TableColumns, slot: number, row: HostRow, nowMs: number): boolean {
  writeFigures(columns, slot, row, nowMs);
  writeLoad(columns, slot, row);
  const state = HOST_STATES.indexOf(row.state);
  const hasChanged = columns.state[slot] !== state;
  columns.state[slot] = state;
  return hasChanged;
}

/** Writes what an agent said; see `writeRow` for `nowMs`. */
export function writeFigures(columns: TableColumns, slot: number, { cpu, memory, cores, ageMs }: FiguresRow, nowMs: number): void {
  columns.cpu[slot] = cpu ?? Number.NaN;
  columns.memory[slot] = memory ?? Number.NaN;
  columns.cores[slot] = cores ?? Number.NaN;
  columns.usage[slot] = usageOf(cpu, memory);
  columns.reportedAt[slot] = ageMs === null ? Number.NaN : nowMs - ageMs;
}

/** Writes what changes of a host many times a second. */
export function writeLoad(columns: TableColumns, slot: number, row: LoadRow): void {
  columns.fleetInflight[slot] = row.inflight;
  columns.fleetWork[slot] = row.work;
  columns.capacity[slot] = row.capacity ?? Number.NaN;
  columns.speed[slot] = row.speed ?? Number.NaN;
}

/** Makes a slot that of a host of which nothing is known: it is up, and need not warm up. */
export function clearRow(columns: TableColumns, slot: number): void {
  forgetFigures(columns, slot);
  columns.cores[slot] = Number.NaN;
  columns.fleetInflight[slot] = columns.quick[slot] = columns.fleetWork[slot] = columns.othersInflight[slot] = columns.othersWork[slot] = 0;
  columns.warmSince[slot] = columns.operator[slot] = 0;
}

/** Forgets what its agent and the master said of a host that stays: it is up again, with no figures. */
export function forgetFigures(columns: TableColumns, slot: number): void {
  columns.cpu[slot] = columns.memory[slot] = columns.usage[slot] = columns.reportedAt[slot] = Number.NaN;
  columns.capacity[slot] = columns.capacityTrend[slot] = columns.speed[slot] = Number.NaN;
  columns.state[slot] = STATE_UP;
}

/** The cells of a host as a row, with its age as of now. A host whose agent has reported is not static any more. */
export function readRow(columns: TableColumns, { slot, name, url, isStatic }: { slot: number; name: string; url: string; isStatic: boolean }, nowMs: number): HostRow {
  const known = (figure: number | undefined): number | null => (figure === undefined || Number.isNaN(figure) ? null : figure);
  const reportedAt = known(columns.reportedAt[slot]);
  return {
    name,
    url,
    state: HOST_STATES[columns.state[slot] as number] ?? 'silent',
    isStatic: isStatic && reportedAt === null,
    cpu: known(columns.cpu[slot]),
    memory: known(columns.memory[slot]),
    cores: known(columns.cores[slot]),
    rps: null,
    ageMs: reportedAt === null ? null : Math.max(0, nowMs - reportedAt),
    inflight: columns.fleetInflight[slot] as number,
    // Which the master works out anew from what balancers tell it.
    fleetRps: 0,
    work: columns.fleetWork[slot] as number,
    capacity: known(columns.capacity[slot]),
    speed: known(columns.speed[slot]),
  };
}
