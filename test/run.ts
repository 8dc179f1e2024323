// The strict test runner: node dist/test/run.js [pattern…] [--dir DIR] [--suffix .test.js]
// Each test file runs in a child process of its own (support/test-file.ts says what passes). A pattern is a part of
// a path; one that matches nothing fails the run. The last line is always "N passed, N failed[, N skipped]".
// *.test.ts proves correctness; *.long.ts are benchmarks in small, soak and memory tests (npm run test:long).

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

/**
 * How many cores files keep busy on average, those first that would keep the rest waiting at the end. All others wait
 * most of their time.
 */
const CORES: Readonly<Record<string, number>> = {
  'lab/policies.long': 1.1,
  'chaos/chaos.long': 1.1,
  'lab/bench.long': 1.5,
  'lab/forward.long': 1.3,
  'lab/request-cost.long': 1.3,
  'lab/ejection.long': 1.3,
  'traffic/memory.long': 1.1,
  'lab/churn.long': 0.7,
  'up/local-fleet': 0.9,
  restart: 0.9,
  'hosts/steady-reports': 1,
  'up/process-group-start': 0.8,
  'up/process-group': 0.8,
  'up/process-group-stop': 0.7,
  'up/process-group-restart': 0.7,
  'fleet/balancer-threads': 0.8,
  'fleet/operator': 0.9,
  cli: 0.8,
  'redis/acl': 0.8,
  'learning/cost-model': 1,
  'bad-input-keys': 0.9,
  'bad-input-messages': 0.9,
  'fleet/balancer-fleet': 0.5,
  'traffic/host/host-matrix': 0.8,
  'redis/connect-cluster': 0.5,
  'redis/connect-sentinel': 0.6,
  'redis/connect-guarded': 0.5,
  'agent/agent': 0.6,
  'fleet/health-checks': 0.5,
  'fleet/why': 0.7,
  'bad-input-redis': 0.4,
  'console/operator': 0.7,
  run: 0.8,
  'console/status': 0.4,
  'lab/simulation/simulate': 1.2,
  'lab/simulation/simulation': 1,
  'traffic/client/slow-clients': 0.8,
  'traffic/request/streaming': 0.9,
};
const LONG = Object.keys(CORES);
const OTHERS = 0.35;

/** Overcommit factor of the cores: files rarely need theirs at the same time. */
const CROWDED = 1.6;

/** Maximum concurrent files per core. */
const FILES_PER_CORE = 3;

/** Runs the files a few at a time and reports each as it ends. */
async function runAll(files: readonly string[], dir: string, options: RunOptions): Promise<FileResult[]> {
  const nameOf = (file: string): string => relative(dir, file).replace(/(?:\.test)?\.js$/, '');
  const rank = (file: string): number => (LONG.includes(nameOf(file)) ? LONG.indexOf(nameOf(file)) : LONG.length);
  const cores = CROWDED * Math.max(2, availableParallelism());
  const results: FileResult[] = [];
  const waiting = files.toSorted((one, other) => rank(one) - rank(other));
  /** With the cores that each keeps busy. */
  const running = new Map<Promise<void>, number>();
  const most = Math.floor(FILES_PER_CORE * cores);
  const bands = Array.from({ length: most }, (_, band) => `${band}/${most}`);
  const coresOf = (file: string): number => CORES[nameOf(file)] ?? OTHERS;
  /** The first if there is room for it; else one beside which there will be. */
  const next = (): number => {
    const busy = [...running.values()];
    const sum = (parts: readonly number[]): number => parts.reduce((all, each) => all + each, 0);
    const first = coresOf(waiting[0] as string);
    if (busy.length >= most) return -1;
    if (busy.length === 0 || sum(busy) + first <= cores) return 0;
    const beside = sum(busy.filter((each) => each <= OTHERS));
    return waiting.findIndex(
      (file) => coresOf(file) <= OTHERS && sum(busy) + coresOf(file) <= cores && beside + coresOf(file) + first <= cores,
    );
  };
  while (waiting.length > 0) {
    const place = next();
    if (place < 0) {
      await Promise.race(running.keys());
      continue;
    }
    const [file] = waiting.splice(place, 1) as [string];
    const band = bands.pop() as string;
    const run = runTestFile(file, { ...options, band }).then((result) => {
      bands.push(band);
      results.push(result);
      report(relative(dir, file), result);
      running.delete(run);
    });
    running.set(run, coresOf(file));
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
  const unmatched = patterns.filter((pattern) => !all.some((file) => matches(file, pattern)));
  for (const pattern of unmatched) print(`FAIL nothing matches the pattern "${pattern}"`);
  const chosen = patterns.length === 0 ? all : all.filter((file) => patterns.some((pattern) => matches(file, pattern)));
  if (all.length === 0) print(`FAIL there is no file *${values.suffix} under ${dir}`);

  const results = await runAll(chosen, dir, options);
  const sum = (count: (result: FileResult) => number) => results.reduce((total, result) => total + count(result), 0);
  const passed = sum((result) => result.passed);
  const failed = sum((result) => result.failed) + unmatched.length;
  const skipped = sum((result) => result.skipped);
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
