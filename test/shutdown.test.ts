// The shutdown of a process: closers run in order, once and despite errors; and, in real processes, the effect of the
// first signal, of a repeated one, and of the death of the parent.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createShutdown } from '../lib/shutdown.js';
import { type RunningProcess, until, withProcess, withTempDir } from './support/brackets.js';
import { ended } from './support/meercat.js';

const test = suite('shutdown');

const fail = (): never => {
  throw new Error('no closer should fail here');
};

test('closers run in reverse order, each after the previous one has finished', async () => {
  const steps: string[] = [];
  const shutdown = createShutdown(fail);
  for (const name of ['first', 'second', 'third']) {
    shutdown.add(async () => {
      steps.push(`${name} begins`);
      await sleep(1);
      steps.push(`${name} ends`);
    });
  }
  await shutdown.run();
  assert.equal(steps, ['third begins', 'third ends', 'second begins', 'second ends', 'first begins', 'first ends']);
});

test('a closer that throws or rejects is reported, and the others still run', async () => {
  const steps: string[] = [];
  const shutdown = createShutdown((error) => steps.push(`told: ${(error as Error).message}`));
  shutdown.add(() => void steps.push('first'));
  shutdown.add(() => {
    throw new Error('thrown');
  });
  shutdown.add(() => void steps.push('third'));
  shutdown.add(() => Promise.reject(new Error('rejected')));
  await shutdown.run();
  assert.equal(steps, ['told: rejected', 'third', 'told: thrown', 'first']);
});

test('it runs once: further calls wait for the same run', async () => {
  let runs = 0;
  let hasClosed = false;
  const shutdown = createShutdown(fail);
  shutdown.add(async () => {
    runs++;
    await sleep(5);
    hasClosed = true;
  });
  const first = shutdown.run();
  await shutdown.run();
  assert.ok(hasClosed);
  await first;
  await shutdown.run();
  assert.is(runs, 1);
});

test('with nothing to close it ends at once', () => createShutdown(fail).run());

const SHUTDOWN = new URL('../lib/shutdown.js', import.meta.url);

/** A process that takes `closeMs` to close what it has, and says what it does. */
function withStopping<T>(closeMs: number, fn: (child: RunningProcess) => Promise<T>): Promise<T> {
  const script = `
    const { createShutdown, stopOnSignals } = await import('${SHUTDOWN}');
    const shutdown = createShutdown(() => {});
    shutdown.add(() => new Promise((resolve) => setTimeout(() => { console.log('closed'); resolve(); }, ${closeMs})));
    stopOnSignals(shutdown, (level, message, fields) => console.log(level, message, fields.signal));
    setInterval(() => {}, 1e6);
    console.log('ready');`;
  return withProcess({ command: process.execPath, args: ['--input-type=module', '-e', script] }, async (child) => {
    await child.waitForLine(/^ready$/);
    return fn(child);
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} closes everything, and the exit code is 0`, () =>
    withStopping(20, async (child) => {
      child.kill(signal);
      assert.equal(await ended(child), { code: 0, signal: null });
      assert.equal(child.stdout, ['ready', `info stopping ${signal}`, 'closed']);
    }));
}

test('SIGINTs in quick succession are one: npm forwards what the terminal has already sent', () =>
  withStopping(700, async (child) => {
    child.kill('SIGINT');
    await child.waitForLine(/stopping/);
    child.kill('SIGINT');
    assert.equal(await ended(child), { code: 0, signal: null });
    assert.equal(child.stdout, ['ready', 'info stopping SIGINT', 'closed']);
  }));

test('a second SIGTERM forces the exit, however soon it comes', () =>
  withStopping(60_000, async (child) => {
    child.kill('SIGTERM');
    await child.waitForLine(/stopping/);
    child.kill('SIGTERM');
    assert.equal(await ended(child), { code: 1, signal: null });
  }));

test('a later second signal forces the exit, with exit code 1', () =>
  withStopping(60_000, async (child) => {
    child.kill('SIGTERM');
    await child.waitForLine(/stopping/);
    // A real delay is needed: within 0.4 s it would count as the same signal.
    await sleep(450);
    child.kill('SIGINT');
    assert.equal(await ended(child), { code: 1, signal: null });
    assert.equal(child.stdout, ['ready', 'info stopping SIGTERM', 'warn stopped by force SIGINT']);
  }));

/**
 * A parent with a child that has a channel to it, as `meercat up` starts its parts, and that ends with it after
 * `childBefore` has run. Kills the parent when the child prints `kill now`; gives the child's exit code.
 */
function killParent(childBefore: string): Promise<string> {
  return withTempDir(async (dir) => {
    const file = join(dir, 'code');
    const child = `
      import { writeFileSync } from 'node:fs';
      import { endWithParent } from '${SHUTDOWN}';
      setInterval(() => {}, 1e6);
      process.on('exit', (code) => writeFileSync('${file}', 'ended with ' + code));
      ${childBefore}
      endWithParent();
      console.log('kill now');`;
    const parent = `
      require('node:child_process').spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(child)}], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });`;
    await withProcess({ command: process.execPath, args: ['-e', parent] }, async (running) => {
      await running.waitForLine(/^kill now$/);
      running.kill('SIGKILL');
      await running.exit;
    });
    return until(() => readFileSync(file, 'utf8'), { what: 'the child to end' });
  });
}

test('a child exits when its parent is gone', async () => {
  assert.is(await killParent(''), 'ended with 1');
});

test('a child whose parent died during its start exits too', async () => {
  assert.is(
    await killParent("console.log('kill now'); await new Promise((resolve) => process.once('disconnect', resolve));"),
    'ended with 1',
  );
});

test.run();
