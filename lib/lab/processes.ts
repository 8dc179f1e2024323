// Starts the processes of a benchmark. None outlives it: Node processes exit when the channel to their parent closes,
// others run under a shell that stops them when its stdin closes.

import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeercatError } from '../errors.js';
import { findOnPath } from '../find-on-path.js';
import type { Shutdown } from '../shutdown.js';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5000;

/** A process started here. */
export interface LabProcess {
  readonly pid: number;
  /** Settles when it is gone; never rejects. */
  readonly exited: Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM, and SIGKILL 5 s later. */
  stop(): Promise<void>;
}

/** A Node process with an IPC channel. */
export interface LabChild extends LabProcess {
  send(message: object): void;
  /** Calls back for each message of this type. */
  onMessage(type: string, take: (message: Readonly<Record<string, unknown>>) => void): void;
  /** The next message of this type; rejects if the process ends first. */
  next(type: string, timeoutMs: number): Promise<Readonly<Record<string, unknown>>>;
}

/** The core or cores to which a process is pinned; null for any. */
export type Core = number | readonly number[] | null;

/** How to start a process. */
export interface StartOptions {
  readonly core: Core;
  /** Stops the process at the end. */
  readonly shutdown: Shutdown;
  /** Flags of Node itself, such as `--import URL` to load a module first in the process and in each of its threads. */
  readonly nodeFlags?: readonly string[];
  /** Receives the stderr of a Node process. */
  readonly onStderr?: (text: string) => void;
}

/** Starts a Node process that runs `file`, with an IPC channel. */
export function startNode(file: string, args: readonly string[], { core, shutdown, nodeFlags = [], onStderr }: StartOptions): LabChild {
  const command = [...pin(core), process.execPath, ...nodeFlags, file, ...args];
  // A process group of its own: Ctrl-C reaches only this process, which then stops the others.
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
    serialization: 'advanced',
  });
  const lines: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    onStderr?.(text);
    lines.push(text.trim());
    lines.splice(0, lines.length - 10);
  });
  const base = watch(child, shutdown);
  return {
    ...base,
    send: (message) => {
      if (child.connected) child.send(message);
    },
    onMessage(type, take) {
      child.on('message', (message) => {
        const fields = message as Readonly<Record<string, unknown>>;
        if (fields.type === type) take(fields);
      });
    },
    next: (type, timeoutMs) =>
      new Promise((resolve, reject) => {
        const fail = (what: string): void =>
          reject(new MeercatError('MEERCAT_START_FAILED', `${args[0]}: ${what}${lines.length > 0 ? `: ${lines.join(' ')}` : ''}`));
        const timer = setTimeout(() => fail(`said no "${type}" within ${timeoutMs} ms`), timeoutMs);
        const onMessage = (message: unknown): void => {
          const fields = message as Readonly<Record<string, unknown>>;
          if (fields.type !== type) return;
          clearTimeout(timer);
          child.off('message', onMessage);
          resolve(fields);
        };
        child.on('message', onMessage);
        void base.exited.then(() => {
          clearTimeout(timer);
          fail('ended');
        });
      }),
  };
}

/** Starts one of the lab's roles (`child.ts`) and waits until it is ready; returns its `ready` message. */
export async function startRole(
  role: string,
  args: readonly string[],
  options: StartOptions,
): Promise<{ readonly child: LabChild; readonly ready: Readonly<Record<string, unknown>> }> {
  const child = startNode(fileURLToPath(new URL('./child.js', import.meta.url)), [role, ...args], options);
  return { child, ready: await child.next('ready', START_TIMEOUT_MS) };
}

/** The shell's stdin closes when this process ends in any way; it then stops the program. It prints the program's pid first. */
const KEEPER = `
exec 3<&0
"$@" </dev/null >/dev/null & program=$!
echo "$program"
{ read -r _; kill "$program"; } >/dev/null 2>&1 <&3 & reader=$!
exec 3<&-
wait "$program"
kill "$reader" 2>/dev/null`;

/** A third-party program. */
export interface LabProgram extends LabProcess {
  /** Kills all its processes at once (SIGKILL), as a service manager kills a control group. They must have stayed in its process group. */
  killAll(): void;
}

/** Starts a third-party program; `stop` ends it. */
export async function startProgram(command: string, args: readonly string[], { core, shutdown }: StartOptions): Promise<LabProgram> {
  const child = spawn('/bin/sh', ['-c', KEEPER, 'sh', ...pin(core), command, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const base = watch(child, shutdown, () => child.stdin?.end());
  const pid = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (text: Buffer) => resolve(Number(text.toString().trim())));
    void base.exited.then(() => reject(new MeercatError('MEERCAT_START_FAILED', `${command} could not be started`)));
  });
  return {
    ...base,
    pid,
    kill: (signal) => void process.kill(pid, signal),
    // The shell leads the group, and has nothing left to do.
    killAll: () => void process.kill(-base.pid, 'SIGKILL'),
  };
}

function watch(child: ChildProcess, shutdown: Shutdown, end: () => void = () => child.kill('SIGTERM')): LabProcess {
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    end();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  shutdown.add(stop);
  return { pid: child.pid ?? 0, exited, kill: (signal) => void child.kill(signal), stop };
}

/** The command prefix that pins a program to cores. */
export function pin(core: Core): string[] {
  return core === null ? [] : ['taskset', '-c', String(core)];
}

/** The full path of a program on the PATH; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  return findOnPath([name], [process.env.PATH ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter));
}

const FIRST_PORT = 14_000;
const LAST_PORT = 20_000;
/** Distance between the first ports of concurrent benchmarks. */
const APART = 100;

/** Each port is handed out once, since its owner may not listen on it yet. */
let nextPort = FIRST_PORT + ((process.pid * APART) % (LAST_PORT - FIRST_PORT));

/** A free loopback port below the ephemeral range, so that it stays free while its owner restarts. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = nextPort;
    nextPort = port + 1 < LAST_PORT ? port + 1 : FIRST_PORT;
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new MeercatError('MEERCAT_START_FAILED', `no free port between ${FIRST_PORT} and ${LAST_PORT}`);
}
