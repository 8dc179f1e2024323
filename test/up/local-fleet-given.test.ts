// `meercat up` with what its user gives it: hosts, a Redis with a password, a terminal, a machine without a Redis. Real
// processes, of which none may be left: the bracket withFleet checks that in every test here.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { type FleetProcess, freePortsInRow, withFleet } from '../support/fleet-process.js';
import { bodyOf, BUSY_MS, isInFlight, untilStatus } from '../support/local-fleet.js';
import { ended } from '../support/meercat.js';
import { hasEmbeddedRedis } from '../support/redis-server.js';

const test = suite('meercat up, given');

/** A Redis that wants a password; its address has it. */
function withSecretRedis<T>(fn: (redis: string) => Promise<T>): Promise<T> {
  return withRedis({ args: ['--requirepass', 'the-secret'] }, ({ url }) => fn(url.replace('//', '//:the-secret@')));
}

/** The same, and a folder for files. */
const withSecretRedisAndFolder = <T>(fn: (redis: string, folder: string) => Promise<T>): Promise<T> =>
  withTempDir((folder) => withSecretRedis((redis) => fn(redis, folder)));

/** A password that came by a variable must be on no command line and in no output. */
function hidesSecret(fleet: FleetProcess): void {
  for (const { command } of fleet.members()) assert.not.match(command, /secret/);
  assert.not.match(readFileSync(`/proc/${fleet.pid}/cmdline`, 'utf8'), /secret/);
  assert.not.match(fleet.lines.join('\n'), /secret/);
}

/** Two hosts in this process: `/held` stays unanswered, all else gets the host's name with the path. */
function withTwoHosts<T>(fn: (one: string, two: string) => Promise<T>): Promise<T> {
  const host =
    (name: string): Parameters<typeof withServer>[0] =>
    (request, response) =>
      void (request.url === '/held' || response.end(`${name} ${request.url}`));
  return withServer(host('one'), (one) => withServer(host('two'), (two) => fn(one.url, two.url)));
}

test('existing hosts are used instead of demo hosts, fleet-wide flags reach every balancer, and a second signal after 0.4 s forces', () =>
  withTwoHosts((one, two) =>
    withSecretRedisAndFolder(async (redis, folder) => {
      const port = await freePortsInRow(2);
      const hosts = ['--host', `${one},name=first`, '--host', two];
      await writeFile(join(folder, 'site.yaml'), 'version: 1\n');
      const site = ['--site', join(folder, 'site.yaml'), '--state-dir', folder];
      const flags = [...site, '--balancers', '2', '--port', String(port), '--namespace', 'other', '--algorithm', 'round-robin'];
      // Balancers of `up` have one process each, whatever the environment says.
      const env = { MEERCAT_REDIS: redis, MEERCAT_PROCESSES: '2' };
      await withFleet(
        [...flags, ...hosts],
        async (fleet) => {
          await fleet.ready();
          const bodies = new Set<string>();
          await until(async () => bodies.add(await bodyOf(`http://127.0.0.1:${port}/x`)).size === 2, { what: 'both hosts' });
          assert.equal([...bodies].toSorted(), ['one /x', 'two /x']);
          const view = await untilStatus(redis, 'both hosts', ({ hosts: found }) => found.length === 2, 'other');
          assert.equal(view.hosts.map(({ name, url, hasAgent }) => [name, url, hasAgent]).toSorted(), [
            [new URL(two).host.replace(':', '-'), two, false],
            ['first', one, false],
          ]);
          assert.equal(view.balancers.map(({ name }) => name).toSorted(), ['b1', 'b2']);
          const ofSite = await untilStatus(redis, 'the site', ({ balancers }) => balancers.every((each) => each.site === 1), 'other');
          assert.match(String(ofSite.site?.by), /^b[12] \(--publish-site\)$/);
          await until(async () => (await readdir(folder)).includes('other.site.json'), { what: 'the site on the disk' });
          assert.not(fleet.members().some(({ command }) => / (demo-host|agent) /.test(command)));
          const balancers = fleet.members().filter(({ command }) => / balancer /.test(command));
          assert.ok(balancers.length === 2 && balancers.every(({ command }) => command.includes('--algorithm round-robin')));
          await fleet.waitForLine(/^redis +as given by --redis \(running already\)$/);
          hidesSecret(fleet);

          const held = fetch(`http://127.0.0.1:${port}/held`).then(
            () => 'answered',
            () => 'broken off',
          );
          await isInFlight(port);
          fleet.kill('SIGINT');
          await fleet.waitForLine(/^stopping$/);
          // A real delay is needed: within 0.4 s it would count as the same signal.
          await sleep(450);
          fleet.kill('SIGTERM');
          // After the drain, which takes 5 s, it would end with 0.
          assert.equal(await ended(fleet, BUSY_MS), { code: 1, signal: null });
          assert.is(await held, 'broken off');
        },
        { env },
      );
    }),
  ));

