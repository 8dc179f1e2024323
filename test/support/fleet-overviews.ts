// Overviews made up for tests of the dashboard: a fleet of any size at any second, the same each time.

import type { HistoryPoint, Quantiles, TrafficFigures } from '../../lib/fleet-figures.js';
import type { Overview, OverviewBalancer, OverviewHost } from '../../lib/overview.js';
import { Random } from '../../lib/routing/random.js';

/** The size of a made-up fleet, and the second at which it is seen. */
export interface FleetShape {
  readonly hosts: number;
  readonly balancers: number;
  readonly second?: number;
}

/** When second 0 is. */
export const START_MS = Date.UTC(2026, 0, 2, 14, 0, 0);

/** An overview; figures differ from second to second, names do not. Host `h2` is slow. */
export function overviewOf({ hosts, balancers, second = 0 }: FleetShape, changes: Partial<Overview> = {}): Overview {
  const atMs = START_MS + second * 1000;
  const numbers = new Random(second + 1);
  const random = (): number => numbers.below(1_000_000) / 1_000_000;
  const all = Array.from({ length: hosts }, (_, index) => hostOf(index, second, random));
  const names = Array.from({ length: balancers }, (_, index) => `b${index + 1}`);
  const total = figuresOf(
    all.reduce((sum, { rps }) => sum + (rps ?? 0), 0),
    random,
  );
  return {
    atMs,
    balancer: 'b1',
    namespace: 'meercat',
    version: '0.1.0',
    verdict: { level: 'good', text: 'All is well' },
    redis: { isUp: true, downForMs: 0 },
    master: 'b1',
    term: 3,
    site: null,
    isOwnOnly: false,
    total,
    balancers: names.map((name, rank) => balancerOf(name, rank, random)),
    pools: [{ name: 'default', algorithm: 'adaptive', maintenance: null, isPanic: false, figures: { ...total }, hosts: all }],
    picks: { balancers: names, hosts: all.map(({ name }) => name), picks: names.map(() => all.map(() => 40 + Math.round(random() * 8))) },
    history: Array.from({ length: 60 }, (_, index) => historyPoint(atMs - (atMs % 5000) - (59 - index) * 5000)),
    events: [
      { atMs: START_MS - 60_000, kind: 'master-elected', name: 'b1', text: 'b1 is master, term 3' },
      { atMs: START_MS - 61_000, kind: 'balancer-joined', name: 'b1', text: 'b1 joined' },
    ],
    costs: [
      { className: 'GET /users/*', pool: 'default', costMs: 3.2, error: 0.04 },
      { className: 'GET /', pool: 'default', costMs: 0.8, error: null },
    ],
    slowest: [
      {
        id: 'b1-000001',
        balancer: 'b1',
        atMs: START_MS,
        durationMs: 812,
        className: 'GET /users/*',
        pool: 'default',
        host: 'h2',
        status: 200,
      },
      { id: 'b1-000002', balancer: 'b1', atMs: START_MS, durationMs: 511, className: 'GET /', pool: 'default', host: 'h1', status: 502 },
    ],
    ...changes,
  };
}

/** A host that is up. */
export function hostOf(index: number, second: number, random: () => number, changes: Partial<OverviewHost> = {}): OverviewHost {
  const slow = index === 1 ? 4 : 1;
  return {
    name: `h${index + 1}`,
    url: `http://10.0.${index >> 8}.${index & 255}:8080`,
    state: 'up',
    operator: null,
    ejectedBy: [],
    ejectedUntilMs: null,
    rps: 90 + random() * 20,
    errorRps: 0,
    ownInflight: Math.floor(random() * 4),
    othersInflight: Math.floor(random() * 12),
    workMs: random() * 40,
    capacity: index % 3 === 0 ? 4 : 2,
    cpu: Math.min(1, 0.4 + random() * 0.2),
    memory: 0.5,
    cores: index % 3 === 0 ? 4 : 2,
    reportAgeMs: random() * 900,
    second: quantiles(slow, random),
    minute: quantiles(slow, random),
    p99Share: 1 / 8,
    rpsHistory: Array.from({ length: 60 }, (_, place) => Math.round(100 + 15 * Math.sin((place + second + index) / 5))),
    ...changes,
  };
}

function quantiles(slow: number, random: () => number): Quantiles {
  return { p50Ms: slow * (4 + random()), p99Ms: slow * (30 + random() * 10), p999Ms: slow * (80 + random() * 20) };
}

function figuresOf(rps: number, random: () => number): TrafficFigures {
  return {
    rps,
    errorRps: rps / 1000,
    inflight: 31,
    second: quantiles(1, random),
    minute: quantiles(1, random),
    quarterHour: quantiles(1, random),
  };
}

function balancerOf(name: string, rank: number, random: () => number): OverviewBalancer {
  return {
    name,
    rank,
    isSelf: rank === 0,
    role: rank === 0 ? 'master' : 'slave',
    url: `http://127.0.0.1:${8081 + rank}`,
    version: '0.1.0',
    rps: 200 + random() * 20,
    inflight: 8,
    cpu: 0.2 + random() * 0.1,
    memoryBytes: 92e6,
    term: 3,
    leaseMs: rank === 0 ? 1000 + random() * 400 : null,
    tableAgeMs: random() * 100,
    redisRttMs: 0.3 + random() * 0.1,
    site: null,
    problem: '',
  };
}

function historyPoint(atMs: number): HistoryPoint {
  const wave = Math.sin(atMs / 90_000);
  return { atMs, rps: 800 + 120 * wave, errorRps: wave > 0.95 ? 6 : 0.4, p50Ms: 4 + wave, p99Ms: 34 + 9 * wave, p999Ms: 85 + 20 * wave };
}
