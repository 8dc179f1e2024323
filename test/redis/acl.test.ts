// The Redis users of deploy/redis/meercat.acl: a real fleet works under them, through a failover and a restart of
// Redis, without anything in ACL LOG; and each of them may do no more than its part.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { followEvents } from '../../lib/console/events-feed.js';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing } from '../../lib/redis/fleet-key.js';
import { publishEvent } from '../../lib/redis/fleet-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { newSecret, shareSecret } from '../../lib/redis/secret-store.js';
import type { FleetView } from '../../lib/redis/fleet-view.js';
import { type TestRedis, until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { logOf, meercatHere, withMeercat } from '../support/meercat.js';
import { areReady, withClients } from '../support/redis-client.js';
import { withCluster, withSentinel } from '../support/redis-group.js';

const test = suite('redis users');

const FOLDER = fileURLToPath(new URL('../../../deploy/redis/', import.meta.url));
const FILE = readFileSync(join(FOLDER, 'meercat.acl'), 'utf8');
const PAGE = readFileSync(join(FOLDER, 'README.md'), 'utf8');

const SLOW_MS = 30_000;

type Role = 'admin' | 'balancer' | 'agent' | 'operator' | 'reader';

const passwordOf = (role: string): string => `${role.toLowerCase()}-s3cret`;
const hashOf = (role: string): string => createHash('sha256').update(passwordOf(role)).digest('hex');

/** The file as loaded by a user who follows its documentation. */
const LOADED = FILE.replaceAll(/([A-Z]+)_SHA256/g, (_, role: string) => hashOf(role));

/** The address for a role. */
const asRole = (url: string, role: Role): string =>
  url.replace('//', `//${role === 'admin' ? 'admin' : `meercat-${role}`}:${passwordOf(role)}@`);

async function withGuardedRedis(fn: (redis: TestRedis, url: (role: Role) => string, dir: string) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const file = join(dir, 'meercat.acl');
    await writeFile(file, LOADED);
    await withRedis({ args: ['--aclfile', file] }, (redis) => fn(redis, (role) => asRole(redis.url, role), dir));
  });
}

/** Denials so far, as `user reason object`. */
async function denied(admin: Commands): Promise<string[]> {
  const entries = (await admin.call('ACL', 'LOG', '100')) as unknown[][];
  return entries.map((entry) => {
    const fields = Array.isArray(entry)
      ? Object.fromEntries(Array.from({ length: entry.length / 2 }, (_, i) => [String(entry[2 * i]), String(entry[2 * i + 1])]))
      : (entry as Record<string, string>);
    return `${fields['username']} ${fields['reason']} ${fields['object']}`;
  });
}

/** Runs a command that must succeed; returns its output. */
async function run(args: readonly string[], redis: string): Promise<string> {
  const { code, stdout, stderr } = await meercatHere([...args], { MEERCAT_REDIS: redis });
  assert.is(code, 0, `meercat ${args.join(' ')}: ${stderr}`);
  assert.is(stderr, '');
  return stdout;
}

async function untilFleet(reader: string, what: string, isGood: (view: FleetView) => boolean): Promise<void> {
  await until(async () => isGood(JSON.parse(await run(['status', '--json'], reader)) as FleetView) || undefined, {
    timeoutMs: SLOW_MS,
    everyMs: 100,
    what,
  });
}

test('Redis rejects the file while a password is not set', async () => {
  await withTempDir(async (dir) => {
    const file = join(dir, 'meercat.acl');
    await writeFile(file, FILE);
    const outcome = await withRedis({ args: ['--aclfile', file] }, () => 'started').catch((error: Error) => error.message);
    assert.match(outcome, /password hash must be exactly 64 characters/);
  });
});

