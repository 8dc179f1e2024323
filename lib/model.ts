// The types that cross folders. No behaviour, no imports: every folder may depend on this file.

/** A balancer's role in the fleet: one is master, all others are slaves. */
export type Role = 'master' | 'slave';

/** The load-balancing algorithms. */
export type Algorithm = 'adaptive' | 'least-request' | 'resource' | 'round-robin';

/** All algorithms, in the order of help texts. */
export const ALGORITHMS: readonly Algorithm[] = Object.freeze(['adaptive', 'least-request', 'resource', 'round-robin'] as const);

/** What stands for the algorithm of each balancer, where one for the whole fleet could be named. */
export const OWN_ALGORITHM = 'own';

/**
 * The state of a host.
 * - `up`: its agent reports, or it answers (a static host has no agent);
 * - `silent`: its agent stopped reporting but the host still answers: it keeps a neutral share;
 * - `down`: neither reports nor answers: it gets no requests.
 */
export type HostState = 'up' | 'silent' | 'down';

/** All host states; the index of a state is its code in the shared table. */
export const HOST_STATES: readonly HostState[] = ['up', 'silent', 'down'];

/**
 * An operator's setting of a host, for the whole fleet.
 * - `drained`: it gets no new requests and finishes those it has;
 * - `ejected`: it gets none, and its requests are ended.
 */
export type OperatorState = 'drained' | 'ejected';

/** All operator states; index + 1 is the code in the shared table, where 0 is none. */
export const OPERATOR_STATES: readonly OperatorState[] = ['drained', 'ejected'];

/** What a pool in maintenance answers to all requests. */
export interface Maintenance {
  readonly status: number;
  /** Null: the pool's own body for a 503, or else ours. */
  readonly body: string | null;
  /** The Content-Type of `body`. */
  readonly type: string;
}

/**
 * The stamp of a master's table. A later table has a higher term, or the same mastership and a higher seq. After Redis
 * lost its data, two masterships can briefly hold one term: their tables have no order.
 */
export interface Stamp {
  readonly term: number;
  /** The mastership's id: the random value that its lease was taken with, in hex digits. */
  readonly mastership: string;
  readonly seq: number;
}

/** The stamp before any master's table. */
export const NO_STAMP: Stamp = { term: 0, mastership: '', seq: 0 };

/** Measurements of a host at one moment, by its agent or a probe; null is unknown. */
export interface HostFigures {
  /** CPU in use as a fraction (0..1) of what the host may use. */
  readonly cpu: number | null;
  /** Memory in use as a fraction (0..1) of what the host may use. */
  readonly memory: number | null;
  /** Cores that the host may use; may be fractional (a CPU quota of 1.5 cores). */
  readonly cores: number | null;
  /** Requests per second as the host itself counts them. */
  readonly rps: number | null;
}

/** A report of a host at one moment. */
export interface Report extends HostFigures {
  /** The host's name. */
  readonly host: string;
  /** The host's origin (`http://10.0.0.7:8080`). */
  readonly url: string;
  /** The pools that the host serves in, 1 to 16 of them; absent: in `default` alone. */
  readonly pools?: readonly string[] | undefined;
  /** True when the host leaves all of its pools: it must get no further requests. */
  readonly bye: boolean;
  /** Report interval of the agent, in ms: a host is silent after three missed reports. */
  readonly intervalMs: number;
  /**
   * Identifies the agent's process: random, and known to nobody who cannot read the channel of reports. Absent in
   * reports of agents of earlier versions, and in-band.
   */
  readonly instance?: string | undefined;
  /** Present when a balancer found it in a response, rather than an agent reporting it. */
  readonly via?: 'inband';
  /** Errors per second as the host itself counts them; in-band only, for external subscribers. */
  readonly eps?: number | null;
}

/** The load report in a host's response, on its way to the channel of reports. */
export interface InbandReport extends HostFigures {
  readonly slot: number;
  /** The host's id. */
  readonly host: string;
  readonly url: string;
  readonly eps: number | null;
}

