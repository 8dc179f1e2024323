// When a timeout counts as expired. Two rules for every wait on a socket: data that has arrived is read first, and a
// pause of this process (SIGSTOP, a suspended machine) does not count.

import { performance } from 'node:perf_hooks';

/**
 * An event loop turn that is late by more than this means that the process did not run: nothing here blocks for that
 * long. Also the minimum time left to a peer after such a turn.
 */
export const LATE_MS = 1000;

/** A running timeout. */
export interface Timeout {
  /** Cancels the timeout. */
  clear(): void;
}

/**
 * Calls `onPassed` once after this time, unless cleared, and only after the event loop has read the data that had
 * arrived by then. If the process was paused meanwhile, the timeout is extended once, by the pause but at most by its
 * own length. It does not keep the process running.
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