test('a fleet works under these users, through a failover and a restart of Redis, and nothing is denied', () =>
  withGuardedRedis((redis, url, dir) =>
    withClients([url('admin')], (admin) =>
      withServer(
        (_request, response) => void response.writeHead(200, { 'endpoint-load-metrics': 'TEXT cpu_utilization=0.2' }).end('hello'),
        (host) =>
          withServer(
            (_request, response) => void response.end('hello'),
            (other) => {
              const flags = (name: string): string[] => [
                'balancer',
                '--port',
                '0',
                '--console-port',
                '0',
                '--bind',
                '127.0.0.1',
                '--name',
                name,
                '--host',
                `${other.url},name=static`,
                '--access-log',
                'json',
              ];
              const env = { MEERCAT_REDIS: url('balancer') };
              return withMeercat(
                flags('b1'),
                (first) =>
                  withMeercat(
                    ['agent', '--url', host.url, '--name', 'h1', '--interval', '200ms', '--probe', 'machine'],
                    async (agent) => {
                      await until(() => logOf(first).some(({ msg }) => msg === 'this balancer is master'), {
                        timeoutMs: SLOW_MS,
                        what: 'the first master',
                      });
                      await withMeercat(
                        flags('b2'),
                        async (second) => {
                          const [, origin] = await second.waitForLine(/"url":"(http:[^"]+)","console".*"msg":"serving"/, SLOW_MS);
                          await untilFleet(
                            url('reader'),
                            'two balancers and two hosts',
                            ({ balancers, hosts }) => balancers.length === 2 && hosts.length === 2,
                          );
                          for (let i = 0; i < 20; i++) assert.is(await (await fetch(origin as string)).text(), 'hello');

                          await run(['drain', 'h1'], url('operator'));
                          await untilFleet(url('reader'), 'the drained host', ({ hosts }) =>
                            hosts.some(({ name, operator }) => name === 'h1' && operator === 'drained'),
                          );
                          await run(['undrain', 'h1'], url('operator'));
                          // Operator settings are restored in a Redis that came back empty.
                          await run(['eject', 'static'], url('operator'));
                          const site = join(dir, 'site.yaml');
                          await writeFile(site, 'version: 1\n');
                          assert.match(await run(['apply', site], url('operator')), /version 1 is in force on 2 balancers/);
                          for (const role of ['operator', 'reader'] as const) {
                            assert.is((await run(['site'], url(role))).trimEnd(), 'version: 1');
                            assert.match(await run(['diff', site], url(role)), /no changes/);
                          }
                          assert.match(await run(['why', 'GET', '/x'], url('operator')), /CAPACITY/);
                          await run(['status', '--costs'], url('reader'));
                          await run(['status', '--json'], url('operator'));
                          // No `meercat up` is running, which the command detects.
                          const restart = await meercatHere(['restart'], { MEERCAT_REDIS: url('operator') });
                          assert.match(restart.stderr, /no meercat up answers/);

                          first.kill('SIGKILL');
                          await until(() => logOf(second).some(({ msg }) => msg === 'this balancer is master'), {
                            timeoutMs: SLOW_MS,
                            what: 'the next master',
                          });
                          await untilFleet(
                            url('reader'),
                            'the dead balancer to be taken out',
                            ({ master, balancers }) => master === 'b2' && balancers.length === 1,
                          );
                          // It is gone after the restart.
                          assert.equal(await denied(admin), []);

                          await redis.restart();
                          await areReady(admin);
                          await untilFleet(
                            url('reader'),
                            'the fleet in a Redis that came back empty',
                            ({ master, hosts }) =>
                              master === 'b2' && hosts.length === 2 && hosts.some(({ operator }) => operator === 'ejected'),
                          );
                          await untilFleet(url('reader'), 'the site that the new master writes back', (view) => view.site?.version === 1);
                          agent.kill();
                          await agent.exit;
                          await untilFleet(url('reader'), 'the host of the agent to leave', ({ hosts }) => hosts.length === 1);
                          second.kill();
                          await second.exit;
                          await untilFleet(url('reader'), 'the fleet to be left', ({ balancers }) => balancers.length === 0);
                          assert.equal(await denied(admin), []);
                          for (const { lines } of [first, second, agent])
                            assert.equal(
                              lines.filter((line) => /NOPERM|a library says/.test(line)),
                              [],
                            );
                        },
                        env,
                      );
                    },
                    { MEERCAT_REDIS: url('agent') },
                  ),
                env,
              );
            },
          ),
      ),
    ),
  ));

