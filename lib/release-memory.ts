// Releases the memory that only the start needed. Loading modules leaves about 10 MB of garbage in each thread, which
// V8 would not collect without allocation pressure.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** By then a thread has loaded its modules. */
const AFTER_MS = 1500;

/** Of this thread, as module state is: a thread's modules are loaded once, however many balancers start in it. */
let isScheduled = false;

/** Schedules one garbage collection of this thread after its start. Further calls do nothing: they would free no more. */
export function releaseStartMemory(): void {
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(() => {
    // The flag is process-wide and other threads set it too: leave it set.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('globalThis.gc') as (() => void) | undefined;
    collect?.();
  }, AFTER_MS).unref();
}
