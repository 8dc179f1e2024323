// What requests of one balancer need, besides the listener: the hosts, the pools and routes, the loads that hosts
// report in their answers, and the context of every exchange. All of it lives in the thread that serves; what the fleet
// must know goes to the outbox.

import { randomInt } from 'node:crypto';
import type { BalancerConfig } from './config/config.js';
import type { HostTls } from './config/traffic-config.js';
import type { Deadlines } from './deadlines.js';
import type { Lookup } from './health/host-addresses.js';
import { probeHost } from './health/probe-host.js';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import { HostHashes } from './routing/host-hashes.js';
import { createPolicy } from './routing/policy.js';
import { Random } from './routing/random.js';
import type { Shutdown } from './shutdown.js';
import { shareLeaseMs } from './site-limits.js';
import { RateLimits } from './traffic/rate-limits.js';
import { Affinities } from './traffic/affinities.js';
import { type SharedContext, SiteSwitch } from './traffic/site-switch.js';
import type { TableColumns } from './table/layout.js';
import type { ToFleet } from './thread-messages.js';
import { buildTrust } from './traffic/client/trusted.js';
import { KnownHosts } from './traffic/host/known-hosts.js';
import { LoadHeaders } from './traffic/host/load-headers.js';
import { FailureLog } from './traffic/log/failure-log.js';
import { ReasonLog } from './traffic/log/reason-log.js';
import type { ExchangeContext } from './traffic/request/exchange-context.js';
import { PickLog } from './traffic/log/pick-log.js';
import { OwnSlowest } from './traffic/log/own-slowest.js';
import { Tracer } from './traffic/request/tracer.js';
import { Explainer } from './traffic/request/explainer.js';

/** What the parts are made of. */
export interface RequestPartsOptions extends Pick<ExchangeContext, 'accessLog' | 'clock' | 'count' | 'memory'> {
  readonly config: BalancerConfig;
  readonly columns: TableColumns;
  readonly random: Random;
  readonly deadlines: Deadlines;
  readonly tls: HostTls;
  readonly lookup: Lookup;
  /** Differs for every start of the process. */
  readonly instance: string;
  readonly toFleet: Outbox<ToFleet>;
  readonly log: Log;
  /** Receives the closers. */
  readonly shutdown: Shutdown;
}

/** The parts. */
export interface RequestParts {
  readonly hosts: KnownHosts;
  readonly siteSwitch: SiteSwitch;
  readonly explainer: Explainer;
  readonly slowest: OwnSlowest;
}

/** Builds them; nothing is listened on yet. */
export function prepareRequests({
  config,
  columns,
  clock,
  count,
  random,
  deadlines,
  memory,
  accessLog,
  tls,
  lookup,
  instance,
  toFleet,
  log,
  shutdown,
}: RequestPartsOptions): RequestParts {
  const hashes = new HostHashes(columns.slots);
  const hosts = new KnownHosts({
    columns,
    hashes,
    clock,
    count,
    deadlines,
    rules: config,
    tls,
    probe: probeHost,
    lookup,
    events: {
      onVerdict: () => toFleet.post({ type: 'verdict' }),
      onReleased: (slot) => toFleet.post({ type: 'slot-released', slot }),
      onEjection(host, what, reason) {
        log(what === 'back' ? 'info' : 'warn', `host ${what}`, { host, reason });
        toFleet.post({ type: 'ejection', host, reason: what === 'back' ? null : reason });
      },
      onAddresses: (host, addresses) => log('info', 'the name of a host has other addresses', { host, addresses: addresses.join(' ') }),
      onLookupFailed: (host, reason) =>
        log('warn', "the name of a host can't be looked up: the addresses known so far are used", { host, reason }),
    },
  });
  shutdown.add(() => hosts.close());
  const loads = new LoadHeaders({
    clock,
    count,
    isKept: config.isLoadHeaderKept,
    onReports: (reports) => toFleet.post({ type: 'inband-reports', reports }),
  });
  shutdown.add(() => loads.stop());
  const isTrustedAddress = buildTrust(config.trust);
  const picks = new PickLog();
  const slowest = new OwnSlowest();
  const shared: SharedContext = {
    columns,
    slowest,
    hosts,
    clock,
    count,
    // Identifies this process and reveals nothing else.
    pseudonym: `meercat-${instance.slice(0, 8)}`,
    loads,
    tunnels: new Set(),
    memory,
    accessLog,
    isTrusted: isTrustedAddress,
    reasonLog: config.logLevel === 'debug' ? new ReasonLog(log, clock) : undefined,
    tracer:
      config.otlpEndpoint === ''
        ? undefined
        : new Tracer({
            share: config.traceSamplePercent / 100,
            clock,
            random: new Random(randomInt(2 ** 31)),
            isTrustedAddress,
            onRecords: (records, dropped) => toFleet.post({ type: 'traces', records, dropped }),
          }),
    isServerTimingSent: config.isServerTimingSent,
    ids: { log: picks, failures: new FailureLog(), prefix: instance.slice(0, 8) },
  };
  const affinities = new Affinities({
    fleet: config.namespace,
    hashes,
    wallClock: Date.now,
    count,
    isTrusted: shared.isTrusted,
    hosts,
    trace: picks,
  });
  const siteSwitch = new SiteSwitch({
    shared,
    affinities,
    columns,
    config,
    hosts,
    deadlines,
    random,
    rates: new RateLimits({
      namespace: config.namespace,
      answerMs: shareLeaseMs(config.leaseTtlMs),
      isTrusted: shared.isTrusted,
    }),
    policyOf: (algorithm) => createPolicy(algorithm, new Random(randomInt(2 ** 31)), picks),
    onGone: (pools) => toFleet.post({ type: 'pools-gone', pools }),
  });
  const explainer = new Explainer({ context: siteSwitch.defaultContext, random: new Random(randomInt(2 ** 31)), clock, rules: config });
  return { hosts, siteSwitch, explainer, slowest };
}
