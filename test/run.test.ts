// The runner must fail every file that uvu by itself would pass silently: one fixture for each such way.
// Each test starts the real runner on fixtures that are never part of the normal run.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withProcess, withTempDir, type RunningProcess } from './support/brackets.js';
import { repeatFailures } from './support/failed-files.js';
import { readSummary, runTestFiles } from './support/test-file.js';

const test = suite('runner');

const RUNNER = fileURLToPath(new URL('./run.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = fileURLToPath(new URL('./support/fixtures/', import.meta.url));

interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly lastLine: string | undefined;
}

const startRunner = <T>(args: readonly string[], env: Record<string, string | undefined>, fn: (runner: RunningProcess) => Promise<T>) =>
  withProcess({ command: process.execPath, args: [RUNNER, ...args], env: { CI: undefined, ...env } }, fn);

/** Runs the runner on the fixtures whose path holds one of `patterns`. */
const runFixtures = (patterns: readonly string[], env: Record<string, string | undefined> = {}): Promise<Run> =>
  startRunner([...patterns, '--dir', FIXTURES, '--suffix', '.fixture.js'], env, async (runner) => {
    const { code } = await runner.exit;
    return { code, output: runner.lines.join('\n'), lastLine: runner.lines.at(-1) };
  });

/** True when no process has this pid, or only a zombie that nobody reaps. */
const isGone = (pid: string) => {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
};

const pidTold = (text: string) => text.match(/pid (\d+) says hello/)?.[1] as string;

test('a good file passes, and its suites are added up', async () => {
  const run = await runFixtures(['good']);
  assert.match(run.output, /^ok {3}good\.fixture\.js \(3 passed, 0 failed, \d+\.\d s\)$/m);
  assert.is(run.lastLine, '3 passed, 0 failed');
  assert.is(run.code, 0);
});

/** What the runner says of each file: its counts, and why it failed. */
const SILENT_WAYS: Readonly<Record<string, readonly [counts: string, reason: RegExp]>> = {
  'before-throws': ['0 passed, 1 failed', /1 of 1 tests did not pass/],
  'after-each-throws': ['0 passed, 2 failed', /2 of 2 tests did not pass/],
  'after-throws': ['0 passed, 1 failed', /exit code 1; printed no summary/],
  'throws-string': ['1 passed, 2 failed', /2 of 3 tests did not pass/],
  'run-forgotten': ['0 passed, 1 failed', /printed no summary/],
  'all-skipped': ['0 passed, 1 failed, 2 skipped', /ran no test/],
  'two-summaries': ['1 passed, 1 failed', /1 of 2 tests did not pass/],
  'never-settles': ['0 passed, 1 failed', /exit code 1; printed no summary/],
  'late-rejection': ['1 passed, 1 failed', /exit code 1$/m],
  'leftover-child': ['1 passed, 1 failed', /left processes behind, now killed: \d+ \(sleep\)/],
  'failing-test': ['1 passed, 1 failed', /exit code 1; 1 of 2 tests did not pass/],
};

/** Asserts that a file fails for its reason, that its output is shown, and that no process of it is left. */
function failsFor(fixture: string, counts: string, reason: RegExp, output: string): void {
  const said = new RegExp(`^FAIL ${fixture}\\.fixture\\.js \\(${counts}, \\d+\\.\\d s\\): (.*)$`, 'm').exec(output)?.[1];
  assert.match(said ?? output, reason);
  const [, own = ''] = output.split(`--- output of ${fixture}.fixture.js\n`);
  const [shown = '', ...rest] = own.split(`--- end of ${fixture}.fixture.js`);
  assert.ok(rest.length > 0, `${fixture}: its output is shown`);
  const pid = pidTold(shown);
  if (pid) assert.ok(isGone(pid), `process ${pid} is still there`);
}

test('each file that uvu would pass silently fails for its reason, and its output is shown', async () => {
  const run = await runFixtures(Object.keys(SILENT_WAYS));
  for (const [fixture, [counts, reason]] of Object.entries(SILENT_WAYS)) failsFor(fixture, counts, reason, run.output);
  assert.is(run.lastLine, '5 passed, 13 failed, 2 skipped');
  assert.is(run.code, 1);
  assert.match(run.output, /nobody caught this/, 'an unhandled rejection is shown');
});

test('a file that does not end is killed, and fails', async () => {
  const run = await runFixtures(['server-left-open'], { MEERCAT_TEST_TIMEOUT_MS: '2000' });
  failsFor('server-left-open', '1 passed, 1 failed', /timed out after 2000 ms/, run.output);
  assert.is(run.lastLine, '1 passed, 1 failed');
  assert.is(run.code, 1);
});

test('one file that runs no test fails the run by itself', async () => {
  const run = await runFixtures(['all-skipped']);
  assert.is(run.lastLine, '0 passed, 1 failed, 2 skipped');
  assert.is(run.code, 1);
});

test('a skipped test is counted, and is a failure in CI only', async () => {
  const atHome = await runFixtures(['some-skipped']);
  assert.is(atHome.lastLine, '1 passed, 0 failed, 1 skipped');
  assert.is(atHome.code, 0);
  const inCi = await runFixtures(['some-skipped'], { CI: 'true' });
  assert.match(inCi.output, /1 skipped, and CI skips nothing/);
  assert.is(inCi.lastLine, '1 passed, 1 failed, 1 skipped');
  assert.is(inCi.code, 1);
});

test('a pattern that matches nothing fails the run, even beside one that matches', async () => {
  const run = await runFixtures(['good', 'no-such-file']);
  assert.match(run.output, /nothing matches the pattern "no-such-file"/);
  assert.is(run.lastLine, '3 passed, 1 failed');
  assert.is(run.code, 1);
});

test('a directory without tests fails the run', () =>
  withTempDir(async (dir) => {
    await startRunner(['--dir', dir], {}, async (runner) => {
      assert.is((await runner.exit).code, 1);
      assert.is(runner.lines.at(-1), '0 passed, 0 failed');
    });
  }));

test('one failing file among good ones fails the run and hides nothing', async () => {
  const run = await runFixtures(['good', 'failing-test']);
  assert.is(run.lastLine, '4 passed, 1 failed');
  assert.is(run.code, 1);
});

test('each failed file is repeated just before the last line, with its first failing test and the message', async () => {
  const run = await runFixtures(['good', 'failing-test', 'after-throws', 'no-such-file']);
  const [, repeated = ''] = run.output.split('\n== failed files\n');
  const [nothing, ...lines] = repeated.split('\n');
  assert.is(nothing, 'FAIL nothing matches the pattern "no-such-file"');
  assert.is(lines.pop(), '4 passed, 3 failed');
  const files = lines.join('\n').split(/^(?=FAIL )/m);
  const [thrown = '', failing = ''] = files.toSorted().map((text) => text.trimEnd());
  assert.match(
    failing,
    /^FAIL failing-test\.fixture\.js: .*1 of 2 tests did not pass.*\n +"fails"\n +Expected values to be strictly equal: {2}\(is\)\n +\+\+2 +\(Expected\)\n +--1 +\(Actual\)\n +at .*failing-test\.fixture\.js:\d+:\d+\)$/,
  );
  assert.match(thrown, /^FAIL after-throws\.fixture\.js: .*printed no summary.*\n[^]*Error: on purpose/);
  assert.not.match((await runFixtures(['good'])).output, /failed files/);
});

