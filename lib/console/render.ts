// The fleet as text for a terminal: tables that fit 100 columns, or one plain line for each row.

import type { BalancerView, FleetView, HostRecord, PoolRecord } from '../redis/fleet-view.js';
import { siteInForce } from '../redis/site-view.js';
import { DEFAULT_POOL } from '../site-model.js';
import { sortedHosts, sortedPools, type SortKey } from './fleet-order.js';
import { type Line, line, paint, type Tone } from './lines.js';
import { type Column, tableLines } from './table.js';

/** Where the width is not known: the usual width of a log or a document. */
const USUAL_COLUMNS = 100;

/** A balancer of more cores needs help soon (docs/operations.md, what to watch): its one traffic thread has one core. */
const BUSY_CORES = 0.7;

const NONE = '-';
/** A fraction as a percentage; below 10 % with one decimal: a small host on a large machine is not nothing. */
export const percent = (fraction: number | null): string =>
  fraction === null ? NONE : `${(fraction * 100).toFixed(fraction > 0 && fraction < 0.1 ? 1 : 0)}%`;
const whole = (value: number | null): string => (value === null ? NONE : String(Math.round(value)));
const oneDecimal = (value: number | null): string => (value === null ? NONE : value.toFixed(1));
const megabytes = (bytes: number | null): string => (bytes === null ? NONE : `${Math.round(bytes / 2 ** 20)} MB`);

