// Gives back the memory that only the start needed. Loading modules leaves some ten megabytes of garbage in each
// thread, which V8 would keep for want of a reason to look, and compiled code that will never run again.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then a thread has loaded what it needs. */
const AFTER_MS = 1500;

/** V8 lets go of compiled code that was not used between so many collections; each takes a few milliseconds. */
const COLLECTIONS = 8;
const EVERY_MS = 200;

/** Collects the garbage of the start of this thread, soon. */
export function releaseStartMemory(): void {
  setTimeout(() => {
    // The flag is the whole process's, and other threads do the same: it is left set.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('globalThis.gc') as (() => void) | undefined;
    if (collect === undefined) return;
    let left = COLLECTIONS;
    const timer = setInterval(() => {
      collect();
      if (--left === 0) clearInterval(timer);
    }, EVERY_MS).unref();
  }, AFTER_MS).unref();
}
