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

/**
 * How many places files take that need much CPU, the longest first; all others take one, and wait most of their time.
 * Those of benchmarks take three, so that hardly anything else runs. Begun last, one of them would keep the rest
 * waiting at the end.
 */
const PLACES: Readonly<Record<string, number>> = {
  'local-fleet': 2, restart: 2, 'fleet/operator': 2, 'lab/policies': 3, 'lab/bench': 3, 'fleet/balancer-fleet': 2, 'lab/churn': 2, 'routing/cost-model': 2, 'lab/forward': 3, cli: 2,
  'fleet/health-checks': 2, 'traffic/memory': 2, 'bad-input-keys': 2, 'fleet/why': 2, 'bad-input-messages': 2, 'fleet/balancer-threads': 2, 'lab/ejection': 3, 'lab/simulation/simulate': 2, 'traffic/slow-clients': 2,
};
const HEAVY = Object.keys(PLACES);

/** Runs the files a few at a time and reports each as it ends. */
async function runAll(files: readonly string[], dir: string, options: RunOptions): Promise<FileResult[]> {
  const nameOf = (file: string): string => relative(dir, file).replace(/\.test\.js$/, '');
  const rank = (file: string): number => (HEAVY.includes(nameOf(file)) ? HEAVY.indexOf(nameOf(file)) : HEAVY.length);
  const results: FileResult[] = [];
  const waiting = files.toSorted((one, other) => rank(one) - rank(other));
  const running = new Map<Promise<void>, number>();
  for (const file of waiting) {
    const places = PLACES[nameOf(file)] ?? 1;
    while ([...running.values()].reduce((sum, each) => sum + each, places) > Math.max(4, 2 * availableParallelism())) await Promise.race(running.keys());
    const run = runTestFile(file, options).then((result) => {
      results.push(result);
      report(relative(dir, file), result);
      running.delete(run);
    });
    running.set(run, places);
  }
  await Promise.all(running.keys());
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
