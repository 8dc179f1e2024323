// A site: the pools and routes of a whole fleet, checked and with every default filled in. Types and names, plain data that
// passes between threads and through JSON. Invariant: whoever has a Site may rely on it: references exist, numbers are in range.

import type { Algorithm } from './model.js';

/** The pool of hosts without one, and the only one without a site. */
export const DEFAULT_POOL = 'default';

/** All pools and routes, in the order of the document. */
export interface Site {
  /**
   * `as-written`: paths are matched as they came, apart from percent-encoded unreserved characters. `strict`: a path that
   * a host might read differently (`/../`, `//`, `%2F`, `;`, a backslash, NUL) is refused with 400.
   */
  readonly paths: 'as-written' | 'strict';
  readonly pools: readonly SitePool[];
  readonly routes: readonly SiteRoute[];
}

/** Hosts that serve one service, and how requests are spread over them. Null: as the balancer's flags say. */
export interface SitePool {
  readonly name: string;
  readonly algorithm: Algorithm | null;
  /** What hosts with `http://` and `https://` URLs speak. Those with `h2://` and `h2+tls://` speak HTTP/2 anyway. */
  readonly protocol: PoolProtocol;
  /** Empty: hosts come from agents alone. */
  readonly hosts: readonly SiteHost[];
  readonly health: PoolHealth;
  readonly limits: PoolLimits;
  readonly retries: { readonly budgetPercent: number | null; readonly attempts: number | null };
  readonly timeouts: { readonly connectMs: number | null; readonly responseMs: number | null };
  readonly affinity: Affinity | null;
  /** Answers every request of the pool: maintenance. */
  readonly respond: FixedAnswer | null;
  /** Bodies of our own answers 502, 503 and 504. */
  readonly answers: Readonly<Partial<Record<'502' | '503' | '504', Omit<FixedAnswer, 'status'>>>>;
}

/** What a pool's hosts speak. */
export type PoolProtocol = 'http1' | 'h2';

/** All protocols of pools. */
export const POOL_PROTOCOLS: readonly PoolProtocol[] = ['http1', 'h2'];

/** A host, or a name that stands for several. */
export interface SiteHost {
  /** Unique in its pool; of a DNS name, the beginning of its hosts' names. */
  readonly name: string;
  /** `http://…`, `https://…`, `h2://…` or `h2+tls://…`, an origin. For `srv` the name without a port stands in it. */
  readonly url: string;
  /** `dns`: all A and AAAA records of the name (`dns+http://`); `srv`: targets, ports, weights (`srv+http://`). */
  readonly discovery: 'none' | 'dns' | 'srv';
  /** 1 is usual; 2 gets twice as much. 1 … 1000. */
  readonly weight: number;
}

/** Active checks of a pool's hosts. */
export interface PoolHealth {
  readonly path: string | null;
  /** The service that gRPC's health service is asked about; empty: the whole server. At most one of this and `path` is set. */
  readonly grpc: string | null;
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  /** Statuses that are well, as ranges. */
  readonly statuses: readonly (readonly [from: number, to: number])[] | null;
}

/** Requests in flight. */
export interface PoolLimits {
  /** To one host from one balancer. */
  readonly perHost: number | null;
  /** To all hosts of the pool from the whole fleet. */
  readonly fleet: number | null;
  /** Requests that wait in one balancer when a limit is reached, and for how long. */
  readonly queue: number | null;
  readonly queueTimeoutMs: number | null;
}

/** How requests of one client come to one host. */
export type Affinity =
  | { readonly kind: 'cookie'; readonly name: string; readonly ttlMs: number | null }
  | { readonly kind: 'hash'; readonly key: HashKey };

/** What is hashed. */
export type HashKey = { readonly of: 'path' | 'client' } | { readonly of: 'header' | 'cookie' | 'query'; readonly name: string };

/** What a route is for, and what happens then. */
export interface SiteRoute {
  /** The line of the document where it begins; 1 is the first. */
  readonly line: number;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly headers: { readonly request: HeaderChanges; readonly response: HeaderChanges };
  readonly rateLimit: RateLimit | null;
}

/** All of it must fit; empty lists and nulls fit everything. */
export interface RouteMatch {
  /** Exact names in lower case without a trailing dot, or `*.` and the rest; ports don't matter. */
  readonly hosts: readonly string[];
  readonly scheme: 'http' | 'https' | null;
  /** `prefix` is by segments: `/v2` fits `/v2` and `/v2/x`, not `/v20`. No slash at the end, except `/` itself. */
  readonly path: { readonly kind: 'exact' | 'prefix'; readonly value: string } | null;
  readonly methods: readonly string[];
  /** Names in lower case. Values are compared exactly. */
  readonly headers: readonly NameValue[];
  readonly query: readonly NameValue[];
}

/** A name and its value, such as a header field. */
export interface NameValue {
  readonly name: string;
  readonly value: string;
}

/** What happens to a request that fits. */
export type RouteAction =
  | {
      readonly kind: 'forward';
      /** At least one; weights 0 … 1000000, not all 0. */
      readonly to: readonly { readonly pool: string; readonly weight: number }[];
      readonly rewrite: Rewrite | null;
    }
  | {
      readonly kind: 'redirect';
      readonly status: 301 | 302 | 303 | 307 | 308;
      /** Null: as in the request. */
      readonly scheme: 'http' | 'https' | null;
      readonly host: string | null;
      readonly port: number | null;
      readonly path: string | null;
    }
  | ({ readonly kind: 'respond' } & FixedAnswer);

/** How the path that goes to the host differs. One of them is set. */
export type Rewrite =
  | { readonly kind: 'strip-prefix'; readonly prefix: string }
  | { readonly kind: 'replace-prefix'; readonly prefix: string; readonly by: string }
  | { readonly kind: 'path'; readonly path: string };

/** Set replaces all fields of the name; add keeps them; remove goes first. Names as written. */
export interface HeaderChanges {
  readonly set: readonly NameValue[];
  readonly add: readonly NameValue[];
  readonly remove: readonly string[];
}

/** An answer that no host gives; `type` is its Content-Type. */
export interface FixedAnswer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
}

/** Requests over the whole fleet. */
export interface RateLimit {
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  /** `route`: one budget for all; else one for each value. */
  readonly key: { readonly of: 'route' | 'client' } | { readonly of: 'header' | 'cookie' | 'query'; readonly name: string };
}

/** A document as a fleet has it: in Redis, in a file beside a balancer, and in its memory. */
export interface StoredSite {
  /** 1 or more; grows with each application. */
  readonly version: number;
  /** As it was applied; '' where an operator removed the site: the version goes on growing. */
  readonly document: string;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  /** SHA-256 of the fields above, as hex. */
  readonly checksum: string;
  /** What follows the signed text; '' without a fleet key. */
  readonly signature: string;
}

/** The site that a balancer goes by. */
export interface SiteInForce {
  /** 0: its own file, which no fleet has. */
  readonly version: number;
  /** Null: none, since an operator removed it. */
  readonly site: Site | null;
  /** Null for its own file. */
  readonly stored: StoredSite | null;
}
