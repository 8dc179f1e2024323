// The heartbeats of one balancer: each is sent, and what Redis says of the fleet goes to the parts that act on it. One runs
// at a time. A heartbeat that fails before the connection is up proves nothing; one that Redis refuses says why.

import type { Clock } from '../clock.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import type { FleetStanding } from '../redis/fleet-store.js';
import type { LeaseDriver } from './lease-driver.js';
import type { HeartbeatFacts, Membership } from './membership.js';
import type { NameWatch } from './name-watch.js';
import { oneAtATime } from './one-at-a-time.js';
import type { RedisState } from './redis-state.js';
import type { SiteSync } from './site-sync.js';
import type { SettingsSync } from './settings-sync.js';

/** The dependencies of `Heartbeats`. */
export interface HeartbeatsOptions {
  readonly name: string;
  readonly client: Pick<Commands, 'status'>;
  readonly clock: Clock;
  readonly membership: Membership;
  readonly redis: RedisState;
  readonly names: NameWatch;
  readonly lease: LeaseDriver;
  readonly settings: SettingsSync;
  readonly site: SiteSync;
  /** What this balancer says of itself. */
  readonly facts: () => HeartbeatFacts;
  /** The fleet as Redis has it; the name and what bars from mastership are settled after it, before the rest. */
  readonly onFleet: (fleet: FleetStanding) => void;
  readonly onTerm: (term: number, mastership: string) => void;
  /** A heartbeat was answered, and the site was read: once; or was not: for each one before. */
  readonly onFirst: (isAnswered: boolean) => void;
}

/** Sends heartbeats, one after the other. */
export class Heartbeats {
  /** Sends one at once or, while one is on its way, once more after it. */
  readonly send: () => Promise<void>;
  readonly #options: HeartbeatsOptions;
  #isStopped = false;
  #hasJoined = false;
  #isFirst = true;
  #untilPrune = 0;
  #balancers = 1;
  /** The current master's name in Redis. */
  masterName: string | null = null;
  /** The balancers in order of succession, as the last heartbeat read them. */
  order: readonly string[] = [];
  /** Round trip of the last heartbeat that was answered, in ms; null before the first. */
  roundTripMs: number | null = null;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.send = oneAtATime(() => this.#sendOne());
  }

  /** Size of the fleet, as far as known. */
  get balancers(): number {
    return this.#balancers;
  }

  /** Whether this balancer is in the fleet under its name. */
  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  /** No more are sent, and what one still brings is dropped. */
  stop(): void {
    this.#isStopped = true;
  }

  async #sendOne(): Promise<void> {
    if (this.#isStopped) return;
    const { client, clock, membership, redis, names, facts } = this.#options;
    const standing = facts();
    const sentAtMs = clock();
    let isAnswered = false;
    try {
      const fleet = await membership.sendHeartbeat(standing);
      if (this.#isStopped) return;
      this.roundTripMs = clock() - sentAtMs;
      this.#options.lease.send({ type: 'round-trip', ms: this.roundTripMs });
      this.#take(fleet);
      // Whoever applied it waits to hear of it.
      if (await this.#options.site.take(fleet.siteMark)) void this.send();
      isAnswered = this.#options.site.isRead;
      if (this.#isStopped) return;
      if (standing.role === 'master' && this.#untilPrune-- <= 0) {
        this.#untilPrune = 1;
        await membership.prune(fleet.order);
      }
    } catch (error) {
      // A lost connection is logged already; otherwise Redis refuses or does not answer.
      if (client.status === 'ready') redis.refused(reasonOf(error));
      else redis.missed(reasonOf(error));
      // A heartbeat before the connection is up proves nothing.
      if (client.status === 'ready') names.onUnknown();
    }
    if (!this.#isFirst || client.status !== 'ready') return;
    this.#isFirst = !isAnswered;
    this.#options.onFirst(isAnswered);
  }

  #take(fleet: FleetStanding): void {
    const { name, membership, redis, lease, settings, onFleet, onTerm } = this.#options;
    redis.taken(fleet.denied);
    this.masterName = fleet.master;
    this.#balancers = fleet.order.length;
    this.order = fleet.order;
    onFleet(fleet);
    const isNamed = membership.name.state === 'ours';
    if (isNamed) lease.send({ type: 'rank', rank: membership.rankIn(fleet) });
    if (isNamed && !this.#hasJoined) void membership.announce({ kind: 'balancer-joined', name });
    this.#hasJoined = isNamed;
    onTerm(fleet.term.term, fleet.term.mastership);
    settings.take(fleet.settings, lease.state.phase === 'master');
  }
}
