// All metrics of a balancer, and the text that Prometheus scrapes.

import { COUNTER_METRICS } from './counter-families.js';
import { type Exposition, type MetricFamily, writeFamilies } from './exposition.js';
import type { MetricsFacts } from './facts.js';
import { FLEET_METRICS, PROCESS_METRICS } from './fleet-families.js';
import { FLEET_HOST_METRICS, HOST_METRICS } from './host-families.js';
import { REQUEST_METRICS } from './request-families.js';

/** All families, in the order in which they are written. */
export const METRICS: readonly MetricFamily<MetricsFacts>[] = [
  ...REQUEST_METRICS,
  ...HOST_METRICS,
  ...FLEET_HOST_METRICS,
  ...COUNTER_METRICS,
  ...FLEET_METRICS,
  ...PROCESS_METRICS,
];

/** The names of the families that only the master has. */
export const MASTER_METRICS: ReadonlySet<string> = new Set([...FLEET_HOST_METRICS.map(({ name }) => name), 'meercat_class_cost_seconds']);

/** The text of all metrics, in pieces; see `writeFamilies`. */
export function renderMetrics(facts: MetricsFacts, exposition: Exposition): Generator<string> {
  return writeFamilies(METRICS, facts, exposition);
}
