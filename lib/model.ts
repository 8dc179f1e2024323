// The values that cross folders. No behaviour, no imports: every folder may depend on this file.

/** What a balancer is in the fleet: one is master, all others are slaves. */
export type Role = 'master' | 'slave';

/** How requests find their host. */
export type Algorithm = 'adaptive' | 'least-request' | 'resource' | 'round-robin';

/** All algorithms, in the order in which help texts list them. */
export const ALGORITHMS: readonly Algorithm[] = ['adaptive', 'least-request', 'resource', 'round-robin'];

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
export type OperatorState = 'drained' | 'ejected';

/** All of an operator's words; a word's index and 1 is its code in the shared table, where 0 is none. */
export const OPERATOR_STATES: readonly OperatorState[] = ['drained', 'ejected'];

/**
 * What a master's table is stamped with. Later tables have a higher term, or the same mastership and a higher seq.
 * Two masterships can hold one term for a moment, when Redis lost its data: their tables have no order.
 */
export interface Stamp {
  readonly term: number;
  /** The mastership's identity: the random value that its lease was taken with, in hex digits. */
  readonly mastership: string;
  readonly seq: number;
}

/** The stamp of a table that no master has written yet. */
export const NO_STAMP: Stamp = { term: 0, mastership: '', seq: 0 };

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
  /** Present when no agent says it, but a balancer that found it in an answer of the host's. */
  readonly via?: 'inband';
  /** Errors per second as the host itself counts them; in-band only, for people who listen. */
  readonly eps?: number | null;
}

/** What a host said of itself in an answer, on its way to the channel of reports. */
export interface InbandReport extends HostFigures {
  readonly slot: number;
  readonly host: string;
  readonly url: string;
  readonly eps: number | null;
}

/** A host as `--host URL[,name=N]` names it: it has no agent. */
export interface StaticHost {
  readonly name: string;
  readonly url: string;
}

/**
 * What a balancer says of one host. What is in flight and served are levels and totals: a message that is lost or
 * comes twice makes nothing wrong for longer than until the next one. What tells of the host's speed are differences
 * to the message before: when one is lost, there is only less to learn from.
 */
export interface HostLoad {
  readonly host: string;
  /** Requests in flight from this balancer to this host, now. */
  readonly inflight: number;
  /** The work that those are expected to be, in milliseconds of CPU. */
  readonly work: number;
  /** Requests that this balancer finished on this host since the balancer started. */
  readonly served: number;
  /** Requests in flight on average since this host was named last. */
  readonly meanInflight: number;
  /** Requests that it answered since then, and how long it took, each as a multiple of what its class takes on average, added up. */
  readonly answers: number;
  readonly paces: number;
  readonly evidence: SpeedEvidence;
  /** Requests finished since the message before, as triples: a class's id, how many, their durations added up (ms). */
  readonly counts: readonly number[];
}

/** What finished requests tell of a host's speed, added up: work in milliseconds of CPU, durations in milliseconds. */
export interface SpeedEvidence {
  readonly work: number;
  readonly durations: number;
  /** Sums of work², work · duration and duration²: how much work and duration scatter. */
  readonly workSquares: number;
  readonly workByDuration: number;
  readonly durationSquares: number;
}

/** One load message: what a balancer says of the requests it has in flight, per host. */
export interface LoadMessage {
  readonly balancer: string;
  /** Differs for every start of a process, so that counters that begin again are noticed. */
  readonly instance: string;
  /** Grows by one with each message of an instance, from any number on; it owes nothing to a clock. */
  readonly seq: number;
  /** Names of classes by this balancer's ids, as far as they are new; all of them when `isFull`. */
  readonly classes: readonly (readonly [id: number, name: string])[];
  /** What hosts said since the message before that requests took: a class's id, of how many, their CPU added up (ms). */
  readonly said: readonly (readonly [id: number, count: number, cpuMs: number])[];
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
  /** True for a host that was named by `--host` and has no agent; its figures, if it has any, stood in its answers. */
  readonly isStatic: boolean;
  /** Milliseconds since the master heard the last report, of an agent or in-band; `null` when it never heard one. */
  readonly ageMs: number | null;
  /** Requests in flight from the whole fleet. */
  readonly inflight: number;
  /** Requests per second from the whole fleet. */
  readonly fleetRps: number;
  /** The work that those in flight are expected to be, in milliseconds of CPU. */
  readonly work: number;
  /** What the host can do now: milliseconds of work per millisecond, which is about cores that are free for us. */
  readonly capacity: number | null;
  /** What it does of one request that is alone there: milliseconds of work per millisecond. */
  readonly speed: number | null;
  /** How balancers and agents contradict each other about its URL, for people: it is stored, not published. Absent when they agree. */
  readonly conflict?: string;
}

/** What a host's agent or its answers say of it about once a second; the rest of its row stays as it was. */
export type FiguresRow = Pick<HostRow, 'name' | 'cpu' | 'memory' | 'cores' | 'ageMs'>;

/** What changes of a host many times a second; the rest of its row stays as it was. */
export type LoadRow = Pick<HostRow, 'name' | 'inflight' | 'work' | 'capacity' | 'speed'>;

/** What a request of each class is expected to cost, in milliseconds of CPU. */
export type Costs = readonly (readonly [name: string, costMs: number])[];

