// `bench ablation`: the list against the compiled constants, the replacement of a constant while its module is loaded, and
// the figures of small runs.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AblatedFigures } from '../../lib/lab/ablated-run.js';
import { checkAblation, planAblation } from '../../lib/lab/ablation-plan.js';
import { type BySeed, comparePoints, summarize } from '../../lib/lab/ablation-report.js';
import { ABLATIONS, ADAPTIVE_PATH, LIMITS } from '../../lib/lab/ablations.js';
import { numericConstantsOf, replaceConstant } from '../../lib/lab/constants-of.js';
import { bench, type BenchJson } from '../support/bench.js';
import { withProcess, withTempDir } from '../support/brackets.js';
import { ended, refusedHere, withMeercat } from '../support/meercat.js';
import { until } from '../support/until.js';

const test = suite('ablation');

const LIB = new URL('../../lib/', import.meta.url);
const LOADER = new URL('lab/replacing-loader.js', LIB).href;
const ABLATION = { file: 'routing/adaptive', name: 'X', value: '0', off: 'it does nothing' };

/** A scenario with some 600 requests a second. */
const TINY = { hosts: [{ count: 4 }], warmUp: '500ms', balancers: [2], loads: [0.9] };

/** Hands out the path of a scenario's file. */
function withScenario<T>(fn: (file: string, folder: string) => Promise<T>): Promise<T> {
  return withTempDir((folder) => {
    const file = join(folder, 'tiny.json');
    writeFileSync(file, JSON.stringify(TINY));
    return fn(file, folder);
  });
}

/** The compiled files of the adaptive path, without ending. */
function adaptiveFiles(): string[] {
  return ADAPTIVE_PATH.flatMap((path) => {
    if (!path.endsWith('*')) return [path];
    const [folder = '', start = ''] = path.slice(0, -1).split('/');
    return readdirSync(new URL(`${folder}/`, LIB))
      .filter((name) => name.startsWith(start) && name.endsWith('.js'))
      .map((name) => `${folder}/${name.slice(0, -3)}`);
  });
}

const sourceOf = (file: string): string => readFileSync(new URL(`${file}.js`, LIB), 'utf8');

test('every numeric constant of the adaptive path is switched off, or is a limit for a reason', () => {
  const listed = new Set([
    ...ABLATIONS.map(({ file, name }) => `${file} ${name}`),
    ...LIMITS.flatMap(({ file, names }) => names.map((name) => `${file} ${name}`)),
  ]);
  const found = adaptiveFiles().flatMap((file) => numericConstantsOf(sourceOf(file)).map((name) => `${file} ${name}`));
  assert.ok(found.length > 0);
  assert.equal(
    found.filter((each) => !listed.has(each)),
    [],
    'in neither list of lib/lab/ablations.ts',
  );
  assert.equal(
    [...listed].filter((each) => !found.includes(each)),
    [],
    'listed, but there is no such constant',
  );
  for (const { reason, names } of LIMITS) assert.ok(reason !== '', names.join(', '));
});

test('no constant is both switched off and a limit, and no replacement is listed twice', () => {
  const limits = new Set(LIMITS.flatMap(({ file, names }) => names.map((name) => `${file} ${name}`)));
  assert.equal(
    ABLATIONS.filter(({ file, name }) => limits.has(`${file} ${name}`)),
    [],
  );
  const labels = ABLATIONS.map(({ file, name, value }) => `${file} ${name} ${value}`);
  assert.is(new Set(labels).size, labels.length);
});

test('numeric constants are those whose value is a number, a list of numbers or arithmetic', () => {
  const source = [
    'const A = 80;',
    'export const B_MS = 1 / 16;',
    'const C = [0.03, 0.1];',
    'const D = B_MS * SECOND;',
    'const E = 1e-5;',
    'const F = Math.log2(1.5);',
    'const G = -Infinity;',
    "const TEXT = 'a1';",
    'const LIST = new Map([[1, 2]]);',
    'const SHAPE = { a: 1 };',
    'const lower = 1;',
    '  const INNER = 1;',
  ].join('\n');
  assert.equal(numericConstantsOf(source), ['A', 'B_MS', 'C', 'D', 'E', 'F', 'G']);
});

