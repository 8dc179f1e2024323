// Gives back the memory that only the start needed. Loading modules leaves some ten megabytes of garbage in each
// thread, which V8 would keep for want of a reason to look.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then a thread has loaded what it needs, and is not yet busy. */
const AFTER_MS = 1500;

/** Collects the garbage of the start of this thread once, soon. */
export function releaseStartMemory(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
    collect();
    collect();
  }, AFTER_MS).unref();
}
