// What the three threads of a balancer say to each other, besides the shared table. Only what is not
// a number, and only when it changes.

import type { MessagePort } from 'node:worker_threads';
import type { WhyAnswer, WhyQuestion } from './explanation.js';
import type { Log } from './log.js';
import type { Costs, Algorithm, HostRow, InbandReport, Role, Stamp, StaticHost } from './model.js';
import type { SlotHost } from './table/slots.js';
import type { HealthRules, HostTls } from './config/traffic-config.js';

/** From the main thread to the fleet thread. */
export type ToFleet =
  /** The traffic thread changed what it holds against a host: build the candidates' list anew. */
  | { readonly type: 'verdict' }
  /** Classes of requests have these names from now on; null for one that is no more. */
  | { readonly type: 'classes'; readonly classes: readonly (readonly [id: number, name: string | null])[] }
  /** What hosts said of themselves in their answers. */
  | { readonly type: 'inband-reports'; readonly reports: readonly InbandReport[] }
  /** Why a request went where it went; the token is of the `why` that asked. */
  | { readonly type: 'why-answer'; readonly token: string; readonly answer: WhyAnswer }
  /** The answer to a `hosts` message that added some: the traffic thread knows them, and they may be picked. */
  | { readonly type: 'hosts-known' }
  /** Nothing uses this removed slot any more. */
  | { readonly type: 'slot-released'; readonly slot: number }
  /** The way to the hosts thread, also after that thread was started again. */
  | { readonly type: 'hosts-port'; readonly port: MessagePort }
  /** This balancer is about to stop: mastership goes to another one, and all else goes on until `stop`. */
  | { readonly type: 'resign' }
  | { readonly type: 'stop' };

/** From the fleet thread to the main thread. */
export type FromFleet =
  /** Hosts that came may be picked only after `hosts-known`; those that left can't be picked any more. */
  | { readonly type: 'hosts'; readonly added: readonly SlotHost[]; readonly removed: readonly SlotHost[] }
  /** The answer to `hosts-known`: the hosts are in the candidates' list, unless something is held against them. */
  | { readonly type: 'listed' }
  /** The table is as full as it can be for now: Redis was read, or can't be reached. */
  | { readonly type: 'synced' }
  /** This balancer has its name for itself, as far as can be known for now. */
  | { readonly type: 'name-checked' }
  /** Another balancer has this one's name: the one that `holder` describes. Said only before `name-checked`. */
  | { readonly type: 'name-taken'; readonly holder: string }
  | { readonly type: 'role'; readonly role: Role; readonly term: number }
  /** What operators set for the whole fleet: the algorithm (null: none), and all fields, for the next fleet thread should this one die. */
  | { readonly type: 'settings'; readonly algorithm: Algorithm | null; readonly fields: Readonly<Record<string, string>> }
  /** Somebody asks why a request went, or would go, where. */
  | { readonly type: 'why'; readonly token: string; readonly question: WhyQuestion }
  /** An operator has ejected this host: what it has in flight is ended. Said once. */
  | { readonly type: 'host-ejected'; readonly slot: number }
  | LogMessage
  | { readonly type: 'stopped' };

/** From the main thread to the hosts thread. */
export type ToHosts = { readonly type: 'fleet-port'; readonly port: MessagePort } | { readonly type: 'stop' };

/** From the hosts thread to the main thread. */
export type FromHosts = LogMessage | { readonly type: 'stopped' };

/** From the fleet thread to the hosts thread, on their own port. */
export type FleetToHosts =
  /** Gather from now on; `rows` and `costs` are what this balancer knows, in case Redis knows less. */
  | {
      readonly type: 'become-master';
      readonly term: number;
      readonly mastership: string;
      readonly stamp: Stamp;
      readonly rows: readonly HostRow[];
      readonly costs: Costs;
    }
  | { readonly type: 'become-slave' };

/** From the hosts thread to the fleet thread, on their own port. */
export type HostsToFleet =
  /** Redis refused a write because of this newer term. */
  | { readonly type: 'fenced'; readonly term: number }
  /** The table of this term could not be published for as long as a lease lasts. */
  | { readonly type: 'unwritten'; readonly term: number; readonly reason: string };

/** A log line of a worker thread, for the main thread to write. */
export interface LogMessage {
  readonly type: 'log';
  readonly line: Parameters<Log>;
}

/** What a balancer's fleet and hosts threads need of its configuration. */
export interface ThreadConfig {
  readonly name: string;
  /** Where clients reach this balancer, for people who read it in Redis. */
  readonly url: string;
  readonly version: string;
  /** Differs for every start of the process. */
  readonly instance: string;
  /** When the process joined the fleet, as epoch milliseconds: its place in the succession. */
  readonly joinedAtMs: number;
  /** Redis addresses as given; the first carries the data. */
  readonly redis: readonly string[];
  readonly namespace: string;
  readonly leaseTtlMs: number;
  readonly statics: readonly StaticHost[];
  readonly health: HealthRules;
  /** For checks of hosts with `https://`. */
  readonly tls: HostTls;
}

/** What the fleet thread is started with. */
export interface FleetThreadData {
  readonly table: SharedArrayBuffer;
  readonly config: ThreadConfig;
  /** The hosts that have slots already, when an earlier fleet thread died, in the order in which they came. */
  readonly known: readonly SlotHost[];
  /** The slots of hosts that have left, and on which requests are still in flight: `slot-released` follows for each. */
  readonly leaving: readonly number[];
  /** The classes of requests that have an id. */
  readonly classes: readonly (readonly [id: number, name: string])[];
  /** The settings as an earlier fleet thread last read them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly hostsPort: MessagePort;
  /** Whether this balancer has resigned: it must not become master again. */
  readonly hasResigned: boolean;
}

/** What the hosts thread is started with. */
export interface HostsThreadData {
  readonly table: SharedArrayBuffer;
  readonly config: ThreadConfig;
  readonly fleetPort: MessagePort;
}
