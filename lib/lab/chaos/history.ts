// Records the history of a run, and notices when this process did not run: what happened in that time says nothing about
// the fleet, which did not run either.

import type { ChaosEvent, RequestMethod } from './events.js';

const TICK_MS = 50;

/** A tick that is this late is a stall. */
const STALL_MS = 500;

/** Longer lines of a log are cut. */
const MAX_LOG_CHARACTERS = 300;

/** The events of a run, in order. */
export class History {
  readonly events: ChaosEvent[] = [];
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #tickedAtMs = 0;

  constructor() {
    this.#timer = setInterval(() => {
      const atMs = this.nowMs();
      if (atMs - this.#tickedAtMs > STALL_MS) this.add({ kind: 'stall', sinceMs: this.#tickedAtMs, atMs });
      this.#tickedAtMs = atMs;
    }, TICK_MS);
  }

  /** Milliseconds since the start of the run. */
  nowMs(): number {
    return performance.now() - this.#startMs;
  }

  add(event: ChaosEvent): void {
    this.events.push(event);
  }

  /** Records what the run does. */
  note(text: string): void {
    this.add({ kind: 'action', atMs: this.nowMs(), text });
  }

  /** Records what a process logged. */
  log(text: string): void {
    this.add({ kind: 'log', atMs: this.nowMs(), text: text.slice(0, MAX_LOG_CHARACTERS) });
  }

  /** Allows failures, until the returned function is called. */
  allow(id: string, { balancers = null, method = null, problem = '', minMs = 0 }: AllowOptions = {}): () => void {
    this.add({ kind: 'allow', atMs: this.nowMs(), id, balancers, method, problem, minMs });
    return () => this.add({ kind: 'forbid', atMs: this.nowMs(), id });
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** Which failures are allowed; all of all balancers by default. */
export interface AllowOptions {
  readonly balancers?: readonly string[] | null;
  readonly method?: RequestMethod | null;
  /** Only problems that begin with this. */
  readonly problem?: string;
  /** Only requests that took at least this long. */
  readonly minMs?: number;
}
