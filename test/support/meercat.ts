// The command line of the build under test, as a real process: run to its end, or kept running for a test.
// Variables of the tester's own (MEERCAT_…) never reach it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../bin/program.js';
import { type ProcessOptions, type RunningProcess, withProcess } from './brackets.js';
import { until } from './until.js';

/** The compiled command line. */
export const ENTRY = fileURLToPath(new URL('../../bin/meercat.js', import.meta.url));

/** Where each `meercat up` of these tests says that it runs: a tester's own fleet is none of theirs. */
const RUNTIME_DIR = mkdtempSync(join(tmpdir(), 'meercat-run-'));
process.on('exit', () => rmSync(RUNTIME_DIR, { recursive: true, force: true }));

/** The signals that commands listen to. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Variables for one process; `undefined` takes one away. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How a run of the command line ended, and what it said. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What starts `meercat` with these arguments. */
export function meercatProcess(args: readonly string[], env: Environment = {}): ProcessOptions {
  const own = Object.keys(process.env).filter((name) => name.startsWith('MEERCAT_'));
  const without = Object.fromEntries(own.map((name) => [name, undefined]));
  return { command: process.execPath, args: [ENTRY, ...args], env: { ...without, XDG_RUNTIME_DIR: RUNTIME_DIR, ...env } };
}

/** Flags, and those of the defaults that are not among them: a flag with one value may be given only once. */
export function withDefaults(flags: readonly string[], defaults: Readonly<Record<string, string>>): string[] {
  return [
    ...Object.entries(defaults)
      .filter(([flag]) => !flags.includes(flag))
      .flat(),
    ...flags,
  ];
}

/** What a command says when Redis, or the balancer that it asks, does not answer in the time that a person waits. */
const LATE =
  /^meercat: (?:Redis .*: (?:it did not answer in time|no answer|timeout|not connected|the connection was closed)|\S+ did not answer within)/m;

/** A person enters a command again if the answer was late, and so does a test, on a machine that stalls: twice at most. */
async function againIfLate(run: () => Promise<Outcome>): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await run();
    if (attempt === 3 || !LATE.test(outcome.stderr)) return outcome;
  }
}

/** Runs `meercat` to its end, again if the answer was late; rejects when it has not ended after 20 s. */
export function meercat(args: readonly string[], env: Environment = {}): Promise<Outcome> {
  return againIfLate(() => once(args, env));
}

function once(args: readonly string[], env: Environment): Promise<Outcome> {
  return withProcess(meercatProcess(args, env), async (child) => {
    const exit = await ended(child, 20_000);
    return { ...exit, stdout: child.stdout.join('\n'), stderr: child.stderr.join('\n') };
  });
}

/** What a command that begins listens to in its process. */
const LISTENED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'warning'] as const;

/**
 * Runs a command line that is to be refused in the test's own process, without the start of another one. It must
 * not begin anything: nobody would end it. The console and the listeners to signals are given back.
 */
export async function refusedHere(args: readonly string[], env: Environment = {}): Promise<Outcome> {
  const said = { stdout: '', stderr: '' };
  const before = { ...console };
  const listeners = LISTENED.map((name) => process.rawListeners(name));
  try {
    const code = await runCommandLine(args, { write: (text) => (said.stdout += text), writeError: (text) => (said.stderr += text) }, env);
    return { code, signal: null, stdout: said.stdout.trimEnd(), stderr: said.stderr.trimEnd() };
  } finally {
    Object.assign(console, before);
    for (const [index, name] of LISTENED.entries())
      for (const listener of process.rawListeners(name))
        if (listeners[index]?.includes(listener) === false) process.off(name, listener as () => void);
  }
}

/** Puts these variables in force for this process, as those of {@link meercatProcess}; gives what puts the former ones back. */
function exchangeEnvironment(env: Environment): () => void {
  const put = (values: Environment): void => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  const { env: wanted = {} } = meercatProcess([], env);
  const before = Object.fromEntries(Object.keys(wanted).map((name) => [name, process.env[name]]));
  put(wanted);
  return () => put(before);
}

/**
 * Runs a command that ends by itself in the test's own process, without the start of another one, and again if the answer
 * was late. One at a time: what it prints is caught at this process's own stdout and stderr.
 */
export function meercatHere(args: readonly string[], env: Environment = {}): Promise<Outcome> {
  return againIfLate(() => onceHere(args, env));
}

async function onceHere(args: readonly string[], env: Environment): Promise<Outcome> {
  const said = { stdout: '', stderr: '' };
  const before = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  const releases = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = ((chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
      said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    }) as typeof write;
    return () => {
      stream.write = write;
    };
  });
  const exitCode = process.exitCode;
  process.exitCode = undefined;
  const restoreEnvironment = exchangeEnvironment(env);
  try {
    const out = { write: (text: string) => (said.stdout += text), writeError: (text: string) => (said.stderr += text) };
    const code = (await runCommandLine(args, out, env)) ?? Number(process.exitCode ?? 0);
    return { code, signal: null, stdout: said.stdout.trimEnd(), stderr: said.stderr.trimEnd() };
  } finally {
    for (const release of releases) release();
    restoreEnvironment();
    process.exitCode = exitCode;
    // A process of its own would end with its listeners.
    for (const signal of SIGNALS)
      for (const listener of process.listeners(signal)) if (!before.get(signal)?.includes(listener)) process.off(signal, listener);
  }
}

/** How a process ended; rejects with its last lines when it has not ended in time. */
export function ended(child: RunningProcess, timeoutMs = 20_000): ReturnType<typeof until<Awaited<RunningProcess['exit']>>> {
  const what = (): string => `the process to end; its last lines:\n${child.lines.slice(-20).join('\n')}`;
  return until(() => child.exit, { timeoutMs, what });
}

/** Starts `meercat`, hands it out, and ends it. */
export function withMeercat<T>(args: readonly string[], fn: (child: RunningProcess) => T | Promise<T>, env: Environment = {}): Promise<T> {
  return withProcess(meercatProcess(args, env), fn);
}

/**
 * Starts a balancer that is to be refused because of what is in Redis. Where Redis does not answer in time, it serves
 * without: then it is started again.
 * @param served the log's message by which it shows that it serves
 */
export async function refusedStart(args: readonly string[], served = 'serving'): Promise<Omit<Outcome, 'stdout'>> {
  for (let attempt = 1; ; attempt++) {
    const refused = await withMeercat(args, async (child) => {
      let exit: Awaited<RunningProcess['exit']> | undefined;
      void child.exit.then((outcome) => (exit = outcome));
      const isServing = (): boolean => logOf(child).some(({ msg }) => msg === served);
      await until(() => exit !== undefined || isServing(), { timeoutMs: 60_000, what: () => `the refusal:\n${child.lines.join('\n')}` });
      return exit && { ...exit, stderr: child.stderr.filter((line) => !line.startsWith('{')).join('\n') };
    });
    if (refused !== undefined) return refused;
    if (attempt === 5) throw new Error(`it serves: meercat ${args.join(' ')}`);
  }
}

/** The log lines of a balancer or agent, as objects; lines that are not JSON are left out. */
export function logOf(child: RunningProcess): Record<string, unknown>[] {
  return child.stderr.flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}

/** Runs jobs a few at a time; each is a process, and the machine is shared. */
export async function inLanes<Job>(jobs: readonly Job[], run: (job: Job) => Promise<void>): Promise<void> {
  const waiting = jobs.values();
  const lane = async (): Promise<void> => {
    for (const job of waiting) await run(job);
  };
  await Promise.all([lane(), lane(), lane()]);
}
