// What a person pastes while `meercat up` runs reaches the Redis of that fleet and no other: the lines of the README, those
// on the screen, and the commands without a named Redis. Beside the fleet stands a Redis that must not hear any of it.

import { chmod, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withProcess, withRedis, withTempDir } from './support/brackets.js';
import { runRedisCli } from '../lib/console/redis-cli.js';
import type { MeercatError } from '../lib/errors.js';
import { withCertificates } from './support/certificates.js';
import { type FleetProcess, freePortsInRow, withFleet } from './support/fleet-process.js';
import { ended, ENTRY, meercat, meercatHere, meercatProcess } from './support/meercat.js';
import { withClients } from './support/redis-client.js';

const test = suite('meercat redis-cli');

const BUSY_MS = 30_000;

/** The lines of the README's examples that reach for Redis, without their comments. */
async function readmeLines(): Promise<string[]> {
  const text = await readFile(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
  const [, block = ''] = /\nIn another terminal:\n\n```sh\n([^]*?)```/.exec(text) ?? [];
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line.includes('redis-cli'));
}

/** A folder in front of the PATH, in which `npx meercat` is the build under test. */
function withNpx<T>(fn: (path: string) => Promise<T>): Promise<T> {
  return withTempDir(async (dir) => {
    const npx = join(dir, 'npx');
    await writeFile(npx, `#!/bin/sh\n[ "$1" = meercat ] || exit 99\nshift\nexec '${process.execPath}' '${ENTRY}' "$@"\n`);
    await chmod(npx, 0o755);
    return await fn(`${dir}${delimiter}${process.env['PATH'] ?? ''}`);
  });
}

/** What a shell prints when a line is pasted into it. */
function paste(line: string, path: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { env } = meercatProcess([]);
  return withProcess({ command: '/bin/sh', args: ['-c', line], env: { ...env, PATH: path } }, async (shell) => {
    const { code } = await ended(shell, BUSY_MS);
    return { code, stdout: shell.stdout.join('\n'), stderr: shell.stderr.join('\n') };
  });
}

/** The same, until it prints this: while a machine stalls, there may be no master for a moment. */
async function pasteUntil(line: string, path: string, pattern: RegExp): ReturnType<typeof paste> {
  let last = '';
  return until(
    async () => {
      const shown = await paste(line, path);
      last = JSON.stringify(shown);
      return pattern.test(shown.stdout) && shown;
    },
    { timeoutMs: BUSY_MS, everyMs: 100, what: () => `${pattern}, not ${last}` },
  );
}

async function withOwnRedisFleet<T>(fn: (fleet: FleetProcess, redis: string) => Promise<T>): Promise<T> {
  const port = await freePortsInRow(1);
  return await withFleet(['--balancers', '1', '--hosts', '1', '--port', String(port)], async (fleet) => {
    await fleet.ready();
    const [, redis] = (await fleet.waitForLine(/^redis +(redis:\S+)/)) as unknown as [string, string];
    return await fn(fleet, redis);
  });
}

test("the README's lines read, kill and shut down what belongs to the fleet, wherever its Redis listens", () =>
  withNpx((path) =>
    withOwnRedisFleet(async (fleet, redis) => {
      const [master = '', kill = '', shutdown = '', ...more] = await readmeLines();
      assert.equal(more, []);
      const shown = await pasteUntil(master, path, /^name\nb1\nterm\n/);
      assert.is(shown.stderr, `meercat: the fleet of \`meercat up\` on this machine (${redis})`);
      assert.is((await paste(kill, path)).code, 0);
      await fleet.waitForLine(/^b1 ended \(SIGKILL\)/, BUSY_MS);
      assert.is((await paste(shutdown, path)).code, 0);
      await fleet.waitForLine(/^redis ended; started again/, BUSY_MS);
    }),
  ));

test('the line on the screen can be pasted; commands without --redis use this fleet and say so; --redis wins', () =>
  withRedis(({ url: other }) =>
    withOwnRedisFleet(async (fleet, redis) => {
      const [, line] = (await fleet.waitForLine(/^ +(\S.* hgetall meercat:master)$/)) as unknown as [string, string];
      assert.match(line, /^npx meercat redis-cli /);
      await withNpx((path) => pasteUntil(line, path, /^name\nb1\n/));
      const found = await meercatHere(['status', '--json']);
      assert.match(found.stdout, /"name": "b1"/);
      assert.is(found.stderr, `meercat: the fleet of \`meercat up\` on this machine (${redis})`);
      const drained = await meercatHere(['drain', 'h1', '--json']);
      assert.equal([drained.code, drained.stderr.includes(redis)], [0, true]);
      const site = await meercatHere(['site']);
      assert.equal([site.code, site.stderr.includes(redis)], [1, true], site.stderr);

      await withClients([other], (client) => client.set('whose', 'mine'));
      for (const [args, env] of [
        [['redis-cli', '--redis', other, 'get', 'whose'], {}],
        [['redis-cli', 'get', 'whose'], { MEERCAT_REDIS: other }],
      ] as const) {
        const { code, stdout, stderr } = await meercat(args, env);
        assert.equal([code, stdout, stderr], [0, 'mine', '']);
      }
    }),
  ));

