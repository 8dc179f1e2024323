// Messages between the three threads of a balancer, besides the shared table: only what is not a number, and only on
// change.

import type { MessagePort } from 'node:worker_threads';
import type { FromPages, ToPages } from './console-messages.js';
import type { WhyAnswer, WhyQuestion } from './explanation.js';
import type { CertificateExpiry } from './certificate-expiry.js';
import type { OwnSlowRequest } from './fleet-figures.js';
import type { Log } from './log.js';
import type { Costs, Algorithm, GivenHost, HostRow, InbandReport, Maintenance, Role, Stamp, StaticHost } from './model.js';
import type { KeyFraction } from './routing/fleet-rates.js';
import type { KeyDemand } from './routing/limit-types.js';
import type { Site, SiteInForce, StoredSite } from './site-model.js';
import type { NamedPool } from './table/pool-indexes.js';
import type { SlotHost } from './table/slots.js';
import type { TraceRecord } from './trace-records.js';
import type { HealthRules, HostTls } from './config/traffic-config.js';

/** From the main thread to the fleet thread. */
export type ToFleet =
  /** The traffic thread changed its verdict on a host: rebuild the candidate list. */
  | { readonly type: 'verdict' }
  /** New names of request classes, by which the fleet knows them (`classKeyOf`); null for a removed class. */
  | { readonly type: 'classes'; readonly classes: readonly (readonly [id: number, name: string | null])[] }
  /** Certificates were loaded again. */
  | { readonly type: 'certificates'; readonly certificates: readonly CertificateExpiry[] }
  /** The slowest requests of the last second. */
  | { readonly type: 'slowest'; readonly requests: readonly OwnSlowRequest[] }
  /** A host was ejected for failures of this balancer's requests, and why; null: it is let in again. */
  | { readonly type: 'ejection'; readonly host: string; readonly reason: string | null }
  /** Traced requests, and how many were not traced as there were too many. */
  | { readonly type: 'traces'; readonly records: readonly TraceRecord[]; readonly dropped: number }
  /** Load reports from response headers of hosts. */
  | { readonly type: 'inband-reports'; readonly reports: readonly InbandReport[] }
  /** The explanation of a routing decision; the token is that of the `why` question. */
  | { readonly type: 'why-answer'; readonly token: string; readonly answer: WhyAnswer }
  /** The reply to a `hosts` message that added hosts: the traffic thread knows them, so they may become candidates. */
  | { readonly type: 'hosts-known' }
  /** The reply to a `site` message: requests are routed by it from now on. */
  | { readonly type: 'site-taken' }
  /** The traffic thread has no requests any more of these pools, which the site does not have. */
  | { readonly type: 'pools-gone'; readonly pools: readonly string[] }
  /** The busy keys of rate limits, which a `limits` message asked for. */
  | { readonly type: 'limit-keys'; readonly keys: readonly KeyDemand[] }
  /** This removed slot is no longer in use. */
  | { readonly type: 'slot-released'; readonly slot: number }
  /** The text of the file with the fleet key was replaced. */
  | FleetKeyMessage
  /** The port to the hosts thread; sent again after that thread restarts. */
  | { readonly type: 'hosts-port'; readonly port: MessagePort }
  /** Of the console. */
  | ToPages
  /** This balancer is about to stop: give up mastership, and continue everything else until `stop`. */
  | { readonly type: 'resign' }
  | { readonly type: 'stop' };

/** From the fleet thread to the main thread. */
export type FromFleet =
  /** Added hosts become candidates only after `hosts-known`; removed ones are candidates no more. */
  | { readonly type: 'hosts'; readonly added: readonly SlotHost[]; readonly removed: readonly SlotHost[] }
  /** The reply to `hosts-known`: the hosts are in the candidate list, unless they are being avoided. */
  | { readonly type: 'listed' }
  /** The table is as complete as it can be for now: Redis was read. */
  | { readonly type: 'synced' }
  /** Redis can't be reached. */
  | { readonly type: 'redis-lost' }
  /** No other balancer has this name, as far as can be determined for now. */
  | { readonly type: 'name-checked' }
  /** Another balancer, described by `holder`, has this name. Sent only before `name-checked`. */
  | { readonly type: 'name-taken'; readonly holder: string }
  | { readonly type: 'role'; readonly role: Role; readonly term: number }
  /** Fleet-wide operator settings: the algorithm (null: none), the pools in maintenance, and all fields, which seed the next fleet thread if this one dies. */
  | {
      readonly type: 'settings';
      readonly algorithm: Algorithm | null;
      readonly maintenance: readonly (readonly [pool: string, Maintenance])[];
      readonly fields: Readonly<Record<string, string>>;
    }
  /** Another site is in force, and its hosts are candidates; the first one is sent before `synced` and `redis-lost`. */
  | ({ readonly type: 'site'; readonly pools: readonly NamedPool[] } & SiteInForce)
  /** The shares of limits of the fleet may have changed, and the fractions of these keys have. */
  | {
      readonly type: 'limits';
      readonly fractions: readonly KeyFraction[];
      readonly balancers: number;
      readonly isRedisAway: boolean;
      /** Whether `limit-keys` must follow. */
      readonly isAsked: boolean;
    }
  /**
   * What sticky cookies are signed with, as hex: the first signs, all are accepted; empty while none is known. `shared`, of
   * a fleet without a fleet key, seeds the next fleet thread if this one dies.
   */
  | { readonly type: 'secrets'; readonly secrets: readonly string[]; readonly shared: string }
  /** A `meercat why` question: where a request went or would go, and why. */
  | { readonly type: 'why'; readonly token: string; readonly question: WhyQuestion }
  /** An operator ejected this host: abort its requests in flight. Sent once. */
  | { readonly type: 'host-ejected'; readonly slot: number }
  /** Of the console's pages. */
  | FromPages
  | LogMessage
  | { readonly type: 'stopped' };

