// Decides when the master publishes, and batches reads. All balancers answer a table at about the same time, and with
// many hosts some host is always reporting; waking the thread for each message costs more than handling it. So after a
// flush that followed several messages, the socket is not read until the next flush is nearly due.

import type { Clock } from '../clock.js';
import type { Subscription } from '../redis/connect.js';

/** A continuous stream of messages delays a flush by at most this long. */
const READ_MS = 4;

/** The dependencies of `Gathering`. */
export interface GatheringOptions {
  readonly clock: Clock;
  readonly subscription: Pick<Subscription, 'hold' | 'release'>;
  /** Batching delay in ms: for loads alone, and for anything else. */
  readonly waitMs: (isLoadAlone: boolean) => number;
  /** Whether there is something to publish and publishing is allowed now. */
  readonly isDue: () => boolean;
  /** Publishes. It calls `begin` first, and `end` if it succeeded. */
  readonly flush: () => void;
}

/** The master's next flush. */
export class Gathering {
  readonly #options: GatheringOptions;
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;
  #notBeforeMs = 0;
  #holdTimer: NodeJS.Timeout | undefined;
  /** Since when the messages being read may have waited. */
  #heldSinceMs: number | undefined;
  /** Messages since the last flush began, and before that. */
  #heard = 0;
  #heardBefore = 0;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** Counts a message that arrived. */
  heard(): void {
    this.#heard++;
  }

  /**
   * Schedules a flush if there is something to publish.
   * @param sinceMs since when it may have waited
   */
  soon(isLoadAlone = false, sinceMs = this.#heldSinceMs): void {
    const { clock, waitMs, isDue } = this.#options;
    if (!isDue()) return;
    const nowMs = clock();
    const atMs = Math.max(nowMs, this.#notBeforeMs, (sinceMs ?? nowMs) + waitMs(isLoadAlone));
    // Reports don't wait for the longer delay of loads.
    if (this.#timer === undefined || atMs < this.#atMs) this.#wait(nowMs, atMs);
  }

  /** Retries a failed flush after this delay, whatever arrives meanwhile. */
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

  /** A flush was published; changes that arrived meanwhile have waited since it began. */
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

  /** Reads until no more messages are available, then publishes if a flush is due. */
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
