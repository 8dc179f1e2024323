// The order of hosts and pools in tables: by name, or those first that have the most of a figure.

import type { HostRecord, PoolRecord } from '../redis/fleet-view.js';

/** What tables can be sorted by. */
export const SORT_KEYS = ['name', 'load', 'cpu', 'rps', 'p99', 'errors'] as const;

/** A figure that tables can be sorted by; `load` is the requests in flight. */
export type SortKey = (typeof SORT_KEYS)[number];

/** The key after this one; the first after the last. */
export function nextSortKey(key: SortKey): SortKey {
  return SORT_KEYS[(SORT_KEYS.indexOf(key) + 1) % SORT_KEYS.length] as SortKey;
}

type Figures = Readonly<Partial<Record<Exclude<SortKey, 'name'>, number | null>>>;

const figuresOfHost = ({ inflight, cpu, rps, p99Ms, errorRps }: HostRecord): Figures => ({
  load: inflight,
  cpu,
  rps,
  p99: p99Ms,
  errors: errorRps,
});
const figuresOfPool = ({ inflight, rps, p99Ms, errorRps }: PoolRecord): Figures => ({ load: inflight, rps, p99: p99Ms, errors: errorRps });

/** Hosts in this order, those without the figure last; equal ones stay in the order of the view, which is by name. */
export const sortedHosts = (hosts: readonly HostRecord[], key: SortKey): readonly HostRecord[] => sorted(hosts, key, figuresOfHost);

/** The same of pools; they have no CPU, so that order is by name. */
export const sortedPools = (pools: readonly PoolRecord[], key: SortKey): readonly PoolRecord[] => sorted(pools, key, figuresOfPool);

function sorted<Row>(rows: readonly Row[], key: SortKey, figuresOf: (row: Row) => Figures): readonly Row[] {
  if (key === 'name') return rows;
  const figureOf = (row: Row): number => figuresOf(row)[key] ?? -1;
  return rows.toSorted((a, b) => figureOf(b) - figureOf(a));
}
