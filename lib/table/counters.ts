// The counters of a balancer, kept in the shared table so that each thread can count and the
// heartbeat can publish all of them. Each counter has one writing thread.

/**
 * All counters, by the thread that counts them. The names are also the fields of the balancer's hash
 * in Redis, and what `meercat status --json` prints.
 */
export const COUNTERS = [
  // Traffic.
  'requests',
  'requests_failed',
  'requests_retried',
  'requests_refused_no_host',
  'requests_client_gone',
  'websockets',
  'internal_errors',
  // Fleet: tables from the master, and what stands in Redis.
  'tables_applied',
  'tables_dropped_old',
  'tables_dropped_malformed',
  'tables_dropped_version',
  'tables_gaps',
  'hosts_dropped_full',
  'settings_dropped',
  'events_dropped',
  'masterships',
  'name_conflicts',
  'fleet_thread_restarts',
  // Hosts: what agents and balancers say to the master.
  'reports_taken',
  'reports_dropped_malformed',
  'reports_dropped_oversized',
  'reports_dropped_out_of_range',
  'reports_dropped_version',
  'reports_dropped_name',
  'reports_dropped_conflict',
  'reports_dropped_full',
  'loads_taken',
  'loads_dropped_malformed',
  'loads_dropped_oversized',
  'loads_dropped_version',
  'writes_fenced',
  'writes_failed',
  'hosts_thread_restarts',
] as const;

/** The name of a counter. */
export type CounterName = (typeof COUNTERS)[number];

const INDEX = new Map<CounterName, number>(COUNTERS.map((name, index) => [name, index]));

/** Counts one or several times on a shared counter. */
export type Count = (name: CounterName, times?: number) => void;

/** The way to count in one thread; the cells are those of `openTable(…).counters`. */
export function counterOf(cells: Float64Array): Count {
  return (name, times = 1) => {
    const index = INDEX.get(name) as number;
    cells[index] = (cells[index] as number) + times;
  };
}

/** All counters that are not zero, by name. */
export function readCounters(cells: Float64Array): Partial<Record<CounterName, number>> {
  const counts: Partial<Record<CounterName, number>> = {};
  for (const [name, index] of INDEX) {
    const count = cells[index] as number;
    if (count !== 0) counts[name] = count;
  }
  return counts;
}
