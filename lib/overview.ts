// The whole fleet at one moment, as the dashboard shows it: composed in the fleet thread of the balancer that is asked,
// from what the master publishes, from Redis, and from its own table. Types only.

import type { HistoryPoint, PickMatrix, Quantiles, SlowRequest, TrafficFigures } from './fleet-figures.js';
import type { Algorithm, HostState, OperatorState } from './model.js';

/** How the fleet is, in one sentence; `bad` when clients suffer, `warn` when they may. */
export interface FleetVerdict {
  readonly level: 'good' | 'warn' | 'bad';
  /** Such as "h7 is slow since 14:02: 31 % of p99 comes from it". */
  readonly text: string;
}

/** A balancer. Figures are null while they are unknown. */
export interface OverviewBalancer {
  readonly name: string;
  /** In the order of succession; the first is 0. */
  readonly rank: number;
  /** Whether it is the one that is asked. */
  readonly isSelf: boolean;
  readonly role: 'master' | 'slave';
  readonly url: string;
  readonly version: string;
  readonly rps: number | null;
  readonly inflight: number | null;
  /** Cores. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
  readonly term: number | null;
  /** Remaining time of its lease; null unless it is master. */
  readonly leaseMs: number | null;
  /** Age of the host table that it routes on. */
  readonly tableAgeMs: number | null;
  readonly redisRttMs: number | null;
  readonly site: number | null;
  /** Why it does not go by the fleet's site, or hears no master; '' when all is well. */
  readonly problem: string;
}

/** A host. Figures are null while they are unknown. */
export interface OverviewHost {
  /** Its id. */
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  readonly operator: OperatorState | null;
  /** The balancers that have ejected it, and why. */
  readonly ejectedBy: readonly (readonly [balancer: string, reason: string])[];
  /** When the balancer that is asked probes it again (wall clock); null while it has not ejected it. */
  readonly ejectedUntilMs: number | null;
  readonly rps: number | null;
  readonly errorRps: number | null;
  readonly ownInflight: number;
  readonly othersInflight: number;
  /** Expected work in flight (ms of CPU) of the whole fleet, and capacity in ms of work per ms. */
  readonly workMs: number;
  readonly capacity: number | null;
  /** Fractions, and the age of the report that says them. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly cores: number | null;
  readonly reportAgeMs: number | null;
  readonly second: Quantiles;
  readonly minute: Quantiles;
  /** Share (0..1) of the slowest 1 % of the last minute's requests that it answered. */
  readonly p99Share: number;
  /** Requests a second in the last 60 s, oldest first; may be shorter. */
  readonly rpsHistory: readonly number[];
}

/** A pool and its hosts, the worst host first. */
export interface OverviewPool {
  readonly name: string;
  readonly algorithm: Algorithm;
  /** The status that it answers in maintenance; null while its hosts answer. */
  readonly maintenance: number | null;
  readonly isPanic: boolean;
  readonly figures: TrafficFigures | null;
  readonly hosts: readonly OverviewHost[];
}

/** Something that happened. */
export interface OverviewEvent {
  /** Wall clock. */
  readonly atMs: number;
  /** As of `EVENT_KINDS`. */
  readonly kind: string;
  readonly name: string;
  /** One sentence for people. */
  readonly text: string;
}

/** What a class of requests costs. */
export interface OverviewCost {
  /** Such as `GET /users/*`; with its pool before it, unless that is `default`. */
  readonly className: string;
  readonly pool: string;
  /** ms of CPU. */
  readonly costMs: number;
  /** Standard error as a fraction of the cost; null when unknown. */
  readonly error: number | null;
}

/** The whole fleet. */
export interface Overview {
  /** Wall clock. */
  readonly atMs: number;
  /** The balancer that is asked. */
  readonly balancer: string;
  readonly namespace: string;
  readonly version: string;
  readonly verdict: FleetVerdict;
  readonly redis: { readonly isUp: boolean; readonly downForMs: number };
  readonly master: string | null;
  readonly term: number;
  readonly site: number | null;
  /** True while no master's figures are heard: then figures are those of the balancer that is asked alone. */
  readonly isOwnOnly: boolean;
  readonly total: TrafficFigures;
  readonly balancers: readonly OverviewBalancer[];
  readonly pools: readonly OverviewPool[];
  readonly picks: PickMatrix;
  /** The last 15 minutes, oldest first. */
  readonly history: readonly HistoryPoint[];
  /** The last 15 minutes, newest first; at most 200. */
  readonly events: readonly OverviewEvent[];
  readonly costs: readonly OverviewCost[];
  readonly slowest: readonly SlowRequest[];
}
