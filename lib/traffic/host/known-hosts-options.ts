// Dependencies of the hosts that are known: the shared table, the rules, and callbacks for its findings. Types only: no logic
// here.

import type { Clock } from '../../clock.js';
import type { PoolRules } from '../../config/pool-rules.js';
import type { HostTls, TrafficLimits, TrafficTimeouts } from '../../config/traffic-config.js';
import type { Deadlines } from '../../deadlines.js';
import type { HostAddresses, Lookup } from '../../health/host-addresses.js';
import type { ProbeRules } from '../../health/probe-host.js';
import type { HostHashes } from '../../routing/host-hashes.js';
import type { Count } from '../../table/counters.js';
import type { TableColumns } from '../../table/layout.js';

/** Dependencies of `KnownHosts`. */
export interface KnownHostsOptions {
  readonly columns: TableColumns;
  /** Of the hosts' ids: by them, picks of a key's host agree over all balancers. */
  readonly hashes: HostHashes;
  readonly clock: Clock;
  readonly count: Count;
  readonly deadlines: Deadlines;
  /** Those of the process, and those of a pool without rules of its own. */
  readonly rules: Pick<TrafficTimeouts, 'hostKeepAliveTimeoutMs'> &
    Pick<TrafficLimits, 'maxResponseHeaderSize' | 'hostMaxStreams'> &
    Omit<HostRules, 'isHttp2'>;
  readonly tls: HostTls;
  /** Probes an ejected host: true if it is healthy. Never rejects. */
  readonly probe: (origin: string, rules: ProbeRules, tls: HostTls, addresses: HostAddresses | undefined) => Promise<boolean>;
  /** Resolves the names of hosts. */
  readonly lookup: Lookup;
  readonly events: HostEvents;
}

/** The rules of a pool's hosts. */
export type HostRules = Pick<
  PoolRules,
  'isHttp2' | 'hostMaxInflight' | 'hostQueue' | 'connectTimeoutMs' | 'ejectAfter' | 'ejectTimeMs' | 'ejectMaxTimeMs' | 'healthIntervalMs'
> &
  ProbeRules;

/** Events for the fleet thread that it can't see in the shared table. */
export interface HostEvents {
  /** This balancer's verdict on a host changed. */
  onVerdict(): void;
  /** For the log: a host was ejected or is back, and why. */
  onEjection(host: string, what: 'ejected' | 'back', reason: string): void;
  /** For the log: a host's name resolves to other addresses than before. */
  onAddresses(host: string, addresses: readonly string[]): void;
  /** For the log: a host's name can't be resolved. Reported once, until it can again. */
  onLookupFailed(host: string, reason: string): void;
  /** The slot is no longer in use. */
  onReleased(slot: number): void;
}
