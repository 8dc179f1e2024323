// Types and constants shared across folders. No behaviour, no imports: every folder may depend on this file.

/** A balancer's role in the fleet: one is master, all others are slaves. */
export type Role = 'master' | 'slave';

/** A load balancing algorithm. */
export type Algorithm = 'adaptive' | 'least-request' | 'resource' | 'round-robin';

/** All algorithms, in the order of the help texts. */
export const ALGORITHMS: readonly Algorithm[] = ['adaptive', 'least-request', 'resource', 'round-robin'];

/**
 * The fleet's view of a host's health.
 * - `up`: its agent reports, or it answers (a static host has no agent);
 * - `silent`: its agent stopped reporting, but the host still answers: it keeps a neutral share;
 * - `down`: neither reports nor answers: it gets no requests.
 */
export type HostState = 'up' | 'silent' | 'down';

/** All host states; a state's index is its code in the shared table. */
export const HOST_STATES: readonly HostState[] = ['up', 'silent', 'down'];

/**
 * A host's administrative state, set by an operator for the whole fleet.
 * - `drained`: it gets no new requests and finishes those in flight;
 * - `ejected`: it gets no new requests, and those in flight are aborted.
 */
export type OperatorState = 'drained' | 'ejected';

/** All operator states; index + 1 is the code in the shared table, where 0 means none. */
export const OPERATOR_STATES: readonly OperatorState[] = ['drained', 'ejected'];

/**
 * The version of a master's table. A later table has a higher term, or the same mastership and a higher seq.
 * Two masterships can briefly hold the same term after Redis lost its data: their tables have no order.
 */
export interface Stamp {
  readonly term: number;
  /** The mastership's identity: the random value of its lease, in hex digits. */
  readonly mastership: string;
  readonly seq: number;
}

/** The stamp of a table before any master has written it. */
export const NO_STAMP: Stamp = { term: 0, mastership: '', seq: 0 };

/** Measurements of a host at one moment, by an agent or a probe. `null` means unknown. */
export interface HostFigures {
  /** CPU in use as a fraction (0..1) of what the host may use. */
  readonly cpu: number | null;
  /** Memory in use as a fraction (0..1) of what the host may use. */
  readonly memory: number | null;
  /** Cores available to the host; may be fractional (a CPU quota of 1.5 cores). */
  readonly cores: number | null;
  /** Requests per second as counted by the host. */
  readonly rps: number | null;
}

/** An agent's report on its host at one moment. */
export interface Report extends HostFigures {
  /** The host's name. */
  readonly host: string;
  /** Where the host takes requests, as an origin (`http://10.0.0.7:8080`). */
  readonly url: string;
  /** True if the host is leaving: it must get no further requests. */
  readonly bye: boolean;
  /** The agent's report interval in milliseconds: a host is silent after three missed reports. */
  readonly intervalMs: number;
  /** Set if the report does not come from an agent, but from a response of the host, relayed by a balancer. */
  readonly via?: 'inband';
  /** Errors per second as counted by the host; in-band only, informational. */
  readonly eps?: number | null;
}

/** A report from a host's response header, to be published on the reports channel. */
export interface InbandReport extends HostFigures {
  readonly slot: number;
  readonly host: string;
  readonly url: string;
  readonly eps: number | null;
}

/** A static host, from `--host URL[,name=N]`: it has no agent. */
export interface StaticHost {
  readonly name: string;
  readonly url: string;
}

/**
 * A balancer's load on one host. `inflight`, `work` and `served` are levels and totals: the next message corrects a lost
 * or duplicated one. The figures about the host's speed are deltas since the last message: if one is lost, there is
 * only less to learn from.
 */
export interface HostLoad {
  readonly host: string;
  /** Requests in flight from this balancer to this host, now. */
  readonly inflight: number;
  /** Expected work of those requests, in milliseconds of CPU. */
  readonly work: number;
  /** Requests completed on this host since the balancer started. */
  readonly served: number;
  /** Mean number of requests in flight since this host last appeared in a message. */
  readonly meanInflight: number;
  /** Requests answered since then, and the sum of their durations, each as a multiple of its class's mean. */
  readonly answers: number;
  readonly paces: number;
  readonly evidence: SpeedEvidence;
  /** Requests completed since the last message, as triples: class id, count, sum of durations (ms). */
  readonly counts: readonly number[];
}