/** From the main thread to the hosts thread. */
export type ToHosts = { readonly type: 'fleet-port'; readonly port: MessagePort } | FleetKeyMessage | { readonly type: 'stop' };

/** The text of the file with the fleet key; empty for none. */
export interface FleetKeyMessage {
  readonly type: 'fleet-key';
  readonly text: string;
}

/** From the hosts thread to the main thread. */
export type FromHosts = LogMessage | { readonly type: 'stopped' };

/** From the fleet thread to the hosts thread, on their own port. */
export type FleetToHosts =
  /** Start gathering; `rows` and `costs` are this balancer's knowledge, in case Redis has less. */
  | {
      readonly type: 'become-master';
      readonly term: number;
      readonly mastership: string;
      readonly stamp: Stamp;
      readonly rows: readonly HostRow[];
      readonly costs: Costs;
      /** The site in force; null: none. */
      readonly site: Site | null;
      /** The hosts that this balancer names now. */
      readonly statics: readonly StaticHost[];
    }
  /** This balancer has left the fleet in good order; sent to a master only. */
  | { readonly type: 'balancer-left'; readonly balancer: string }
  /** Another site is in force; sent to a master only. */
  | { readonly type: 'site'; readonly site: Site | null }
  | { readonly type: 'become-slave' };

/** From the hosts thread to the fleet thread, on their own port. */
export type HostsToFleet =
  /** Redis rejected a write because of this newer term. */
  | { readonly type: 'fenced'; readonly term: number }
  /** The table of this term could not be published for a whole lease TTL. */
  | { readonly type: 'unwritten'; readonly term: number; readonly reason: string }
  /** No other balancer's load message of this term could be checked, and some were refused for their key. */
  | { readonly type: 'unheard'; readonly term: number };

/** A log line of a worker thread, for the main thread to write. */
export interface LogMessage {
  readonly type: 'log';
  readonly line: Parameters<Log>;
}

/** Where a balancer has a site from besides Redis. */
export interface SiteSource {
  /** The document of --site, which was checked; '' for none. It is in force until the fleet has a site. */
  readonly document: string;
  /** Whether it becomes the fleet's where the fleet has none. */
  readonly isPublished: boolean;
  /** The folder that keeps the last good site; '' for none. */
  readonly stateDir: string;
}

/** Where spans are exported to. */
export interface OtlpTarget {
  /** The URL, with its path. */
  readonly url: string;
  /** Of every request, besides those of its body. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The part of a balancer's configuration that its fleet and hosts threads need. */
export interface ThreadConfig {
  readonly name: string;
  /** Where clients reach this balancer; informational, shown in Redis. */
  readonly url: string;
  readonly version: string;
  /** Differs for every start of the process. */
  readonly instance: string;
  /** When the process joined the fleet, in epoch milliseconds; determines its place in the succession. */
  readonly joinedAtMs: number;
  /** Redis addresses as given; the first one holds the data. */
  readonly redis: readonly string[];
  readonly namespace: string;
  readonly leaseTtlMs: number;
  /** Of pools for which neither an operator nor the site says one. */
  readonly algorithm: Algorithm;
  /** Hosts that the flags name, and DNS names that stand for some. */
  readonly statics: readonly GivenHost[];
  readonly dnsServers: readonly string[];
  readonly site: SiteSource;
  readonly health: HealthRules;
  /** For health checks of hosts with TLS. */
  readonly tls: HostTls;
  /** Where spans are exported to; null: nowhere. */
  readonly otlp: OtlpTarget | null;
}

/** The initial data of the fleet thread. */
export interface FleetThreadData {
  readonly table: SharedArrayBuffer;
  readonly config: ThreadConfig;
  /** The hosts that already have slots from an earlier fleet thread that died, in order of arrival. */
  readonly known: readonly SlotHost[];
  /** Slots of removed hosts with requests still in flight: a `slot-released` follows for each. */
  readonly leaving: readonly number[];
  /** The pools of the table, by index. */
  readonly pools: readonly NamedPool[];
  /** The request classes that have an id. */
  readonly classes: readonly (readonly [id: number, name: string])[];
  /** The text of the file with the fleet key; empty for none. */
  readonly fleetKey: string;
  /** The settings as an earlier fleet thread last read them. */
  readonly settings: Readonly<Record<string, string>>;
  /** The fleet's site, as an earlier fleet thread went by it. */
  readonly site: StoredSite | null;
  /** The secret of sticky cookies that the fleet shares, as an earlier fleet thread knew it; '' for none. */
  readonly secret: string;
  readonly hostsPort: MessagePort;
  /** The certificates that clients are shown. */
  readonly certificates: readonly CertificateExpiry[];
  /** Whether this balancer has resigned: it must not become master again. */
  readonly hasResigned: boolean;
}

/** The initial data of the hosts thread. */
export interface HostsThreadData {
  readonly table: SharedArrayBuffer;
  readonly config: ThreadConfig;
  /** The text of the file with the fleet key; empty for none. */
  readonly fleetKey: string;
  readonly fleetPort: MessagePort;
}
