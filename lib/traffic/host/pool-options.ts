// What the pool of hosts is handed: the shared table, the rules, and whom to tell of what it finds. Only types: nothing
// here is decided.

import type { Clock } from '../../clock.js';
import type { HealthRules, HostTls, TrafficLimits, TrafficTimeouts } from '../../config/traffic-config.js';
import type { Deadlines } from '../../deadlines.js';
import type { HostAddresses, Lookup } from '../../health/host-addresses.js';
import type { ProbeRules } from '../../health/probe-host.js';
import type { Count } from '../../table/counters.js';
import type { TableColumns } from '../../table/layout.js';

/** What a pool is handed. */
export interface PoolOptions {
  readonly columns: TableColumns;
  readonly clock: Clock;
  readonly count: Count;
  readonly deadlines: Deadlines;
  readonly rules: Pick<TrafficTimeouts, 'hostKeepAliveTimeoutMs' | 'queueTimeoutMs' | 'connectTimeoutMs'> &
    Pick<TrafficLimits, 'hostMaxInflight' | 'hostQueue' | 'maxResponseHeaderSize'> &
    Pick<HealthRules, 'ejectAfter' | 'ejectTimeMs' | 'ejectMaxTimeMs' | 'healthIntervalMs'> &
    ProbeRules;
  readonly tls: HostTls;
  /** Whether a host that was ejected is well. Never rejects. */
  readonly probe: (origin: string, rules: ProbeRules, tls: HostTls, addresses: HostAddresses | undefined) => Promise<boolean>;
  /** Finds the addresses of hosts that have names. */
  readonly lookup: Lookup;
  readonly events: PoolEvents;
}

/** Tells the fleet thread what it can't see in the shared table. */
export interface PoolEvents {
  /** What this balancer holds against a host changed. */
  onVerdict(): void;
  /** For people: a host was ejected or is back, and why. */
  onEjection(host: string, what: 'ejected' | 'back', reason: string): void;
  /** For people: a host's name stands for other addresses than before. */
  onAddresses(host: string, addresses: readonly string[]): void;
  /** For people: a host's name can't be looked up. Said once, until it can. */
  onLookupFailed(host: string, reason: string): void;
  /** Nothing uses the slot any more. */
  onReleased(slot: number): void;
}
