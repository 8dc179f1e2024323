// The memory guard: near the memory limit new requests are refused, while those in flight finish. Refusing a few is
// better than being killed with all of them.

import { totalmem } from 'node:os';

/** Interval between two checks. */
const CHECK_EVERY_MS = 250;

const OVER = 0.95;
/** Memory must fall below this again: hysteresis, so that single requests do not toggle the guard. */
const BELOW = 0.93;

/** Whether the memory is over after a reading: yes above 95 % of the limit, no below 93 %, unchanged in between. */
export function isMemoryOver(wasOver: boolean, rssBytes: number, limitBytes: number): boolean {
  return rssBytes > limitBytes * (wasOver ? BELOW : OVER);
}

/** The container's memory limit, else the machine's memory. Without a limit, `containerBytes` is huge or 0. */
export function memoryLimitOf(containerBytes: number, machineBytes: number): number {
  return containerBytes > 0 && containerBytes < machineBytes ? containerBytes : machineBytes;
}

/** Checks the memory periodically until it is stopped. */
export interface MemoryGuard {
  /** Whether the process is near its memory limit. */
  readonly isOver: boolean;
  stop(): void;
}

/**
 * Begins to check the process's resident memory, all of its threads together; the first check is immediate.
 * @param limitBytes 0: the limit of the container or the machine
 */
export function startMemoryGuard(limitBytes: number, readRss: () => number = process.memoryUsage.rss): MemoryGuard {
  const limit = limitBytes > 0 ? limitBytes : memoryLimitOf(process.constrainedMemory(), totalmem());
  let isOver = isMemoryOver(false, readRss(), limit);
  const timer = setInterval(() => {
    isOver = isMemoryOver(isOver, readRss(), limit);
  }, CHECK_EVERY_MS);
  timer.unref();
  return {
    get isOver() {
      return isOver;
    },
    stop: () => clearInterval(timer),
  };
}