const FORBIDDEN: readonly (readonly [Role, readonly string[]])[] = [
  ['reader', ['set', 'meercat:term', '9']],
  ['reader', ['hset', 'meercat:settings', 'host:h1', 'drained']],
  ['reader', ['hset', 'meercat:site', 'version', '9']],
  ['reader', ['hget', 'meercat:secret', 'secret']],
  ['reader', ['del', 'meercat:host:h1']],
  ['reader', ['publish', 'meercat:events', 'x']],
  ['reader', ['eval', 'return 1', '0']],
  ['reader', ['get', 'other']],
  ['reader', ['subscribe', 'meercat:stats']],
  ['agent', ['publish', 'meercat:stats', 'x']],
  ['agent', ['publish', 'meercat:load', 'x']],
  ['agent', ['publish', 'meercat:events', 'x']],
  ['agent', ['subscribe', 'meercat:reports']],
  ['agent', ['set', 'meercat:term', '9']],
  ['agent', ['hset', 'meercat:host:h1', 'url', 'http://elsewhere']],
  ['agent', ['del', 'meercat:host:h1']],
  ['agent', ['hget', 'meercat:settings', 'algorithm']],
  ['agent', ['hget', 'meercat:site', 'document']],
  ['agent', ['hset', 'meercat:site', 'version', '9']],
  ['agent', ['hget', 'meercat:secret', 'secret']],
  ['agent', ['eval', 'return 1', '0']],
  ['operator', ['publish', 'meercat:stats', 'x']],
  ['operator', ['publish', 'meercat:reports', 'x']],
  ['operator', ['hset', 'meercat:host:h1', 'url', 'http://elsewhere']],
  ['operator', ['del', 'meercat:lease']],
  ['operator', ['set', 'meercat:term', '9']],
  ['operator', ['hget', 'meercat:secret', 'secret']],
  ['operator', ['hgetall', 'meercat:secret']],
  ['operator', ['hset', 'meercat:secret', 'secret', 'x']],
  ['operator', ['del', 'meercat:secret']],
  ['operator', ['eval', "return redis.call('HGET', 'meercat:secret', 'secret')", '0']],
  ['operator', ['eval', "return redis.call('SET', 'meercat:term', '9')", '0']],
  ['operator', ['eval', "return redis.call('HSET', 'meercat:master', 'name', 'b9')", '0']],
  ['balancer', ['set', 'other', 'x']],
  ['balancer', ['publish', 'other', 'x']],
  ['balancer', ['eval', "return redis.call('GET', 'other')", '0']],
  ['balancer', ['flushall']],
  ['balancer', ['config', 'get', '*']],
  ['balancer', ['acl', 'list']],
  ['balancer', ['keys', '*']],
];

/** Settings are restored by balancers in a Redis that came back empty: they may do with them what operators may. */
const SETTINGS: readonly (readonly string[])[] = [
  ['hset', 'meercat:settings', 'host:h1', 'drained'],
  ['hgetall', 'meercat:settings'],
  ['hdel', 'meercat:settings', 'host:h1'],
];

test('who can drain a host can undrain it: operators and balancers', () =>
  withGuardedRedis((_redis, url) =>
    withClients([url('operator'), url('balancer')], async (operator, balancer) => {
      for (const client of [operator, balancer]) {
        for (const [command = '', ...args] of SETTINGS) await client.call(command, ...args);
        assert.equal(await client.hgetall('meercat:settings'), {});
      }
    }),
  ));

/** Keys that begin like the secret's, and the others that people read. */
const READABLE = [
  'settings',
  'site',
  'balancers',
  'balancer:secret',
  'hosts',
  'host:secret',
  'costs',
  'table',
  'term',
  'master',
  'restored',
];

test('balancers share the secret of sticky cookies, and readers and operators can read every other key', () =>
  withGuardedRedis((_redis, url) =>
    withClients([url('reader'), url('operator'), url('balancer')], async (reader, operator, balancer) => {
      const ours = newSecret();
      assert.equal(await shareSecret(balancer, buildKeys('meercat'), ours, false), { kind: 'written', secret: ours });
      assert.equal(await shareSecret(balancer, buildKeys('meercat'), newSecret(), false), { kind: 'found', secret: ours });
      for (const client of [reader, operator]) for (const key of READABLE) assert.equal(await client.hgetall(`meercat:${key}`), {});
    }),
  ));

test('readers and operators hear the events that `status --watch` shows; who may not is told why', () =>
  withGuardedRedis((_redis, url) =>
    withClients([url('operator')], async (operator) => {
      const keys = buildKeys('meercat');
      const heard: string[] = [];
      const feeds = (['reader', 'operator', 'agent'] as const).map((role) =>
        followEvents(url(role), keys, new KeyRing('--fleet-key', ''), {
          onEvent: ({ kind, name }) => void heard.push(`${role} ${kind} ${name}`),
          onDenied: (reason) => void heard.push(`${role} ${reason}`),
        }),
      );
      try {
        await until(
          async () => {
            await publishEvent(operator, keys, { kind: 'host-drained', name: 'h1' });
            return (
              ['reader', 'operator'].every((role) => heard.includes(`${role} host-drained h1`)) &&
              heard.some((line) => line.startsWith('agent'))
            );
          },
          { timeoutMs: SLOW_MS, what: () => heard.join('\n') },
        );
        assert.match(heard.find((line) => line.startsWith('agent')) ?? '', /subscribe/);
      } finally {
        for (const feed of feeds) feed.close();
      }
    }),
  ));

