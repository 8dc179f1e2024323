// A worker thread that is started again when it dies. Routing goes on meanwhile: the traffic thread
// needs nothing of the others for a pick.

import { type Transferable, Worker } from 'node:worker_threads';
import { messageOf } from './errors.js';

/** The pause before a dead thread is started again: a fault at start must not become a busy loop. */
const RESTART_AFTER_MS = 200;

/** Room for short-lived objects: these threads make few of them, and with V8's usual 48 MB each would keep that much for good. */
const YOUNG_MB = 2;

/** How long a thread may take to stop in good order. */
const STOP_TIMEOUT_MS = 3000;

/** What keeps a thread running. */
export interface ThreadOptions<To, From extends { readonly type: string }> {
  /** The compiled entry file. */
  readonly entry: URL;
  /** What the thread starts with, made anew for each start; ports in it must be in `transfer`. */
  readonly start: (isAgain: boolean) => { readonly data: unknown; readonly transfer: readonly Transferable[] };
  readonly onMessage: (message: From) => void;
  /** The thread died, for this reason; it is about to be started again. */
  readonly onDeath: (reason: string) => void;
  readonly stopMessage: To;
}

/** A thread that keeps running until it is stopped. */
export interface Thread<To> {
  post(message: To, transfer?: readonly Transferable[]): void;
  /** Asks the thread to stop; ends it after 3 s. */
  stop(): Promise<void>;
}

/** How {@link keepThread} is called, for who is handed another way to run a thread's entry. */
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
      // A thread that is just dead gets nothing: its successor starts from the present state.
      current.postMessage(message, [...transfer]);
    },
    async stop() {
      isStopping = true;
      clearTimeout(restartTimer);
      if (current.threadId === -1) return;
      const ended = new Promise<void>((resolve) => {
        current.once('exit', () => resolve());
      });
      // A thread that has stopped may still hold a timer of a library's; it is not waited for.
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
