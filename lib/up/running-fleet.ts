// How commands on this machine find the fleet that `meercat up` runs here: each `up` listens on a Unix socket that only
// its user can reach, and says there where its Redis is. A socket without a listener is a fleet that has ended, so that
// nothing stale is ever believed, whatever port numbers and process ids were given to others since.

import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, unlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { MeercatError, messageOf } from '../errors.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';

/** How long a living `meercat up` may take to answer (ms), on a machine that stalls; where none lives nobody waits. */
const ANSWER_TIMEOUT_MS = 5000;

/** More than this was not written by `meercat up`. */
const MAX_ANSWER_BYTES = 16_384;

/** A fleet that runs here, as its `meercat up` describes it. */
export interface RunningFleet {
  readonly namespace: string;
  /** The address of its Redis, complete, with secrets. */
  readonly redis: string;
}

/** Takes the announcement back. */
export type Unannounce = () => Promise<void>;

/**
 * Says on this machine, to this user alone, that this process runs a fleet. Rejects when the socket can't be made, or
 * when its folder is another user's.
 */
export async function announceFleet(fleet: RunningFleet, variables: NodeJS.ProcessEnv = process.env): Promise<Unannounce> {
  const folder = folderOf(variables);
  await mkdir(folder, { mode: 0o700, recursive: true });
  await checkFolder(folder);
  const prefix = prefixOf(fleet.namespace);
  // Left by those that were killed.
  for (const name of await namesIn(folder, prefix)) {
    // oxlint-disable-next-line no-await-in-loop -- a few at most
    if (await isStale(join(folder, name))) await unlink(join(folder, name)).catch(() => undefined);
  }
  const text = JSON.stringify(fleet);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(join(folder, `${prefix}${process.pid}.sock`), resolve);
  });
  server.on('error', () => undefined);
  // What keeps the process alive is the fleet.
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/**
 * The fleet of this namespace that `meercat up` runs on this machine for this user; null when none does. Rejects with
 * MEERCAT_SEVERAL_FLEETS when several do: it would be unclear which is meant.
 */
export async function findRunningFleet(namespace: string, variables: NodeJS.ProcessEnv = process.env): Promise<RunningFleet | null> {
  const folder = folderOf(variables);
  try {
    await checkFolder(folder);
  } catch {
    // There is none, or it is not ours to believe.
    return null;
  }
  const answers = await Promise.all((await namesIn(folder, prefixOf(namespace))).map((name) => ask(join(folder, name))));
  const found = answers.filter((fleet) => fleet !== null && fleet.namespace === namespace) as RunningFleet[];
  const addresses = [...new Set(found.map(({ redis }) => describeAddress(parseRedisAddress(redis))))];
  if (addresses.length > 1) {
    throw new MeercatError(
      'MEERCAT_SEVERAL_FLEETS',
      `several fleets of \`meercat up\` run here with the namespace ${namespace}: choose one with --redis ${addresses.join(' or --redis ')}`,
    );
  }
  return found[0] ?? null;
}

/** The folder of this user's sockets. */
function folderOf(variables: NodeJS.ProcessEnv): string {
  const runtime = variables['XDG_RUNTIME_DIR'] ?? '';
  return runtime === '' ? join(tmpdir(), `meercat-${userInfo().uid}`) : join(runtime, 'meercat');
}

/** Rejects unless only this user can put anything into the folder. */
async function checkFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0)
    throw new Error(`${folder} is not a folder that only this user can enter`);
}

/** A namespace can hold a slash; and the path of a socket has at most some 100 bytes. */
function prefixOf(namespace: string): string {
  return `up-${createHash('sha256').update(namespace).digest('hex').slice(0, 16)}-`;
}

async function namesIn(folder: string, prefix: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(prefix) && name.endsWith('.sock'));
}

/** Whether nobody listens on a socket. One whose process stands still for a moment is connected to by the kernel. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED' || code === 'ENOTSOCK'));
  });
}

/** What the process behind a socket says; null when there is none, or nothing that is understood. */
function ask(path: string): Promise<RunningFleet | null> {
  return new Promise((resolve) => {
    let text = '';
    const end = (fleet: RunningFleet | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(fleet);
    };
    const socket = createConnection(path);
    const timer = setTimeout(() => end(null), ANSWER_TIMEOUT_MS);
    socket.on('error', () => end(null));
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.length > MAX_ANSWER_BYTES) end(null);
    });
    socket.on('end', () => end(read(text)));
  });
}

function read(text: string): RunningFleet | null {
  try {
    const { namespace, redis } = JSON.parse(text) as Record<string, unknown>;
    if (typeof namespace !== 'string' || typeof redis !== 'string') return null;
    parseRedisAddress(redis);
    return { namespace, redis };
  } catch {
    return null;
  }
}

/** Why a fleet could not be announced, for the lines of `meercat up`. */
export function unannouncedReason(error: unknown): string {
  return `commands on this machine do not find this fleet by themselves, and need --redis: ${messageOf(error)}`;
}