test('each user has only the permissions of its role', () =>
  withGuardedRedis((_redis, url) =>
    withClients([url('reader'), url('agent'), url('operator'), url('balancer')], async (reader, agent, operator, balancer) => {
      const clients = { reader, agent, operator, balancer };
      for (const [role, [command = '', ...args]] of FORBIDDEN) {
        const outcome = await clients[role as keyof typeof clients].call(command, ...args).then(
          () => 'done',
          (error: Error) => error.message,
        );
        assert.match(
          outcome,
          /^NOPERM|can't (?:access at least one of the keys|run this command)/,
          `${role}: ${command} ${args.join(' ')}`,
        );
      }
    }),
  ));

/** Sets the users as documented for a Cluster. */
async function setClusterUsers(client: Commands): Promise<void> {
  const [, more = ''] = /add `([^`]+)` to each user, and load the file on every node/.exec(PAGE) ?? [];
  for (const line of LOADED.split('\n').filter((each) => each.startsWith('user meercat-'))) {
    const [, name = '', ...rules] = line.replaceAll('meercat:', '{meercat}:').split(' ');
    await client.call('ACL', 'SETUSER', name, ...rules, ...more.split(' '));
  }
}

test('on a Cluster a fleet works under these users with the rights that the page adds', () =>
  withCluster(3, async ({ url, servers }) => {
    for (const server of servers) await withClients([server.url], setClusterUsers);
    const shared = ['--namespace', '{meercat}'];
    await withServer(
      (_request, response) => void response.end('hello'),
      (host) =>
        withMeercat(
          ['balancer', ...shared, '--port', '0', '--console-port', '0', '--bind', '127.0.0.1', '--name', 'b1'],
          () =>
            withMeercat(
              ['agent', ...shared, '--url', host.url, '--name', 'h1', '--interval', '200ms', '--probe', 'machine'],
              async () => {
                await until(
                  async () =>
                    (JSON.parse(await run(['status', '--json', ...shared], asRole(url, 'reader'))) as FleetView).hosts.length === 1 ||
                    undefined,
                  { timeoutMs: SLOW_MS, everyMs: 100, what: 'the host' },
                );
                await run(['drain', 'h1', ...shared], asRole(url, 'operator'));
                await run(['why', 'GET', '/x', ...shared], asRole(url, 'operator'));
              },
              { MEERCAT_REDIS: asRole(url, 'agent') },
            ),
          { MEERCAT_REDIS: asRole(url, 'balancer') },
        ),
    );
    for (const server of servers) await withClients([server.url], async (client) => assert.equal(await denied(client), []));
  }));

test('a user of the Sentinels needs the rights that the page names, and no others', () =>
  withSentinel(async ({ url, sentinel }) => {
    const [, rules = ''] = /`ACL SETUSER meercat on '#HASH' ([^`]+)`/.exec(PAGE) ?? [];
    await sentinel.call('ACL', 'SETUSER', 'meercat', 'on', '>s3cret', ...rules.replaceAll("'", '').split(' '));
    const env = { MEERCAT_SENTINEL_USERNAME: 'meercat', MEERCAT_SENTINEL_PASSWORD: 's3cret', MEERCAT_REDIS: url };
    await withMeercat(
      ['balancer', '--port', '0', '--console-port', '0', '--bind', '127.0.0.1', '--name', 'b1'],
      async (child) => {
        await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), { timeoutMs: SLOW_MS, what: 'the master' });
        const listeners = async (): Promise<number> =>
          String(await sentinel.client('LIST'))
            .split('\n')
            .filter((line) => /\bsub=1\b/.test(line) && line.includes('user=meercat ')).length;
        await until(async () => (await listeners()) >= 2 || undefined, {
          timeoutMs: SLOW_MS,
          what: 'both threads to listen to the Sentinel',
        });
        assert.equal(
          child.lines.filter((line) => /NOPERM|a library says/.test(line)),
          [],
        );
        assert.equal(await denied(sentinel), []);
      },
      env,
    );
  }));

test.run();
