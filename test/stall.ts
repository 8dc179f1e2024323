// Runs tests on a machine made slow: node dist/test/stall.js [options] [pattern…]. Busy loops take the CPU, and each process
// of the tests (balancers, Redis, the tests themselves) stands still for seconds again and again. No test may fail.
// Its last lines say what failed in which round; it exits with 1 if anything did. docs/development.md has the options.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../lib/routing/random.js';
import { startStalls, type StallOptions } from './support/stalls.js';

const RUN = fileURLToPath(new URL('./run.js', import.meta.url));

/** How long one test file may take here. */
const FILE_TIMEOUT_MS = 300_000;

/** Takes a core until its parent is gone. */
const BUSY = 'const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e7; i++);';

const { values, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    busy: { type: 'string', default: '4' },
    'every-ms': { type: 'string', default: '6000' },
    'whole-every-ms': { type: 'string', default: '15000' },
    'least-ms': { type: 'string', default: '800' },
    'most-ms': { type: 'string', default: '2500' },
    log: { type: 'boolean', default: false },
  },
});

function numberOf(flag: Exclude<keyof typeof values, 'log'>): number {
  const number = Number(values[flag]);
  if (!(number >= 0)) throw new Error(`--${flag} must be a number, not "${values[flag]}"`);
  return number;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 150);
  } catch {
    return ''; // it is gone
  }
}

function logStall(stallMs: number, pids: readonly number[]): void {
  for (const pid of pids) process.stderr.write(`${new Date().toISOString()} ${pid} stands still for ${stallMs} ms: ${commandOf(pid)}\n`);
}

/** How processes stall in one round. */
function stallsOf(seed: number): StallOptions {
  const random = new Random(seed);
  return {
    meanIntervalMs: numberOf('every-ms'),
    meanWholeIntervalMs: numberOf('whole-every-ms'),
    leastMs: numberOf('least-ms'),
    mostMs: numberOf('most-ms'),
    random: () => random.below(2 ** 32) / 2 ** 32,
    ...(values.log && { onStall: logStall }),
  };
}

/** Runs the tests once, until `signal` is aborted at most; gives the lines that name what failed. */
async function runOnce(seed: number, signal: AbortSignal): Promise<string[]> {
  const child = spawn(process.execPath, [RUN, ...patterns], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { MEERCAT_TEST_TIMEOUT_MS: String(FILE_TIMEOUT_MS), ...process.env },
  });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stalls = startStalls(child.pid as number, stallsOf(seed));
  const [code] = await closed;
  signal.removeEventListener('abort', end);
  await stalls.stop();
  process.stdout.write(`seed ${seed}: ${stalls.count} stalls\n`);
  // The runner names each failed file again at its end.
  return code === 0 ? [] : [...new Set([...output.matchAll(/^FAIL (?:\S+:|nothing) .*$/gm)].map(([line]) => line))];
}

const over = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => over.abort());
const busy = Array.from({ length: numberOf('busy') }, () => spawn(process.execPath, ['-e', BUSY], { stdio: 'ignore' }));
const failures: string[] = [];
try {
  for (let round = 1; round <= numberOf('rounds') && !over.signal.aborted; round++) {
    // oxlint-disable-next-line no-await-in-loop -- one round after the other
    const failed = await runOnce(numberOf('seed') + round - 1, over.signal);
    failures.push(...failed.map((line) => `round ${round}: ${line}`));
  }
} finally {
  for (const each of busy) each.kill('SIGKILL');
}
for (const line of failures) process.stdout.write(`${line}\n`);
if (failures.length > 0 || over.signal.aborted) process.exitCode = 1;
