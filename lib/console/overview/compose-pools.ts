// The pools and hosts of an overview: the balancer's own host table, and the fleet's figures of traffic. Reads columns only; hosts
// whose pool the site does not have get no requests and are left out.

import type { FleetFigures, HostTrafficFigures, PoolFigures, Quantiles } from '../../fleet-figures.js';
import { poolOf } from '../../host-id.js';
import { type Algorithm, HOST_STATES, type HostState, OPERATOR_STATES } from '../../model.js';
import type { OverviewHost, OverviewPool } from '../../overview.js';
import { DEFAULT_POOL } from '../../site-model.js';
import { POOL_HEADER, POOL_HEADER_CELLS, type TableColumns } from '../../table/layout.js';
import type { NamedPool } from '../../table/pool-indexes.js';
import type { SlotHost } from '../../table/slots.js';

/** What pools and hosts are composed of. */
export interface PoolSources {
  readonly columns: TableColumns;
  readonly hosts: readonly SlotHost[];
  readonly pools: readonly NamedPool[];
  /** By pool: the status that its maintenance answers. */
  readonly maintenance: ReadonlyMap<string, number>;
  readonly algorithmOf: (pool: string) => Algorithm;
  /** Null before the first ones. */
  readonly figures: FleetFigures | null;
  /** Requests a second of a host in the last minute, oldest first. */
  readonly rpsHistoryOf: (host: string) => readonly number[];
  /** Process clock, and wall clock. */
  readonly nowMs: number;
  readonly atMs: number;
}

const UNKNOWN: Quantiles = { p50Ms: null, p99Ms: null, p999Ms: null };

/** The pools in the order of the table; `default` only if it has hosts, or if there is no other. Hosts are in no order. */
export function composePools(sources: PoolSources): OverviewPool[] {
  const { columns, hosts, pools, maintenance, algorithmOf, figures } = sources;
  const byName = new Map(figures?.hosts.map((each) => [each.name, each]));
  const figuresOf = new Map(figures?.pools.map((each) => [each.name, each]));
  const hostsOf = new Map<string, OverviewHost[]>(pools.map(([name]) => [name, []]));
  for (const host of hosts) hostsOf.get(poolOf(host.name))?.push(composeHost(host, byName.get(host.name), sources));
  return pools.flatMap(([name, index]): OverviewPool[] => {
    const own = hostsOf.get(name) ?? [];
    if (name === DEFAULT_POOL && own.length === 0 && pools.length > 1) return [];
    return [
      {
        name,
        algorithm: algorithmOf(name),
        maintenance: maintenance.get(name) ?? null,
        isPanic: columns.poolHeader[index * POOL_HEADER_CELLS + POOL_HEADER.panic] === 1,
        figures: trafficOf(figuresOf.get(name)),
        hosts: own,
      },
    ];
  });
}

function trafficOf(figures: PoolFigures | undefined): OverviewPool['figures'] {
  if (figures === undefined) return null;
  const { name: _, ...traffic } = figures;
  return traffic;
}

function composeHost({ slot, name, url }: SlotHost, traffic: HostTrafficFigures | undefined, sources: PoolSources): OverviewHost {
  const { columns, figures, rpsHistoryOf, nowMs, atMs } = sources;
  const known = (column: Float64Array): number | null => {
    const value = column[slot] as number;
    return Number.isFinite(value) ? value : null;
  };
  const reportedAtMs = known(columns.reportedAt);
  const ejectedUntilMs = columns.ejectedUntil[slot] as number;
  const isEjected = ejectedUntilMs > nowMs;
  // A host without traffic is left out of the figures.
  const none = figures === null ? null : 0;
  return {
    name,
    url,
    state: stateOf(columns, slot, isEjected),
    operator: OPERATOR_STATES[(columns.operator[slot] as number) - 1] ?? null,
    ejectedBy: traffic?.ejectedBy ?? [],
    // Infinity while its probes fail: then it is probed all the time.
    ejectedUntilMs: isEjected ? Math.round(Number.isFinite(ejectedUntilMs) ? atMs + ejectedUntilMs - nowMs : atMs) : null,
    rps: traffic?.rps ?? none,
    errorRps: traffic?.errorRps ?? none,
    ownInflight: columns.inflight[slot] as number,
    othersInflight: known(columns.othersInflight) ?? 0,
    workMs: known(columns.fleetWork) ?? 0,
    capacity: known(columns.capacity),
    cpu: known(columns.cpu),
    memory: known(columns.memory),
    cores: known(columns.cores),
    reportAgeMs: reportedAtMs === null ? null : Math.max(0, Math.round(nowMs - reportedAtMs)),
    second: traffic?.second ?? UNKNOWN,
    minute: traffic?.minute ?? UNKNOWN,
    p99Share: traffic?.p99Share ?? 0,
    rpsHistory: rpsHistoryOf(name),
  };
}

/** A host's state as this balancer goes by it: without a master its own checks count, not the last table. */
function stateOf({ state, out, operator }: TableColumns, slot: number, isEjected: boolean): HostState {
  const published = HOST_STATES[state[slot] as number] ?? 'silent';
  // Of those hosts `out` is not kept.
  if (isEjected || operator[slot] !== 0) return published;
  if (out[slot] === 1) return 'down';
  return published === 'down' ? 'up' : published;
}