test('of a long message only the beginning and the end are repeated, and of a long line its beginning', () => {
  const body = Array.from({ length: 40 }, (_, i) => `line ${i} ${'x'.repeat(i === 1 ? 1000 : 0)}`).join('\n');
  const output = `• ✘\n\n   FAIL  suite  "a "quoted" name"\n    ${body}\n    at async a (file:///x/node_modules/uvu/i.mjs:1:2)\n    at b (file:///there/own.js:3:4)\n\n   FAIL "next"\n    other\n    at c (file:///there/c.js:5:6)\n\n`;
  const result = { passed: 0, failed: 2, skipped: 0, seconds: 1, reasons: ['2 of 2 tests did not pass'], output };
  const lines = repeatFailures([{ name: 'a.test.js', result }]).map((line) => line.trim());
  assert.equal(
    [...lines.slice(0, 4), lines[4]?.length, ...lines.slice(5)],
    [
      '== failed files',
      'FAIL a.test.js: 2 of 2 tests did not pass',
      'suite  "a "quoted" name"',
      'line 0',
      300,
      'line 2',
      'line 3',
      'line 4',
      '…',
      'line 38',
      'line 39',
      'at b (file:///there/own.js:3:4)',
    ],
  );
});

test('CI adds up its runs and repeats what failed of each before its last line', () =>
  withTempDir(async (dir) => {
    const script = `set -euo pipefail
      . ${join(ROOT, '.ci/tally.sh')}
      run() { "${process.execPath}" "${RUNNER}" "$@" --dir "${FIXTURES}" --suffix .fixture.js; }
      heading 'the good'; tests run good
      heading 'a step'; step false
      heading 'one that fails'; tests run good failing-test
      heading 'one that ends early'; tests sh -c 'echo what it said'
      tally; exit $status`;
    await withProcess({ command: 'bash', args: ['-c', script], env: { CI: undefined, TMPDIR: dir } }, async ({ exit, lines }) => {
      assert.is((await exit).code, 1);
      const [, end = ''] = lines.join('\n').split('\n== all together\n');
      assert.match(
        end,
        /^\[a step\] FAILED: false\n\[one that fails\] run good failing-test: 4 passed, 1 failed\nFAIL failing-test\.fixture\.js: [^\n]*\n +"fails"\n/,
      );
      assert.match(
        end,
        /\n\[one that ends early\] sh -c echo what it said ended without a result; its last lines:\nwhat it said\n7 passed, 2 failed$/,
      );
      assert.equal(readdirSync(dir), [], 'nothing is left behind');
    });
  }));

