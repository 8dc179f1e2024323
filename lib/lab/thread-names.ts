// Preloaded in a process and in each of its threads (`node --import`): a worker thread prints its OS thread id on stderr,
// so that its CPU time can be read from outside. The main thread prints nothing.

import { readlinkSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';

if (!isMainThread) {
  // A thread's first argument is its entry: `…/fleet-entry.js`, or `…/hosts/thread.js`.
  const entry = process.argv[1] ?? '';
  const name = basename(entry) === 'fleet-entry.js' ? 'fleet' : basename(dirname(entry));
  try {
    writeSync(2, `thread ${name} ${basename(readlinkSync('/proc/thread-self'))}\n`);
  } catch {
    // Without /proc the thread's CPU time can't be read anyway.
  }
}