test('a replacement changes exactly one constant, and one that matches none or two is refused by name', () => {
  const replacement = { url: 'file:///a.js', name: 'A', value: '2' };
  assert.is(replaceConstant('const A = 1;\nconst AB = A;\n', replacement), 'const A = 2;\nconst AB = A;\n');
  assert.is(replaceConstant('export const A = [1, 2];', replacement), 'export const A = 2;');
  assert.throws(
    () => replaceConstant('let A = 1;\n  const A = 1;', replacement),
    /^A: no top-level constant of this name in file:\/\/\/a\.js$/m,
  );
  assert.throws(() => replaceConstant('const A = 1;\nconst A = 2;', replacement), /A: 2 top-level constants/);
});

test('an entry of a constant or file that does not exist is refused before anything runs', () => {
  assert.throws(() => checkAblation({ ...ABLATION, name: 'NO_SUCH' }), /NO_SUCH: no top-level constant/);
  assert.throws(() => checkAblation({ ...ABLATION, file: 'routing/nowhere' }), /routing\/nowhere: /);
  assert.throws(() => planAblation({ scenarios: ['default'] }, [{ ...ABLATION, name: 'NO_SUCH' }]), /NO_SUCH/);
});

test('a constant is replaced in the module that is loaded, and in no other', () =>
  withTempDir(async (folder) => {
    const text = 'const WEIGHT = 2;\nconst TWICE = 2 * WEIGHT;\nexport const weigh = (x) => TWICE * x;\n';
    for (const name of ['a.mjs', 'b.mjs']) writeFileSync(join(folder, name), text);
    const [a, b] = ['a.mjs', 'b.mjs'].map((name) => pathToFileURL(join(folder, name)).href);
    const script = `
      import { isReplaced, replaceOnImport } from ${JSON.stringify(LOADER)};
      const replacement = { url: ${JSON.stringify(a)}, name: 'WEIGHT', value: '50' };
      replaceOnImport(replacement);
      const before = isReplaced(replacement);
      const [a, b] = [await import(${JSON.stringify(a)}), await import(${JSON.stringify(b)})];
      console.log(JSON.stringify([before, a.weigh(1), b.weigh(1), isReplaced(replacement)]));`;
    await withProcess({ command: process.execPath, args: ['--input-type=module', '-e', script] }, async (child) => {
      const { code } = await ended(child, 20_000);
      assert.is(code, 0, child.stderr.join('\n'));
      assert.equal(JSON.parse(child.stdout.join('')), [false, 100, 4, true]);
      assert.equal(child.stderr, [], 'no warning either');
    });
  }));

/** Runs of one seed: a mean and a p99, and how many failed. */
function figuresOf(mean: number, p99: number, errors = 0): AblatedFigures[] {
  return [{ balancers: 8, load: 0.9, ms: { count: 1, mean, p50: 1, p90: 1, p99, p999: 1 }, errors }];
}

test('a figure is the median over the seeds of changed over unchanged, and 3 % of mean or p99 count', () => {
  const seeds = [1, 2, 3];
  const unchanged: BySeed = new Map([
    [1, figuresOf(10, 100)],
    [2, figuresOf(20, 100)],
    [3, figuresOf(40, 100, 4)],
  ]);
  const changed: BySeed = new Map([
    [1, figuresOf(11, 50)],
    [2, figuresOf(30, 50)],
    [3, figuresOf(48, 300, 5)],
  ]);
  const [point] = comparePoints('one', seeds, unchanged, changed);
  assert.ok(Math.abs((point?.worth.mean ?? 0) - 1.2) < 1e-9);
  assert.is(point?.worth.p99, 0.5);
  assert.is(point?.errors, 0);
  assert.equal(comparePoints('one', [...seeds, 4], unchanged, changed), [], 'a seed is missing');
  const { earnsIn, costsIn } = summarize(ABLATION, point === undefined ? [] : [point]);
  assert.equal([earnsIn, costsIn], [['one'], ['one']]);
});

