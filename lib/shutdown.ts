// How a process ends: resources close in reverse order of opening; the first signal stops gracefully, a second one
// forces. The exit code says which it was.

import type { Log } from './log.js';

/** Closes one resource; may take a while. */
export type Closer = () => void | Promise<void>;

/**
 * A second SIGINT within this time is the same Ctrl-C: the terminal sends it to the whole process group, and npm
 * forwards it once more. A second SIGTERM always counts.
 */
const SAME_CTRL_C_MS = 400;

/** The shutdown sequence of a process. */
export interface Shutdown {
  /** Adds a closer; the last one added runs first. */
  add(closer: Closer): void;
  /** Runs all closers, once; a failing closer does not prevent the others from running. */
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

/** A signal that stops a process in order. */
type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Options for processes that stop as a group. */
export interface StopOptions {
  /** The signals to handle. Default: SIGINT and SIGTERM. */
  readonly signals?: readonly StopSignal[];
  /** Called before a second signal ends the process. */
  readonly onForce?: () => void;
}

/**
 * Runs the shutdown on SIGINT and SIGTERM, then exits: 0 if everything closed, 1 if a second signal forced it. SIGHUP,
 * where it is among the signals, forces nothing: a terminal that closes and its shell both send it.
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
    if (signal === 'SIGHUP') return;
    if (signal === 'SIGINT' && nowMs - firstAtMs < SAME_CTRL_C_MS) return;
    log('warn', 'stopped by force', { signal });
    onForce?.();
    process.exit(1);
  };
  for (const signal of signals) process.on(signal, onSignal);
}

/**
 * Exits with code 1 once the parent that forked this process is gone: nobody would stop it later. Call it first: the
 * parent can die while the child starts.
 */
export function endWithParent(): void {
  // False if it is already gone; undefined without such a parent.
  if (process.connected === false) process.exit(1);
  process.on('disconnect', () => process.exit(1));
}
