// The counters of a balancer (lib/table/counters.ts) as families of metrics: which belong together, and by which labels they
// differ. A test checks that each counter is in exactly one of them.

import { COUNTERS, type CounterName } from '../../table/counters.js';
import { labelsOf, type MetricFamily } from './exposition.js';
import type { MetricsFacts } from './facts.js';

/** A family, and the counters that it shows, each with the values of its labels. */
export interface CounterFamily {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly counters: Readonly<Partial<Record<CounterName, readonly string[]>>>;
}

/** The counters whose names begin so; what follows is the value of the last label. */
function named(prefix: string, ...labels: readonly string[]): Partial<Record<CounterName, readonly string[]>> {
  return Object.fromEntries(
    COUNTERS.filter((counter) => counter.startsWith(prefix)).map((counter) => [counter, [...labels, counter.slice(prefix.length)]]),
  );
}

/** One counter without labels. */
const single = (name: string, help: string, counter: CounterName): CounterFamily => ({
  name,
  help,
  labels: [],
  counters: { [counter]: [] },
});

/** All of them. */
export const COUNTER_FAMILIES: readonly CounterFamily[] = [
  single('meercat_requests_accepted_total', 'Requests whose head was read and accepted', 'requests'),
  single('meercat_requests_http2_total', 'Requests from clients over HTTP/2', 'requests_http2'),
  single('meercat_requests_failed_total', 'Requests that this balancer answered itself or could not finish', 'requests_failed'),
  single('meercat_requests_retried_total', 'Requests that were tried on another host', 'requests_retried'),
  single(
    'meercat_requests_answered_by_site_total',
    'Requests answered by the site: redirects, fixed answers, maintenance',
    'requests_answered',
  ),
  single('meercat_requests_client_gone_total', 'Requests whose client went away before the end', 'requests_client_gone'),
  single('meercat_requests_queued_total', 'Requests that waited for room on a host or below a limit', 'requests_queued'),
  single('meercat_upgrades_total', 'Offers to upgrade the connection that were passed to a host', 'websockets'),
  single('meercat_internal_errors_total', 'Faults of Meercat itself', 'internal_errors'),
  {
    name: 'meercat_refused_total',
    help: 'Requests and connections that were refused',
    labels: ['reason'],
    counters: {
      ...named('refused_'),
      requests_refused_no_host: ['no_host'],
      requests_without_route: ['no_route'],
      limited_fleet: ['fleet_limit'],
      limited_rate: ['rate_limit'],
    },
  },
  {
    name: 'meercat_http2_refused_total',
    help: 'HTTP/2 connections that were ended for what their clients sent, and header lists that were too large',
    labels: ['reason'],
    counters: { ...named('http2_refused_'), http2_protocol_errors: ['protocol_error'] },
  },
  single('meercat_header_names_dropped_total', 'Headers and trailers dropped for their names', 'header_names_dropped'),
  { name: 'meercat_timeouts_total', help: 'Waits that ended by a timeout', labels: ['kind'], counters: named('timeouts_') },
  single('meercat_host_http2_requests_total', 'Requests sent to hosts over HTTP/2', 'hosts_requests_http2'),
  {
    name: 'meercat_grpc_calls_total',
    help: 'Calls of gRPC by the status that the client got',
    labels: ['status'],
    counters: named('grpc_'),
  },
  {
    name: 'meercat_host_failures_total',
    help: 'Failures of hosts, and their answers of 500 and above or with a status of gRPC that is a failure',
    labels: ['reason'],
    counters: {
      hosts_connect_failed: ['connect_failed'],
      hosts_lookup_failed: ['lookup_failed'],
      hosts_reset: ['reset'],
      hosts_bad_response: ['bad_response'],
      hosts_answered_5xx: ['5xx'],
      hosts_answered_grpc_failure: ['grpc_status'],
    },
  },
  single('meercat_host_extra_bytes_total', 'Bytes of hosts that belong to no answer', 'hosts_extra_bytes'),
  {
    name: 'meercat_retries_total',
    help: 'Attempts that were made again',
    labels: ['reason'],
    counters: {
      retries_connect_failed: ['connect_failed'],
      retries_reset: ['reset'],
      retries_bad_response: ['bad_response'],
      retries_stale_connection: ['stale_connection'],
      retries_unprocessed: ['unprocessed'],
    },
  },
  single('meercat_retries_denied_total', 'Retries that the retry budget did not allow', 'retries_denied_budget'),
  {
    name: 'meercat_ejections_total',
    help: 'Ejections of hosts by this balancer',
    labels: ['reason'],
    counters: {
      ejections_connect_failed: ['connect_failed'],
      ejections_reset: ['reset'],
      ejections_timeout: ['timeout'],
      ejections_bad_response: ['bad_response'],
      ejections_5xx: ['5xx'],
      ejections_grpc_status: ['grpc_status'],
    },
  },
  single('meercat_ejections_ended_total', 'Ejected hosts that were let in again after a probe', 'ejections_ended'),
  single('meercat_access_log_dropped_total', 'Lines of the access log that were lost', 'access_log_dropped'),
  {
    name: 'meercat_sticky_cookies_rejected_total',
    help: 'Sticky cookies that named no host',
    labels: ['reason'],
    counters: named('sticky_'),
  },
  {
    name: 'meercat_messages_taken_total',
    help: 'Messages of balancers, agents, hosts and operators that were taken',
    labels: ['kind'],
    counters: {
      tables_applied: ['table'],
      reports_taken: ['report'],
      loads_taken: ['load'],
      figures_taken: ['figures'],
      inband_read: ['inband'],
      why_answered: ['why'],
    },
  },
  {
    name: 'meercat_messages_dropped_total',
    help: 'Messages that were dropped',
    labels: ['kind', 'reason'],
    counters: {
      ...named('tables_dropped_', 'table'),
      ...named('reports_dropped_', 'report'),
      ...named('loads_dropped_', 'load'),
      ...named('figures_dropped_', 'figures'),
      views_dropped: ['view', 'malformed'],
      // Tables, events and settings whose signature did not count.
      ...named('messages_dropped_', 'signed'),
      inband_dropped_malformed: ['inband', 'malformed'],
      limit_grants_dropped: ['limit_grant', 'malformed'],
      limit_reports_dropped: ['limit_report', 'malformed'],
      settings_dropped: ['setting', 'malformed'],
      events_dropped: ['event', 'malformed'],
      why_dropped: ['why', 'malformed'],
    },
  },
  {
    name: 'meercat_messages_accepted_unsigned_total',
    help: 'Messages that were taken without a signature',
    labels: ['kind'],
    counters: {
      messages_accepted_unsigned: ['signed'],
      reports_accepted_unsigned: ['report'],
      loads_accepted_unsigned: ['load'],
      figures_accepted_unsigned: ['figures'],
    },
  },
  single('meercat_inband_reports_published_total', 'Load reports from answers that were passed on to the fleet', 'inband_published'),
  single('meercat_table_gaps_total', 'Gaps in the sequence of host tables', 'tables_gaps'),
  single('meercat_table_restarts_total', 'Restarts from the stored host table', 'tables_restarted'),
  single('meercat_ejection_events_dropped_total', 'Ejections that were not announced: there were too many', 'ejection_events_dropped'),
  single('meercat_hosts_dropped_total', 'Hosts for which the table had no slot', 'hosts_dropped_full'),
  single('meercat_panics_total', 'Times at which too many hosts of a pool were out, so that all were used', 'panics'),
  {
    name: 'meercat_health_checks_failed_total',
    help: 'Failed health checks, by the master or by a balancer that hears none',
    labels: ['by'],
    counters: { checks_failed: ['master'], own_checks_failed: ['balancer'] },
  },
  single('meercat_sites_applied_total', 'Versions of the site that were put into force', 'sites_applied'),
  single('meercat_sites_refused_total', 'Sites that were refused', 'sites_refused'),
  single('meercat_dns_lookups_failed_total', 'DNS names of which not all addresses could be resolved', 'dns_lookups_failed'),
  single('meercat_dns_addresses_dropped_total', 'Addresses beyond 256 for one DNS name', 'dns_addresses_dropped'),
  {
    name: 'meercat_console_refused_total',
    help: 'Requests to the console that were refused: no or another token, or too many wrong tokens',
    labels: ['reason'],
    counters: { console_unauthorized: ['unauthorized'], console_throttled: ['throttled'] },
  },
  single('meercat_spans_exported_total', 'Spans that the collector took', 'spans_exported'),
  {
    name: 'meercat_spans_lost_total',
    help: 'Spans that were dropped as there were too many, or that the collector refused',
    labels: ['reason'],
    counters: { spans_dropped: ['dropped'], spans_refused: ['refused'] },
  },
  single('meercat_masterships_total', 'Times this balancer became master', 'masterships'),
  single('meercat_name_conflicts_total', 'Times another balancer with this name was found', 'name_conflicts'),
  {
    name: 'meercat_redis_writes_failed_total',
    help: 'Writes of the master that failed, or that Redis refused because of a newer master',
    labels: ['reason'],
    counters: { writes_failed: ['failed'], writes_fenced: ['fenced'] },
  },
  {
    name: 'meercat_thread_restarts_total',
    help: 'Restarts of threads that died',
    labels: ['thread'],
    counters: { fleet_thread_restarts: ['fleet'], hosts_thread_restarts: ['hosts'] },
  },
];

/** The same as families of metrics. Each counter is shown from the start, at 0, so that its first increase counts in a rate. */
export const COUNTER_METRICS: readonly MetricFamily<MetricsFacts>[] = COUNTER_FAMILIES.map(({ name, help, labels, counters }) => {
  const cells = Object.entries(counters).map(([counter, values]) => ({
    cell: COUNTERS.indexOf(counter as CounterName),
    labels: labelsOf(Object.fromEntries(labels.map((label, i) => [label, values[i] ?? '']))),
  }));
  return {
    name,
    help,
    labels,
    type: 'counter',
    samples: ({ columns }) => cells.map(({ cell, labels: text }) => ({ labels: text, value: columns.counters[cell] as number })),
  };
});
