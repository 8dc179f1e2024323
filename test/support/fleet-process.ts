// `meercat up` as a real process of a test. Its children have process groups of their own, out of sight of the
// strict runner: this bracket finds them in /proc, and a fleet that leaves one behind fails the test. Linux only.

import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { type RunningProcess, withProcess } from './brackets.js';
import { ENTRY, type Environment, meercatProcess } from './meercat.js';
import { freePort } from './places.js';
import { until } from './until.js';

/** How long a process may live on after the fleet's first process ended: 2 s, and what a machine may stall. */
const LEFTOVER_MS = 10_000;

/** How long a fleet may take to be ready on a busy machine. */
const READY_MS = 60_000;

/** One process of a fleet. */
export interface FleetMember {
  readonly pid: number;
  /** Its command line, arguments separated by spaces; of a balancer `… balancer … --name b1 …`. */
  readonly command: string;
}

/** A running `meercat up`. */
export interface FleetProcess extends RunningProcess {
  /** All living processes below the first one. */
  members(): FleetMember[];
  /** The one living process whose command line matches; waits for it. */
  member(pattern: RegExp): Promise<FleetMember>;
  /** Resolves when the fleet has said that it is ready. */
  ready(): Promise<void>;
}

/** Options of {@link withFleet}. */
export interface FleetProcessOptions {
  /** How long a process may live on after the first one ended; 10 s by default. */
  readonly leftoverMs?: number;
  readonly env?: Environment;
  /** Runs it so instead; the arguments are those of `meercat up` with its entry in front. */
  readonly wrap?: (command: readonly string[]) => readonly [string, ...string[]];
}

/**
 * Starts `meercat up` with these arguments, hands it out and ends it. Rejects when a process of it
 * still lives 10 s after it ended; all are killed then.
 */
export function withFleet<T>(
  args: readonly string[],
  fn: (fleet: FleetProcess) => T | Promise<T>,
  options: FleetProcessOptions = {},
): Promise<T> {
  const mark = `MEERCAT_TEST_MARK=${randomUUID()}`;
  const plain = meercatProcess(['up', ...args], { ...options.env, MEERCAT_TEST_MARK: mark.split('=')[1] });
  const [command, ...rest] = options.wrap?.([process.execPath, ENTRY, 'up', ...args]) ?? [plain.command, ...(plain.args ?? [])];
  return withProcess({ ...plain, command, args: rest }, async (child) => {
    const seen = new Map<number, string>();
    const look = (): FleetMember[] => {
      const found = descendantsOf(child.pid).map((pid) => ({ pid, command: commandOf(pid) }));
      for (const { pid, command: text } of found) seen.set(pid, text);
      return found;
    };
    const fleet: FleetProcess = {
      ...child,
      kill(signal) {
        look();
        child.kill(signal);
      },
      members: look,
      member: (pattern) =>
        until(() => look().find(({ command: text }) => pattern.test(text)), {
          timeoutMs: READY_MS,
          everyMs: 30,
          what: `a process like ${pattern}`,
        }),
      async ready() {
        await child.waitForLine(/^ready$/, READY_MS);
        look();
      },
    };
    try {
      return await fn(fleet);
    } finally {
      look();
      await child.stop(10_000);
      // A shell or a redis-server hides its environment; those were seen as descendants.
      const left = (): number[] => [...new Set([...seen.keys(), ...markedWith(mark)])].filter((pid) => pid !== child.pid && isAlive(pid));
      await until(() => left().length === 0, {
        timeoutMs: options.leftoverMs ?? LEFTOVER_MS,
        what: () =>
          `these processes to end: ${left()
            .map((pid) => `${pid} (${seen.get(pid) ?? commandOf(pid)})`)
            .join(', ')}`,
      }).finally(() => {
        for (const pid of left()) process.kill(pid, 'SIGKILL');
      });
    }
  });
}

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Living processes below `root`, near ones first. */
export function descendantsOf(root: number): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const pid of allPids()) {
    const stat = statOf(pid);
    if (stat !== undefined && stat.state !== 'Z') childrenOf.set(stat.parent, [...(childrenOf.get(stat.parent) ?? []), pid]);
  }
  const found = [...(childrenOf.get(root) ?? [])];
  for (const pid of found) found.push(...(childrenOf.get(pid) ?? []));
  return found;
}

/** `count` ports in a row, with the console's port 1000 above each, that nobody listens on. */
export async function freePortsInRow(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = await freePort();
    const wanted = Array.from({ length: count }, (_, index) => [first + index, first + index + 1000]).flat();
    const held = await Promise.all(wanted.map((port) => hold(port)));
    for (const server of held) server?.close();
    if (held.every((server) => server !== undefined)) return first;
  }
  throw new Error(`found no ${count} free ports in a row`);
}

/** Keeps a port of loopback taken meanwhile; one that another has already is left to it. */
export async function withPortTaken<T>(port: number, fn: () => T | Promise<T>): Promise<T> {
  const server = await hold(port);
  try {
    return await fn();
  } finally {
    server?.close();
  }
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  const [, state, parent] = /^\d+ \(.*\) (\S) (\d+)/s.exec(read(`/proc/${pid}/stat`)) ?? [];
  return state === undefined ? undefined : { state, parent: Number(parent) };
}

/** The command line of a process; empty when it is gone. */
export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function markedWith(mark: string): number[] {
  return allPids().filter((pid) => pid !== process.pid && read(`/proc/${pid}/environ`).split('\0').includes(mark));
}

/** A file of /proc; empty when its process is gone, or another's. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
