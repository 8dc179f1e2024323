// Runs test files in a process group of their own, one after the other, and judges each strictly.
// uvu alone passes silently in many ways (a hook that throws, a forgotten run): here a file passes only if it
// exits with 0, prints a summary in which every test passed, and leaves no process behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FILE_MARK, FILES_FAILED } from './batch-marks.js';

/** What became of one test file. */
export interface FileResult {
  readonly passed: number;
  /** At least 1 when there is any reason to fail the file. */
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Why the file failed; empty when it passed. */
  readonly reasons: readonly string[];
  /** All that it printed, both streams in order of arrival. */
  readonly output: string;
}

/** How strictly and how long. */
export interface RunOptions {
  readonly timeoutMs: number;
  /** False in CI: there a test that is skipped is a failure. */
  readonly maySkip: boolean;
  /** Which ports are the file's own, as in places.ts; all of them without. */
  readonly band?: string;
}

/** Runs several files in its process. */
const BATCH = fileURLToPath(new URL('./test-batch.js', import.meta.url));

/** A process that a test just ended may need a moment to go, and a busy machine some more. */
const LEFTOVER_GRACE_MS = 2000;
/** A process that left the group can hold the pipes open: they are read no longer than this. */
const PIPE_GRACE_MS = 1000;

const livingGroups = new Set<number>();

/** Kills the process groups of all test files that run now. */
export function killAllGroups(): void {
  for (const pgid of livingGroups) killGroup(pgid);
}

/**
 * Runs compiled test files in one process, in order, and gives a result for each that began. Those after one that ended
 * the process get none: they are to be run again. Never rejects because of what a file does.
 */
export async function runTestFiles(paths: readonly string[], { timeoutMs, maySkip, band = '0/1' }: RunOptions): Promise<FileResult[]> {
  // Certificates that this machine trusts besides are nothing to a test, and reading them costs each process 0.07 s of CPU.
  const { FORCE_COLOR: _color, NODE_EXTRA_CA_CERTS: _certificates, ...inherited } = process.env;
  // strict: a rejection that nobody handles ends the file even if someone listens for unhandledRejection
  const isAlone = paths.length === 1;
  const started = performance.now();
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', ...(isAlone ? [] : [BATCH]), ...paths], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, NO_COLOR: '1', MEERCAT_TEST_BAND: band },
  });
  const closed = once(child, 'close');
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const pgid = child.pid as number;
  livingGroups.add(pgid);
  let [output, stdout, hasTimedOut] = ['', '', false];
  const timer = setTimeout(() => {
    hasTimedOut = true;
    killGroup(pgid);
  }, timeoutMs);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    stdout += text;
    if (text.includes(FILE_MARK)) timer.refresh();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code, signal] = await exited;
  clearTimeout(timer);
  const endedMs = performance.now() - started;

  const leftover = await leftoverProcesses(pgid);
  killGroup(pgid);
  livingGroups.delete(pgid);
  await Promise.race([closed, sleep(PIPE_GRACE_MS, undefined, { ref: false })]);
  child.stdout.destroy();
  child.stderr.destroy();

  // A process that ended before its first file is held against that one: it would be tried without end.
  const hasMarks = !isAlone && splitByFile(stdout).length > 0;
  const parts = hasMarks ? splitByFile(stdout) : [{ atMs: 0, text: stdout }];
  const outputs = hasMarks ? splitByFile(output).map(({ text }) => text) : [output];
  return parts.map(({ atMs, text }, place) => {
    const { summaries, total, passed, skipped } = readSummary(text);
    const isLast = place === parts.length - 1;
    const reasons: string[] = [];
    // What ends the process is held against the file that ran last.
    if (isLast && hasTimedOut) reasons.push(`timed out after ${timeoutMs} ms: its process group was killed`);
    else if (isLast && leftover.length > 0) reasons.push(`left processes behind, now killed: ${leftover.join(', ')}`);
    if (isLast && !hasTimedOut && signal) reasons.push(`was killed by ${signal}`);
    else if (isLast && !hasTimedOut && code !== 0 && (isAlone || code !== FILES_FAILED)) reasons.push(`exit code ${code}`);
    if (summaries === 0) reasons.push('printed no summary: is .run() forgotten, or did it end early?');
    else if (total === 0) reasons.push('ran no test');
    if (passed !== total) reasons.push(`${total - passed} of ${total} tests did not pass`);
    if (skipped > 0 && !maySkip) reasons.push(`${skipped} skipped, and CI skips nothing`);
    if (reasons.length > 0 && place > 0) reasons.push(`it ran after ${place} other files in one process`);
    return {
      passed,
      skipped,
      failed: reasons.length === 0 ? 0 : Math.max(1, total - passed),
      seconds: ((parts[place + 1]?.atMs ?? endedMs) - atMs) / 1000,
      reasons,
      output: outputs[place] ?? '',
    };
  });
}

/** What each file of a batch printed, and when its process began it. */
function splitByFile(text: string): { atMs: number; text: string }[] {
  const [, ...rest] = text.split(new RegExp(`^${FILE_MARK}(\\d+) .*$`, 'm'));
  return rest.flatMap((piece, place) => (place % 2 === 0 ? [{ atMs: Number(piece), text: rest[place + 1] as string }] : []));
}

/**
 * Adds up the summaries that uvu 0.5.6 prints. It prints one for all suites of a file, or one more when a suite
 * calls run() after an await. No summary gives zeros.
 */
export function readSummary(stdout: string): { summaries: number; total: number; passed: number; skipped: number } {
  const all = [...stdout.matchAll(/^ {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}(\d+)$/gm)];
  const sum = (group: number) => all.reduce((total, match) => total + Number(match[group]), 0);
  return { summaries: all.length, total: sum(1), passed: sum(2), skipped: sum(3) };
}

function killGroup(pgid: number): void {
  try {
    process.kill(-pgid, 'SIGKILL');
  } catch {
    // nobody is left in it
  }
}

/** `PID (name)` of each process that is in the group still after a grace period. */
async function leftoverProcesses(pgid: number): Promise<string[]> {
  const deadline = performance.now() + LEFTOVER_GRACE_MS;
  for (;;) {
    const found = groupMembers(pgid);
    if (found.length === 0 || performance.now() > deadline) return found;
    await sleep(20);
  }
}

function groupMembers(pgid: number): string[] {
  try {
    process.kill(-pgid, 0);
  } catch {
    return [];
  }
  if (process.platform !== 'linux') return [`group ${pgid}`];
  // signal 0 finds zombies too, and where nobody reaps orphans they stay forever: only /proc tells them apart
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const [, name, state, group] = readStat(pid).match(/^\d+ \((.*)\) (\S) \d+ (\d+)/s) ?? [];
      return Number(group) === pgid && state !== 'Z' && state !== 'X' ? [`${pid} (${name})`] : [];
    });
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ''; // it went in the meantime
  }
}
