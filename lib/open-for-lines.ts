// Opens what lines are appended to: a file, a pipe or standard output, so that no write ever blocks a thread, whoever reads.

import { constants, fstatSync, openSync, type Stats, statSync } from 'node:fs';

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;

/** Opens the sink's target so that a write never blocks a thread of Node's small file I/O pool. */
export function openForLines(file: string): number {
  if (file === '') return openStandardOutput();
  // Opened read-write, a FIFO does not wait for a reader and survives readers that come and go.
  const isFifo = statOf(file)?.isFIFO() === true;
  return openSync(file, isFifo ? O_RDWR | O_NONBLOCK : O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0o640);
}

/** Reopens a pipe or terminal: O_NONBLOCK on a shared descriptor would affect other processes. */
function openStandardOutput(): number {
  try {
    const stats = fstatSync(1);
    if (stats.isFIFO() || stats.isCharacterDevice()) return openSync('/dev/stdout', O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    // Not every pipe can be opened by name; without any standard output, each write fails.
  }
  // The access alone makes Node set a socket (and such a pipe) non-blocking.
  return process.stdout.fd;
}

/** A file's status; undefined when there is none. */
export function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}
