// Loaded first in a process and in each of its threads (`node --import`): a worker thread says on stderr which
// of the system's threads it is, so that its CPU time can be read from outside. The main thread says nothing.

import { readlinkSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  // A thread's first argument is its entry, `…/fleet/thread.js`.
  const name = basename(dirname(process.argv[1] ?? ''));
  try {
    writeSync(2, `thread ${name} ${basename(readlinkSync('/proc/thread-self'))}\n`);
  } catch {
    // There is no /proc: nobody can read the thread's CPU time either.
  }
}
