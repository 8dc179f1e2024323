// Overviews of a fleet that is well, for tests to change: two balancers, and three hosts in one pool.

import type { Quantiles, TrafficFigures } from '../../lib/fleet-figures.js';
import type { Overview, OverviewBalancer, OverviewHost, OverviewPool } from '../../lib/overview.js';

/** Noon of some day, on the machine's clock. */
export const NOON_MS = new Date(2026, 10, 30, 12, 0, 0).getTime();

const quantiles = (p50Ms: number): Quantiles => ({ p50Ms, p99Ms: 3 * p50Ms, p999Ms: 4 * p50Ms });

/** Traffic of 300 requests a second, a median of 10 ms. */
export function buildFigures(overrides: Partial<TrafficFigures> = {}): TrafficFigures {
  const windows = { second: quantiles(10), minute: quantiles(10), quarterHour: quantiles(10) };
  return { rps: 300, errorRps: 0, inflight: 3, ...windows, ...overrides };
}

/** A host that is up and answers 100 requests a second. */
export function buildHost(name: string, overrides: Partial<OverviewHost> & { readonly p50Ms?: number } = {}): OverviewHost {
  const { p50Ms = 10, ...rest } = overrides;
  return {
    name,
    url: `http://127.0.0.1/${name}`,
    state: 'up',
    operator: null,
    ejectedBy: [],
    ejectedUntilMs: null,
    rps: 100,
    errorRps: 0,
    ownInflight: 1,
    othersInflight: 0,
    workMs: 5,
    capacity: 2,
    cpu: 0.5,
    memory: 0.5,
    cores: 2,
    reportAgeMs: 500,
    second: quantiles(p50Ms),
    minute: quantiles(p50Ms),
    p99Share: 1 / 3,
    rpsHistory: [],
    ...rest,
  };
}

/** A pool with these hosts. */
export function buildPool(hosts: readonly OverviewHost[], overrides: Partial<OverviewPool> = {}): OverviewPool {
  return { name: 'default', algorithm: 'adaptive', maintenance: null, isPanic: false, figures: buildFigures(), hosts, ...overrides };
}

/** A balancer that is well. */
export function buildBalancer(name: string, overrides: Partial<OverviewBalancer> = {}): OverviewBalancer {
  return {
    name,
    rank: 0,
    isSelf: false,
    role: 'slave',
    url: 'http://127.0.0.1:8080',
    version: '0.1.0',
    rps: 150,
    inflight: 2,
    cpu: 0.1,
    memoryBytes: 1e8,
    term: 1,
    leaseMs: null,
    tableAgeMs: 20,
    redisRttMs: 0.4,
    site: null,
    problem: '',
    ...overrides,
  };
}

/** A fleet that is well. */
export function buildOverview(overrides: Partial<Overview> = {}): Overview {
  return {
    atMs: NOON_MS,
    balancer: 'b1',
    namespace: 'meercat',
    version: '0.1.0',
    verdict: { level: 'good', text: 'All is well' },
    redis: { isUp: true, downForMs: 0 },
    master: 'b1',
    term: 1,
    site: null,
    isOwnOnly: false,
    total: buildFigures(),
    balancers: [buildBalancer('b1', { isSelf: true, role: 'master', leaseMs: 1200 }), buildBalancer('b2', { rank: 1 })],
    pools: [buildPool([buildHost('h1'), buildHost('h2'), buildHost('h3')])],
    picks: { balancers: [], hosts: [], picks: [] },
    history: [],
    events: [],
    costs: [],
    slowest: [],
    ...overrides,
  };
}