/** A host named by the site, by `--host`, or as found by DNS; it has no agent. */
export interface StaticHost {
  /** Its id. */
  readonly name: string;
  readonly url: string;
  /** Absent: 1. */
  readonly weight?: number;
  /** The DNS name that the address in the URL was found by, perhaps with a port: what TLS verifies. Absent: as in the URL. */
  readonly authority?: string | undefined;
}

/** What `--host URL[,name=N]` names: a host, or a DNS name that stands for several. */
export interface GivenHost extends StaticHost {
  /** `dns`: all addresses of the name in the URL; `srv`: the targets of the service in it. Absent: the URL is the host's. */
  readonly discovery?: 'dns' | 'srv' | undefined;
}

/**
 * A balancer's figures of one host. In-flight and served are levels and totals, so that a lost or duplicate message is
 * corrected by the next one. The evidence of the host's speed is a difference to the previous message: when one is
 * lost, there is only less to learn from.
 */
export interface HostLoad {
  readonly host: string;
  /** Requests from this balancer that the host owes the next byte, now: those that picks compare. */
  readonly inflight: number;
  /** All requests in flight, and the long-lived ones among them (upgrades, streams). */
  readonly open: number;
  readonly longLived: number;
  /** The expected work of those, in ms of CPU. */
  readonly work: number;
  /** Requests that this balancer has finished on this host since it started. */
  readonly served: number;
  /** Average number in flight since this host was last included. */
  readonly meanInflight: number;
  readonly evidence: SpeedEvidence;
  /** Requests finished since the previous message, as triples: class id, count, sum of durations (ms). */
  readonly counts: readonly number[];
}

/** Sums over finished requests that show a host's speed: work in ms of CPU, durations in ms. */
export interface SpeedEvidence {
  readonly work: number;
  readonly durations: number;
  /** Sums of work², work · duration and duration²: how much work and duration scatter. */
  readonly workSquares: number;
  readonly workByDuration: number;
  readonly durationSquares: number;
}

/** One load message: a balancer's requests in flight, per host. */
export interface LoadMessage {
  readonly balancer: string;
  /** Unique per process start, so that restarted counters are noticed. */
  readonly instance: string;
  /** Increments with each message of an instance, from any start value; independent of the clock. */
  readonly seq: number;
  /** Names of new classes by this balancer's ids; all of them when `isFull`. */
  readonly classes: readonly (readonly [id: number, name: string])[];
  /** CPU times that hosts reported since the previous message: class id, number of requests, sum (ms). */
  readonly said: readonly (readonly [id: number, count: number, cpuMs: number])[];
  /** The hosts whose figures changed since the previous message; all of them when `isFull`. */
  readonly hosts: readonly HostLoad[];
  readonly isFull: boolean;
  /** The static hosts that this balancer was started with. */
  readonly statics: readonly StaticHost[];
  /** On limits of the fleet, unchecked (`decodeLimitPart`); absent without any. */
  readonly limits?: unknown;
}

/** One row of the host table, as the master publishes it. */
export interface HostRow extends HostFigures {
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  /** As of `StaticHost`. */
  readonly authority?: string | undefined;
  /** True for a host that was named by `--host` and has no agent; any figures came from its responses. */
  readonly isStatic: boolean;
  /** Milliseconds since the master received the last report, from an agent or in-band; null if there was none. */
  readonly ageMs: number | null;
  /** Requests from the whole fleet that the host owes the next byte: those that picks compare. */
  readonly inflight: number;
  /** The fleet's long-lived requests (upgrades, streams), which are not among those. */
  readonly longLived: number;
  /** All of the fleet's requests in flight, also those that wait for their client. */
  readonly open: number;
  /** Requests per second from the whole fleet. */
  readonly fleetRps: number;
  /** The expected work of those in flight, in ms of CPU. */
  readonly work: number;
  /** Capacity: ms of work per ms, which is about the cores available to us. */
  readonly capacity: number | null;
  /** Speed for a single request: ms of work per ms. */
  readonly speed: number | null;
  /** The host's weight, as the site says; absent: 1. */
  readonly weight?: number;
  /** Whether there is no pool for it: no requests go there. For people; stored, not published. Absent: there is one. */
  readonly isUnassigned?: boolean;
  /** Balancers that name it with --host and those that do not, for people; stored, not published. Absent: all, or none. */
  readonly partlyNamed?: { readonly by: readonly string[]; readonly notBy: readonly string[] };
  /** How balancers and agents contradict each other about its URL, for people; stored, not published. Absent when they agree. */
  readonly conflict?: string;
}

