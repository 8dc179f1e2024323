// Acts on who owns a balancer's name. A balancer that starts under a taken name exits with a message. One that finds
// out later, because both started without Redis or it was cut off, keeps serving but sends nothing under that name: no
// heartbeats and no load messages, and it never becomes master.

import { type Clock, MINUTE } from '../clock.js';
import type { Log } from '../log.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';
import { describeHolder, type OwnName } from './own-name.js';

/** Interval at which an awaited name is checked again: a fraction of the heartbeat interval. */
const LOOK_AGAIN_MS = 200;

/** Why a balancer must not become master before its first heartbeat was answered. */
export const NAME_UNCHECKED = 'Redis has not said yet whether the name is free';

/** The dependencies of `NameWatch`. */
export interface NameWatchOptions {
  readonly name: OwnName;
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
  /** Sends the next heartbeat at once. */
  readonly sendHeartbeat: () => void;
}

/** Watches the name of one balancer. */
export class NameWatch {
  readonly #options: NameWatchOptions;
  #isChecked = false;
  #isTaken = false;
  #loggedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NameWatchOptions) {
    this.#options = options;
  }

  /** A heartbeat was answered. */
  onHeartbeat(): void {
    const { name, log, sendHeartbeat } = this.#options;
    const holder = name.holder === null ? '' : describeHolder(name.holder);
    switch (name.state) {
      case 'waiting':
        if (this.#timer === undefined)
          log('info', 'another balancer has this name: waiting until its heartbeat runs out or comes again', { holder });
        clearTimeout(this.#timer);
        this.#timer = setTimeout(sendHeartbeat, LOOK_AGAIN_MS);
        break;
      case 'taken':
        if (this.#isChecked) this.#logTaken(holder);
        else this.#refuse(holder);
        break;
      case 'ours':
        if (this.#isTaken) log('info', 'this balancer has its name for itself again', {});
        this.#isTaken = false;
        this.onUnknown();
        break;
      case 'unknown':
    }
  }

  /** The name can't be checked for now: don't delay the start. */
  onUnknown(): void {
    if (!this.#isChecked) this.#options.post({ type: 'name-checked' });
    this.#isChecked = true;
  }

  /** Why the balancer must not become master; '' when it owns its name. */
  get bar(): string {
    const { name } = this.#options;
    if (name.state === 'ours') return '';
    return name.holder === null ? NAME_UNCHECKED : `another balancer has this one's name (${describeHolder(name.holder)})`;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the start: while the balancer stops, further heartbeats have nothing to add. */
  #refuse(holder: string): void {
    const { clock, post } = this.#options;
    post({ type: 'name-taken', holder });
    this.#isChecked = true;
    this.#isTaken = true;
    this.#loggedAtMs = clock();
  }

  /** Counts each conflict once, and logs it again every minute. */
  #logTaken(holder: string): void {
    const { clock, count, log } = this.#options;
    if (!this.#isTaken) {
      count('name_conflicts');
      this.#loggedAtMs = Number.NEGATIVE_INFINITY;
    }
    this.#isTaken = true;
    if (clock() - this.#loggedAtMs < MINUTE) return;
    this.#loggedAtMs = clock();
    log('error', 'another balancer has this name: this one serves requests but takes no part in the fleet; give each its own --name', {
      holder,
    });
  }
}
