// Decides when a new balancer begins to serve: once the fleet thread has synchronized, its hosts are candidates, and
// no other balancer is known to have its name. Each wait is bounded; until then requests are held, since without hosts
// they could only fail.

import { SECOND } from './clock.js';

/** Longest wait for the fleet thread: only a machine short of CPU needs more than a second. */
const OPEN_WITHIN_MS = 15 * SECOND;

/** Longest wait for a Redis that can't be reached, while no host, or not the site, is known. */
const REDIS_WITHIN_MS = 2 * SECOND;

/** Longest wait for the name check, which the first heartbeat does, or which is skipped if Redis is unreachable. */
const NAME_WITHIN_MS = 15 * SECOND;

/** The gate of one balancer; it opens once. */
export class StartGate {
  /** Resolves with null when the balancer may serve, or with a description of the balancer that holds its name. */
  readonly opened: Promise<string | null>;
  readonly #timers: NodeJS.Timeout[];
  #open: (holder: string | null) => void = () => undefined;
  /** Number of announcements whose hosts are not yet in the candidate list. */
  #unlisted = 0;
  #hasHosts = false;
  #isAwaitingRedis = false;
  #isSynced = false;
  /** Hosts of a site's pools are known and the site is not: no request could find them. */
  #isSiteDue = false;
  #hasSite = false;
  #isNameChecked = false;
  #isTimeOver = false;
  #isOpen = false;
  #isNameTaken = false;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
    this.#timers = [
      setTimeout(() => {
        this.#isTimeOver = true;
        this.#look();
      }, OPEN_WITHIN_MS),
      setTimeout(() => this.onNameChecked(), NAME_WITHIN_MS),
    ];
    void this.opened.then(() => this.close());
  }

  /** Whether requests pass. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What the start still waits for, in readable form; empty once the gate is open. */
  get waitingFor(): string {
    if (this.#isOpen) return '';
    if (!this.#isTimeOver && !this.#isSynced) return 'what the fleet knows of hosts is still being read';
    if (!this.#isTimeOver && this.#unlisted > 0) return 'the hosts that are known may not be picked yet';
    return 'whether another balancer has this name is still being checked';
  }

  /** Stops waiting: the start has failed or is over. */
  close(): void {
    this.#timers.forEach(clearTimeout);
  }

  /**
   * The fleet thread has announced hosts; the reply is on its way.
   * @param areOfSite whether one of them is in a pool that only a site has
   */
  onAnnounced(areOfSite = false): void {
    this.#unlisted++;
    this.#hasHosts = true;
    this.#isSiteDue ||= areOfSite && !this.#hasSite;
  }

  /** A site is in force. */
  onSite(): void {
    this.#hasSite = true;
    this.#isSiteDue = false;
    this.#look();
  }

  /** The hosts of one announcement are now candidates. */
  onListed(): void {
    this.#unlisted--;
    this.#look();
  }

  /** The fleet thread has read all that it can read for now: the site too, if there is one. */
  onSynced(): void {
    this.#isSynced = true;
    this.#isSiteDue = false;
    this.#look();
  }

  /** Redis can't be reached for now: with hosts there is nothing to wait for, without any, or without their site, it may come back in time. */
  onRedisLost(): void {
    if (this.#hasHosts && !this.#isSiteDue) {
      this.onSynced();
    } else if (!this.#isAwaitingRedis && !this.#isOpen) {
      this.#isAwaitingRedis = true;
      this.#timers.push(setTimeout(() => this.onSynced(), REDIS_WITHIN_MS));
    }
  }

  /** The name is this balancer's, as far as can be determined. */
  onNameChecked(): void {
    this.#isNameChecked = true;
    this.#look();
  }

  /** A live balancer holds the name. */
  onNameTaken(holder: string): void {
    if (this.#isOpen) return;
    this.#isNameTaken = true;
    this.#open(holder);
  }

  /** The fleet thread died: its pending announcements will never be listed. */
  onThreadDeath(): void {
    this.#unlisted = 0;
  }

  #look(): void {
    const isKnown = this.#isTimeOver || (this.#isSynced && this.#unlisted === 0);
    if (!isKnown || !this.#isNameChecked || this.#isNameTaken) return;
    this.#isOpen = true;
    this.#open(null);
  }
}
