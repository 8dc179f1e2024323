// Which hosts' hashes are to be written: those of which something changed since, but none too often, since people
// read them and with many hosts they are most of what a master does; and all of them now and then, before they run
// out. Has no clock and does no I/O.

/** A hash is written at most so often when its host's figures change, and at least so often when not. */
const MIN_WAIT_MS = 900;
const MAX_WAIT_MS = 4000;
const WAIT_MS_PER_HOST = 3;

/** Hosts as they are stored. */
export class StoredHosts {
  readonly #storedAtMs = new Map<string, number>();
  /** Hosts of which what is stored is old, in the order in which it came to be. */
  readonly #old = new Set<string>();

  /** Something of a host changed, or may have. */
  changed(name: string): void {
    this.#old.add(name);
  }

  /** A host left: what is stored of it is taken out elsewhere. */
  left(name: string): void {
    this.#old.delete(name);
    this.#storedAtMs.delete(name);
  }

  /** Whether any host is due. */
  isAnyDue(nowMs: number): boolean {
    for (const name of this.#old) if (this.#isDue(name, nowMs)) return true;
    return false;
  }

  /**
   * The hosts that are due, the oldest first, at most so many. They count as stored: who fails to says `changed` again.
   * @param news of which the fleet is to know at once: they do not wait
   */
  take(max: number, news: ReadonlySet<string>, nowMs: number): string[] {
    const taken: string[] = [];
    for (const name of this.#old) {
      if (taken.length >= max) break;
      if (news.has(name) || this.#isDue(name, nowMs)) taken.push(name);
    }
    for (const name of taken) {
      this.#old.delete(name);
      this.#storedAtMs.set(name, nowMs);
    }
    return taken;
  }

  /** To be called each second: hosts of which there is no news keep what is stored by being stored again. */
  tick(nowMs: number): void {
    for (const [name, atMs] of this.#storedAtMs) if (nowMs - atMs >= MAX_WAIT_MS) this.#old.add(name);
  }

  /** One that was never stored is due at once. */
  #isDue(name: string, nowMs: number): boolean {
    const waitMs = Math.min(Math.max(WAIT_MS_PER_HOST * this.#storedAtMs.size, MIN_WAIT_MS), MAX_WAIT_MS);
    return !(nowMs - (this.#storedAtMs.get(name) ?? Number.NaN) < waitMs);
  }
}
