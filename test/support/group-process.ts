// `meercat balancer --processes N` as a real process of a test, with a host of its own; afterwards no process of it
// may be left. Linux only: processes are found in /proc.

import { connect } from 'node:net';
import { withServer } from './brackets.js';
import { SLOW_MS } from './fleet.js';
import { descendantsOf, isAlive } from './fleet-process.js';
import type { RunningProcess } from './brackets.js';
import { ended, type Environment, logOf, withMeercat } from './meercat.js';
import { until } from './until.js';

/** How long the processes may outlive their parent: a drain of two seconds, on a busy machine. */
const LEFTOVER_MS = 15_000;

/** A running group. */
export interface TestGroup {
  readonly parent: RunningProcess;
  readonly port: number;
  /** Living processes below the parent. */
  pids(): number[];
  /** The log lines with this message, of the parent and all processes. */
  log(message: string): Record<string, unknown>[];
  /** The console of each process as it last said, by name. */
  consoles(): Record<string, string>;
  /** Waits until the processes have said this many times that they serve. */
  served(times: number): Promise<void>;
}

/** The health page of one process. */
export interface GroupHealth {
  readonly name: string;
  readonly status: string;
  readonly inflight: number;
}

/** Asks a console for it. */
export async function healthOf(consoleUrl: string): Promise<GroupHealth> {
  return (await (await fetch(`${consoleUrl}/.meercat/health`)).json()) as GroupHealth;
}

/** Options of {@link withGroup}. */
export interface GroupOptions {
  readonly redis: string;
  readonly processes?: number;
  readonly flags?: readonly string[];
  readonly env?: Environment;
  /** What the host answers; the name `host` by default. */
  readonly handler?: Parameters<typeof withServer>[0];
}

/** Flags that suit tests; those of `more` come last. */
export function groupFlags(redis: string, hostUrl: string, more: readonly string[] = [], processes = 2): string[] {
  return [
    'balancer',
    '--redis',
    redis,
    '--name',
    'g',
    '--processes',
    String(processes),
    '--bind',
    '127.0.0.1',
    '--host',
    hostUrl,
    '--connect-timeout',
    '20s',
    ...(more.includes('--port') ? [] : ['--port', '0']),
    ...more,
  ];
}

/** Starts a group, hands it out when all serve, and ends it. */
export function withGroup<T>(
  { redis, processes = 2, flags = [], env = { MEERCAT_DRAIN_TIMEOUT: '2s' }, handler }: GroupOptions,
  fn: (group: TestGroup) => T | Promise<T>,
): Promise<T> {
  return withServer(handler ?? ((_request, response) => void response.end('host')), (host) =>
    withMeercat(
      groupFlags(redis, host.url, flags, processes),
      async (parent) => {
        const seen = new Set<number>();
        const pids = (): number[] => {
          const found = descendantsOf(parent.pid);
          for (const pid of found) seen.add(pid);
          return found;
        };
        const log = (message: string): Record<string, unknown>[] => logOf(parent).filter(({ msg }) => msg === message);
        const all = await until(() => log('all processes are serving')[0], {
          timeoutMs: SLOW_MS,
          what: () => `all to serve:\n${parent.lines.join('\n')}`,
        });
        const group: TestGroup = {
          parent,
          port: all['port'] as number,
          pids,
          log,
          consoles: () => Object.fromEntries(log('serving').map(({ name, console: url }) => [String(name), String(url)])),
          served: async (times) =>
            void (await until(() => log('serving').length >= times, {
              timeoutMs: SLOW_MS,
              what: () => `${times} to serve:\n${parent.lines.join('\n')}`,
            })),
        };
        pids();
        try {
          // The parent may say that all serve before the last one's own line is read.
          await group.served(processes);
          return await fn(group);
        } finally {
          pids();
          parent.kill();
          await ended(parent, LEFTOVER_MS).catch(() => parent.stop(0));
          const left = (): number[] => [...seen].filter(isAlive);
          await until(() => left().length === 0, {
            timeoutMs: LEFTOVER_MS,
            what: () => `processes ${left().join()} to end:\n${parent.lines.slice(-20).join('\n')}`,
          }).finally(() => {
            for (const pid of left()) process.kill(pid, 'SIGKILL');
          });
        }
      },
      env,
    ),
  );
}

/** Whether a new connection is refused. */
export function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}

/** A host that keeps requests for `/held` until they are released; others get `host` at once. */
export interface SlowHost {
  readonly handler: NonNullable<GroupOptions['handler']>;
  readonly waiting: () => number;
  /** Answers those that wait, with `done`. */
  readonly answerAll: () => void;
}

/** Makes one. */
export function slowHost(): SlowHost {
  const waiting: (() => void)[] = [];
  return {
    handler: (request, response) => void (request.url === '/held' ? waiting.push(() => response.end('done')) : response.end('host')),
    waiting: () => waiting.length,
    answerAll: () => {
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

/** Several requests in flight, spread over all processes. */
export async function inFlight(group: TestGroup, host: SlowHost): Promise<Promise<string>[]> {
  const asked: Promise<string>[] = [];
  /** Responses not from the host: on a busy machine the first requests can arrive before the host is known. */
  const refused: string[] = [];
  await until(
    async () => {
      const answer = fetch(`http://127.0.0.1:${group.port}/held`).then(
        (response) => response.text(),
        (error: Error) => error.message,
      );
      const before = refused.length;
      void answer.then((text) => refused.push(text));
      await until(() => refused.length > before || host.waiting() > asked.length);
      if (refused.length === before) asked.push(answer);
      const shares = await Promise.all(Object.values(group.consoles()).map(healthOf));
      return shares.every(({ inflight }) => inflight > 0);
    },
    { timeoutMs: SLOW_MS, what: () => `each to have a request; refused: ${refused.join(' ')}` },
  );
  return asked;
}
