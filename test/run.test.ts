// The runner must fail every file that uvu by itself would pass silently: one fixture for each such way.
// Each test starts the real runner on fixtures that are never part of the normal run.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withProcess, withTempDir, type RunningProcess } from './support/brackets.js';
import { readSummary } from './support/test-file.js';

const test = suite('runner');

const RUNNER = fileURLToPath(new URL('./run.js', import.meta.url));
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

const SILENT_WAYS: readonly { fixture: string; reason: RegExp; lastLine: string; timeoutMs?: string }[] = [
  { fixture: 'before-throws', reason: /1 of 1 tests did not pass/, lastLine: '0 passed, 1 failed' },
  { fixture: 'after-each-throws', reason: /2 of 2 tests did not pass/, lastLine: '0 passed, 2 failed' },
  { fixture: 'after-throws', reason: /exit code 1; printed no summary/, lastLine: '0 passed, 1 failed' },
  { fixture: 'throws-string', reason: /2 of 3 tests did not pass/, lastLine: '1 passed, 2 failed' },
  { fixture: 'run-forgotten', reason: /printed no summary/, lastLine: '0 passed, 1 failed' },
  { fixture: 'all-skipped', reason: /ran no test/, lastLine: '0 passed, 1 failed, 2 skipped' },
  { fixture: 'two-summaries', reason: /1 of 2 tests did not pass/, lastLine: '1 passed, 1 failed' },
  { fixture: 'never-settles', reason: /exit code 1; printed no summary/, lastLine: '0 passed, 1 failed' },
  { fixture: 'late-rejection', reason: /exit code 1$/m, lastLine: '1 passed, 1 failed' },
  { fixture: 'leftover-child', reason: /left processes behind, now killed: \d+ \(sleep\)/, lastLine: '1 passed, 1 failed' },
  { fixture: 'server-left-open', reason: /timed out after 2000 ms/, lastLine: '1 passed, 1 failed', timeoutMs: '2000' },
  { fixture: 'failing-test', reason: /exit code 1; 1 of 2 tests did not pass/, lastLine: '1 passed, 1 failed' },
];

for (const { fixture, reason, lastLine, timeoutMs } of SILENT_WAYS) {
  test(`the file ${fixture} fails for its reason, and its output is shown`, async () => {
    const run = await runFixtures([fixture], { MEERCAT_TEST_TIMEOUT_MS: timeoutMs });
    assert.match(run.output.match(/^FAIL .*$/m)?.[0] ?? run.output, reason);
    assert.match(run.output, `--- end of ${fixture}.fixture.js`);
    assert.is(run.lastLine, lastLine);
    assert.is(run.code, 1);
    const pid = pidTold(run.output);
    if (pid) assert.ok(isGone(pid), `process ${pid} is still there`);
  });
}

test('an unhandled rejection is shown', async () => {
  assert.match((await runFixtures(['late-rejection'])).output, /nobody caught this/);
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

test('a text that only looks like a summary is not one', () => {
  assert.is(readSummary('Total: 3\nPassed: 3\nSkipped: 0\n').summaries, 0);
  const block = '\n  Total:     3\n  Passed:    2\n  Skipped:   1\n  Duration:  1.00ms\n';
  assert.equal(readSummary(block + block), { summaries: 2, total: 6, passed: 4, skipped: 2 });
});

test.run();