/** A part of the host table or the whole of it, stamped by its master. */
export interface HostTable {
  readonly stamp: Stamp;
  /** True when `hosts` is the whole table: what it does not name is gone. */
  readonly isFull: boolean;
  /** The seq of the message before this one, to notice a gap; equal to `stamp.seq` when `isFull`. */
  readonly previousSeq: number;
  readonly hosts: readonly HostRow[];
  /** Hosts of which only the figures changed; none when `isFull`. A host can be among the loads too. */
  readonly figures: readonly FiguresRow[];
  /** Hosts of which only the load changed; none when `isFull`. */
  readonly loads: readonly LoadRow[];
  /** The last load message that is contained, of each balancer from which one came since the message before: its seq. */
  readonly acks: readonly (readonly [balancer: string, seq: number])[];
  /** What a request of each class is expected to cost, in milliseconds of CPU; null when that did not change. */
  readonly costs: Costs | null;
  /** How long balancers are to wait at least between two load messages, in ms; absent: as long as they like. */
  readonly everyMs?: number;
  /** Names of the hosts that answer too soon to be believed; absent: none. */
  readonly likelyBogus?: readonly string[];
  /** Names of the hosts that left since the message before. */
  readonly gone: readonly string[];
}

/** How many classes of requests a balancer tells apart; 0 is the rest together. */
export const MAX_CLASSES = 64;

/** Where the figures of the fleet as a whole stand in `HostView.fleet`. */
export const FLEET = {
  /** When what is known of the others' requests was true (process's clock); NaN when never. */
  loadsAt: 0,
  /** The median capacity and speed of the hosts of which they are known; NaN when of none. */
  neutralCapacity: 1,
  neutralSpeed: 2,
  /** What other balancers have in flight, per capacity of all hosts: requests, and work. */
  othersPerCapacity: 3,
  othersWorkPerCapacity: 4,
  /** What a request costs on average, in milliseconds of CPU. */
  meanCost: 5,
  /** The usage to assume of a host that nothing is known of: the median of those that reported lately, 0.5 without any. */
  neutralUsage: 6,
  /** The median of the paces of hosts that have answered this balancer; NaN when none has. */
  neutralPace: 7,
  /** The most that any host could do over the last seconds; NaN when of none is known what it can do. */
  mostCapacity: 8,
} as const;

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
  /** How long each host takes for its answers to this balancer, as a multiple of what is usual for their class, lately; 0 while it has given none. */
  readonly pace: Float64Array;
  /** 1: the master, who hears of all answers, says that the host answers too soon to be believed. */
  readonly likelyBogus: Int32Array;
  /** Since when each host warms up (process's clock): it was new or came back then. 0 when it need not. */
  readonly warmSince: Float64Array;
  /** How long a host warms up, in milliseconds. */
  readonly slowStartMs: number;
  /** This balancer's requests in flight on each host, now. */
  readonly inflight: Int32Array;
  /** How many of them one host may have; with so many it is picked only when all others have as many. Infinity: no limit. */
  readonly maxInflight: number;
  /** Requests that were answered too soon to be believed: they count as in flight for a while longer. */
  readonly phantomInflight: Int32Array;
  /** The work that both are expected to be (ms of CPU). */
  readonly work: Float64Array;
  /** What all other balancers have in flight on each host, as of `FLEET.loadsAt`. */
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  /** Milliseconds of work per millisecond: of the host as a whole, and of one request alone; NaN when not known. */
  readonly capacity: Float64Array;
  readonly speed: Float64Array;
  /** What the capacity was over the last seconds: what is left to go by when the latest figure is old. */
  readonly capacityTrend: Float64Array;
  /** Figures of the fleet as a whole, at the places that `FLEET` names. */
  readonly fleet: Float64Array;
}

/** What became of a host that a policy looked at, as a code: its place in `LOOKS`. */
export const LOOK = { eligible: 0, excluded: 1, avoided: 2, warming: 3, full: 4 } as const;

/**
 * What can become of a host that a policy looked at.
 * - `eligible`: it could have been taken, and the score decided;
 * - `excluded`: it must not be picked, since it just failed this request;
 * - `avoided`: this balancer holds something against it for the moment;
 * - `warming`: it warms up, and this request was none of the share that it takes;
 * - `full`: it has as many requests of this balancer as it may.
 */
export type Look = keyof typeof LOOK;

/** All looks, by their codes. */
export const LOOKS: readonly Look[] = ['eligible', 'excluded', 'avoided', 'warming', 'full'];

/** What hears of each host that a policy looks at, while it looks. */
export interface PickTrace {
  /**
   * A host was looked at; the one that is picked too.
   * @param look a code of `LOOK`
   * @param score the policy's own figure, of which the least wins; NaN when it had none
   */
  look(view: HostView, slot: number, nowMs: number, look: number, score: number): void;
}

/** How to pick: one small object for each algorithm. */
export interface Policy {
  readonly algorithm: Algorithm;
  /**
   * The slot of the host for one request, or -1 when there is none.
   * @param nowMs the time on the process's clock
   * @param excluded a slot that must not be picked, such as the one that just failed; -1 for none
   * @param cost the work that the request is expected to be, in milliseconds of CPU; above 0
   */
  pick(view: HostView, nowMs: number, excluded: number, cost: number): number;
}
