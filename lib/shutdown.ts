// How a process ends: what was opened is closed in reverse order; the first signal is graceful, a second
// one forces. The exit code says which it was.

import type { Log } from './log.js';

/** Closes one thing; may take a while. */
export type Closer = () => void | Promise<void>;

/**
 * A second SIGINT sooner than this is the same Ctrl-C: the terminal sends it to the whole group of
 * processes, and npm passes it on once more. A second SIGTERM always counts.
 */
const SAME_CTRL_C_MS = 400;

/** How a process that is told to stop does so. */
export interface Shutdown {
  /** Adds a closer; the last one added is the first to be called. */
  add(closer: Closer): void;
  /** Runs all closers, once; a closer that fails does not keep the others from running. */
  run(): Promise<void>;
}

/** Collects the closers of one process. */
export function createShutdown(onError: (error: unknown) => void): Shutdown {
  const closers: Closer[] = [];
  let running: Promise<void> | undefined;
  return {
    add(closer) {
      closers.push(closer);
    },
    run() {
      running ??= (async () => {
        for (const closer of closers.toReversed()) {
          try {
            // oxlint-disable-next-line no-await-in-loop -- in this order is what it is for
            await closer();
          } catch (error) {
            onError(error);
          }
        }
      })();
      return running;
    },
  };
}

/** What differs where several processes stop together. */
export interface StopOptions {
  /** The signals that count; SIGINT and SIGTERM unless told. */
  readonly signals?: readonly ('SIGINT' | 'SIGTERM')[];
  /** Called before a second signal ends the process. */
  readonly onForce?: () => void;
}

/**
 * Runs the shutdown on SIGINT and SIGTERM, then ends the process: 0 when all was closed, 1 when a second
 * signal forced it.
 */
export function stopOnSignals(shutdown: Shutdown, log: Log, { signals = ['SIGINT', 'SIGTERM'], onForce }: StopOptions = {}): void {
  let firstAtMs: number | undefined;
  const onSignal = (signal: string): void => {
    const nowMs = performance.now();
    if (firstAtMs === undefined) {
      firstAtMs = nowMs;
      log('info', 'stopping', { signal });
      void shutdown.run().then(() => process.exit(0));
      return;
    }
    if (signal === 'SIGINT' && nowMs - firstAtMs < SAME_CTRL_C_MS) return;
    log('warn', 'stopped by force', { signal });
    onForce?.();
    process.exit(1);
  };
  for (const signal of signals) process.on(signal, onSignal);
}

/**
 * Ends the process, with exit code 1, when the parent that forked it is gone: nobody is left to wait for,
 * and nobody to stop it later. To be called first of all: a parent can go while its child still starts.
 */
export function endWithParent(): void {
  // False when it has gone already; undefined without such a parent.
  if (process.connected === false) process.exit(1);
  process.on('disconnect', () => process.exit(1));
}
