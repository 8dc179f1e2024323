// What the console's pages may see of the fleet thread, and the few things they may use. Types only: `fleet/fleet.ts` builds
// it, and nothing here changes a figure. All of it is read at the moment of the call.

import type { CertificateExpiry } from './certificate-expiry.js';
import type { Clock } from './clock.js';
import type { FleetFigures } from './fleet-figures.js';
import type { Log } from './log.js';
import type { Algorithm, Costs, Maintenance, OperatorState, Role, Stamp } from './model.js';
import type { Commands } from './redis/connect.js';
import type { FleetEvent } from './redis/event-message.js';
import type { KeyRing } from './redis/fleet-key.js';
import type { Keys } from './redis/keys.js';
import type { MessageGate } from './redis/message-gate.js';
import type { MessageSigner } from './redis/sign.js';
import type { SiteInForce } from './site-model.js';
import type { Count } from './table/counters.js';
import type { TableColumns } from './table/layout.js';
import type { NamedPool } from './table/pool-indexes.js';
import type { SlotHost } from './table/slots.js';
import type { ThreadConfig } from './thread-messages.js';

/** This balancer's place in the fleet. */
export interface LeaseSight {
  readonly role: Role;
  /** The highest term that it has seen. */
  readonly term: number;
  /** Remaining time of its lease in ms; null unless it is master. */
  readonly remainingMs: number | null;
}

/** The Redis that holds the fleet's data. */
export interface RedisSight {
  /** Whether it took the last heartbeat. */
  readonly isUp: boolean;
  /** Why it can't be used; '' while it can. */
  readonly reason: string;
  /** Since when it can't be used (of `clock`); null while it can. Before the first heartbeat: since the start. */
  readonly downSinceMs: number | null;
  /** Round trip of the last heartbeat, in ms; null before the first. */
  readonly rttMs: number | null;
}

/** What operators set for the whole fleet, and is in force here. */
export interface SettingsSight {
  /** Null: each balancer's own. */
  readonly algorithm: Algorithm | null;
  /** By the host's id. */
  readonly operatorStates: ReadonlyMap<string, OperatorState>;
  /** By the pool's name. */
  readonly maintenance: ReadonlyMap<string, Maintenance>;
}

/** The fleet as one balancer's fleet thread sees it. */
export interface FleetSight {
  readonly config: ThreadConfig;
  readonly columns: TableColumns;
  /** Monotonic, ms; all times here are of it unless they say "wall clock". */
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  /** The hosts that have slots, in no order. */
  hosts(): readonly SlotHost[];
  /** The pools of the table, with their indexes. */
  pools(): readonly NamedPool[];
  /** Pools of which more hosts are out than `--max-ejected` allows, so that all are used. */
  panics(): readonly string[];
  /** The stamp of the table in force. */
  stamp(): Stamp;
  /** Time since a table last came, in ms; null before the first. */
  tableAgeMs(): number | null;
  /** The certificates that clients are shown. */
  certificates(): readonly CertificateExpiry[];
  /** Null: none, before Redis was read. */
  site(): SiteInForce | null;
  lease(): LeaseSight;
  redis(): RedisSight;
  settings(): SettingsSight;
  /** What requests of each class cost, as the master published last. */
  costs(): Costs;
  /** The master's name, as the last heartbeat read it; null for none. */
  masterName(): string | null;
  /** The balancers in order of succession, as the last heartbeat read them. */
  order(): readonly string[];
  /** Why no master is heard; '' while one is. */
  noMaster(): string;
  /** The interval of load messages, in ms. */
  exchangeIntervalMs(): number;
  /** What this balancer measured of its own traffic, for when there is no master; term 0. */
  ownFigures(): FleetFigures;
  /** Calls back for each event of the fleet that counts, until the function that it returns is called. */
  onEvent(listener: (event: FleetEvent) => void): () => void;
  /** The connection to the Redis that holds the fleet's data. */
  readonly client: Commands;
  readonly keys: Keys;
  /** Signs for this balancer. */
  readonly signer: MessageSigner;
  readonly ring: KeyRing;
  readonly gate: MessageGate;
  /** Publishes an event, best effort. */
  announce(event: FleetEvent): Promise<void>;
}