/** A pool as the master shows it to people. */
export interface PoolRow {
  readonly name: string;
  readonly hosts: number;
  /** Those of its hosts that are up. */
  readonly up: number;
  /** Requests per second, and all requests in flight, from the whole fleet. */
  readonly rps: number;
  readonly inflight: number;
  /** As the site says; null where it says nothing. */
  readonly algorithm: Algorithm | null;
}

/** The part of a row that changes about once a second, with a report. */
export type FiguresRow = Pick<HostRow, 'name' | 'cpu' | 'memory' | 'cores' | 'ageMs'>;

/** The part of a row that changes many times a second. */
export type LoadRow = Pick<HostRow, 'name' | 'inflight' | 'work' | 'capacity' | 'speed' | 'longLived'>;

/** The expected cost of a request by class, in ms of CPU. */
export type Costs = readonly (readonly [name: string, costMs: number])[];

/** A full or partial host table, stamped by its master. */
export interface HostTable {
  readonly stamp: Stamp;
  /** True when `hosts` is the whole table: hosts that it does not name are gone. */
  readonly isFull: boolean;
  /** The seq of the previous message, to detect a gap; equal to `stamp.seq` when `isFull`. */
  readonly previousSeq: number;
  readonly hosts: readonly HostRow[];
  /** Hosts of which only the figures changed; empty when `isFull`. A host can be among the loads too. */
  readonly figures: readonly FiguresRow[];
  /** Hosts of which only the load changed; empty when `isFull`. */
  readonly loads: readonly LoadRow[];
  /** Acknowledgements: the last load message included, for each balancer that sent one since the previous table. */
  readonly acks: readonly (readonly [balancer: string, seq: number])[];
  /** The expected cost of a request by class, in ms of CPU; null when unchanged. */
  readonly costs: Costs | null;
  /** Minimum interval between two load messages of a balancer, in ms; absent: no limit. */
  readonly everyMs?: number;
  /** Hosts that left since the previous message. */
  readonly gone: readonly string[];
  /** The shares of limits of the fleet, unchecked (`decodeGrantPart`); absent when none were dealt out. */
  readonly limits?: unknown;
}

/** Maximum pools of a fleet; the first, index 0, is `default`. */
export const MAX_POOLS = 1024;

/** Maximum classes of requests per balancer and pool; class 0 is the rest. */
export const MAX_CLASSES = 64;

/** Indices of a pool's figures over the whole fleet, in `HostView.fleet`. */
export const FLEET = {
  /** When the known loads of the other balancers were current (process clock); NaN if never. */
  loadsAt: 0,
  /** Median capacity and speed of the hosts where known; NaN without any. */
  neutralCapacity: 1,
  neutralSpeed: 2,
  /** Average cost of a request, in ms of CPU. */
  meanCost: 3,
  /** The usage to assume for an unknown host: the median of recent reports, 0.5 without any. */
  neutralUsage: 4,
  /** The largest capacity of any host; NaN when none is known. */
  mostCapacity: 5,
  /** Share (0..1) of the requests in flight that are the other balancers'; NaN if never known. */
  othersShare: 6,
} as const;

