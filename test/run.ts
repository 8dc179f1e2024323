// The strict test runner: node dist/test/run.js [pattern…] [--dir DIR] [--suffix .test.js]
// A few test files at a time run in a child process (support/test-file.ts says what passes). A pattern is a part of
// a path; one that matches nothing fails the run. The last line is always "N passed, N failed[, N skipped]"; what
// failed is repeated before it (support/failed-files.ts).
// *.test.ts proves correctness; *.long.ts are benchmarks in small, soak and memory tests (npm run test:long).

import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { repeatFailures, type NamedResult } from './support/failed-files.js';
import { killAllGroups, runTestFiles, type FileResult, type RunOptions } from './support/test-file.js';

const TEST_DIR = dirname(fileURLToPath(import.meta.url));
const SOURCE_DIR = resolve(TEST_DIR, '../../test');

/** The compiled test files under `dir`, sorted; of our own, only those whose source still exists. */
function findTestFiles(dir: string, suffix: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(dir, name))
    .filter((path) => !isStale(path))
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
  // What a tool that is missing here would have checked (support/tools.ts); in CI that fails.
  if (isOk)
    for (const [line] of result.output.matchAll(/^.*(NOT CHECKED: .*)$/gm)) print(`     ${line.slice(line.indexOf('NOT CHECKED'))}`);
  if (!isOk) print(`--- output of ${name}\n${result.output.trimEnd()}\n--- end of ${name}`);
}

/** Files that take longest, started first: none of them shall run alone at the end. */
const LONGEST = [
  'chaos/chaos',
  'chaos/chaos.long',
  'lab/policies.long',
  'up/local-fleet',
  'restart',
  'up/process-group',
  'fleet/own-name',
  'cli',
];

/** Files that run at once, per core: tests wait most of their time. A long one measures, and needs a core for itself. */
const TESTS_PER_CORE = 4;
const LONG_SUFFIX = '.long.js';

/** What these files test is the state of a whole process: they run alone in theirs. */
const ALONE = ['release-memory'];

/** Maximum files that share a process. They load what they import once; the more there are, the less is gained. */
const MOST_TOGETHER = 8;

/** Runs the files, `jobs` processes at once, and reports each as it ends. */
async function runAll(files: readonly string[], dir: string, jobs: number, mayShare: boolean, options: RunOptions): Promise<NamedResult[]> {
  const nameOf = (file: string): string => relative(dir, file).replace(/(?:\.test)?\.js$/, '');
  const isAlone = (file: string): boolean => !mayShare || [...LONGEST, ...ALONE].includes(nameOf(file));
  const first = LONGEST.flatMap((name) => files.filter((file) => nameOf(file) === name));
  const waiting = [...first, ...files.filter((file) => !first.includes(file))];
  const results: NamedResult[] = [];
  /** The next files for one process: ever fewer, so that all processes end at about the same time. */
  const take = (): string[] => {
    const most = isAlone(waiting[0] as string) ? 1 : Math.min(MOST_TOGETHER, Math.ceil(waiting.length / (2 * jobs)));
    const stop = waiting.findIndex((file, place) => place > 0 && isAlone(file));
    return waiting.splice(0, stop < 0 ? most : Math.min(most, stop));
  };
  const runSome = async (_: unknown, lane: number): Promise<void> => {
    while (waiting.length > 0) {
      const batch = take();
      const some = await runTestFiles(batch, { ...options, band: `${lane}/${jobs}` });
      const named = some.map((result, place) => ({ name: relative(dir, batch[place] as string), result }));
      for (const { name, result } of named) report(name, result);
      results.push(...named);
      // Those after one that ended the process.
      waiting.unshift(...batch.slice(some.length));
    }
  };
  await Promise.all(Array.from({ length: jobs }, runSome));
  return results;
}

function timeoutFromEnvironment(isLong: boolean): number {
  const text = process.env['MEERCAT_TEST_TIMEOUT_MS'] || (isLong ? '1800000' : '120000');
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
  const isLong = values.suffix === LONG_SUFFIX;
  const options = { timeoutMs: timeoutFromEnvironment(isLong), maySkip: !process.env['CI'] };

  const all = findTestFiles(dir, values.suffix);
  const matches = (file: string, pattern: string) => relative(dir, file).includes(pattern);
  const unmatched = patterns.filter((pattern) => !all.some((file) => matches(file, pattern)));
  for (const pattern of unmatched) print(`FAIL nothing matches the pattern "${pattern}"`);
  const chosen = patterns.length === 0 ? all : all.filter((file) => patterns.some((pattern) => matches(file, pattern)));
  if (all.length === 0) print(`FAIL there is no file *${values.suffix} under ${dir}`);

  const jobs = availableParallelism() * (isLong ? 1 : TESTS_PER_CORE);
  const results = await runAll(chosen, dir, jobs, !isLong, options);
  const sum = (count: (result: FileResult) => number) => results.reduce((total, { result }) => total + count(result), 0);
  const passed = sum((result) => result.passed);
  const failed = sum((result) => result.failed) + unmatched.length;
  const skipped = sum((result) => result.skipped);
  if (failed > 0 || passed === 0) process.exitCode = 1;
  for (const line of repeatFailures(results, unmatched)) print(line);
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
