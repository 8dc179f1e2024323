// A process of our own command line that is started again when it dies, says what it has to say through
// its parent, and never outlives it.

import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { formatDuration } from '../config/config.js';

/** A process that dies is started again after this pause (ms). */
export const RESTART_AFTER_MS = 1000;

/** How long a process may take to stop before it is killed; a balancer's drain is within it. */
const KILL_AFTER_MS = 10_000;

/** Takes what a process says on its channel. */
export type OnMessage = (message: unknown, child: ChildProcess) => void;

/** What is kept running, and who is told. */
export interface KeptProcessOptions {
  /** The compiled file of the command line. */
  readonly entry: string;
  /** What it is called in the lines that people see. */
  readonly name: string;
  /** The Redis address, which goes by the environment. */
  readonly redis: string;
  /** Its arguments, asked for at each start. */
  readonly argsOf: () => readonly string[];
  /** One line for people: what it said, or that it ended. */
  readonly onLine: (line: string) => void;
  readonly onMessage?: OnMessage | undefined;
}

/** A process that keeps running until it is stopped. */
export interface KeptProcess {
  /** Sends SIGTERM, and after 10 s SIGKILL; resolves when it has ended. */
  stop(): Promise<void>;
  /** Ends it in the same way and starts it at once again, with what `argsOf` says now; not when it is stopped meanwhile. */
  restart(): Promise<void>;
}

/** Starts a process and keeps it running. */
export function keepProcess({ entry, name, redis, argsOf, onLine, onMessage }: KeptProcessOptions): KeptProcess {
  let isStopping = false;
  /** Told to end by `restart`: that it ends is no news then. */
  let isRestarting = false;
  let restartTimer: NodeJS.Timeout | undefined;
  let child = launch();

  function launch(): ChildProcess {
    // A group of its own: Ctrl-C is for this process, which then stops the parts in order. When this
    // process dies, the channel between them closes, and the child ends itself.
    // The address goes by the environment: it may hold a password, and arguments can be read by all.
    const env = { ...process.env, MEERCAT_REDIS: redis };
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

/** A child's log line without what only a machine reads. */
function readable(line: string): string {
  try {
    const { level, msg, time: _time, name: _name, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${String(value)}`);
    return `${String(level)}: ${String(msg)}${rest.join('')}`;
  } catch {
    return line;
  }
}