/** A policy's view of the hosts of one pool. Columns are indexed by slot: a small number that identifies a host while it is in the table. */
export interface HostView {
  /** The slots that may be picked: element 0 is the count, then the slots follow. Read it once per pick. */
  candidates(): Int32Array;
  /** Number of healthy candidates: they come first. */
  readonly wellCount: number;
  /** Whether too many hosts are out, so that all are candidates. */
  readonly isPanic: boolean;
  /** The index of the pool whose hosts these are. */
  readonly pool: number;
  /** An integer that changes after `candidates` or their weights have. Odd: their weights differ. */
  readonly epoch: number;
  /** Each host's weight, as the site says; 1 is usual, and so is a cell that is not above 0. */
  readonly weight: Float64Array;
  /** Each host's usage at its last report (`usageOf`); NaN when unknown. */
  readonly usage: Float64Array;
  /** When that report was made, in ms (process clock); NaN if never. */
  readonly reportedAt: Float64Array;
  /** This balancer's own verdict: avoid the host until then (process clock). */
  readonly avoidUntil: Float64Array;
  /** Fraction (0..1) of this balancer's recent requests on each host that failed or were answered 5xx. */
  readonly failing: Float64Array;
  /** Since when each host, new or back, has been warming up (process clock); 0 if it is not. */
  readonly warmSince: Float64Array;
  /** Slow-start period, in ms. */
  readonly slowStartMs: number;
  /** This balancer's requests in flight on each host, now: all of them, as `maxInflight` limits them. */
  readonly inflight: Int32Array;
  /** Those of them whose host owes the next byte: what a pick compares. */
  readonly awaited: Int32Array;
  /** Those of them that are long-lived (upgrades, streams); never among the awaited ones. */
  readonly longLived: Int32Array;
  /** This balancer's limit of requests per host; a full host is picked only when all are full. Infinity: no limit. */
  readonly maxInflight: number;
  /** The expected work of the awaited ones (ms of CPU). */
  readonly work: Float64Array;
  /** The other balancers' requests in flight on each host, as of `FLEET.loadsAt`, and their work. */
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  /** The other balancers' long-lived requests on each host. */
  readonly othersLongLived: Int32Array;
  /** In ms of work per ms: of the whole host, and for a single request; NaN when unknown. */
  readonly capacity: Float64Array;
  readonly speed: Float64Array;
  /** Figures of the pool over the whole fleet, at the indices in `FLEET`. */
  readonly fleet: Float64Array;
}

/** What became of a host that a policy considered, as a code: its index in `LOOKS`. */
export const LOOK = { eligible: 0, excluded: 1, avoided: 2, warming: 3, full: 4 } as const;

/**
 * What can become of a host that a policy considered.
 * - `eligible`: it could be picked, and the score decided;
 * - `excluded`: it must not be picked, since it just failed this request;
 * - `avoided`: this balancer avoids it for the moment;
 * - `warming`: it is warming up, and this request exceeded its share;
 * - `full`: it has reached the limit of requests.
 */
export type Look = keyof typeof LOOK;

/** All looks, by code. */
export const LOOKS: readonly Look[] = ['eligible', 'excluded', 'avoided', 'warming', 'full'];

/** Receives each host that a policy considers, during the pick. */
export interface PickTrace {
  /**
   * A host was considered; called for the picked one too.
   * @param look a code of `LOOK`
   * @param score the policy's score, lower is better; NaN without one
   */
  look(view: HostView, slot: number, nowMs: number, look: number, score: number): void;
}

/** A load-balancing policy: one small object per algorithm. */
export interface Policy {
  readonly algorithm: Algorithm;
  /**
   * Returns the slot of the host for one request, or -1 when there is none.
   * @param nowMs the time (process clock)
   * @param excluded a slot that must not be picked, such as the one that just failed; -1 for none
   * @param cost the request's expected work, in ms of CPU; above 0
   */
  pick(view: HostView, nowMs: number, excluded: number, cost: number): number;
  /** The same for a request that is expected to be long-lived: an upgrade or a stream. Absent: such requests are like others. */
  pickLongLived?(view: HostView, nowMs: number, excluded: number): number;
}
