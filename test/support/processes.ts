// A child process of a test: its lines can be waited for, and it can be ended for certain.
// It stays in the test's own process group, so that the strict runner finds it should a test forget it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './until.js';

/** What to start. */
export interface ProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** Variables on top of the test's own environment; `undefined` takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Runs it as this user; only root may. */
  readonly uid?: number;
}

/** How a process ended: one of the two is not null. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running child process. */
export interface RunningProcess {
  readonly pid: number;
  /** All lines so far, of stdout and stderr, in order of arrival. */
  readonly lines: readonly string[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Settles when the process is gone and its lines are complete; never rejects. */
  readonly exit: Promise<ProcessExit>;
  /** The match of the first line, past or to come, that fits; rejects at the deadline and when the process ends first. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** Sends a signal (SIGTERM by default); a process that is gone is left alone. */
  kill(signal?: NodeJS.Signals): void;
  /** Ends it: SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone; may be called again. */
  stop(graceMs?: number): Promise<ProcessExit>;
}

/** A grandchild can hold the pipes open forever: lines are waited for this long after the process itself ended. */
const PIPE_GRACE_MS = 500;

/** Starts a process without stdin. Rejects with a clear error when the command cannot be started. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { command, args = [], env = {}, cwd, uid } = options;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
    ...(uid !== undefined && { uid }),
  });
  const killWithTest = () => child.kill('SIGKILL');
  process.on('exit', killWithTest);
  const lines: string[] = [];
  const stdout = collectLines(child.stdout, lines);
  const stderr = collectLines(child.stderr, lines);
  let hasEnded = false;
  const closed = once(child, 'close').catch(() => undefined);
  const exit = new Promise<ProcessExit>((resolve) => {
    child.once('exit', async (code, signal) => {
      process.off('exit', killWithTest);
      await Promise.race([closed, sleep(PIPE_GRACE_MS, undefined, { ref: false })]);
      child.stdout.destroy();
      child.stderr.destroy();
      hasEnded = true;
      resolve({ code, signal });
    });
  });
  try {
    await once(child, 'spawn');
  } catch (thrown) {
    process.off('exit', killWithTest);
    throw new Error(`cannot start ${command}: ${(thrown as Error).message}`, { cause: thrown });
  }
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => void child.kill(signal);
  return {
    pid: child.pid as number,
    lines,
    stdout,
    stderr,
    exit,
    kill,
    async waitForLine(pattern, timeoutMs = 20_000) {
      const find = () => firstMatch(lines, pattern);
      const told = () => `a line like ${pattern} from ${command}; its last lines:\n${lines.slice(-20).join('\n')}`;
      const found = await until(() => find() ?? (hasEnded && 'ended'), { timeoutMs, what: told });
      if (found === 'ended') throw new Error(`the process ended before ${told()}`);
      return found;
    },
    async stop(graceMs = 3000) {
      kill('SIGTERM');
      kill('SIGCONT'); // one that was paused would not see the SIGTERM
      const timer = setTimeout(kill, graceMs, 'SIGKILL');
      const ended = await exit;
      clearTimeout(timer);
      return ended;
    },
  };
}

function collectLines(stream: Readable, all: string[]): string[] {
  const own: string[] = [];
  createInterface({ input: stream }).on('line', (line) => {
    own.push(line);
    all.push(line);
  });
  return own;
}

function firstMatch(lines: readonly string[], pattern: RegExp): RegExpMatchArray | null {
  for (const line of lines) {
    const match = line.match(pattern);
    if (match) return match;
  }
  return null;
}
