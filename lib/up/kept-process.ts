// Runs our own command line in a child process that is restarted when it dies, logs through its parent, and never
// outlives it.

import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { formatDuration } from '../config/config.js';

/** Delay before a dead process is restarted. */
export const RESTART_AFTER_MS = 1000;

/** Longest graceful stop before the process is killed; includes a balancer's drain. */
const KILL_AFTER_MS = 10_000;

/** Handles an IPC message of a process. */
export type OnMessage = (message: unknown, child: ChildProcess) => void;

/** What to run, and the callbacks. */
export interface KeptProcessOptions {
  /** The compiled file of the command line. */
  readonly entry: string;
  /** Its name in output lines. */
  readonly name: string;
  /** The Redis address, passed through the environment. */
  readonly redis: string;
  /** More variables of its environment: secrets, which do not belong into arguments. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  /** Returns its arguments; called at each start. */
  readonly argsOf: () => readonly string[];
  /** Handles a readable line: its output, or its exit. */
  readonly onLine: (line: string) => void;
  readonly onMessage?: OnMessage | undefined;
}

/** A process that keeps running until it is stopped. */
export interface KeptProcess {
  /** Sends SIGTERM, and SIGKILL after 10 s; resolves when it has exited. */
  stop(): Promise<void>;
  /** Stops it in the same way and starts it again at once, with the current `argsOf`; not if it is stopped meanwhile. */
  restart(): Promise<void>;
}

/** Starts a process and keeps it running. */
export function keepProcess({ entry, name, redis, secrets = {}, argsOf, onLine, onMessage }: KeptProcessOptions): KeptProcess {
  let isStopping = false;
  /** Stopped by `restart`: its exit is not reported. */
  let isRestarting = false;
  let restartTimer: NodeJS.Timeout | undefined;
  let child = launch();

  function launch(): ChildProcess {
    // A process group of its own: Ctrl-C reaches only this process, which then stops the parts in order. If this process
    // dies, the IPC channel closes and the child exits.
    // In the environment: the address may contain a password, and arguments are visible to all users.
    const env = { ...process.env, ...secrets, MEERCAT_REDIS: redis };
    const launched = fork(entry, [...argsOf()], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
    if (launched.stderr !== null) createInterface({ input: launched.stderr }).on('line', (line) => onLine(`${name}: ${readable(line)}`));
    launched.on('message', (message) => onMessage?.(message, launched));
    launched.on('error', () => undefined);
    launched.on('exit', (code, signal) => {
      if (isStopping || isRestarting) return;
      onLine(`${name} ended (${signal ?? `code ${code}`}); started again in ${formatDuration(RESTART_AFTER_MS)}`);
      restartTimer = setTimeout(() => {
        if (!isStopping) child = launch();
      }, RESTART_AFTER_MS);
    });
    return launched;
  }

  async function end(): Promise<void> {
    clearTimeout(restartTimer);
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exited;
    clearTimeout(timer);
  }

  return {
    stop() {
      isStopping = true;
      return end();
    },
    async restart() {
      if (isStopping || isRestarting) return;
      isRestarting = true;
      await end();
      isRestarting = false;
      if (!isStopping) child = launch();
    },
  };
}

/** Formats a child's JSON log line for people. */
function readable(line: string): string {
  try {
    const { level, msg, time: _time, name: _name, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${String(value)}`);
    return `${String(level)}: ${String(msg)}${rest.join('')}`;
  } catch {
    return line;
  }
}