test('scenarios weigh alike, whatever their number of loads, and half cancels twice', () => {
  const worth = (mean: number) => ({ mean, p50: 1, p90: 1, p99: 1, p999: 1 });
  const point = (scenario: string, mean: number) => ({ scenario, balancers: 1, load: 0.5, worth: worth(mean), errors: 1 });
  const summary = summarize(ABLATION, [point('one', 2), point('one', 2), point('two', 0.5)]);
  assert.ok(Math.abs(summary.worth.mean - 1) < 1e-9);
  assert.is(summary.errors, 3);
  assert.equal([summary.earnsIn, summary.costsIn], [['one'], ['two']]);
});

test('two runs of a scenario give each replacement its figures: 1 exactly where nothing depends on it', () =>
  withScenario(async (file, folder) => {
    const json = join(folder, 'out.json');
    const { ablation, neutral } = { ablation: 'MIN_INTERVAL_MS', neutral: 'MS_PER_MEMBER' };
    const args = ['--scenarios', file, '--seeds', '1', '--seconds', '2', '--only', `${ablation},${neutral}`, '--json', json];
    const { code, stdout, stderr } = await bench('ablation', ...args);
    assert.is(code, 0, stderr);
    assert.match(stdout, /load-interval MS_PER_MEMBER = 0 +1\.000/);
    assert.match(stderr, /^bench ablation: 4 runs of a scenario$/m);
    const { figures, wrong } = JSON.parse(readFileSync(json, 'utf8')) as BenchJson;
    assert.equal(wrong, []);
    assert.is(figures.missing, 0);
    const byName = new Map(
      (figures.ablations as { name: string; worth: Record<string, number> }[]).map(({ name, worth }) => [name, worth]),
    );
    assert.equal(byName.get(neutral), { mean: 1, p50: 1, p90: 1, p99: 1, p999: 1 });
    assert.equal([...byName.keys()], ['draws', ablation, neutral]);
    assert.ok(byName.get('draws')?.mean !== 1, 'other draws give other figures');
    const changed = byName.get(ablation) ?? {};
    assert.ok((changed.mean ?? 1) !== 1 && (changed.mean ?? 0) > 0.5 && (changed.mean ?? 9) < 2, JSON.stringify(changed));
  }));

test('Ctrl-C prints the table of what is done, says what is missing, and ends with 130', () =>
  withScenario((file) =>
    withMeercat(['bench', 'ablation', '--scenarios', file, '--seeds', '1', '--seconds', '1'], async (child) => {
      await until(() => child.stderr.some((line) => /\d+ of \d+ runs/.test(line)), { timeoutMs: 60_000, what: () => 'a line of progress' });
      child.kill('SIGINT');
      const { code } = await ended(child, 20_000);
      const stdout = child.stdout.join('\n');
      assert.is(code, 130, child.stderr.join('\n'));
      assert.match(stdout, /runs of \d+: \d+ are missing/);
      const { figures } = JSON.parse(child.stdout.at(-1) ?? '') as BenchJson;
      assert.ok((figures.missing as number) > 0 && (figures.missing as number) < (figures.planned as number));
    }),
  ));

test('unknown constants and scenarios are refused by name, with exit code 2', async () => {
  for (const [args, expected] of [
    [['--only', 'NO_SUCH'], '--only: a constant or a file from '],
    [['--scenarios', 'nope'], 'scenario: one of default'],
    [['--seeds', 'x'], '--seeds: a whole number'],
    [['--balancers', '0'], '--balancers: a whole number'],
    [['--rounds', '2'], '--rounds: bench ablation does not take it'],
  ] as const) {
    const { code, stdout, stderr } = await refusedHere(['bench', 'ablation', ...args]);
    assert.is(code, 2, args.join(' '));
    assert.is(stdout, '');
    assert.ok(stderr.includes(expected), stderr);
  }
});

test.run();
