// Which agent process a host belongs to: the one whose reports keep it alive, and whose goodbye therefore counts. All
// agents share one Redis user, and so could sign off each other's hosts; an instance is known to its own process only.
// Has no clock and does no I/O.

/** What a master knows of the processes that report one host. */
export class AgentInstance {
  /** The process that the host belongs to; undefined: its reports carry no instance; null: none has reported yet. */
  #instance: string | undefined | null = null;
  /** Until when that process counts as alive, and until when any other does. */
  #untilMs = Number.NEGATIVE_INFINITY;
  #othersUntilMs = Number.NEGATIVE_INFINITY;
  /** Whether a goodbye came that did not count, and no report since. */
  #hasBye = false;

  /**
   * Takes note of a report. Another process takes the host over when the first one has been silent for too long, as
   * when an agent was killed and started again.
   * @param untilMs when the process counts as silent if this is its last report
   */
  heard(instance: string | undefined, untilMs: number, nowMs: number): void {
    this.#hasBye = false;
    if (this.#instance === instance || this.#instance === null || nowMs > this.#untilMs) {
      this.#instance = instance;
      this.#untilMs = untilMs;
    } else {
      this.#othersUntilMs = Math.max(this.#othersUntilMs, untilMs);
    }
  }

  /**
   * Whether a goodbye counts: it must be of the process that the host belongs to, and no other may be reporting the
   * host. One that does not count is remembered: see {@link hasUnheardGoodbye}.
   */
  mayLeave(instance: string | undefined, nowMs: number): boolean {
    const isOwn = this.#instance !== null && this.#instance === instance;
    if (isOwn && nowMs > this.#othersUntilMs) return true;
    // The next to report has it.
    if (isOwn) this.#instance = null;
    this.#hasBye = true;
    return false;
  }

  /** Whether the last word was a goodbye that did not count: it does once the host is silent. */
  get hasUnheardGoodbye(): boolean {
    return this.#hasBye;
  }
}
