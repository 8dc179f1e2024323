// A command on a terminal of its own, by `script` of util-linux: what it shows there, what is typed, and what the
// terminal is like before and after. Invariant: the terminal and all that runs on it end with the bracket.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { commandOf, descendantsOf } from './fleet-process.js';
import { until } from './until.js';

/** What runs on the terminal. */
export interface TerminalOptions {
  /** For `sh`. */
  readonly command: string;
  readonly rows: number;
  readonly columns: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A terminal that is open. */
export interface TestTerminal {
  /** All that was written to it, with control sequences. */
  readonly output: string;
  /** What was drawn last from the top, line by line; `isBare` takes colours away. */
  frame(isBare?: boolean): string[];
  type(keys: string): void;
  /** Waits until what was drawn last has a line, or a part of one, like this. */
  shows(pattern: RegExp): Promise<void>;
  /** Waits until what was written in all is so. */
  wrote(pattern: RegExp): Promise<void>;
  /** The process on the terminal whose command line is like this. */
  pidOf(command: RegExp): number;
  /** How the command of the shell ended; rejects when it does not end in time. */
  ended(): Promise<number | null>;
}

const HOME = '\u001b[H';
const PATIENCE_MS = 30_000;

/** Opens a terminal and runs the command there. */
export async function withTerminal<T>(
  { command, rows, columns, env }: TerminalOptions,
  fn: (terminal: TestTerminal) => Promise<T>,
): Promise<T> {
  const child = spawn('script', ['-qefc', `stty rows ${rows} cols ${columns}; ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: undefined, SHELL: '/bin/sh', ...env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  child.stdin.on('error', () => undefined);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  let code: number | null | undefined;
  const exit = once(child, 'close').then(([status]) => {
    code = status as number | null;
    process.off('exit', kill);
  });
  const frame = (isBare = true): string[] => {
    const drawn = output.slice(output.lastIndexOf(HOME) + HOME.length);
    return (isBare ? stripVTControlCharacters(drawn) : drawn).split('\r\n');
  };
  try {
    return await fn({
      get output() {
        return output;
      },
      frame,
      type: (keys) => void child.stdin.write(keys),
      async shows(pattern) {
        const isThere = (): boolean => output.includes(HOME) && frame().some((line) => pattern.test(line));
        await until(isThere, { timeoutMs: PATIENCE_MS, what: () => `${pattern} in\n${frame().join('\n')}` });
      },
      async wrote(pattern) {
        await until(() => pattern.test(output), { timeoutMs: PATIENCE_MS, what: () => `${pattern} in\n${JSON.stringify(output)}` });
      },
      pidOf(name) {
        const pid = descendantsOf(child.pid as number).find((each) => name.test(commandOf(each)));
        if (pid === undefined) throw new Error(`no process on the terminal is like ${name}`);
        return pid;
      },
      async ended() {
        await until(() => code !== undefined, { timeoutMs: PATIENCE_MS, what: () => `the end of the command\n${frame().join('\n')}` });
        return code as number | null;
      },
    });
  } finally {
    // `script` is not gone before it is waited for: nobody else has its id.
    const left = code === undefined ? [...descendantsOf(child.pid as number), child.pid as number] : [];
    for (const pid of left) killOne(pid);
    await exit;
  }
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
