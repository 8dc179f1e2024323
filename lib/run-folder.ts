// Folders for what a run needs only as long as it lives: keys, certificates, the data of a Redis. A run removes its own at
// its end, and those of runs that were killed when it creates one. Invariant: nothing is removed but a folder that only
// this user can enter, whose name says which process it belongs to, when that process surely no longer exists.

import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDead, pidSpace } from './pid-space.js';
import { startTicksOf } from './process-stat.js';

/** A folder of this process. */
export interface RunFolder {
  readonly path: string;
  /** Removes it and everything in it; never throws. */
  readonly remove: () => void;
}

/**
 * Creates a folder that only this user can enter, and removes those that killed runs left. Throws what the system says.
 * @param purpose a part of its name: lower-case letters and hyphens
 * @param place the folder for temporary files
 */
export function createRunFolder(purpose: string, place: string = tmpdir()): RunFolder {
  removeLeftovers(place);
  // The owner stands in the name and not in a file: so there is no moment at which the folder has none.
  const owner = `${process.pid}-${startTicksOf(process.pid) || 0}-${spaceId()}`;
  const path = mkdtempSync(join(place, `meercat-${purpose}-${owner}-`));
  return { path, remove: () => remove(path) };
}

const NAME = /^meercat-[a-z-]+-(?<pid>\d+)-(?<ticks>\d+)-(?<space>[0-9a-f]{8})-\w{6}$/;

/** A short name of the kernel and the PID namespace; process ids mean something only within it. */
function spaceId(): string {
  return createHash('sha256').update(pidSpace()).digest('hex').slice(0, 8);
}

function removeLeftovers(place: string): void {
  const own = pidSpace();
  if (own === '') return;
  for (const name of namesIn(place)) {
    const { pid = '', ticks = '', space } = NAME.exec(name)?.groups ?? {};
    const path = join(place, name);
    if (space === spaceId() && isGone(pid, Number(ticks), own) && isOurs(path)) remove(path);
  }
}

/** Whether the process that started at this moment is gone; another one may have its id now. */
function isGone(pid: string, ticks: number, space: string): boolean {
  if (isDead({ pid, pidSpace: space }, space)) return true;
  const found = startTicksOf(Number(pid));
  return !Number.isNaN(found) && found !== ticks;
}

/** Whether it is a folder, not a link to one, that belongs to this user and that nobody else can enter. */
function isOurs(path: string): boolean {
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    return [];
  }
}

/** Links inside are removed, not followed. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next run tries again.
  }
}
