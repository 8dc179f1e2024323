// The context for handling a request, on a small table: the known hosts and the counters are real, and every rule can be
// overridden.

import type { Clock } from '../../lib/clock.js';
import type { Lookup } from '../../lib/health/host-addresses.js';
import type { Policy } from '../../lib/model.js';
import { HostHashes } from '../../lib/routing/host-hashes.js';
import { Random } from '../../lib/routing/random.js';
import { RequestClasses } from '../../lib/routing/request-classes.js';
import { RetryBudget } from '../../lib/routing/retry-budget.js';
import { RoundRobin } from '../../lib/routing/round-robin.js';
import { type CounterName, counterOf, readCounters } from '../../lib/table/counters.js';
import { createTable, HEADER, openTable, type TableColumns } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';
import { Deadlines } from '../../lib/deadlines.js';
import { FailureLog } from '../../lib/traffic/log/failure-log.js';
import { PickLog } from '../../lib/traffic/log/pick-log.js';
import { Attempt } from '../../lib/traffic/request/attempt.js';
import type { ExchangeContext } from '../../lib/traffic/request/exchange-context.js';
import { buildTrust } from '../../lib/traffic/client/trusted.js';
import type { Host } from '../../lib/traffic/host/host.js';
import { OwnSlowest } from '../../lib/traffic/log/own-slowest.js';
import { KnownHosts } from '../../lib/traffic/host/known-hosts.js';
import type { CollectingClient } from './collecting-client.js';
import type { KnownHostsOptions } from '../../lib/traffic/host/known-hosts-options.js';
import { LoadHeaders } from '../../lib/traffic/host/load-headers.js';
import { TRAFFIC_DEFAULTS, type TrafficConfig } from '../../lib/config/traffic-config.js';

/** A context and what a test looks at. `stop` ends its timers. */
export interface TrafficStage {
  readonly columns: TableColumns;
  readonly hosts: KnownHosts;
  /** Of the hosts' ids, by slot. */
  readonly hashes: HostHashes;
  readonly deadlines: Deadlines;
  readonly context: ExchangeContext;
  readonly config: TrafficConfig;
  /** What the traffic side sent to the fleet thread. */
  readonly said: string[];
  counts(): Partial<Record<CounterName, number>>;
  /** In flight altogether. */
  inflight(): number;
  stop(): void;
}

/** Hosts of these tests are known by their addresses, or never connected to: a lookup does not end. */
const noLookup: Lookup = () => new Promise(() => undefined);

/** Builds a context; `probe` says whether an ejected host is well. */
export function buildTrafficStage(
  clock: Clock,
  overrides: Partial<TrafficConfig> = {},
  probe: KnownHostsOptions['probe'] = async () => false,
  lookup: Lookup = noLookup,
): TrafficStage {
  const columns = openTable(createTable(64));
  const config: TrafficConfig = { ...TRAFFIC_DEFAULTS, ...overrides };
  const count = counterOf(columns.counters);
  const deadlines = new Deadlines(clock);
  const said: string[] = [];
  const hashes = new HostHashes(columns.slots);
  const hosts = new KnownHosts({
    columns,
    hashes,
    clock,
    count,
    deadlines,
    rules: config,
    tls: { ca: undefined, isInsecure: false },
    probe,
    lookup,
    events: {
      onEjection: () => undefined,
      onAddresses: (host, addresses) => void said.push(`${host} is at ${addresses.join(' ')}`),
      onLookupFailed: () => undefined,
      onVerdict: () => void said.push('verdict'),
      onReleased: (slot) => void said.push(`released ${slot}`),
    },
  });
  const policy: Policy = new RoundRobin(new Random(1));
  const context: ExchangeContext = {
    name: 'default',
    index: 0,
    routing: { site: undefined },
    maxAttempts: 2,
    bodies: new Map(),
    respond: undefined,
    classes: new RequestClasses(1),
    columns,
    slowest: new OwnSlowest(),
    view: new TableReader(columns, 0, config.hostMaxInflight),
    hosts,
    clock,
    count,
    timeouts: config,
    pseudonym: 'meercat-test',
    loads: new LoadHeaders({ clock, count, isKept: config.isLoadHeaderKept, onReports: () => undefined }),
    tunnels: new Set(),
    budget: new RetryBudget(config.retryBudgetPercent),
    memory: { isOver: false },
    accessLog: undefined,
    isTrusted: buildTrust(config.trust),
    reasonLog: undefined,
    tracer: undefined,
    isServerTimingSent: false,
    ids: { log: new PickLog(64), failures: new FailureLog(16), prefix: '00000000' },
    policy,
    limit: undefined,
    affinity: undefined,
  };
  return {
    columns,
    hosts,
    hashes,
    deadlines,
    context,
    config,
    said,
    counts: () => readCounters(columns.counters),
    inflight: () => columns.header[HEADER.inflight] as number,
    stop() {
      hosts.close();
      deadlines.stop();
    },
  };
}

/** Runs one attempt against a host; returns how it ended, and how many idle connections the host has then. */
export async function runAttempt(url: string, client: CollectingClient): Promise<{ readonly kind: unknown; readonly idle: number }> {
  const stage = buildTrafficStage(() => performance.now());
  try {
    stage.hosts.add({ slot: 0, name: 'h', url });
    const host = stage.hosts.get(0) as Host;
    const kind = await new Promise((resolve, reject) => {
      client.carry(new Attempt(stage.context, client, host, 0, 1, performance.now(), { onAttemptEnd: resolve, onAttemptFault: reject }));
    });
    return { kind, idle: host.idle.length };
  } finally {
    stage.stop();
  }
}
