// When a time limit counts as passed. Two rules, for every wait on a socket: what has arrived is read first, and a
// process that was itself stopped (SIGSTOP, a suspended machine) does not hold the pause against anybody.

import { performance } from 'node:perf_hooks';

/**
 * A turn of the event loop that is late by more than this means that the process did not run: no work of ours takes
 * as long. Also the least time that others have after such a turn.
 */
export const LATE_MS = 1000;

/** A time limit that is running. */
export interface Timeout {
  /** Ends it; it does not pass any more. */
  clear(): void;
}

/**
 * Calls `onPassed` once, after this time, unless it is cleared: after the event loop has read what had arrived by
 * then. When the process was stopped meanwhile, the limit is extended once, by the pause but not by more than
 * itself. It does not keep the process running.
 */
export function startTimeout(timeoutMs: number, onPassed: () => void): Timeout {
  let immediate: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout;
  const wait = (ms: number, mayExtend: boolean): void => {
    const dueMs = performance.now() + ms;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (mayExtend && lateMs > LATE_MS) wait(Math.min(lateMs, timeoutMs), false);
      else immediate = setImmediate(onPassed);
    }, ms).unref();
  };
  wait(timeoutMs, true);
  return {
    clear() {
      clearTimeout(timer);
      clearImmediate(immediate);
    },
  };
}