/** Sums over completed requests, from which a host's speed is estimated: work in milliseconds of CPU, durations in milliseconds. */
export interface SpeedEvidence {
  readonly work: number;
  readonly durations: number;
  /** Sums of work², work · duration and duration²: the second moments. */
  readonly workSquares: number;
  readonly workByDuration: number;
  readonly durationSquares: number;
}

/** A load message: a balancer's requests in flight, per host. */
export interface LoadMessage {
  readonly balancer: string;
  /** Unique to each start of a process, so that a reset of the counters is noticed. */
  readonly instance: string;
  /** Increases by one with each message of an instance, from an arbitrary start; independent of any clock. */
  readonly seq: number;
  /** Class names by this balancer's ids: the new ones, or all if `isFull`. */
  readonly classes: readonly (readonly [id: number, name: string])[];
  /** CPU costs that hosts reported since the last message: class id, number of requests, sum of CPU (ms). */
  readonly said: readonly (readonly [id: number, count: number, cpuMs: number])[];
  /** The hosts whose figures changed since the last message; all hosts if `isFull`. */
  readonly hosts: readonly HostLoad[];
  readonly isFull: boolean;
  /** This balancer's static hosts. */
  readonly statics: readonly StaticHost[];
}

/** A row of the host table, as published by the master. */
export interface HostRow extends HostFigures {
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  /** True for a host from `--host`, without an agent; its figures, if any, come from its responses. */
  readonly isStatic: boolean;
  /** Milliseconds since the master received the last report, from an agent or in-band; `null` if it never has. */
  readonly ageMs: number | null;
  /** Requests in flight from the whole fleet. */
  readonly inflight: number;
  /** Requests per second from the whole fleet. */
  readonly fleetRps: number;
  /** Expected work of the requests in flight, in milliseconds of CPU. */
  readonly work: number;
  /** Current capacity: milliseconds of work per millisecond, roughly the cores available to this fleet. */
  readonly capacity: number | null;
  /** Speed of a single request without others: milliseconds of work per millisecond. */
  readonly speed: number | null;
  /** A conflict between balancers and agents over the host's URL, in readable form: stored, not published. Absent if they agree. */
  readonly conflict?: string;
}

/** The fields that reports update about once a second; the rest of the row is unchanged. */
export type FiguresRow = Pick<HostRow, 'name' | 'cpu' | 'memory' | 'cores' | 'ageMs'>;

/** The fields that change many times a second; the rest of the row is unchanged. */
export type LoadRow = Pick<HostRow, 'name' | 'inflight' | 'work' | 'capacity' | 'speed'>;

/** Expected cost of a request of each class, in milliseconds of CPU. */
export type Costs = readonly (readonly [name: string, costMs: number])[];

/** The host table or a part of it, stamped by its master. */
export interface HostTable {
  readonly stamp: Stamp;
  /** True if `hosts` is the whole table: hosts not in it are gone. */
  readonly isFull: boolean;
  /** The seq of the previous message, to detect a gap; equals `stamp.seq` if `isFull`. */
  readonly previousSeq: number;
  readonly hosts: readonly HostRow[];
  /** Hosts with only their figures changed; empty if `isFull`. A host can be in `loads` too. */
  readonly figures: readonly FiguresRow[];
  /** Hosts with only their load changed; empty if `isFull`. */
  readonly loads: readonly LoadRow[];
  /** The seq of the last load message included, for each balancer that sent one since the previous table. */
  readonly acks: readonly (readonly [balancer: string, seq: number])[];
  /** Expected cost of a request of each class, in milliseconds of CPU; null if unchanged. */
  readonly costs: Costs | null;
  /** Minimum interval between a balancer's load messages, in ms; absent: no minimum. */
  readonly everyMs?: number;
  /** Names of hosts whose responses are implausibly fast; absent: none. */
  readonly likelyBogus?: readonly string[];
  /** Names of the hosts that left since the previous message. */
  readonly gone: readonly string[];
}

/** Maximum number of request classes that a balancer distinguishes; class 0 holds all others. */
export const MAX_CLASSES = 64;

