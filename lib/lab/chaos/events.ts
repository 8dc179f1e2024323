// The history of a chaos run: all that was done and seen, in order. The checker reads nothing else, so that a history
// written by hand is checked like a real one. Times are milliseconds since the start of the run.

import type { Stamp } from '../../model.js';

/** A balancer's health page. */
export interface HealthSeen {
  readonly kind: 'health';
  /** When it was asked for; `atMs` is when the answer came. It was true at some moment between the two. */
  readonly sentMs: number;
  readonly atMs: number;
  readonly balancer: string;
  /** Differs for every start of its process. */
  readonly life: number;
  readonly role: string;
  /** The highest term it has seen. */
  readonly term: number;
  readonly hosts: number;
  /** The stamp of the table in force; of its mastership the first 12 digits. */
  readonly table: Stamp;
}

/** A claim to a term, found where masters write: who holds it, and with which mastership where that is said. */
export interface ClaimSeen {
  readonly kind: 'claim';
  readonly atMs: number;
  readonly where: 'master hash' | 'heartbeat' | 'master-elected event';
  readonly name: string;
  readonly term: number;
  readonly mastership: string | null;
}

/** A master's table, as it was published. */
export interface TableSeen {
  readonly kind: 'table';
  readonly atMs: number;
  readonly stamp: Stamp;
}

/** The stamp of what Redis stores: its term key, or the snapshot of the table. */
export interface StoredSeen {
  readonly kind: 'stored';
  readonly atMs: number;
  readonly where: 'term' | 'table';
  readonly stamp: Stamp;
}

/** The methods of the load: one that may be repeated, and one that may not. */
export type RequestMethod = 'GET' | 'POST';

/** A client's request. */
export interface RequestDone {
  readonly kind: 'request';
  readonly sentMs: number;
  readonly atMs: number;
  readonly balancer: string;
  readonly method: RequestMethod;
  /** Whether the client spoke HTTP/2. */
  readonly isHttp2: boolean;
  /** 0: no answer. */
  readonly status: number;
  /** The host that answered; '' if none did. */
  readonly host: string;
  /** What is wrong with it; '' for a right answer. */
  readonly problem: string;
}

/** From now on these failures are expected, until the `forbid` of the same id. */
export interface Allowance {
  readonly kind: 'allow';
  readonly atMs: number;
  readonly id: string;
  /** The balancers whose requests may fail; null for all. */
  readonly balancers: readonly string[] | null;
  readonly method: RequestMethod | null;
  /** Only problems that begin with this; '' for any failure. */
  readonly problem: string;
  /** Only requests that took at least this long: those that waited for a host. */
  readonly minMs: number;
}

/** All events of a history. */
export type ChaosEvent =
  | HealthSeen
  | ClaimSeen
  | TableSeen
  | StoredSeen
  | RequestDone
  | Allowance
  | { readonly kind: 'forbid'; readonly atMs: number; readonly id: string }
  /** Somebody forges tables or events from now on, or no longer. */
  | { readonly kind: 'forging'; readonly atMs: number; readonly isOn: boolean }
  /** How many messages and settings the balancers had refused before somebody forged some, and after. */
  | { readonly kind: 'refused'; readonly atMs: number; readonly what: string; readonly before: number; readonly after: number }
  /** A host got a request with POST a second time. */
  | { readonly kind: 'repeated'; readonly atMs: number; readonly path: string; readonly hosts: readonly string[] }
  /** Redis lost or changed some of its data: what it stores may go back. */
  | { readonly kind: 'redis-lost'; readonly atMs: number }
  /** What the run did. */
  | { readonly kind: 'action'; readonly atMs: number; readonly text: string }
  /** What a process logged. */
  | { readonly kind: 'log'; readonly atMs: number; readonly text: string }
  /** All faults of a round are healed. */
  | { readonly kind: 'healed'; readonly atMs: number; readonly round: number; readonly fault: string }
  /** How long the fleet took to be well after that, or what it lacked when nobody waited any longer. */
  | { readonly kind: 'settled'; readonly atMs: number; readonly waitedMs: number; readonly problem: string }
  /** What operators have set, from now on. */
  | { readonly kind: 'operator'; readonly atMs: number; readonly expected: Readonly<Record<string, string>> }
  /** The operators' settings, after a round: those that must stand, and those that Redis has. */
  | {
      readonly kind: 'settings';
      readonly atMs: number;
      readonly expected: Readonly<Record<string, string>>;
      readonly found: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'ended'; readonly atMs: number; readonly process: string; readonly lines: readonly string[] }
  /** This process did not run since `sinceMs`: the machine was busy, and its other processes did not run either. */
  | { readonly kind: 'stall'; readonly sinceMs: number; readonly atMs: number }
  /** Something that must come back to what it was at rest. */
  | {
      readonly kind: 'resource';
      readonly atMs: number;
      readonly what: string;
      readonly atRest: number;
      readonly now: number;
    }
  /** Memory of a process after each round. */
  | { readonly kind: 'memory'; readonly atMs: number; readonly process: string; readonly life: number; readonly bytes: number };

/** An event of one kind. */
export type EventOf<Kind extends ChaosEvent['kind']> = Extract<ChaosEvent, { readonly kind: Kind }>;

/** A broken promise. */
export interface Violation {
  /** The name of the rule. */
  readonly rule: string;
  readonly atMs: number;
  /** What is wrong, in one sentence. */
  readonly what: string;
}

/** A promise: reads a history from its start, and returns what breaks it. Pure. */
export type Rule = (events: readonly ChaosEvent[], promises: Promises) => Violation[];

/** What is promised; the rest follows from the rules. */
export interface Promises {
  /** The lease's TTL: two balancers believe to be master for no longer. */
  readonly leaseTtlMs: number;
  /** After all faults are healed the fleet is well within this time. */
  readonly wellWithinMs: number;
  /** Whether messages are signed: forged ones then have no effect at all. */
  readonly isSigned: boolean;
}
