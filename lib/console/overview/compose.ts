// Puts an overview together from what the fleet thread knows, what was read from Redis, and the figures that are heard.

import { basename } from 'node:path';
import type { CertificateExpiry } from '../../certificate-expiry.js';
import { MINUTE } from '../../clock.js';
import type { TrafficFigures } from '../../fleet-figures.js';
import type { FleetSight } from '../../fleet-sight.js';
import { poolOfClassKey } from '../../host-id.js';
import type { CostEstimate } from '../../learning/cost-model.js';
import type { Overview, OverviewCost, OverviewPool } from '../../overview.js';
import { HEADER } from '../../table/layout.js';
import { composeBalancers, type SelfFacts } from './compose-balancers.js';
import { composePools } from './compose-pools.js';
import type { EventsRing } from './events-ring.js';
import type { FiguresFeed } from './figures-feed.js';
import type { RedisReads } from './redis-reads.js';
import type { EndingCertificate, Judged, Verdicts } from './verdict.js';
import { worstFirst } from './worst-first.js';

/** Classes that are shown: those with most of the work. */
const MAX_COSTS = 100;

/** Two weeks, as the shipped alert has it. */
const ENDS_SOON_MS = 14 * 24 * 60 * MINUTE;

/** What an overview is composed of. */
export interface OverviewParts {
  readonly sight: FleetSight;
  readonly feed: FiguresFeed;
  readonly reads: RedisReads;
  readonly events: EventsRing;
  readonly verdicts: Verdicts;
  /** Wall clock. */
  readonly atMs: number;
}

/** Composes the overview of this moment. */
export function composeOverview({ sight, feed, reads, events, verdicts, atMs }: OverviewParts): Overview {
  const { config, clock, keys } = sight;
  const nowMs = clock();
  const redis = sight.redis();
  const lease = sight.lease();
  const inForce = sight.site();
  const site = inForce === null || inForce.site === null ? null : inForce.version;
  const { figures, isOwnOnly, history } = feed.take(atMs);
  const master = masterOf(sight, reads);
  const judged: Judged = {
    atMs,
    balancer: config.name,
    namespace: keys.namespace,
    version: config.version,
    redis: { isUp: redis.isUp, downForMs: redis.downSinceMs === null ? 0 : Math.round(nowMs - redis.downSinceMs) },
    master,
    term: lease.term,
    site,
    isOwnOnly,
    total: figures?.total ?? NO_TRAFFIC,
    balancers: composeBalancers(reads.heard, selfOf(sight, site), master),
    pools: poolsOf(sight, feed, figures, atMs),
    picks: figures?.picks ?? { balancers: [], hosts: [], picks: [] },
    history,
    events: events.list(atMs),
    costs: reads.costs.slice(0, MAX_COSTS).map(costOf),
    slowest: figures?.slowest ?? [],
  };
  const { verdict, slow } = verdicts.judge(judged, endingSoon(sight.certificates(), atMs));
  const sorted = (pool: OverviewPool): OverviewPool => ({ ...pool, hosts: worstFirst(pool.hosts, slow) });
  return { ...judged, verdict, pools: judged.pools.map(sorted) };
}

/** Those that end soon; renewing services do it a month before, so that something has failed by then. */
function endingSoon(certificates: readonly CertificateExpiry[], atMs: number): EndingCertificate[] {
  return certificates
    .filter(({ notAfterMs }) => notAfterMs - atMs < ENDS_SOON_MS)
    .map(({ file, notAfterMs }) => ({ name: basename(file), endsAtMs: notAfterMs }));
}

const NONE = { p50Ms: null, p99Ms: null, p999Ms: null };
const NO_TRAFFIC: TrafficFigures = { rps: 0, errorRps: 0, inflight: 0, second: NONE, minute: NONE, quarterHour: NONE };

/** The master's name; null for none, and while Redis is away: its lease has ended, or will soon. */
function masterOf(sight: FleetSight, { master, heard }: RedisReads): string | null {
  if (sight.lease().role === 'master') return sight.config.name;
  if (!sight.redis().isUp) return null;
  // Before the first read, or when one takes too long, the last heartbeat knows.
  return heard.isFresh ? master : sight.masterName();
}

function selfOf(sight: FleetSight, site: number | null): SelfFacts {
  const { config, columns } = sight;
  const { role, term, remainingMs } = sight.lease();
  const { isUp, rttMs } = sight.redis();
  return {
    name: config.name,
    url: config.url,
    version: config.version,
    role,
    inflight: Atomics.load(columns.header, HEADER.inflight),
    term,
    leaseMs: remainingMs === null ? null : Math.round(remainingMs),
    tableAgeMs: sight.tableAgeMs(),
    redisRttMs: isUp ? rttMs : null,
    site,
    noMaster: sight.noMaster(),
  };
}

function poolsOf(sight: FleetSight, feed: FiguresFeed, figures: ReturnType<FiguresFeed['take']>['figures'], atMs: number): OverviewPool[] {
  const { algorithm, maintenance } = sight.settings();
  const ofSite = new Map(sight.site()?.site?.pools.map((pool) => [pool.name, pool]));
  const fixed = new Map([...ofSite.values()].flatMap(({ name, respond }) => (respond === null ? [] : [[name, respond.status] as const])));
  for (const [name, { status }] of maintenance) fixed.set(name, status);
  return composePools({
    columns: sight.columns,
    hosts: sight.hosts(),
    pools: sight.pools(),
    maintenance: fixed,
    algorithmOf: (name) => algorithm ?? ofSite.get(name)?.algorithm ?? sight.config.algorithm,
    figures,
    rpsHistoryOf: (host) => feed.rpsHistoryOf(host),
    nowMs: sight.clock(),
    atMs,
  });
}

/** The error is unknown of a cost that is only estimated by how long requests take. */
function costOf({ name, costMs, errorMs, confidence }: CostEstimate): OverviewCost {
  const isFitted = confidence > 0 && Number.isFinite(errorMs) && costMs > 0;
  return { className: name, pool: poolOfClassKey(name), costMs, error: isFitted ? errorMs / costMs : null };
}
