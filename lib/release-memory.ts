// Gives back the memory that only the start needed. Loading modules leaves some ten megabytes of garbage in each
// thread, which V8 would keep for want of a reason to look.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then a thread has loaded what it needs. */
const AFTER_MS = 1500;

/** Collects the garbage of the start of this thread, soon. Once: more collections free nothing that one does not. */
export function releaseStartMemory(): void {
  setTimeout(() => {
    // The flag is the whole process's, and other threads do the same: it is left set.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('globalThis.gc') as (() => void) | undefined;
    collect?.();
  }, AFTER_MS).unref();
}
