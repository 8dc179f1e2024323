// Whether this balancer may be master, which its name, its fleet key and the terms it has seen decide; and, for people, why
// the fleet has no master. It decides nothing about the lease: it sends the lease's state machine what it has to know.

import type { Log } from '../log.js';
import type { KeyRing } from '../redis/fleet-key.js';
import { isPlausibleTerm } from '../redis/term.js';
import { setHighestTerm } from '../table/fleet-cells.js';
import type { TableColumns } from '../table/layout.js';
import type { Heartbeats } from './heartbeats.js';
import type { KeyWatch } from './key-watch.js';
import type { LeaseDriver } from './lease-driver.js';
import type { NameWatch } from './name-watch.js';
import type { RedisState } from './redis-state.js';

/** What a candidacy depends on. */
export interface CandidacyOptions {
  readonly columns: TableColumns;
  readonly log: Log;
  readonly ring: KeyRing;
  readonly redis: RedisState;
  readonly names: NameWatch;
  readonly keyWatch: KeyWatch;
  readonly lease: LeaseDriver;
  readonly heartbeats: Heartbeats;
}

/** The candidacy of one balancer. */
export class Candidacy {
  readonly #options: CandidacyOptions;

  constructor(options: CandidacyOptions) {
    this.#options = options;
  }

  /** Tells the lease what bars this balancer now, if that has changed. */
  check(): void {
    const { names, keyWatch, lease } = this.#options;
    const bar = names.bar === '' ? keyWatch.bar : names.bar;
    if (bar !== lease.state.barred) lease.send({ type: 'bar', reason: bar });
  }

  /** Handles a term from any source; the highest one is stored where it outlives this thread. */
  sawTerm(term: number, mastership = ''): void {
    const { lease, columns } = this.#options;
    const { highestTerm, highestMastership } = lease.state;
    const isNews = term > highestTerm || (term === highestTerm && mastership !== '' && mastership !== highestMastership);
    if (isNews && isPlausibleTerm(term, highestTerm)) lease.send({ type: 'term-seen', term, mastership });
    // Includes a term that this balancer has just taken itself.
    setHighestTerm(columns, lease.state.highestTerm);
  }

  /** Of two balancers with different keys neither is right; of more, the one that no other understands is not. */
  stepDownUnheard(term: number): void {
    const { heartbeats, lease, log, ring, keyWatch } = this.#options;
    if (heartbeats.balancers < 3 || lease.state.phase !== 'master' || lease.state.term !== term) return;
    log('error', 'no other balancer has the fleet key of this one, or its time: it steps down', { keys: ring.ids.join(',') });
    keyWatch.onUnheard();
    this.check();
  }

  /** Why no table of a master arrives, as far as known. */
  whyNoMaster(): string {
    const { redis, keyWatch, lease, heartbeats } = this.#options;
    if (redis.reason !== '') return `Redis can't be used: ${redis.reason}`;
    if (keyWatch.bar !== '') return keyWatch.bar;
    if (lease.state.barred !== '') return lease.state.barred;
    if (heartbeats.masterName !== null) return `${heartbeats.masterName} is master, but no table of it arrives`;
    return lease.trouble || 'no balancer has become master';
  }
}
