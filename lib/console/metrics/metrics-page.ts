// The page that Prometheus scrapes. It is rendered in the fleet thread, a piece at a time, so that a large fleet's metrics
// hold up neither tables nor requests.

import { setImmediate } from 'node:timers/promises';
import type { FleetSight } from '../../fleet-sight.js';
import { type LoopLag, watchLoopLag } from '../../loop-lag.js';
import type { FleetPage } from '../page-request.js';
import { contentTypeOf, expositionFor } from './exposition.js';
import { groupHosts, type MetricsFacts, showCertificates } from './facts.js';
import { HostHistograms } from './histograms.js';
import { renderMetrics } from './metrics.js';
import { openProcessFacts } from './process-facts.js';

/** How often the lag of the last second is taken. */
const LAG_EVERY_MS = 1000;

/** The page, and what ends its work. */
export interface MetricsPage {
  readonly page: FleetPage;
  close(): void;
}

/** Opens the page. */
export function openMetricsPage(sight: FleetSight): MetricsPage {
  const histograms = new HostHistograms();
  const readProcess = openProcessFacts();
  const lag = watchLoopLag();
  let fleetThreadLag: LoopLag = { meanMs: 0, p99Ms: 0, maxMs: 0 };
  const timer = setInterval(() => {
    fleetThreadLag = lag.take();
  }, LAG_EVERY_MS);
  timer.unref();
  const page: FleetPage = {
    path: '/metrics',
    access: 'read',
    methods: ['GET'],
    async answer({ accept }, reply) {
      const exposition = expositionFor(accept);
      const facts = { ...factsOf(sight), histograms, fleetThreadLag, process: await readProcess() };
      reply.head(200, { 'Content-Type': contentTypeOf(exposition) });
      const pieces: string[] = [];
      for (const piece of renderMetrics(facts, exposition)) {
        pieces.push(piece);
        // oxlint-disable-next-line no-await-in-loop -- other work comes between two pieces
        await setImmediate();
        if (reply.isClosed) return;
      }
      // In one piece: then it can be compressed.
      reply.end(pieces.join(''));
    },
  };
  return {
    page,
    close() {
      clearInterval(timer);
      lag.close();
    },
  };
}

function factsOf(sight: FleetSight): Omit<MetricsFacts, 'histograms' | 'fleetThreadLag' | 'process'> {
  const { config, columns, clock } = sight;
  const { role, term, remainingMs } = sight.lease();
  const { isUp, rttMs } = sight.redis();
  return {
    balancer: config.name,
    version: config.version,
    nowMs: clock(),
    columns,
    pools: sight.pools(),
    hosts: groupHosts(sight.hosts()),
    siteVersion: sight.site()?.version ?? 0,
    costs: sight.costs(),
    isMaster: role === 'master',
    term,
    leaseRemainingMs: remainingMs ?? 0,
    tableAgeMs: sight.tableAgeMs() ?? Number.NaN,
    exchangeIntervalMs: sight.exchangeIntervalMs(),
    isRedisUp: isUp,
    redisRttMs: rttMs ?? Number.NaN,
    balancers: Math.max(1, sight.order().length),
    certificates: showCertificates(sight.certificates()),
  };
}
