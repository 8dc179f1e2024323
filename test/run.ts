// The strict test runner: node dist/test/run.js [pattern…] [--dir DIR] [--suffix .test.js]
// Each test file runs in a child process of its own (support/test-file.ts says what passes). A pattern is a part of
// a path; one that matches nothing fails the run. The last line is always "N passed, N failed[, N skipped]".

import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { killAllGroups, runTestFile, type FileResult, type RunOptions } from './support/test-file.js';

const TEST_DIR = dirname(fileURLToPath(import.meta.url));
const SOURCE_DIR = resolve(TEST_DIR, '../../test');

/** The compiled test files under `dir`, sorted; of our own, only those whose source still exists. */
function findTestFiles(dir: string, suffix: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(suffix))
    .map(name => join(dir, name))
    .filter(path => !isStale(path))
    .toSorted();
}

/** True when tsc left the file in dist/ although its source was removed or renamed. */
function isStale(path: string): boolean {
  const name = relative(TEST_DIR, path);
  return !name.startsWith('..') && existsSync(SOURCE_DIR) && !existsSync(join(SOURCE_DIR, name.replace(/\.js$/, '.ts')));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function report(name: string, result: FileResult): void {
  const isOk = result.reasons.length === 0;
  const counts = `${result.passed} passed, ${result.failed} failed${result.skipped ? `, ${result.skipped} skipped` : ''}`;
  print(`${isOk ? 'ok  ' : 'FAIL'} ${name} (${counts}, ${result.seconds.toFixed(1)} s)${isOk ? '' : `: ${result.reasons.join('; ')}`}`);
  if (!isOk) print(`--- output of ${name}\n${result.output.trimEnd()}\n--- end of ${name}`);
}

/** The files that take longest, longest first: begun last, one of them would keep a lane busy alone at the end. */
const LONGEST = ['local-fleet', 'restart', 'fleet/operator', 'lab/bench', 'cli', 'fleet/balancer-fleet', 'redis/connect-cluster', 'redis/connect-sentinel', 'lab/forward', 'lab/churn', 'redis/connect'];

/** Files in the order in which they are begun. */
function longestFirst(files: readonly string[], dir: string): string[] {
  const place = (file: string): number => {
    const index = LONGEST.indexOf(relative(dir, file).replace(/\.test\.js$/, ''));
    return index === -1 ? LONGEST.length : index;
  };
  return files.toSorted((one, other) => place(one) - place(other));
}

/** Runs the files a few at a time and reports each as it ends. */
async function runAll(files: readonly string[], dir: string, options: RunOptions): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const waiting = longestFirst(files, dir).values();
  const lane = async () => {
    for (const file of waiting) {
      const result = await runTestFile(file, options);
      results.push(result);
      report(relative(dir, file), result);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  return results;
}

function timeoutFromEnvironment(): number {
  const text = process.env['MEERCAT_TEST_TIMEOUT_MS'] || '120000';
  const timeoutMs = Number(text);
  if (!(timeoutMs > 0)) throw new Error(`MEERCAT_TEST_TIMEOUT_MS must be a number of milliseconds, not "${text}"`);
  return timeoutMs;
}

async function main(): Promise<void> {
  const { values, positionals: patterns } = parseArgs({
    allowPositionals: true,
    options: { dir: { type: 'string', default: TEST_DIR }, suffix: { type: 'string', default: '.test.js' } },
  });
  const dir = resolve(values.dir);
  const options = { timeoutMs: timeoutFromEnvironment(), maySkip: !process.env['CI'] };

  const all = findTestFiles(dir, values.suffix);
  const matches = (file: string, pattern: string) => relative(dir, file).includes(pattern);
  const unmatched = patterns.filter(pattern => !all.some(file => matches(file, pattern)));
  for (const pattern of unmatched) print(`FAIL nothing matches the pattern "${pattern}"`);
  const chosen = patterns.length === 0 ? all : all.filter(file => patterns.some(pattern => matches(file, pattern)));
  if (all.length === 0) print(`FAIL there is no file *${values.suffix} under ${dir}`);

  const results = await runAll(chosen, dir, options);
  const sum = (count: (result: FileResult) => number) => results.reduce((total, result) => total + count(result), 0);
  const passed = sum(result => result.passed);
  const failed = sum(result => result.failed) + unmatched.length;
  const skipped = sum(result => result.skipped);
  if (failed > 0 || passed === 0) process.exitCode = 1;
  print(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    print(`stopped by ${signal}`);
    process.exit(128 + constants.signals[signal]);
  });
}
process.on('exit', killAllGroups);
await main();
