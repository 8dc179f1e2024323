// The rules of one pool: what the site says of it, and elsewhere what the balancer's flags say.

import type { Algorithm } from '../model.js';
import type { SitePool } from '../site-model.js';
import type { HealthRules, TrafficConfig } from './traffic-config.js';

/** Maximum attempts where the site says nothing else: one retry, so that a dying fleet is not hammered. */
export const USUAL_ATTEMPTS = 2;

/** The rules of one pool. Null as algorithm: the fleet's, or the balancer's own. */
export interface PoolRules
  extends HealthRules,
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
export function healthOf(pool: SitePool | undefined, config: HealthRules): HealthRules {
  const health = pool?.health;
  if (health === undefined) return config;
  return {
    ...config,
    healthPath: health.path ?? config.healthPath,
    healthIntervalMs: health.intervalMs ?? config.healthIntervalMs,
    healthTimeoutMs: health.timeoutMs ?? config.healthTimeoutMs,
    healthExpect: health.statuses?.map(([from, to]) => ({ from, to })) ?? config.healthExpect,
  };
}
