// The rules of one pool: what the site says of it, and elsewhere what the balancer's flags say.

import type { Algorithm } from '../model.js';
import type { Site, SitePool } from '../site-model.js';
import { type HealthRules, healthRulesOf, type TrafficConfig } from './traffic-config.js';

/** Maximum attempts where the site says nothing else: one retry, so that a dying fleet is not hammered. */
export const USUAL_ATTEMPTS = 2;

/** How the hosts of one pool are checked. */
export interface PoolHealthRules extends HealthRules {
  /** Whether hosts are spoken to in HTTP/2 whose URLs do not say so. */
  readonly isHttp2: boolean;
}

/** The rules of one pool. Null as algorithm: the fleet's, or the balancer's own. */
export interface PoolRules
  extends PoolHealthRules,
    Pick<
      TrafficConfig,
      | 'hostMaxInflight'
      | 'hostQueue'
      | 'queueTimeoutMs'
      | 'connectTimeoutMs'
      | 'responseTimeoutMs'
      | 'tunnelTimeoutMs'
      | 'retryBudgetPercent'
    > {
  readonly algorithm: Algorithm | null;
  /** Maximum attempts at a request, the first included. */
  readonly maxAttempts: number;
}

/** The rules of a pool; without one, those of the flags. */
export function poolRulesOf(pool: SitePool | undefined, config: TrafficConfig): PoolRules {
  return {
    ...config,
    ...healthOf(pool, config),
    algorithm: pool?.algorithm ?? null,
    hostMaxInflight: pool?.limits.perHost ?? config.hostMaxInflight,
    hostQueue: pool?.limits.queue ?? config.hostQueue,
    queueTimeoutMs: pool?.limits.queueTimeoutMs ?? config.queueTimeoutMs,
    connectTimeoutMs: pool?.timeouts.connectMs ?? config.connectTimeoutMs,
    responseTimeoutMs: pool?.timeouts.responseMs ?? config.responseTimeoutMs,
    retryBudgetPercent: pool?.retries.budgetPercent ?? config.retryBudgetPercent,
    maxAttempts: pool?.retries.attempts ?? USUAL_ATTEMPTS,
  };
}

/** The health rules of a pool; without one, those of the flags. */
export function healthOf(pool: SitePool | undefined, config: HealthRules): PoolHealthRules {
  const rules = { ...healthRulesOf(config), isHttp2: pool?.protocol === 'h2' };
  const health = pool?.health;
  if (health === undefined) return rules;
  return {
    ...rules,
    // One way to ask takes the place of the other.
    healthPath: health.grpc === null ? (health.path ?? config.healthPath) : '',
    healthGrpc: health.path === null ? (health.grpc ?? config.healthGrpc) : null,
    healthIntervalMs: health.intervalMs ?? config.healthIntervalMs,
    healthTimeoutMs: health.timeoutMs ?? config.healthTimeoutMs,
    healthExpect: health.statuses?.map(([from, to]) => ({ from, to })) ?? config.healthExpect,
  };
}

/** The health rules of all pools of a site. */
export interface HealthByPool {
  /** Those of a pool; of one that the site does not have, those of the flags. */
  of(pool: string): PoolHealthRules;
  /** All intervals of checks. */
  readonly intervalsMs: readonly number[];
}

/** The health rules of the pools of this site; without one, those of the flags for every pool. */
export function healthByPool(site: Site | null, config: HealthRules): HealthByPool {
  const ofFlags = healthOf(undefined, config);
  const rules = new Map(site?.pools.map((pool) => [pool.name, healthOf(pool, config)]));
  return {
    of: (pool) => rules.get(pool) ?? ofFlags,
    intervalsMs: [...new Set([config, ...rules.values()].map(({ healthIntervalMs }) => healthIntervalMs))],
  };
}