test('without a fleet on this machine redis-cli touches no Redis', () =>
  withTempDir(async (dir) => {
    const { code, stdout, stderr } = await meercatHere(['redis-cli', 'shutdown'], { XDG_RUNTIME_DIR: dir });
    assert.equal(
      [code, stdout, stderr],
      [
        1,
        '',
        'meercat: no `meercat up` runs on this machine with the namespace meercat: name its Redis with --redis URL or in MEERCAT_REDIS',
      ],
    );
  }));

test("redis-cli's own flags and exit code are its own, and a password is on no command line", () =>
  withRedis({ args: ['--requirepass', 'the-secret'] }, async ({ url }) => {
    const redis = url.replace('//', '//:the-secret@');
    const run = (...args: string[]): ReturnType<typeof meercat> =>
      meercat(['redis-cli', '--redis', redis, ...args], { REDISCLI_AUTH: 'other' });
    assert.is((await run('set', 'k', '-1')).stdout, 'OK');
    assert.is((await run('--no-raw', 'get', 'k')).stdout, '"-1"');
    assert.equal((await run('-e', 'nonsense')).code, 1);
    await withProcess(meercatProcess(['redis-cli', 'blpop', 'none', '0'], { MEERCAT_REDIS: redis }), async (child) => {
      const command = await until(
        async () => {
          const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
          const text = await readFile(`/proc/${children.trim().split(' ')[0]}/cmdline`, 'utf8').catch(() => '');
          return text.includes('blpop') && text;
        },
        { timeoutMs: BUSY_MS, what: 'redis-cli' },
      );
      assert.not.match(command, /secret/);
      child.kill('SIGTERM');
      assert.is((await ended(child, BUSY_MS)).code, 128 + 15);
    });
  }));

test('a wrong password, and TLS on one side alone, are refused with the cause and the way out before redis-cli is run', () =>
  withCertificates(async ({ caFile, certFile, keyFile }) => {
    const tlsPort = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile];
    const args = ['--requirepass', 'the-secret', '--tls-port', String(tlsPort), ...files];
    await withRedis({ args }, async ({ port }) => {
      for (const [redis, says] of [
        [`redis://:wrong-secret@127.0.0.1:${port}`, /can't be used: Redis refuses the user or the password \(WRONGPASS\): correct /],
        [`redis://127.0.0.1:${port}`, /can't be used: Redis wants a password \(NOAUTH\): /],
        [`rediss://127.0.0.1:${port}`, /can't be used: it answers without TLS, .*write redis:\/\/ for rediss:\/\//],
        [`redis://127.0.0.1:${tlsPort}`, /can't be used: it speaks TLS, .*write rediss:\/\/ for redis:\/\//],
      ] as const) {
        const error = await runRedisCli({ redis, args: ['get', 'none'] }, process.stdout).then(
          (code) => new Error(`it was run, and ended with ${code}`),
          (thrown: unknown) => thrown as Error,
        );
        assert.is((error as MeercatError).code, 'MEERCAT_NO_REDIS', error.message);
        assert.match(error.message, says);
        assert.not.match(error.message, /secret/);
      }
      // With flags of its own it is run.
      const own = ['-a', 'the-secret', '--no-auth-warning', 'get', 'none'];
      assert.is(await runRedisCli({ redis: `redis://127.0.0.1:${port}`, args: own }, process.stdout), 0);
    });
  }));

test('where no redis-cli is installed a command is sent all the same, and what needs it says how to get it', () =>
  withTempDir((dir) =>
    withRedis(async ({ url }) => {
      await symlink(process.execPath, join(dir, 'node'));
      const run = (...args: string[]): ReturnType<typeof meercat> => meercat(['redis-cli', '--redis', url, ...args], { PATH: dir });
      assert.equal([(await run('hset', 'k', 'a', '1', 'b', '2')).stdout, (await run('hgetall', 'k')).stdout], ['2', 'a\n1\nb\n2']);
      const wrong = await run('nonsense');
      assert.equal([wrong.code, wrong.stdout.startsWith("ERR unknown command 'nonsense'")], [1, true]);
      for (const args of [[], ['subscribe', 'x'], ['--scan']]) {
        const { code, stderr } = await run(...args);
        assert.equal(
          [code, stderr],
          [1, 'meercat: redis-cli is not on the PATH, and this needs it: install redis-cli (Debian: apt-get install redis-tools)'],
        );
      }
      assert.equal((await run('shutdown', 'nosave')).code, 0);
    }),
  ));

test('an address of Sentinels is refused with what to ask them', async () => {
  const { code, stderr } = await meercatHere(['redis-cli', '--redis', 'redis+sentinel://h1/mymaster', 'ping']);
  assert.is(code, 2);
  assert.match(stderr, /^meercat: --redis: redis-cli does not ask Sentinels: .*get-master-addr-by-name mymaster/);
});

test.run();
