// What balancers and the master tell each other about the limits of the fleet. Types alone: what a balancer reports with its
// load message, and what the master deals out with a table.

/** A share that says: keep the share you have, and follow this mastership from now on. */
export const KEEP_SHARE = -1;

/** A balancer's requests in flight to one pool that has a fleet limit. */
export interface PoolDemand {
  readonly pool: string;
  readonly inflight: number;
  /** The share that the balancer enforces; its requests in flight may exceed it after it was lowered. */
  readonly share: number;
  /** Requests that would be in flight if none were refused. */
  readonly wanted: number;
}

/** What one balancer saw of one key of a rate limit since its last report. */
export interface KeyDemand {
  /** The limit's id: the same at all balancers. */
  readonly limit: string;
  /** The key's hash, as 16 hex digits. */
  readonly key: string;
  /** Requests, and those of them that were allowed. */
  readonly arrivals: number;
  readonly admitted: number;
  /** Whether its demand here exceeds an even part of the limit. Else it is reported since the master deals it out. */
  readonly isBusy: boolean;
}

/** A balancer's report on its limits. */
export interface LimitReport {
  readonly balancer: string;
  readonly instance: string;
  /** Grows with each report of the instance. */
  readonly seq: number;
  /** Sending time by the balancer's own clock. The master returns it; nobody else interprets it. */
  readonly sentAtMs: number;
  /** The last grants that were applied; 0, 0 before the first. */
  readonly appliedTerm: number;
  readonly appliedSeq: number;
  readonly pools: readonly PoolDemand[];
  readonly keys: readonly KeyDemand[];
}

/** The shares of one balancer. */
export interface ShareRow {
  readonly balancer: string;
  readonly instance: string;
  /** `sentAtMs` of the last report that the master counted: the start of the lease. */
  readonly heardAtMs: number;
  /** In the order of `LimitGrants.pools`; `KEEP_SHARE` for the present one. */
  readonly shares: readonly number[];
}

/** The shares of one key of a rate limit, as fractions of its rate and burst. */
export interface KeyGrant {
  readonly limit: string;
  readonly key: string;
  /** For balancers that are not listed. */
  readonly rest: number;
  /** Pairs: the balancer's index in `LimitGrants.shares`, and its fraction. */
  readonly fractions: readonly (readonly [balancer: number, fraction: number])[];
}

/** What the master deals out. Newer grants have a higher (term, seq). */
export interface LimitGrants {
  readonly term: number;
  readonly seq: number;
  readonly pools: readonly string[];
  /** One row for each balancer that the master hears. */
  readonly shares: readonly ShareRow[];
  readonly keys: readonly KeyGrant[];
}
