// One process of a group. It is restarted if it exits unexpectedly, with an exponential backoff if it keeps exiting.
// Callers can wait until it serves, and get an error if it does not.

import type cluster from 'node:cluster';
import { MINUTE, SECOND } from '../clock.js';
import { formatDuration } from '../config/config.js';
import { MeercatError } from '../errors.js';
import type { Log } from '../log.js';
import type { FromMember, ToMember } from './group-messages.js';

/** The first and the longest restart delay; each delay is twice the previous one. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30 * SECOND;

/** A process that has served this long resets the backoff. */
const STEADY_MS = MINUTE;

/** Longest start: a balancer's start has waits of 15 s each, and the machine may be busy. */
const START_TIMEOUT_MS = MINUTE;

/** Time to stop, in addition to the drain time. */
const STOP_GRACE_MS = 20 * SECOND;

/** The delay before the next start, after `failures` consecutive exits (1 for the first). */
export function restartPauseMs(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

type ClusterProcess = ReturnType<typeof cluster.fork>;

/** Options of a process. */
export interface GroupProcessOptions {
  readonly name: () => string;
  /** Starts the process. */
  readonly launch: () => ClusterProcess;
  /** Timeout of a graceful stop; the process is killed some time after. */
  readonly stopTimeoutMs: number;
  readonly log: Log;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** A supervised process. */
export class GroupProcess {
  readonly #options: GroupProcessOptions;
  #process: ClusterProcess | undefined;
  /** When it began to serve; undefined while it does not. */
  #servingSinceMs: number | undefined;
  /** We asked it to stop. */
  #isEnding = false;
  /** It is stopping, whoever asked it to. */
  #isLeaving = false;
  #isStopped = false;
  /** It has served once: from then on it is restarted if it exits. */
  #isKept = false;
  #failures = 0;
  #failure: MeercatError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiters: Waiter[] = [];

  constructor(options: GroupProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name();
  }

  get isServing(): boolean {
    return this.#servingSinceMs !== undefined && !this.#isEnding && !this.#isLeaving;
  }

  /** Starts it; resolves when it serves. Rejects with its own error; it is not restarted then. */
  start(): Promise<void> {
    this.#launch();
    return this.untilServing();
  }

  /** Resolves when it serves. Rejects if a start fails or takes too long, or it is stopped. */
  untilServing(): Promise<void> {
    if (this.isServing) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new MeercatError('MEERCAT_START_FAILED', `${this.name} did not serve within ${formatDuration(START_TIMEOUT_MS)}`)),
        START_TIMEOUT_MS,
      );
      const settle =
        <Value extends unknown[]>(end: (...value: Value) => void) =>
        (...value: Value): void => {
          clearTimeout(timer);
          end(...value);
        };
      this.#waiters.push({ resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /** Restarts it gracefully; resolves once it is started. It is not started if it is stopped meanwhile. */
  async restart(): Promise<void> {
    await this.#end();
    clearTimeout(this.#timer);
    this.#failures = 0;
    if (!this.#isStopped && this.#process === undefined) this.#launch();
  }

  /** Stops it gracefully and permanently. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#end();
    this.#settle((waiter) => waiter.reject(new MeercatError('MEERCAT_START_FAILED', `${this.name} was stopped`)));
  }

  /** Kills it. */
  kill(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#process?.process.kill('SIGKILL');
  }

  /** Sends it a message; a dead process needs none, since it restarts from the current state. */
  tell(message: ToMember): void {
    this.#process?.send(message, () => undefined);
  }

  #launch(): void {
    this.#failure = undefined;
    let launched: ClusterProcess;
    try {
      launched = this.#options.launch();
    } catch (error) {
      this.#ended(String(error));
      return;
    }
    this.#process = launched;
    this.#isLeaving = false;
    launched.on('message', (message: FromMember) => this.#onMessage(message, launched));
    // A process that could not be spawned emits no exit.
    launched.on('error', (error) => launched === this.#process && launched.process.pid === undefined && this.#ended(error.message));
    launched.on('exit', (code, signal) => launched === this.#process && this.#ended(signal ?? `code ${code}`));
  }

  #onMessage(message: FromMember, from: ClusterProcess): void {
    if (from !== this.#process) return;
    if (message.type === 'serving') {
      this.#servingSinceMs = performance.now();
      this.#isKept = true;
      this.#settle((waiter) => waiter.resolve());
    } else if (message.type === 'stopping') {
      this.#isLeaving = true;
    } else if (message.type === 'failed') {
      this.#failure = new MeercatError(message.code ?? 'MEERCAT_START_FAILED', message.message);
    }
  }

  #ended(how: string): void {
    const { log } = this.#options;
    const servedMs = this.#servingSinceMs === undefined ? 0 : performance.now() - this.#servingSinceMs;
    const reason = this.#failure?.message ?? how;
    this.#process = undefined;
    this.#servingSinceMs = undefined;
    const failure = this.#failure ?? new MeercatError('MEERCAT_START_FAILED', `${this.name} ended before it served (${how})`);
    if (!this.#isEnding) this.#settle((waiter) => waiter.reject(failure));
    if (this.#isEnding || this.#isStopped || !this.#isKept) return;
    this.#failures = servedMs >= STEADY_MS ? 1 : this.#failures + 1;
    const pauseMs = restartPauseMs(this.#failures);
    log('error', 'a process ended and is started again', { process: this.name, reason, pause: formatDuration(pauseMs) });
    this.#timer = setTimeout(() => this.#launch(), pauseMs);
  }

  async #end(): Promise<void> {
    const ending = this.#process;
    if (ending?.process.pid === undefined) return;
    const { stopTimeoutMs, log } = this.#options;
    this.#isEnding = true;
    const exited = new Promise<void>((resolve) => {
      ending.once('exit', () => resolve());
    });
    this.tell({ type: 'stop' });
    const timer = setTimeout(() => {
      log('error', 'a process did not stop in time and is killed', { process: this.name });
      ending.process.kill('SIGKILL');
    }, stopTimeoutMs + STOP_GRACE_MS);
    await exited;
    clearTimeout(timer);
    this.#isEnding = false;
  }

  #settle(how: (waiter: Waiter) => void): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    waiters.forEach(how);
  }
}