if (hasEmbeddedRedis())
  test('without an installed Redis the JavaScript one serves a fleet, and logs that it is for trying out only', async () => {
    const port = await freePortsInRow(1);
    await withFleet(
      ['--balancers', '1', '--hosts', '1', '--port', String(port)],
      async (fleet) => {
        await fleet.ready();
        const [, redis] = (await fleet.waitForLine(
          /^redis +(redis:\/\/\S+) \(js-redis-server, a Redis in JavaScript: for trying out only\)$/,
        )) as unknown as [string, string];
        assert.is(await bodyOf(`http://127.0.0.1:${port}`), 'h1');
        // That a lease changes hands on it is tested in local-server.test.ts.
        await untilStatus(
          redis,
          'the whole fleet',
          ({ master, balancers, hosts }) => master === 'b1' && balancers.length === 1 && hosts[0]?.state === 'up',
        );
        fleet.kill('SIGKILL');
        await ended(fleet);
      },
      { env: { PATH: '/nowhere' } },
    );
  });

test('on a terminal it shows a table in place; Ctrl-C finishes what is in flight and restores the screen', () =>
  withSecretRedis((redis) =>
    withTempDir(async (dir) => {
      const port = await freePortsInRow(1);
      const keys = join(dir, 'keys');
      await promisify(execFile)('mkfifo', [keys]);
      // Opened read-write, so that neither end blocks.
      const keyboard = await open(keys, 'r+');
      try {
        await withFleet(
          ['--balancers', '1', '--hosts', '1', '--port', String(port)],
          async (fleet) => {
            const shown = (): string => fleet.stdout.join('\n');
            await until(() => /BALANCER +ROLE +URL[^]*b1 +(master|slave)[^]*HOST +STATE +URL[^]*h1 +up/.test(shown()), {
              timeoutMs: BUSY_MS,
              everyMs: 50,
              what: () => `the table, not\n${shown()}`,
            });
            assert.ok(shown().includes(`curl 'http://127.0.0.1:${port}/work?ms=5'`) && shown().includes('Ctrl-C'));
            for (const part of [/ up --balancers /, / balancer /, / demo-host /, / agent /]) await fleet.member(part);
            const working = bodyOf(`http://127.0.0.1:${port}/work?ms=800`);
            await isInFlight(port);
            hidesSecret(fleet);
            await keyboard.write('\u0003');
            assert.is(await working, 'h1');
            assert.equal(await ended(fleet, BUSY_MS), { code: 0, signal: null });
            const [before = '', after = '', ...more] = shown().split('\u001b[?1049l');
            assert.equal(more, [], 'the screen is given back once');
            assert.is(before.split('\u001b[?1049h').length, 2, 'and taken once');
            assert.ok(before.endsWith('\u001b[?25h'), 'with its cursor');
            assert.is(after.trim(), 'meercat: stopping the fleet …');
          },
          {
            env: { MEERCAT_REDIS: redis },
            wrap: (command) => [
              '/bin/sh',
              '-c',
              'exec script -qefc "$1" /dev/null <"$2"',
              'sh',
              `stty cols 110 rows 40; exec ${command.join(' ')}`,
              keys,
            ],
          },
        );
      } finally {
        await keyboard.close();
      }
    }),
  ));

test.run();
