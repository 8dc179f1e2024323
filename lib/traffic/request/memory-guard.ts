// Whether the process has nearly all the memory it may have: then new requests are refused, while those in flight finish.
// Better to refuse a few than to be killed with all of them.

import { totalmem } from 'node:os';

/** How often the memory is looked at. */
const CHECK_EVERY_MS = 250;

const OVER = 0.95;
/** It must fall below this again, so that one request more or less does not open and shut the door. */
const BELOW = 0.93;

/** Whether the memory is over after a reading: above 95 % of the limit yes, below 93 % no, between the two as before. */
export function isMemoryOver(wasOver: boolean, rssBytes: number, limitBytes: number): boolean {
  return rssBytes > limitBytes * (wasOver ? BELOW : OVER);
}

/** What the container may have where it has a limit, else what the machine has. A container without one shows a huge number or 0. */
export function memoryLimitOf(containerBytes: number, machineBytes: number): number {
  return containerBytes > 0 && containerBytes < machineBytes ? containerBytes : machineBytes;
}

/** Looks at the memory as long as it runs. */
export interface MemoryGuard {
  /** True while the process has nearly all it may have. */
  readonly isOver: boolean;
  stop(): void;
}

/**
 * Begins to look at the process's resident memory, all of its threads together; the first look is at once.
 * @param limitBytes 0: what the container or the machine has
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
