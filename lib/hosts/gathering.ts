// When the master publishes: what comes is gathered for a while, and most of it is read at one stroke. All balancers
// answer a table, and with many hosts one of them always reports; to be woken for each message costs a thread more
// than what it then does with it. So after a flush that followed several messages nothing is read for as long as the
// next ones would wait anyway.

import type { Clock } from '../clock.js';
import type { Subscription } from '../redis/connect.js';

/** Messages that come one after the other without an end hold up a flush no longer than so. */
const READ_MS = 4;

/** What it is handed. */
export interface GatheringOptions {
  readonly clock: Clock;
  readonly subscription: Pick<Subscription, 'hold' | 'release'>;
  /** How long what came is gathered, where it is loads alone and where it is anything else. */
  readonly waitMs: (isLoadAlone: boolean) => number;
  /** Whether there is anything to publish, and it may be published now. */
  readonly isDue: () => boolean;
  /** Publishes; calls `begin` first, and `end` when it could. */
  readonly flush: () => void;
}

/** The master's next flush. */
export class Gathering {
  readonly #options: GatheringOptions;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;
  #notBeforeMs = 0;
  #holdTimer: NodeJS.Timeout | undefined;
  /** Since when what is read just now may have waited. */
  #heldSinceMs: number | undefined;
  /** Messages since the last flush began, and before it. */
  #heard = 0;
  #heardBefore = 0;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** A message came. */
  heard(): void {
    this.#heard++;
  }

  /**
   * There may be something to publish.
   * @param sinceMs since when that may have waited
   */
  soon(isLoadAlone = false, sinceMs = this.#heldSinceMs): void {
    const { clock, waitMs, isDue } = this.#options;
    if (!isDue()) return;
    const nowMs = clock();
    const atMs = Math.max(nowMs, this.#notBeforeMs, (sinceMs ?? nowMs) + waitMs(isLoadAlone));
    // Reports do not wait for what loads alone would have waited for.
    if (this.#timer === undefined || atMs < this.#atMs) this.#wait(nowMs, atMs);
  }

  /** The flush failed: it is tried again then, whatever comes meanwhile. */
  again(inMs: number): void {
    const nowMs = this.#options.clock();
    this.#notBeforeMs = nowMs + inMs;
    this.#wait(nowMs, this.#notBeforeMs);
  }

  /** A flush begins. */
  begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#heardBefore = this.#heard;
    this.#heard = 0;
  }

  /** A flush that began then was published: what came meanwhile waits since its begin. */
  end(begunAtMs: number): void {
    this.#notBeforeMs = 0;
    if (this.#heardBefore > 1) this.#hold(begunAtMs);
    this.soon(false, begunAtMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#holdTimer);
  }

  #wait(nowMs: number, atMs: number): void {
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    this.#timer = setTimeout(this.#options.flush, atMs - nowMs);
  }

  #hold(sinceMs: number): void {
    const { clock, subscription, waitMs } = this.#options;
    clearTimeout(this.#holdTimer);
    subscription.hold();
    const untilMs = sinceMs + Math.min(waitMs(true), waitMs(false));
    this.#holdTimer = setTimeout(
      () => {
        this.#heldSinceMs = sinceMs;
        subscription.release();
        this.#readAll(clock());
      },
      Math.max(0, untilMs - clock()),
    );
  }

  /** Reads until nothing more comes at once, and publishes what is due by then. */
  #readAll(fromMs: number): void {
    const { clock, flush } = this.#options;
    const before = this.#heard;
    setImmediate(() => {
      if (this.#heard > before && clock() - fromMs < READ_MS) {
        this.#readAll(fromMs);
        return;
      }
      this.#heldSinceMs = undefined;
      if (this.#timer !== undefined && this.#atMs <= clock()) flush();
    });
  }
}
