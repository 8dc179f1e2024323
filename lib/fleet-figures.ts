// What balancers tell the master of their traffic once a second, and what the master publishes of the whole fleet: rates,
// latencies, picks. For people and for metrics; no request is routed by it. Types only.

/** Counts by bucket of `table/latency-buckets.ts` without the zeros: bucket, count, bucket, count, …, buckets ascending. */
export type SparseCounts = readonly number[];

/** Quantiles of latencies in ms, within 5 %; null without any request. */
export interface Quantiles {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
}

/** The same over three windows that end now. */
export interface Windows {
  readonly second: Quantiles;
  readonly minute: Quantiles;
  readonly quarterHour: Quantiles;
}

/** One of the slowest requests. */
export interface SlowRequest {
  /** As in the access log; `meercat why` takes it. */
  readonly id: string;
  readonly balancer: string;
  /** When it ended (wall clock). */
  readonly atMs: number;
  readonly durationMs: number;
  /** Its class, such as `GET /users/*`: no query and no ids, which may be secret. */
  readonly className: string;
  readonly pool: string;
  /** The host of the last attempt; '' for none. */
  readonly host: string;
  /** The status of the answer; 0 for none. */
  readonly status: number;
}

/** The same as the traffic thread knows it. */
export type OwnSlowRequest = Omit<SlowRequest, 'balancer'>;

/** One balancer's traffic to one pool since its previous message. */
export interface PoolTraffic {
  readonly name: string;
  readonly requests: number;
  /** Those without an answer, and those answered 5xx. */
  readonly errors: number;
  /** Now. */
  readonly inflight: number;
  /** How long requests took, from head to the end of the answer; without upgrades and streams. */
  readonly latency: SparseCounts;
}

/** One balancer's traffic to one host since its previous message. */
export interface HostTraffic {
  readonly name: string;
  /** Attempts that began, which are its picks. */
  readonly attempts: number;
  /** Attempts that failed, or were answered 5xx. */
  readonly errors: number;
  /** How long the host took. */
  readonly latency: SparseCounts;
  /** Why this balancer has ejected it; absent while it has not. */
  readonly ejected?: string;
}

/** What a balancer publishes on `figures` once a second. */
export interface BalancerFigures {
  readonly balancer: string;
  readonly instance: string;
  /** Grows with each message of an instance. */
  readonly seq: number;
  /** The time that it covers. */
  readonly seconds: number;
  /** Pools and hosts without traffic, nothing in flight and no ejection are left out. */
  readonly pools: readonly PoolTraffic[];
  readonly hosts: readonly HostTraffic[];
  /** At most 20, the slowest first. */
  readonly slowest: readonly SlowRequest[];
}

/** Traffic of the fleet, or of a part of it. */
export interface TrafficFigures extends Windows {
  /** Per second, over the last second. */
  readonly rps: number;
  readonly errorRps: number;
  readonly inflight: number;
}

/** A pool over the whole fleet. */
export interface PoolFigures extends TrafficFigures {
  readonly name: string;
}

/** A host over the whole fleet. */
export interface HostTrafficFigures extends Windows {
  readonly name: string;
  readonly rps: number;
  readonly errorRps: number;
  /** Share (0..1) of the fleet's slowest 1 % of requests of the last minute that this host answered; 0 without any. */
  readonly p99Share: number;
  /** The balancers that have ejected it, and why. */
  readonly ejectedBy: readonly (readonly [balancer: string, reason: string])[];
}

/** Who picked which host in the last 5 s: rows are balancers, columns hosts. At most 64 × 1,000, those with the most picks. */
export interface PickMatrix {
  readonly balancers: readonly string[];
  readonly hosts: readonly string[];
  readonly picks: readonly (readonly number[])[];
}

/** What the master publishes on `view` once a second. */
export interface FleetFigures {
  readonly term: number;
  readonly mastership: string;
  /** Wall clock. */
  readonly atMs: number;
  /** The balancers that were heard in the last 3 s. */
  readonly balancers: readonly string[];
  readonly total: TrafficFigures;
  readonly pools: readonly PoolFigures[];
  readonly hosts: readonly HostTrafficFigures[];
  readonly picks: PickMatrix;
  /** The slowest 20 of the last minute. */
  readonly slowest: readonly SlowRequest[];
}

/** The whole fleet's traffic over some seconds. */
export interface HistoryPoint {
  /** When they ended (wall clock). */
  readonly atMs: number;
  readonly rps: number;
  readonly errorRps: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
}

/** What the master stores in `view` every 5 s, for who begins to look: the last figures, and how they came about. */
export interface StoredView {
  readonly figures: FleetFigures;
  /** The last 15 minutes, every 5 s, oldest first. */
  readonly history: readonly HistoryPoint[];
  /** Requests a second of each host in the last 60 s, oldest first; at most 1,000 hosts. */
  readonly hostRps: readonly (readonly [name: string, rps: readonly number[]])[];
}
