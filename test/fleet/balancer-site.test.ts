// The site of whole balancers: applied everywhere, put back into a Redis that came back empty, kept on disk for a start
// without Redis, and files that end a start.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBalancer } from '../../lib/balancer.js';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { readStoredSite } from '../../lib/redis/stored-site.js';
import { keepThread } from '../../lib/threads.js';
import { until, withRedis, withTempDir } from '../support/brackets.js';
import { buildConfig, KEYS, SHORT_LEASE_MS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { refusedHere } from '../support/meercat.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('balancer site');

const documentOf = (pool: string): string => `version: 1\npools: { ${pool}: {} }\nroutes: [{ to: ${pool} }]\n`;

async function apply(client: Commands, document: string): Promise<void> {
  const outcome = await applySite(client, KEYS, { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
  assert.is(outcome.kind, 'applied');
}

/** Waits until each balancer says this of the site in its heartbeat. */
async function says(client: Commands, balancers: readonly TestBalancer[], site: string, refused = /^$/): Promise<void> {
  for (const { name, lines } of balancers) {
    let last: (string | null)[] = [];
    await until(
      async () => {
        last = await client.hmget(KEYS.balancer(name), 'site', 'site_refused');
        return (last[0] === site && refused.test(last[1] ?? '')) || undefined;
      },
      { timeoutMs: SLOW_MS, everyMs: 20, what: () => `${name} to go by ${site}, not ${last.join(' ')}; its log:\n${lines.join('\n')}` },
    );
  }
}

test('a new version reaches every balancer by its event, a bad one none, and a Redis that lost it gets it back', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
        withBalancer({ redis: [redis.url], name: 'b2' }, async (second) => {
          const all = [first, second];
          await says(client, all, '');
          await apply(client, documentOf('web'));
          await says(client, all, '1');
          await apply(client, 'version: 99\n');
          await says(client, all, '1', /^2: line 1: version 99 of the format is not known: it needs a newer Meercat/);
          await apply(client, documentOf('api'));
          await says(client, all, '3');
          assert.equal(
            all.map(({ counter }) => [counter('sites_applied'), counter('sites_refused')]),
            [
              [2, 1],
              [2, 1],
            ],
          );
          await redis.restart();
          await areReady(client);
          await until(async () => (await readStoredSite(client, KEYS)).kind === 'site' || undefined, {
            timeoutMs: SLOW_MS,
            everyMs: 50,
            what: () => `the site in the empty Redis; the logs:\n${all.flatMap(({ lines }) => lines).join('\n')}`,
          });
          const found = await readStoredSite(client, KEYS);
          assert.equal(found.kind === 'site' && [found.site.version, found.site.document], [3, documentOf('api')]);
          await says(client, all, '3');
        }),
      ),
    ),
  ));

test('with --state-dir a balancer that starts without Redis goes by the last site, also in threads of their own', () =>
  withTempDir((stateDir) =>
    withRedis((redis) =>
      withClients([redis.url], async (client) => {
        await apply(client, documentOf('web'));
        await withBalancer(
          { redis: [redis.url], name: 'b1', stateDir },
          async (each) => {
            await says(client, [each], '1');
            await until(() => each.lines.some((line) => line.startsWith('info a site is in force')));
            await until(() => existsSync(join(stateDir, 'test.site.json')), { timeoutMs: SLOW_MS, what: 'the site on the disk' });
          },
          keepThread,
        );
        await withBalancer({ name: 'b1', stateDir }, async (each) => {
          await until(() => each.counter('sites_applied') === 1, { what: () => each.lines.join('\n') });
          const said = each.lines.findIndex((line) =>
            line.startsWith('info the saved site is in force (--state-dir) {"version":1,"by":"ada"'),
          );
          const serving = each.lines.findIndex((line) => line.startsWith('info serving'));
          assert.ok(said >= 0 && said < serving, `before it serves: ${each.lines.join('\n')}`);
        });
      }),
    ),
  ));

test('with --publish-site the fleet gets the site of the file, and where the key is deleted the master puts it back', () =>
  withTempDir(async (folder) => {
    const siteFile = join(folder, 'site.yaml');
    await writeFile(siteFile, documentOf('web'));
    await withRedis((redis) =>
      withClients([redis.url], (client) =>
        withBalancer({ redis: [redis.url], name: 'b1', siteFile, isSitePublished: true }, async (each) => {
          await says(client, [each], '1');
          const found = await readStoredSite(client, KEYS);
          assert.equal(found.kind === 'site' && [found.site.document, found.site.by], [documentOf('web'), 'b1 (--publish-site)']);
          await client.del(KEYS.site);
          await each.becomes('master');
          await says(client, [each], '1');
          await until(async () => (await client.exists(KEYS.site)) === 1 || undefined, {
            timeoutMs: SLOW_MS,
            what: 'the site to be put back',
          });
        }),
      ),
    );
  }));

test('a fleet thread that is started again goes by the same site, also if Redis lost it meanwhile', async () => {
  const threads: Worker[] = [];
  const onThread = (thread: Worker): void => void threads.push(thread);
  process.on('worker', onThread);
  try {
    await withRedis((redis) =>
      withClients([redis.url], (client) =>
        withBalancer(
          { redis: [redis.url], name: 'b1', leaseTtlMs: SHORT_LEASE_MS },
          async (each) => {
            await apply(client, documentOf('web'));
            await says(client, [each], '1');
            // The hosts thread is started first.
            await threads[1]?.terminate();
            await client.del(KEYS.site, KEYS.balancer('b1'));
            await says(client, [each], '1');
            await until(async () => (await client.hget(KEYS.site, 'document')) === documentOf('web') || undefined, {
              timeoutMs: SLOW_MS,
              everyMs: 20,
              what: () => `the site to be put back; the log:\n${each.lines.join('\n')}`,
            });
            assert.is(each.counter('fleet_thread_restarts'), 1);
          },
          keepThread,
        ),
      ),
    );
  } finally {
    process.off('worker', onThread);
  }
});

test('a file or folder that can’t be used ends the start, with its line', () =>
  withTempDir(async (folder) => {
    const file = join(folder, 'site.yaml');
    await writeFile(file, 'version: 1\npools:\n  web: {}\nroutes:\n  - to: wep\n');
    const missing = join(folder, 'missing');
    for (const flags of [
      ['--site', file],
      ['--site', missing],
      ['--state-dir', missing],
    ]) {
      const { code, stderr } = await refusedHere(['up', ...flags]);
      assert.is(code, 2);
      assert.match(stderr, new RegExp(`^meercat: ${flags.join(' ')}`));
    }
    const cases = [
      [{ siteFile: file }, new RegExp(`^--site ${file}:5:\\d+: .*wep`)],
      [{ siteFile: missing }, new RegExp(`^--site ${missing}: there is no such file$`)],
      [{ siteFile: folder }, /^--site .*: it is a directory, not a file$/],
      [{ stateDir: missing }, new RegExp(`^--state-dir ${missing}: there is no such directory$`)],
      [{ stateDir: file }, /^--state-dir .*: it is not a directory$/],
    ] as const;
    for (const [overrides, message] of cases) {
      const error = await startBalancer(buildConfig(overrides), () => undefined).catch((thrown: Error) => thrown);
      assert.is((error as { code?: string }).code, 'MEERCAT_BAD_CONFIG');
      assert.match((error as Error).message, message);
    }
    assert.throws(() => buildConfig({ isSitePublished: true }), /--publish-site needs --site/);
  }));

test.run();
