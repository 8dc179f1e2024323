// Metrics of the balancer itself: its place in the fleet, Redis, the site, certificates, and its process. The names of
// `process_…` are those of every Prometheus client.

import { classKeyOf, poolOfClassKey } from '../../host-id.js';
import { labelsOf, type MetricFamily, type MetricSample } from './exposition.js';
import type { MetricsFacts } from './facts.js';

type Facts = MetricsFacts;
type ValueFamily = Extract<MetricFamily<Facts>, { readonly type: 'counter' | 'gauge' | 'info' }>;

/** A family with one value and no labels. */
function one(name: string, type: 'counter' | 'gauge', help: string, valueOf: (facts: Facts) => number): ValueFamily {
  return { name, type, labels: [], help, samples: (facts) => [{ labels: '', value: valueOf(facts) }] };
}

const gauge = (name: string, help: string, valueOf: (facts: Facts) => number) => one(name, 'gauge', help, valueOf);

/** The costs by pool and class. */
function* costs(facts: Facts): Generator<MetricSample> {
  for (const [key, costMs] of facts.isMaster ? facts.costs : []) {
    const pool = poolOfClassKey(key);
    const prefix = classKeyOf(pool, '');
    yield { labels: labelsOf({ pool, class: key.slice(prefix.length) }), value: costMs / 1000 };
  }
}

/** The fleet, as this balancer sees it. */
export const FLEET_METRICS: readonly MetricFamily<Facts>[] = [
  {
    name: 'meercat_build_info',
    type: 'info',
    labels: ['version', 'balancer'],
    help: 'The version of Meercat, and the name of the balancer',
    samples: ({ version, balancer }) => [{ labels: labelsOf({ version, balancer }), value: 1 }],
  },
  gauge('meercat_fleet_is_master', '1 while this balancer is master', ({ isMaster }) => (isMaster ? 1 : 0)),
  gauge('meercat_fleet_term', 'The highest term that this balancer has seen', ({ term }) => term),
  gauge(
    'meercat_fleet_lease_remaining_seconds',
    "What is left of the master's lease; 0 on a slave",
    ({ leaseRemainingMs }) => leaseRemainingMs / 1000,
  ),
  gauge('meercat_fleet_table_age_seconds', 'Time since a host table of the master last arrived', ({ tableAgeMs }) => tableAgeMs / 1000),
  gauge(
    'meercat_fleet_exchange_interval_seconds',
    'Interval between two load messages of this balancer',
    ({ exchangeIntervalMs }) => exchangeIntervalMs / 1000,
  ),
  gauge('meercat_fleet_redis_up', '1 while Redis takes the heartbeats of this balancer', ({ isRedisUp }) => (isRedisUp ? 1 : 0)),
  gauge('meercat_fleet_redis_rtt_seconds', 'Round trip of the last heartbeat to Redis', ({ redisRttMs }) => redisRttMs / 1000),
  gauge('meercat_fleet_balancers', 'Balancers in the fleet, as this one knows', ({ balancers }) => balancers),
  gauge('meercat_site_version', 'The version of the site in force; 0 for none that the fleet has', ({ siteVersion }) => siteVersion),
  {
    name: 'meercat_class_cost_seconds',
    type: 'gauge',
    labels: ['pool', 'class'],
    help: 'What a request of a class costs a host, in seconds of CPU',
    samples: costs,
  },
  {
    name: 'meercat_tls_cert_not_after_timestamp_seconds',
    type: 'gauge',
    labels: ['certificate'],
    help: 'When a certificate of this balancer expires, by the name of its file',
    samples: ({ certificates }) =>
      certificates.map(({ name, notAfterMs }) => ({ labels: labelsOf({ certificate: name }), value: Math.round(notAfterMs / 1000) })),
  },
];

const counter = (name: string, help: string, valueOf: (facts: Facts) => number) => one(name, 'counter', help, valueOf);

/** The process. */
export const PROCESS_METRICS: readonly MetricFamily<Facts>[] = [
  counter('process_cpu_user_seconds_total', 'CPU time of the process in user mode', ({ process }) => process.cpuUserMs / 1000),
  counter('process_cpu_system_seconds_total', 'CPU time of the process in the kernel', ({ process }) => process.cpuSystemMs / 1000),
  counter('process_cpu_seconds_total', 'CPU time of the process', ({ process }) => (process.cpuUserMs + process.cpuSystemMs) / 1000),
  gauge('process_start_time_seconds', 'When the process started', ({ process }) => Math.round(process.startedAtMs) / 1000),
  gauge('process_resident_memory_bytes', 'Memory of the process that is resident', ({ process }) => process.residentBytes),
  gauge('process_virtual_memory_bytes', 'Virtual memory of the process', ({ process }) => process.virtualBytes),
  gauge('process_open_fds', 'Open file descriptors of the process', ({ process }) => process.openFds),
  gauge('process_max_fds', 'File descriptors that the process may have open', ({ process }) => process.maxFds),
];
