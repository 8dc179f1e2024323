// The values that cross folders. No behaviour, no imports: every folder may depend on this file.

/** What a balancer is in the fleet: one is master, all others are slaves. */
export type Role = 'master' | 'slave';

/** How requests find their host. */
export type Algorithm = 'round-robin' | 'resource';

/** All algorithms, in the order in which help texts list them. */
export const ALGORITHMS: readonly Algorithm[] = ['round-robin', 'resource'];

/**
 * What the fleet thinks of a host.
 * - `up`: its agent reports, or it answers (a static host has no agent);
 * - `silent`: its agent stopped reporting, the host itself still answers: it keeps a neutral share;
 * - `down`: no report and no answer: it gets no requests.
 */
export type HostState = 'up' | 'silent' | 'down';

/** All host states; a state's index is its code in the shared table. */
export const HOST_STATES: readonly HostState[] = ['up', 'silent', 'down'];

/**
 * What an operator said of a host, for the whole fleet.
 * - `drained`: it gets no new requests and finishes what it has;
 * - `ejected`: it gets none, and what it has is ended.
 */
export type OperatorWord = 'drained' | 'ejected';

/** All of an operator's words; a word's index and 1 is its code in the shared table, where 0 is none. */
export const OPERATOR_WORDS: readonly OperatorWord[] = ['drained', 'ejected'];

/** A mastership's table in order: later ones have a higher term, or the same term and a higher seq. */
export interface Stamp {
  readonly term: number;
  readonly seq: number;
}

/** What an agent (or a probe) measured on a host at one moment. `null` is "not known". */
export interface HostFigures {
  /** CPU in use as a fraction (0..1) of what the host may use. */
  readonly cpu: number | null;
  /** Memory in use as a fraction (0..1) of what the host may use. */
  readonly memory: number | null;
  /** Cores that the host may use; can be fractional (a CPU quota of 1.5 cores). */
  readonly cores: number | null;
  /** Requests per second as the host itself counts them. */
  readonly rps: number | null;
}

/** One report: what an agent says of its host at one moment. */
export interface Report extends HostFigures {
  /** The host's name. */
  readonly host: string;
  /** Where the host takes requests, as an origin (`http://10.0.0.7:8080`). */
  readonly url: string;
  /** True when the host leaves: no further request may go there. */
  readonly bye: boolean;
  /** How often this agent reports, in milliseconds: a host is silent after three missed reports. */
  readonly intervalMs: number;
}

/** A host as `--host URL[,name=N]` names it: it has no agent. */
export interface StaticHost {
  readonly name: string;
  readonly url: string;
}

/** What a balancer says of one host: requests of its own in flight now, and served since it started. */
export interface HostLoad {
  readonly host: string;
  /** Requests in flight from this balancer to this host, now. */
  readonly inflight: number;
  /** Requests that this balancer finished on this host since the balancer started. */
  readonly served: number;
}

/** One load message: what a balancer says of the requests it has in flight, per host. */
export interface LoadMessage {
  readonly balancer: string;
  /** Differs for every start of a process, so that counters that begin again are noticed. */
  readonly instance: string;
  /** The hosts whose figures changed since the last message; all of them when `isFull`. */
  readonly hosts: readonly HostLoad[];
  readonly isFull: boolean;
  /** The static hosts that this balancer was started with. */
  readonly statics: readonly StaticHost[];
}

/** One row of the host table, as the master publishes it. */
export interface HostRow extends HostFigures {
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  /** True for a host that was named by `--host` and has never reported. */
  readonly isStatic: boolean;
  /** Milliseconds since the master heard the last report; `null` when it never heard one. */
  readonly ageMs: number | null;
  /** Requests in flight from the whole fleet. */
  readonly inflight: number;
  /** Requests per second from the whole fleet. */
  readonly fleetRps: number;
}

/** A part of the host table or the whole of it, stamped by its master. */
export interface HostTable {
  readonly stamp: Stamp;
  /** True when `hosts` is the whole table: what it does not name is gone. */
  readonly isFull: boolean;
  /** The seq of the message before this one, to notice a gap; equal to `stamp.seq` when `isFull`. */
  readonly previousSeq: number;
  readonly hosts: readonly HostRow[];
  /** Names of the hosts that left since the message before. */
  readonly gone: readonly string[];
}

/**
 * What a policy sees of the host table. Columns are indexed by slot: a small number that stands for
 * one host as long as that host is in the table.
 */
export interface HostView {
  /** The slots that may be picked: element 0 says how many, then come the slots. Read it once a pick. */
  candidates(): Int32Array;
  /** How used each host was when it last reported (`usageOf`); NaN when not known. */
  readonly usage: Float64Array;
  /** When that report was made, on the process's clock in milliseconds; NaN when never. */
  readonly reportedAt: Float64Array;
  /** What this balancer itself holds against a host: pick it not before this time (process's clock). */
  readonly avoidUntil: Float64Array;
  /** The share (0..1) of this balancer's recent requests on each host that failed or were answered 5xx. */
  readonly failing: Float64Array;
  /** Since when each host warms up (process's clock): it was new or came back then. 0 when it need not. */
  readonly warmSince: Float64Array;
  /** How long a host warms up, in milliseconds. */
  readonly slowStartMs: number;
  /** The usage to assume of a host that nothing is known of: the fleet's median. */
  neutralUsage(): number;
}

/** How to pick: one small object for each algorithm. */
export interface Policy {
  readonly algorithm: Algorithm;
  /**
   * The slot of the host for one request, or -1 when there is none.
   * @param nowMs the time on the process's clock
   * @param excluded a slot that must not be picked, such as the one that just failed; -1 for none
   */
  pick(view: HostView, nowMs: number, excluded: number): number;
}