test('a runner that is stopped by a signal takes its test files with it', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    await withTempDir(async (dir) => {
      const pidFile = join(dir, 'pid');
      const args = ['server-left-open', '--dir', FIXTURES, '--suffix', '.fixture.js'];
      await startRunner(args, { MEERCAT_FIXTURE_PID_FILE: pidFile }, async (runner) => {
        const pid = await until(() => readFileSync(pidFile, 'utf8'), { what: 'the fixture to tell its pid' });
        runner.kill(signal);
        assert.is((await runner.exit).code, signal === 'SIGINT' ? 130 : 143);
        await until(() => isGone(pid), { what: 'the fixture to be gone' });
      });
    });
  }
});

/** Runs fixtures in one process; gives their counts and reasons. */
async function runTogether(...names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(FIXTURES, `${name}.fixture.js`));
  const results = await runTestFiles(paths, { timeoutMs: 30_000, maySkip: true });
  return results.map(({ passed, failed, reasons }) => `${passed} passed, ${failed} failed: ${reasons.join('; ')}`);
}

test('files that share a process are judged one by one', async () => {
  assert.equal(await runTogether('good', 'failing-test', 'run-forgotten', 'another'), [
    '3 passed, 0 failed: ',
    '1 passed, 1 failed: 1 of 2 tests did not pass; it ran after 1 other files in one process',
    '0 passed, 1 failed: ran no test; it ran after 2 other files in one process',
    '1 passed, 0 failed: ',
  ]);
});

test('a file that ends its process fails, and the runner runs those after it again', async () => {
  const [, ...rest] = await runTogether('good', 'never-settles', 'another');
  assert.equal(rest.length, 1);
  assert.match(rest[0] ?? '', /^0 passed, 1 failed: exit code \d+; printed no summary/);
});

test('a process that ends before its first file fails that one', async () => {
  const paths = [join(FIXTURES, 'good.fixture.js'), join(FIXTURES, 'another.fixture.js')];
  const results = await runTestFiles(paths, { timeoutMs: 1, maySkip: true });
  assert.equal(
    results.map(({ failed }) => failed),
    [1],
  );
  assert.match(results[0]?.reasons.join('; ') ?? '', /^timed out after 1 ms/);
});

test('what a process leaves behind is held against its last file', async () => {
  const [first, last] = await runTogether('good', 'leftover-child');
  assert.is(first, '3 passed, 0 failed: ');
  assert.match(last ?? '', /^1 passed, 1 failed: left processes behind/);
});

test('a text that only looks like a summary is not one', () => {
  assert.is(readSummary('Total: 3\nPassed: 3\nSkipped: 0\n').summaries, 0);
  const block = '\n  Total:     3\n  Passed:    2\n  Skipped:   1\n  Duration:  1.00ms\n';
  assert.equal(readSummary(block + block), { summaries: 2, total: 6, passed: 4, skipped: 2 });
});

test.run();
