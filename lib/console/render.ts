// The fleet as text for a terminal: tables that fit 100 columns, or one plain line for each row.

import type { BalancerView, FleetView, HostRecord, PoolRecord } from '../redis/fleet-view.js';
import { DEFAULT_POOL } from '../site-model.js';
import type { SiteView } from '../redis/site-view.js';

/** A column: its title, where its cells stand, and what is in them. */
export type Column<Row> = readonly [title: string, align: 'left' | 'right', cell: (row: Row) => string];

const NONE = '-';
/** A fraction as a percentage; below 10 % with one decimal: a small host on a large machine is not nothing. */
export const percent = (fraction: number | null): string =>
  fraction === null ? NONE : `${(fraction * 100).toFixed(fraction > 0 && fraction < 0.1 ? 1 : 0)}%`;
const whole = (value: number | null): string => (value === null ? NONE : String(Math.round(value)));
const oneDecimal = (value: number | null): string => (value === null ? NONE : value.toFixed(1));
const megabytes = (bytes: number | null): string => (bytes === null ? NONE : `${Math.round(bytes / 2 ** 20)} MB`);

type BalancerRow = BalancerView & { readonly isMaster: boolean };

const BALANCER_COLUMNS: readonly Column<BalancerRow>[] = [
  ['BALANCER', 'left', (row) => row.name],
  // A master that has just died still calls itself so in its own hash.
  ['ROLE', 'left', (row) => (row.isMaster ? 'master' : 'slave')],
  ['URL', 'left', (row) => row.url],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['CPU', 'right', (row) => percent(row.cpu)],
  ['MEMORY', 'right', (row) => megabytes(row.memoryBytes)],
];

const HOST_COLUMNS: readonly Column<HostRecord>[] = [
  ['HOST', 'left', (row) => row.name],
  ['STATE', 'left', (row) => standingOf(row).join(', ')],
  ['URL', 'left', (row) => row.url],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['LONG', 'right', (row) => whole(row.longLived)],
  ['CPU', 'right', (row) => percent(row.cpu)],
  ['MEMORY', 'right', (row) => percent(row.memory)],
  ['CORES', 'right', (row) => (row.cores === null ? NONE : String(row.cores))],
];

const POOL_COLUMNS: readonly Column<PoolRecord>[] = [
  ['POOL', 'left', (row) => row.name],
  ['HOSTS', 'right', (row) => whole(row.hosts)],
  ['UP', 'right', (row) => whole(row.up)],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['ALGORITHM', 'left', (row) => row.algorithm || NONE],
];

/** The fleet as tables: a line of summary, the balancers, the pools if there are other ones than `default`, the hosts. Ends without a line break. */
export function renderFleet(view: FleetView): string {
  const summary = view.master === null ? 'no master at the moment' : `master ${view.master}, term ${view.term ?? NONE}`;
  return [
    `fleet ${view.namespace}: ${count(view.balancers, 'balancer')}, ${count(view.hosts, 'host')}; ${summary}`,
    ...(view.site === null ? [] : [siteLine(view.site)]),
    ...(view.maintenance.length === 0
      ? []
      : [`in maintenance: ${view.maintenance.map(({ pool, status }) => `${pool} (${status})`).join(', ')}`]),
    '',
    ...table(BALANCER_COLUMNS, balancerRows(view)),
    ...(view.pools.some(({ name }) => name !== DEFAULT_POOL) ? ['', ...table(POOL_COLUMNS, view.pools)] : []),
    '',
    ...table(HOST_COLUMNS, view.hosts),
    ...(view.problems.length > 0 ? ['', ...view.problems] : []),
  ].join('\n');
}

function siteLine({ version, by, at, isRemoved }: SiteView): string {
  return `site: version ${version}, ${isRemoved ? 'removed' : 'applied'} by ${by} at ${at}`;
}

/** The fleet as plain lines, one for each balancer and host. */
export function renderLines(view: FleetView): string[] {
  return [
    ...balancerRows(view).map(
      (row) => `balancer ${row.name} ${row.isMaster ? 'master' : 'slave'} rps=${oneDecimal(row.rps)} inflight=${whole(row.inflight)}`,
    ),
    ...view.hosts.map(
      (row) =>
        `host ${row.name} ${standingOf(row).join(',')} cpu=${percent(row.cpu)} memory=${percent(row.memory)} inflight=${whole(row.inflight)} rps=${oneDecimal(row.rps)}`,
    ),
  ];
}

/** What an operator said of a host, or that it has no pool, and its state unless that goes without saying. */
function standingOf({ operator, isUnassigned, state }: HostRecord): string[] {
  const standing = [...(operator === null ? [] : [operator]), ...(isUnassigned ? ['unassigned'] : [])];
  return state === 'up' && standing.length > 0 ? standing : [...standing, state];
}

function balancerRows(view: FleetView): BalancerRow[] {
  return view.balancers.map((row) => ({ ...row, isMaster: row.name === view.master }));
}

function count(rows: readonly unknown[], noun: string): string {
  return `${rows.length} ${noun}${rows.length === 1 ? '' : 's'}`;
}

/** Rows in columns that are as wide as their widest cell. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const lines = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, , cell]) => cell(row)))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] as string).length)));
  return lines.map((line) =>
    line
      .map((cell, index) =>
        columns[index]?.[1] === 'right' ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number),
      )
      .join('  ')
      .trimEnd(),
  );
}
