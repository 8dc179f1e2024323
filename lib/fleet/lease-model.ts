// The types of the lease's state machine: its state, its events and its effects.

/** The durations of a lease; `config.ts` checks their relations. */
export interface LeaseTimes {
  /** Lifetime of a lease that is not renewed. */
  readonly ttlMs: number;
  /** Interval between the master's renewals. */
  readonly renewEveryMs: number;
  /** How long before the lease expires a master that can't renew it steps down. */
  readonly safetyMs: number;
  /** Extra delay per place in the succession. */
  readonly successionStepMs: number;
  /** Delay before a failed operation is retried. */
  readonly retryMs: number;
  /** A round trip to Redis longer than this leaves too little of the lease to renew it. */
  readonly slowMs: number;
  /** How long a balancer that knows no term waits, on a Redis without one, for balancers that do. */
  readonly foundAfterMs: number;
}

/** The phases of a lease. */
export type LeasePhase =
  /** Slave: waits for its next attempt. */
  | 'waiting'
  /** Slave: has requested the lease. */
  | 'acquiring'
  /** Slave: holds the lease and has requested a term. */
  | 'claiming'
  | 'master'
  | 'stopped';

/** The whole state of mastership; immutable. */
export interface LeaseState {
  readonly phase: LeasePhase;
  /** Numbers the requests to Redis, so that a late answer is recognised. */
  readonly attempt: number;
  /** When the driver must send the next `tick`. */
  readonly wakeAtMs: number;
  /** When the held lease expires (claiming, master). */
  readonly validUntilMs: number;
  /** The attempt that acquired the held lease; effects refer to it. */
  readonly grant: number;
  /** The term of this mastership; master only. */
  readonly term: number;
  /** The id of the current or claimed mastership; '' for none. */
  readonly mastership: string;
  /** The highest term ever seen; the next one is greater. */
  readonly highestTerm: number;
  /** The mastership that holds the highest term; '' when unknown. */
  readonly highestMastership: string;
  /** Since when neither Redis nor this balancer has known a term; NaN when one of them does. */
  readonly emptySinceMs: number;
  /** Consecutive attempts that failed because Redis answered too late. */
  readonly slowFailures: number;
  /** Consecutive attempts that failed because Redis refused to write. */
  readonly refusals: number;
  /** When this mastership began. */
  readonly electedAtMs: number;
  /** Why this balancer must not become master; '' when it may. */
  readonly barred: string;
  /** Place in the succession: 0 tries first. */
  readonly rank: number;
  /** True while a renewal is in flight. */
  readonly isRenewing: boolean;
}

/** The events. An answer carries the attempt it belongs to. */
export type LeaseEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'acquired'; readonly attempt: number; readonly validUntilMs: number; readonly mastership: string }
  | { readonly type: 'acquire-held'; readonly attempt: number; readonly leftMs: number | null }
  | { readonly type: 'acquire-failed'; readonly attempt: number; readonly isSlow: boolean }
  | { readonly type: 'term-taken'; readonly attempt: number; readonly term: number }
  /** Neither Redis nor this balancer knows a term: the fleet is new, or Redis lost its data. */
  | { readonly type: 'term-missing'; readonly attempt: number }
  | { readonly type: 'term-failed'; readonly attempt: number; readonly isSlow: boolean; readonly isRefused: boolean }
  | { readonly type: 'renewed'; readonly attempt: number; readonly validUntilMs: number }
  | { readonly type: 'renew-lost'; readonly attempt: number }
  | { readonly type: 'renew-failed'; readonly attempt: number }
  /** A term was seen in Redis, a table, an event, or a refused write. `mastership` is its holder; absent or '' when unknown. */
  | { readonly type: 'term-seen'; readonly term: number; readonly mastership?: string }
  /** Redis granted the lease but refuses the master's writes. */
  | { readonly type: 'write-refused'; readonly term: number; readonly reason: string }
  /** A heartbeat was answered after this time. */
  | { readonly type: 'round-trip'; readonly ms: number }
  /** The master announced that it released the lease. */
  | { readonly type: 'lease-released' }
  | { readonly type: 'rank'; readonly rank: number }
  /** Bars this balancer from mastership for this reason; '' lifts the bar. */
  | { readonly type: 'bar'; readonly reason: string }
  /** Redis is reachable again. */
  | { readonly type: 'redis-ready' }
  | { readonly type: 'stop' };

/** What the driver must do. */
export type LeaseEffect =
  | { readonly type: 'acquire'; readonly attempt: number }
  | { readonly type: 'take-term'; readonly attempt: number; readonly floor: number; readonly mayFound: boolean }
  | { readonly type: 'renew'; readonly attempt: number; readonly grant: number }
  /** Release the lease of this attempt; if its answer is still outstanding, as soon as it arrives. */
  | { readonly type: 'release'; readonly grant: number }
  /** Two masterships hold one term: raise the term in Redis to at least this one. */
  | { readonly type: 'raise-term'; readonly term: number }
  | { readonly type: 'become-master'; readonly term: number; readonly mastership: string }
  | { readonly type: 'become-slave'; readonly term: number; readonly reason: string };

/** The result of a step. */
export interface LeaseStep {
  readonly state: LeaseState;
  readonly effects: readonly LeaseEffect[];
}
