// Whether this balancer's fleet key is the fleet's. One with another key, or with none in a fleet that signs, must not
// become master: nobody would take its tables. A forged message must not bar a balancer that has the right key, nor depose
// a master: who has heard a good table, its own too, is sure of its key for a while, unless no other balancer has it.

import { type Clock, MINUTE, SECOND } from '../clock.js';
import type { Log } from '../log.js';
import type { SignatureFault } from '../redis/sign.js';
import type { Signature } from '../redis/signature.js';

/** How long a table that can't be checked bars from mastership. Longer than from one table of a master to the next. */
const BARRED_MS = 5 * SECOND;

/** How long a good table proves that the key is right. */
const PROVEN_MS = 60 * SECOND;

/** How long a master that nobody understood stays out of the next elections. */
const STEPPED_DOWN_MS = 10 * SECOND;

/** The dependencies of `KeyWatch`. */
export interface KeyWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly isKeyed: () => boolean;
  readonly ids: () => readonly string[];
}

/** Watches the keys that the fleet's tables are signed with. */
export class KeyWatch {
  readonly #options: KeyWatchOptions;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #barredUntilMs = Number.NEGATIVE_INFINITY;
  #steppedDownUntilMs = Number.NEGATIVE_INFINITY;
  #reason = '';
  #saidReason = '';
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyWatchOptions) {
    this.#options = options;
  }

  /** A table was accepted; `claimed` is what its signature says, null when it has none. */
  onTable(claimed: Signature | null): void {
    const { clock, isKeyed } = this.#options;
    // Its own tables still arrive after it has stepped down.
    if (claimed === null || clock() < this.#steppedDownUntilMs) return;
    if (isKeyed()) {
      this.#provenAtMs = clock();
      this.#barredUntilMs = Number.NEGATIVE_INFINITY;
    } else if (!claimed.isOpen) {
      this.#bar(`this balancer has no --fleet-key, and ${claimed.sender} signs its tables (key ${claimed.keyId})`);
    }
  }

  /** A table was refused. */
  onRefused(reason: SignatureFault, claimed: Signature | null): void {
    const { clock, ids } = this.#options;
    const isForeign = reason === 'key' || reason === 'unsigned' || reason === 'clock';
    if (!isForeign || clock() - this.#provenAtMs < PROVEN_MS) return;
    if (reason === 'clock' && claimed !== null) {
      this.#bar(`the clock of this machine and that of ${claimed.sender} differ by more than a minute`);
      return;
    }
    const own = `this balancer's fleet key is ${ids()[0] ?? ''}`;
    this.#bar(
      claimed === null
        ? `${own}, and the tables of the fleet are not signed`
        : `${own}, and the tables of ${claimed.sender} are signed with ${claimed.keyId}`,
    );
  }

  /** This balancer was master, and its key is that of no other balancer. */
  onUnheard(): void {
    this.#provenAtMs = Number.NEGATIVE_INFINITY;
    this.#barredUntilMs = this.#steppedDownUntilMs = this.#options.clock() + STEPPED_DOWN_MS;
    this.#reason = 'the other balancers sign with a fleet key that this one does not have';
  }

  /** The keys were replaced. */
  onKeys(): void {
    this.#barredUntilMs = this.#steppedDownUntilMs = Number.NEGATIVE_INFINITY;
    this.#saidReason = '';
    this.#saidAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Why this balancer must not become master; '' if it may. */
  get bar(): string {
    return this.#options.clock() < this.#barredUntilMs ? this.#reason : '';
  }

  #bar(reason: string): void {
    const { clock, log } = this.#options;
    this.#barredUntilMs = clock() + BARRED_MS;
    this.#reason = reason;
    // The reason names what a message claims, which anybody can vary.
    if (reason === this.#saidReason || clock() - this.#saidAtMs < MINUTE) return;
    this.#saidReason = reason;
    this.#saidAtMs = clock();
    log('error', "this balancer does not have the fleet's key, or its time: it serves requests, hears no master and never becomes one", {
      reason,
    });
  }
}