/** Indexes of the fleet-wide figures in `HostView.fleet`. */
export const FLEET = {
  /** Time at which the other balancers' loads were current (process clock); NaN if unknown. */
  loadsAt: 0,
  /** Median capacity and speed over the hosts with known values; NaN if there are none. */
  neutralCapacity: 1,
  neutralSpeed: 2,
  /** Other balancers' requests in flight, and their work, per unit of the fleet's capacity. */
  othersPerCapacity: 3,
  othersWorkPerCapacity: 4,
  /** Mean cost of a request, in milliseconds of CPU. */
  meanCost: 5,
  /** Usage assumed for a host without a report: the median of recent reports, or 0.5 without any. */
  neutralUsage: 6,
  /** Median pace of the hosts that have answered this balancer; NaN if none has. */
  neutralPace: 7,
  /** Highest capacity of any host over the last seconds; NaN if no capacity is known. */
  mostCapacity: 8,
} as const;

/**
 * A policy's view of the host table. Columns are indexed by slot: a small number assigned to a host while it is in the
 * table.
 */
export interface HostView {
  /** The candidate slots: element 0 is the count, followed by the slots. Read it once per pick. */
  candidates(): Int32Array;
  /** Each host's usage at its last report (`usageOf`); NaN if unknown. */
  readonly usage: Float64Array;
  /** Time of that report, on the process clock in milliseconds; NaN if none. */
  readonly reportedAt: Float64Array;
  /** This balancer avoids the host until this time (process clock). */
  readonly avoidUntil: Float64Array;
  /** Share (0..1) of this balancer's recent requests to each host that failed or got a 5xx. */
  readonly failing: Float64Array;
  /** Each host's recent response time to this balancer, as a multiple of the usual one for the class; 0 before the first response. */
  readonly pace: Float64Array;
  /** 1 if the master, which sees all responses, finds the host's responses implausibly fast. */
  readonly likelyBogus: Int32Array;
  /** Start of each host's slow start (process clock), when it was added or came back; 0 if not in slow start. */
  readonly warmSince: Float64Array;
  /** Duration of slow start, in milliseconds. */
  readonly slowStartMs: number;
  /** This balancer's current requests in flight on each host. */
  readonly inflight: Int32Array;
  /** Limit of those per host; a host at the limit is picked only if all others are too. Infinity: no limit. */
  readonly maxInflight: number;
  /** Requests that were answered implausibly fast: they count as in flight for a while longer. */
  readonly phantomInflight: Int32Array;
  /** Expected work of both (ms of CPU). */
  readonly work: Float64Array;
  /** All other balancers' requests in flight on each host, as of `FLEET.loadsAt`. */
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  /** Milliseconds of work per millisecond: of the whole host, and of a single request; NaN if unknown. */
  readonly capacity: Float64Array;
  readonly speed: Float64Array;
  /** Capacity over the last seconds: used when the latest figure is stale. */
  readonly capacityTrend: Float64Array;
  /** Fleet-wide figures, at the indexes in `FLEET`. */
  readonly fleet: Float64Array;
}

/** Codes of the verdicts on a considered host: indexes into `LOOKS`. */
export const LOOK = { eligible: 0, excluded: 1, avoided: 2, warming: 3, full: 4 } as const;

/**
 * A policy's verdict on a considered host.
 * - `eligible`: it could be picked, and the score decided;
 * - `excluded`: it must not be picked, since it just failed this request;
 * - `avoided`: this balancer avoids it at the moment;
 * - `warming`: it is in slow start, and this request is outside its share;
 * - `full`: it is at this balancer's limit of requests in flight.
 */
export type Look = keyof typeof LOOK;

/** All verdicts, by code. */
export const LOOKS: readonly Look[] = ['eligible', 'excluded', 'avoided', 'warming', 'full'];

/** Observer of the hosts that a policy considers. */
export interface PickTrace {
  /**
   * Called for each host considered, including the one picked.
   * @param look a code of `LOOK`
   * @param score the policy's score, lowest wins; NaN if it had none
   */
  look(view: HostView, slot: number, nowMs: number, look: number, score: number): void;
}

/** A policy: one small object per algorithm. */
export interface Policy {
  readonly algorithm: Algorithm;
  /**
   * Picks the slot of a host for one request; -1 if there is none.
   * @param nowMs the time on the process clock
   * @param excluded a slot that must not be picked, such as the one that just failed; -1 for none
   * @param cost the request's expected work, in milliseconds of CPU; above 0
   */
  pick(view: HostView, nowMs: number, excluded: number, cost: number): number;
}
