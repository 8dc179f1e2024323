// How a command finds the fleet that runs on this machine: by the socket of its `meercat up`, in a folder that only its
// user can enter. What is stale, of another namespace, in another's reach or no answer at all is never believed.

import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { announceFleet, findRunningFleet } from '../../lib/up/running-fleet.js';
import { until, withProcess, withTempDir } from '../support/brackets.js';

const test = suite('running fleet');

const FLEET = { namespace: 'test', redis: 'redis://:secret@127.0.0.1:17000' };

const variablesOf = (dir: string): NodeJS.ProcessEnv => ({ XDG_RUNTIME_DIR: dir });

/** Another process that announces this fleet, until it is ended. */
function withOtherFleet<T>(dir: string, redis: string, fn: (other: { kill(signal: NodeJS.Signals): void }) => Promise<T>): Promise<T> {
  const script = `
    const { announceFleet } = await import('${new URL('../../lib/up/running-fleet.js', import.meta.url)}');
    await announceFleet({ namespace: 'test', redis: '${redis}' });
    console.log('announced');
    setInterval(() => {}, 1000);`;
  return withProcess(
    { command: process.execPath, args: ['--input-type=module', '--eval', script], env: { XDG_RUNTIME_DIR: dir } },
    async (child) => {
      await child.waitForLine(/^announced$/, 20_000);
      const result = await fn(child);
      return result;
    },
  );
}

test('a fleet is found while it runs, by its namespace alone, and leaves no file', () =>
  withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    assert.is(await findRunningFleet('test', variables), null);
    const end = await announceFleet(FLEET, variables);
    assert.equal(await findRunningFleet('test', variables), FLEET);
    assert.is(await findRunningFleet('other', variables), null);
    assert.is(await findRunningFleet('', variables), null);
    await end();
    assert.is(await findRunningFleet('test', variables), null);
    assert.equal(await readdir(join(dir, 'meercat')), []);
  }));

test('one that was killed is not found, and the next one clears its socket away', () =>
  withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    await withOtherFleet(dir, 'redis://127.0.0.1:17001', async (other) => {
      assert.is((await findRunningFleet('test', variables))?.redis, 'redis://127.0.0.1:17001');
      other.kill('SIGKILL');
      await until(async () => (await findRunningFleet('test', variables)) === null, { what: 'it to be gone' });
    });
    assert.is((await readdir(join(dir, 'meercat'))).length, 1, 'its socket is left');
    const end = await announceFleet(FLEET, variables);
    assert.is((await readdir(join(dir, 'meercat'))).length, 1, 'only that of the fleet that runs');
    await end();
  }));

test('one that stands still is found when it goes on, and the next one leaves it its socket', () =>
  withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    await withOtherFleet(dir, FLEET.redis, async (other) => {
      other.kill('SIGSTOP');
      const found = findRunningFleet('test', variables);
      // Longer than it takes on a machine that does not stall.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const end = await announceFleet(FLEET, variables);
      assert.is((await readdir(join(dir, 'meercat'))).length, 2);
      await end();
      other.kill('SIGCONT');
      assert.equal(await found, FLEET);
      assert.equal(await findRunningFleet('test', variables), FLEET);
    });
  }));

test('two fleets of one namespace are named as such, without their passwords; on one Redis they are one', () =>
  withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    const end = await announceFleet(FLEET, variables);
    await withOtherFleet(dir, 'redis://127.0.0.1:17002', async () => {
      const error = await findRunningFleet('test', variables).then(
        () => undefined,
        (thrown: unknown) => thrown as Error & { code: string },
      );
      assert.is(error?.code, 'MEERCAT_SEVERAL_FLEETS');
      assert.match(error?.message ?? '', /several fleets .* namespace test: choose one with --redis redis:/);
      assert.match(error?.message ?? '', /127\.0\.0\.1:17002/);
      assert.not.match(error?.message ?? '', /secret/);
    });
    await withOtherFleet(dir, FLEET.redis, async () => assert.equal(await findRunningFleet('test', variables), FLEET));
    await end();
  }));

test('nothing is believed in a folder that others can write to, or that is a link', async () => {
  await withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    const end = await announceFleet(FLEET, variables);
    await chmod(join(dir, 'meercat'), 0o770);
    assert.is(await findRunningFleet('test', variables), null);
    await chmod(join(dir, 'meercat'), 0o700);
    assert.equal(await findRunningFleet('test', variables), FLEET);
    await end();
  });
  await withTempDir(async (dir) => {
    await mkdir(join(dir, 'real'), { mode: 0o700 });
    await symlink(join(dir, 'real'), join(dir, 'meercat'));
    const error = await announceFleet(FLEET, variablesOf(dir)).then(
      () => undefined,
      (thrown: unknown) => thrown as Error,
    );
    assert.match(error?.message ?? '', /meercat is not a folder that only this user can enter$/);
    assert.is(await findRunningFleet('test', variablesOf(dir)), null);
  });
});

test('what answers nonsense, too much or nothing is no fleet, and does not keep anyone waiting', () =>
  withTempDir(async (dir) => {
    const variables = variablesOf(dir);
    const end = await announceFleet(FLEET, variables);
    const [name = ''] = await readdir(join(dir, 'meercat'));
    await end();
    const ownPid = String(process.pid);
    const answers = ['', '{', 'null', '7', '{"namespace":"test"}', '{"namespace":"test","redis":"ftp://x"}', 'x'.repeat(100_000)];
    for (const [index, answer] of [...answers, null].entries()) {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        if (answer !== null) socket.end(answer);
      });
      await new Promise<void>((resolve) => server.listen(join(dir, 'meercat', name.replace(ownPid, `${ownPid}${index}`)), resolve));
      assert.is(await findRunningFleet('test', variables), null, answer?.slice(0, 40) ?? 'no answer');
      await new Promise((resolve) => server.close(resolve));
    }
    await writeFile(join(dir, 'meercat', name), JSON.stringify(FLEET));
    assert.is(await findRunningFleet('test', variables), null, 'a file is no socket');
  }));

test.run();