const milliseconds = (ms: number | null): string => {
  if (ms === null) return NONE;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}ms`;
  return `${(ms / 1000).toFixed(1)}s`;
};
const perSecond = (rate: number | null): string => (rate === null ? NONE : rate === 0 ? '0' : `${rate.toFixed(rate < 10 ? 1 : 0)}/s`);

type BalancerRow = BalancerView & { readonly isMaster: boolean };

const BALANCER_COLUMNS: readonly Column<BalancerRow>[] = [
  ['BALANCER', 'left', (row) => row.name],
  // A master that has just died still calls itself so in its own hash.
  ['ROLE', 'left', (row) => (row.isMaster ? 'master' : 'slave'), { tone: (row) => (row.isMaster ? 'good' : undefined) }],
  ['URL', 'left', (row) => row.url, { spare: 1 }],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['CPU', 'right', (row) => percent(row.cpu), { tone: (row) => ((row.cpu ?? 0) > BUSY_CORES ? 'warn' : undefined) }],
  ['MEMORY', 'right', (row) => megabytes(row.memoryBytes), { spare: 2 }],
];

const HOST_COLUMNS: readonly Column<HostRecord>[] = [
  ['HOST', 'left', (row) => row.name],
  ['STATE', 'left', (row) => standingOf(row).join(', '), { tone: toneOfHost }],
  ['URL', 'left', (row) => row.url, { spare: 1 }],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['P50', 'right', (row) => milliseconds(row.p50Ms)],
  ['P99', 'right', (row) => milliseconds(row.p99Ms)],
  ['ERRORS', 'right', (row) => perSecond(row.errorRps), { tone: toneOfErrors }],
  ['LONG', 'right', (row) => whole(row.longLived), { spare: 3 }],
  ['CPU', 'right', (row) => percent(row.cpu)],
  ['MEMORY', 'right', (row) => percent(row.memory), { spare: 2 }],
  ['CORES', 'right', (row) => (row.cores === null ? NONE : String(row.cores)), { spare: 4 }],
];

const POOL_COLUMNS: readonly Column<PoolRecord>[] = [
  ['POOL', 'left', (row) => row.name],
  ['HOSTS', 'right', (row) => whole(row.hosts)],
  ['UP', 'right', (row) => whole(row.up), { tone: (row) => (row.up === 0 && row.hosts !== 0 ? 'bad' : undefined) }],
  ['RPS', 'right', (row) => oneDecimal(row.rps)],
  ['IN FLIGHT', 'right', (row) => whole(row.inflight)],
  ['P50', 'right', (row) => milliseconds(row.p50Ms)],
  ['P99', 'right', (row) => milliseconds(row.p99Ms)],
  ['ERRORS', 'right', (row) => perSecond(row.errorRps), { tone: toneOfErrors }],
  ['ALGORITHM', 'left', (row) => row.algorithm || NONE, { spare: 1 }],
];

/** The parts of a view, from top to bottom. */
export interface FleetLines {
  /** What the fleet is, as a whole. */
  readonly head: readonly Line[];
  /** The balancers, the pools if there are other ones than `default`, the hosts; the first line of each is its title. */
  readonly tables: readonly (readonly Line[])[];
  /** What is wrong. */
  readonly problems: readonly Line[];
}

/** How a view is shown. */
export interface FleetStyle {
  /** Order of pools and hosts; by name without it. Balancers stand in the order of succession. */
  readonly sort?: SortKey | undefined;
  /** Columns of the terminal. */
  readonly columns?: number | undefined;
}

/** The fleet in parts, for a screen that scrolls. */
export function fleetLines(view: FleetView, { sort = 'name', columns = USUAL_COLUMNS }: FleetStyle = {}): FleetLines {
  const hasPools = view.pools.some(({ name }) => name !== DEFAULT_POOL);
  return {
    head: [
      [
        { text: `fleet ${view.namespace}: ${count(view.balancers, 'balancer')}, ${count(view.hosts, 'host')}; ` },
        view.master === null
          ? { text: 'no master at the moment', tone: 'bad' }
          : { text: `master ${view.master}, term ${view.term ?? NONE}` },
      ],
      ...totalLines(view.pools),
      ...siteLines(view),
      ...(view.maintenance.length === 0
        ? []
        : [line(`in maintenance: ${view.maintenance.map(({ pool, status }) => `${pool} (${status})`).join(', ')}`, 'warn')]),
    ],
    tables: [
      tableLines(BALANCER_COLUMNS, balancerRows(view), columns),
      ...(hasPools ? [tableLines(POOL_COLUMNS, sortedPools(view.pools, sort), columns)] : []),
      tableLines(HOST_COLUMNS, sortedHosts(view.hosts, sort), columns),
    ],
    problems: view.problems.map((problem) => line(problem, 'warn')),
  };
}

/** The fleet as one text; ends without a line break. */
export function renderFleet(
  view: FleetView,
  { isColoured = false, ...style }: FleetStyle & { readonly isColoured?: boolean } = {},
): string {
  const { head, tables, problems } = fleetLines(view, style);
  return [head, ...tables, ...(problems.length > 0 ? [problems] : [])]
    .map((part) => part.map((each) => paint(each, isColoured)).join('\n'))
    .join('\n\n');
}

/** The traffic of all pools; latencies of several pools can't be added up, so they stand in their rows alone. */
function totalLines(pools: readonly PoolRecord[]): Line[] {
  const sum = (figureOf: (pool: PoolRecord) => number | null): number | null =>
    pools.reduce<number | null>((total, pool) => addKnown(total, figureOf(pool)), null);
  const [rps, errorRps, inflight] = [sum((pool) => pool.rps), sum((pool) => pool.errorRps), sum((pool) => pool.inflight)];
  if (rps === null) return [];
  const [only] = pools.length === 1 ? pools : [];
  const latency = only === undefined || only.p99Ms === null ? '' : `; p50 ${milliseconds(only.p50Ms)}, p99 ${milliseconds(only.p99Ms)}`;
  const errors = errorRps === 0 ? 'no errors' : `${oneDecimal(errorRps)} errors/s`;
  return [
    [
      { text: `${oneDecimal(rps)} requests/s, ` },
      ...(errorRps === null ? [] : [{ text: errors, tone: toneOfErrors({ errorRps }) }, { text: ', ' }]),
      { text: `${whole(inflight)} in flight${latency}` },
    ],
  ];
}

function addKnown(total: number | null, figure: number | null): number | null {
  return figure === null ? total : (total ?? 0) + figure;
}

/** The site that stands in Redis, and what is in force where that is refused. */
function siteLines({ site, balancers }: FleetView): Line[] {
  const inForce = siteInForce(balancers);
  if (site === null) return inForce === '' ? [] : [line(`site: ${inForce}; the one in Redis is refused`, 'warn')];
  const { version, by, at, isRemoved } = site;
  const text = `site: version ${version}, ${isRemoved ? 'removed' : 'applied'} by ${by} at ${at}`;
  return [inForce === '' ? line(text) : [{ text: `${text}; ` }, { text: inForce, tone: 'warn' }]];
}

/** The fleet as plain lines, one for each balancer and host. */
export function renderLines(view: FleetView): string[] {
  return [
    ...balancerRows(view).map(
      (row) => `balancer ${row.name} ${row.isMaster ? 'master' : 'slave'} rps=${oneDecimal(row.rps)} inflight=${whole(row.inflight)}`,
    ),
    ...view.hosts.map(
      (row) =>
        `host ${row.name} ${standingOf(row).join(',').replaceAll(' ', '-')} cpu=${percent(row.cpu)} memory=${percent(row.memory)} inflight=${whole(row.inflight)} rps=${oneDecimal(row.rps)} p99=${milliseconds(row.p99Ms)} errors=${perSecond(row.errorRps)}`,
    ),
  ];
}

/** What an operator or balancers said of a host, or that it has no pool, and its state unless that goes without saying. */
function standingOf({ operator, isUnassigned, ejectedBy, state }: HostRecord): string[] {
  const standing = [
    ...(operator === null ? [] : [operator]),
    ...(isUnassigned ? ['unassigned'] : []),
    ...((ejectedBy ?? 0) > 0 ? [`ejected by ${ejectedBy}`] : []),
  ];
  return state === 'up' && standing.length > 0 ? standing : [...standing, state];
}

function toneOfErrors({ errorRps }: { readonly errorRps: number | null }): Tone | undefined {
  return (errorRps ?? 0) > 0 ? 'warn' : undefined;
}

function toneOfHost({ state, operator, isUnassigned, ejectedBy }: HostRecord): Tone | undefined {
  if (state === 'down' || (ejectedBy ?? 0) > 0) return 'bad';
  return state !== 'up' || operator !== null || isUnassigned ? 'warn' : 'good';
}

function balancerRows(view: FleetView): BalancerRow[] {
  return view.balancers.map((row) => ({ ...row, isMaster: row.name === view.master }));
}

function count(rows: readonly unknown[], noun: string): string {
  return `${rows.length} ${noun}${rows.length === 1 ? '' : 's'}`;
}
