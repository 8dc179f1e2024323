// One process of a group, which is started again when it ends without being told to: soon at first, and after a
// growing pause when it keeps ending. Who waits for it to serve hears of it, or why it does not.

import type cluster from 'node:cluster';
import { MINUTE, SECOND } from '../clock.js';
import { formatDuration } from '../config/config.js';
import { MeercatError } from '../errors.js';
import type { Log } from '../log.js';
import type { FromMember, ToMember } from './group-messages.js';

/** The first pause before a process is started again, and the longest; each is twice the one before. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 30 * SECOND;

/** One that has served this long before it ended is not one that keeps ending. */
const STEADY_MS = MINUTE;

/** Longest start: the waits of a balancer's start are 15 s each, and the machine may be busy. */
const START_TIMEOUT_MS = MINUTE;

/** A process that is told to stop has this long besides its drain. */
const STOP_GRACE_MS = 20 * SECOND;

/** The pause before the next start, after `failures` ends in a row (1 for the first). */
export function restartPauseMs(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

type ClusterProcess = ReturnType<typeof cluster.fork>;

/** What a process is made with. */
export interface GroupProcessOptions {
  readonly name: () => string;
  /** Starts the process. */
  readonly launch: () => ClusterProcess;
  /** How long it may take to stop in good order; it is killed some time after. */
  readonly stopTimeoutMs: number;
  readonly log: Log;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** One process that is kept running. */
export class GroupProcess {
  readonly #options: GroupProcessOptions;
  #process: ClusterProcess | undefined;
  /** Since when it serves; undefined while it does not. */
  #servingSinceMs: number | undefined;
  /** Told to end by us. */
  #isEnding = false;
  /** It stops, whoever told it to. */
  #isLeaving = false;
  #isStopped = false;
  /** It has served once: from then on it is started again. */
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

  /** Starts it; resolves when it serves. Rejects with its own error, and then it is not started again. */
  start(): Promise<void> {
    this.#launch();
    return this.untilServing();
  }

  /** Resolves when it serves. Rejects when a start fails meanwhile, takes too long, or when it is stopped. */
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

  /** Ends it in good order and starts it again; resolves when it is started. Not when it is stopped meanwhile. */
  async restart(): Promise<void> {
    await this.#end();
    clearTimeout(this.#timer);
    this.#failures = 0;
    if (!this.#isStopped && this.#process === undefined) this.#launch();
  }

  /** Ends it for good, in good order. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#end();
    this.#settle((waiter) => waiter.reject(new MeercatError('MEERCAT_START_FAILED', `${this.name} was stopped`)));
  }

  /** Ends it at once. */
  kill(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#process?.process.kill('SIGKILL');
  }

  /** Tells it something; one that is dead is started from the present state anyway. */
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
    // A process that could not be started at all has no exit.
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
