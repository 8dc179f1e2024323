// The counters of a balancer. They live in the shared table, so that every thread can count and the heartbeat can
// publish them all. Each counter has one writing thread.

/**
 * All counters, by the thread that writes them. The names are also fields of the balancer's hash in Redis, and appear
 * in `meercat status --json`.
 */
export const COUNTERS = [
  // Traffic.
  'requests',
  'requests_http2',
  'requests_failed',
  'requests_retried',
  'requests_refused_no_host',
  'requests_answered',
  'requests_without_route',
  'requests_client_gone',
  'requests_queued',
  'websockets',
  'internal_errors',
  // Traffic: refused requests and connections, by reason.
  'refused_request_line',
  'refused_target',
  'refused_version',
  'refused_method',
  'refused_host_header',
  'refused_header_line',
  'refused_header_name',
  'refused_content_length',
  'refused_transfer_encoding',
  'refused_body',
  'refused_chunk',
  'refused_trailer',
  'refused_expectation',
  'refused_url_size',
  'refused_header_size',
  'refused_body_size',
  'refused_http2_message',
  'refused_ambiguous_path',
  'refused_loop',
  'refused_proxy_header',
  'refused_tls',
  'refused_connections',
  'refused_connections_per_client',
  'refused_queue_full',
  'refused_memory',
  'limited_fleet',
  'limited_rate',
  'header_names_dropped',
  // Traffic: HTTP/2 connections that were ended for what their clients sent, and header lists that were too large.
  'http2_protocol_errors',
  'http2_refused_rapid_reset',
  'http2_refused_made_reset',
  'http2_refused_continuation',
  'http2_refused_header_list',
  'http2_refused_settings',
  'http2_refused_ping',
  'http2_refused_priority',
  'http2_refused_window_update',
  'http2_refused_empty_data',
  'http2_refused_stray',
  // Traffic: timeouts.
  'timeouts_header',
  'timeouts_keep_alive',
  'timeouts_client_body',
  'timeouts_client_rate',
  'timeouts_client_answer',
  'timeouts_queue',
  'timeouts_connect',
  'timeouts_response',
  'timeouts_deadline',
  'timeouts_tunnel',
  'timeouts_half_closed',
  // Traffic: calls of gRPC by the status that the client got, in the order of their numbers.
  'grpc_ok',
  'grpc_cancelled',
  'grpc_unknown',
  'grpc_invalid_argument',
  'grpc_deadline_exceeded',
  'grpc_not_found',
  'grpc_already_exists',
  'grpc_permission_denied',
  'grpc_resource_exhausted',
  'grpc_failed_precondition',
  'grpc_aborted',
  'grpc_out_of_range',
  'grpc_unimplemented',
  'grpc_internal',
  'grpc_unavailable',
  'grpc_data_loss',
  'grpc_unauthenticated',
  // Traffic: host failures, and reactions to them.
  'hosts_requests_http2',
  'hosts_connect_failed',
  'hosts_lookup_failed',
  'hosts_reset',
  'hosts_bad_response',
  'hosts_extra_bytes',
  'hosts_answered_5xx',
  'hosts_answered_grpc_failure',
  'retries_connect_failed',
  'retries_reset',
  'retries_bad_response',
  'retries_stale_connection',
  'retries_unprocessed',
  'retries_denied_budget',
  'ejections_connect_failed',
  'ejections_reset',
  'ejections_timeout',
  'ejections_bad_response',
  'ejections_5xx',
  'ejections_grpc_status',
  'ejections_ended',
  'access_log_dropped',
  // Traffic: sticky cookies that named no host.
  'sticky_forged',
  'sticky_expired',
  'sticky_gone',
  // Traffic: load reports in responses.
  'inband_read',
  'inband_dropped_malformed',
  // Console: requests without the token that they need.
  'console_unauthorized',
  'console_throttled',
  // Fleet: tables from the master, and state in Redis.
  'tables_applied',
  'tables_dropped_old',
  'tables_dropped_rival',
  'tables_dropped_malformed',
  'tables_dropped_version',
  'tables_gaps',
  'tables_restarted',
  'hosts_dropped_full',
  'limit_grants_dropped',
  'panics',
  'own_checks_failed',
  'settings_dropped',
  'sites_applied',
  'sites_refused',
  'events_dropped',
  'views_dropped',
  'ejection_events_dropped',
  // Fleet: signatures of tables, events and settings.
  'messages_dropped_unsigned',
  'messages_dropped_altered',
  'messages_dropped_key',
  'messages_dropped_role',
  'messages_dropped_replayed',
  'messages_dropped_clock',
  'messages_accepted_unsigned',
  // Fleet: hosts behind DNS names.
  'dns_lookups_failed',
  'dns_addresses_dropped',
  // Fleet: spans of traced requests.
  'spans_exported',
  'spans_dropped',
  'spans_refused',
  // Fleet: the rest.
  'why_answered',
  'why_dropped',
  'inband_published',
  'masterships',
  'name_conflicts',
  'fleet_thread_restarts',
  // Hosts: messages from agents and balancers to the master.
  'reports_taken',
  'reports_dropped_malformed',
  'reports_dropped_oversized',
  'reports_dropped_out_of_range',
  'reports_dropped_version',
  'reports_dropped_name',
  'reports_dropped_conflict',
  'reports_dropped_full',
  'reports_dropped_unknown',
  'reports_dropped_agent',
  'checks_failed',
  'loads_taken',
  'loads_dropped_malformed',
  'loads_dropped_oversized',
  'loads_dropped_version',
  'loads_dropped_name',
  'limit_reports_dropped',
  'figures_taken',
  'figures_dropped_malformed',
  'figures_dropped_oversized',
  'figures_dropped_version',
  'figures_dropped_old',
  // Hosts: signatures of reports, load messages and figures.
  'reports_dropped_unsigned',
  'reports_dropped_altered',
  'reports_dropped_key',
  'reports_dropped_role',
  'reports_dropped_replayed',
  'reports_dropped_clock',
  'reports_accepted_unsigned',
  'loads_dropped_unsigned',
  'loads_dropped_altered',
  'loads_dropped_key',
  'loads_dropped_role',
  'loads_dropped_replayed',
  'loads_dropped_clock',
  'loads_accepted_unsigned',
  'figures_dropped_unsigned',
  'figures_dropped_altered',
  'figures_dropped_key',
  'figures_dropped_role',
  'figures_dropped_replayed',
  'figures_dropped_clock',
  'figures_accepted_unsigned',
  // Hosts: the rest.
  'writes_fenced',
  'writes_failed',
  'hosts_thread_restarts',
] as const;

/** The name of a counter. */
export type CounterName = (typeof COUNTERS)[number];

/** The counters of calls of gRPC; the index is the status. */
export const GRPC_COUNTERS: readonly CounterName[] = COUNTERS.filter((name) => name.startsWith('grpc_'));

const INDEX = new Map<CounterName, number>(COUNTERS.map((name, index) => [name, index]));

/** Increments a counter, by 1 by default. */
export type Count = (name: CounterName, times?: number) => void;

/** Returns one thread's way to count; the cells are `openTable(…).counters`. */
export function counterOf(cells: Float64Array): Count {
  return (name, times = 1) => {
    const index = INDEX.get(name) as number;
    cells[index] = (cells[index] as number) + times;
  };
}

/** All non-zero counters, by name. */
export function readCounters(cells: Float64Array): Partial<Record<CounterName, number>> {
  const counts: Partial<Record<CounterName, number>> = {};
  for (const [name, index] of INDEX) {
    const count = cells[index] as number;
    if (count !== 0) counts[name] = count;
  }
  return counts;
}
