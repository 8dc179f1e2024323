// The values of the lease's state machine: its state, what happens to it, and what it wants done.

/** The durations of a lease; their relations are checked in `config.ts`. */
export interface LeaseTimes {
  /** How long the lease lasts when it is not renewed. */
  readonly ttlMs: number;
  /** How often the master renews it. */
  readonly renewEveryMs: number;
  /** How long before its end a master that can't renew it steps down. */
  readonly safetyMs: number;
  /** How much later each next one in the succession tries. */
  readonly successionStepMs: number;
  /** How soon after a fault the same thing is tried again. */
  readonly retryMs: number;
  /** A round trip to Redis that takes longer than this leaves too little of the lease for renewing it. */
  readonly slowMs: number;
  /** How long a balancer that knows no term and meets a Redis without one waits for balancers that do. */
  readonly foundAfterMs: number;
}

/** The phases of a lease. */
export type LeasePhase =
  /** Slave: waits for the moment to try. */
  | 'waiting'
  /** Slave: has asked for the lease. */
  | 'acquiring'
  /** Slave: has the lease, asks for a term. */
  | 'claiming'
  | 'master'
  | 'stopped';

/** Everything that mastership depends on; never changed in place. */
export interface LeaseState {
  readonly phase: LeasePhase;
  /** Numbers every question to Redis, so that a late answer is known for what it is. */
  readonly attempt: number;
  /** When the driver must send the next `tick`. */
  readonly wakeAtMs: number;
  /** When the lease ends that is held (claiming, master). */
  readonly validUntilMs: number;
  /** The attempt that got the lease which is held: effects name it. */
  readonly grant: number;
  /** This mastership's term; only for master. */
  readonly term: number;
  /** The identity of this mastership, or of the one that is claimed; '' for none. */
  readonly mastership: string;
  /** The highest term ever seen: the next one is greater. */
  readonly highestTerm: number;
  /** The mastership that holds the highest term, as far as is known; '' when it is not. */
  readonly highestMastership: string;
  /** Since when Redis has had no term, while this balancer knows none either; NaN when that is not so. */
  readonly emptySinceMs: number;
  /** How many attempts in a row failed because Redis answered too late. */
  readonly slowFailures: number;
  /** How many attempts in a row failed because Redis refused to write. */
  readonly refusals: number;
  /** When this mastership began. */
  readonly electedAtMs: number;
  /** Why this balancer may not lead; '' when it may. */
  readonly barred: string;
  /** The place in the succession: 0 tries first. */
  readonly rank: number;
  /** True while a renewal is not answered. */
  readonly isRenewing: boolean;
}

/** What happened. Answers carry the attempt they answer. */
export type LeaseEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'acquired'; readonly attempt: number; readonly validUntilMs: number; readonly mastership: string }
  | { readonly type: 'acquire-held'; readonly attempt: number; readonly leftMs: number | null }
  | { readonly type: 'acquire-failed'; readonly attempt: number; readonly isSlow: boolean }
  | { readonly type: 'term-taken'; readonly attempt: number; readonly term: number }
  /** Neither Redis nor this balancer knows a term: it is a new fleet, or a Redis that lost its data. */
  | { readonly type: 'term-missing'; readonly attempt: number }
  | { readonly type: 'term-failed'; readonly attempt: number; readonly isSlow: boolean; readonly isRefused: boolean }
  | { readonly type: 'renewed'; readonly attempt: number; readonly validUntilMs: number }
  | { readonly type: 'renew-lost'; readonly attempt: number }
  | { readonly type: 'renew-failed'; readonly attempt: number }
  /** A term was seen in Redis, a table, an event, or as the reason why a write was refused; `mastership` holds it, absent or '' when that is not known. */
  | { readonly type: 'term-seen'; readonly term: number; readonly mastership?: string }
  /** Redis refuses what a master must write, while it grants the lease. */
  | { readonly type: 'write-refused'; readonly term: number; readonly reason: string }
  /** A heartbeat was answered after this time. */
  | { readonly type: 'round-trip'; readonly ms: number }
  /** The master said that it gave the lease back. */
  | { readonly type: 'lease-released' }
  | { readonly type: 'rank'; readonly rank: number }
  /** From now on this balancer may not lead, for this reason; '' when it may again. */
  | { readonly type: 'bar'; readonly reason: string }
  /** Redis can be reached again. */
  | { readonly type: 'redis-ready' }
  | { readonly type: 'stop' };

/** What the driver must do. */
export type LeaseEffect =
  | { readonly type: 'acquire'; readonly attempt: number }
  | { readonly type: 'take-term'; readonly attempt: number; readonly floor: number; readonly mayFound: boolean }
  | { readonly type: 'renew'; readonly attempt: number; readonly grant: number }
  /** Give the lease of this attempt back; should its answer still be on its way, when it comes. */
  | { readonly type: 'release'; readonly grant: number }
  /** Two masterships hold one term: make sure that the term in Redis is at least this one. */
  | { readonly type: 'raise-term'; readonly term: number }
  | { readonly type: 'become-master'; readonly term: number; readonly mastership: string }
  | { readonly type: 'become-slave'; readonly term: number; readonly reason: string };

/** A step's result. */
export interface LeaseStep {
  readonly state: LeaseState;
  readonly effects: readonly LeaseEffect[];
}
