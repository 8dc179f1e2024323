// A worker thread that is restarted when it dies. Routing continues meanwhile: the traffic thread does not need the
// others for a pick.

import { type Transferable, Worker } from 'node:worker_threads';
import { messageOf } from './errors.js';

/** Delay before a dead thread is restarted: a crash at start must not become a busy loop. */
const RESTART_AFTER_MS = 200;

/** Size of V8's young generation. These threads allocate little; with the default of 48 MB each would hold that much permanently. */
const YOUNG_MB = 2;

/** Longest graceful stop of a thread. */
const STOP_TIMEOUT_MS = 3000;

/** How to run a thread. */
export interface ThreadOptions<To, From extends { readonly type: string }> {
  /** The compiled entry file. */
  readonly entry: URL;
  /** Builds the thread's initial data for each start; ports in it must be listed in `transfer`. */
  readonly start: (isAgain: boolean) => { readonly data: unknown; readonly transfer: readonly Transferable[] };
  readonly onMessage: (message: From) => void;
  /** Called when the thread has died, before it is restarted. */
  readonly onDeath: (reason: string) => void;
  readonly stopMessage: To;
}

/** A thread that keeps running until it is stopped. */
export interface Thread<To> {
  post(message: To, transfer?: readonly Transferable[]): void;
  /** Asks the thread to stop; terminates it after 3 s. */
  stop(): Promise<void>;
}

/** The type of {@link keepThread}, for callers that accept a replacement. */
export type KeepThread = typeof keepThread;

/** Starts a thread and keeps it running. */
export function keepThread<To, From extends { readonly type: string }>(options: ThreadOptions<To, From>): Thread<To> {
  let isStopping = false;
  let current = launch(false);
  let restartTimer: NodeJS.Timeout | undefined;

  function launch(isAgain: boolean): Worker {
    const { data, transfer } = options.start(isAgain);
    const launched = new Worker(options.entry, {
      workerData: data,
      transferList: [...transfer],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    let reason = 'it ended by itself';
    launched.on('message', options.onMessage);
    launched.on('error', (error) => {
      reason = messageOf(error);
    });
    launched.on('exit', () => {
      if (isStopping) return;
      options.onDeath(reason);
      restartTimer = setTimeout(() => {
        if (!isStopping) current = launch(true);
      }, RESTART_AFTER_MS);
    });
    return launched;
  }

  return {
    post(message, transfer = []) {
      // A dead thread gets no message: its successor starts from the current state.
      current.postMessage(message, [...transfer]);
    },
    async stop() {
      isStopping = true;
      clearTimeout(restartTimer);
      if (current.threadId === -1) return;
      const ended = new Promise<void>((resolve) => {
        current.once('exit', () => resolve());
      });
      // A stopped thread may still hold a library's timer; do not wait for it.
      current.on('message', (message: From) => {
        if (message.type === 'stopped') void current.terminate();
      });
      current.postMessage(options.stopMessage);
      const timer = setTimeout(() => void current.terminate(), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
