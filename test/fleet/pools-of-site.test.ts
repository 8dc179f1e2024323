// What the master does by pool for the pools of a site, with whole balancers: weights, health checks, what is stored.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { answersOf, KEYS, NO_REDIS, picksOnly, publishReport, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { meercatHere } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('pools of a site');

interface PoolHost {
  readonly url: string;
  /** The status of its answers to `/health`. */
  health: number;
}

/** Hosts that answer with their names. */
function withHosts(names: readonly string[], fn: (...hosts: PoolHost[]) => Promise<void>, found: readonly PoolHost[] = []): Promise<void> {
  const [name, ...rest] = names;
  if (name === undefined) return fn(...found);
  const host = { url: '', health: 200 };
  return withServer(
    (request, response) => {
      if (request.url === '/health') response.statusCode = host.health;
      response.end(name);
    },
    ({ url }) => {
      host.url = url;
      return withHosts(rest, fn, [...found, host]);
    },
  );
}

async function apply(client: Commands, document: object): Promise<void> {
  const text = JSON.stringify({ version: 1, ...document });
  const outcome = await applySite(client, KEYS, { document: text, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
  assert.is(outcome.kind, 'applied');
}

/** Waits until the master has stored this of a host. */
function stores(client: Commands, { lines }: TestBalancer, host: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  let last: Record<string, string> = {};
  return until(
    async () => {
      last = await client.hgetall(KEYS.host(host));
      return Object.entries(wanted).every(([field, value]) => last[field] === value) || undefined;
    },
    { timeoutMs: SLOW_MS, everyMs: 20, what: () => `${JSON.stringify(wanted)} in ${JSON.stringify(last)}; the log:\n${lines.join('\n')}` },
  ).then(() => undefined);
}

test('under a master a host of weight 2 gets twice as much, and another weight counts as soon as the site says so', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b'], (a, b) =>
        withBalancer({ redis: [redis.url], name: 'b1' }, async (each) => {
          await each.becomes('master');
          const weigh = (weight: number) =>
            apply(client, {
              pools: {
                web: {
                  algorithm: 'round-robin',
                  hosts: [
                    { url: a.url, name: 'a', weight },
                    { url: b.url, name: 'b' },
                  ],
                },
              },
              routes: [{ to: 'web' }],
            });
          const share = async () => {
            const bodies = await answersOf(each, 30);
            return ['a', 'b'].map((name) => bodies.filter((body) => body === name).length).join();
          };
          for (const [weight, shares] of [
            [2, '20,10'],
            [4, '24,6'],
            [1, '15,15'],
          ] as const) {
            await weigh(weight);
            await stores(client, each, 'web/a', { weight: String(weight) });
            let last = '';
            await until(async () => (last = await share()) === shares || undefined, {
              timeoutMs: SLOW_MS,
              what: () => `${shares} of 30 requests, not ${last}`,
            });
          }
        }),
      ),
    ),
  ));

test('a pool with a health path loses a host that answers 500 there, another pool with the same host does not', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b'], (a, b) =>
        withBalancer({ redis: [redis.url], name: 'b1', healthIntervalMs: 10 * 60_000 }, async (each) => {
          await each.becomes('master');
          const use = (health: object) =>
            apply(client, {
              pools: {
                web: { hosts: [a.url, b.url].map((url, i) => ({ url, name: 'ab'[i] })), health },
                api: { hosts: [{ url: a.url, name: 'a' }] },
              },
              routes: [{ match: { path: '/api' }, to: 'api' }, { to: 'web' }],
            });
          a.health = 500;
          await use({ path: '/health', interval: '100ms' });
          await stores(client, each, 'web/a', { state: 'down' });
          await picksOnly(each, 'b');
          await stores(client, each, 'api/a', { state: 'up' });
          assert.is((await ask(each.port, { path: '/api' })).body, 'a');
          a.health = 200;
          await stores(client, each, 'web/a', { state: 'up' });
          await picksOnly(each, 'a', 'b');
          b.health = 204;
          await use({ path: '/health', interval: '150ms', statuses: '204' });
          await stores(client, each, 'web/a', { state: 'down' });
          await picksOnly(each, 'b');
          await use({ interval: '100ms' });
          await stores(client, each, 'web/a', { state: 'up' });
          await picksOnly(each, 'a', 'b');
        }),
      ),
    ),
  ));

test('without Redis a balancer checks the hosts of each pool by the rules of its pool', () =>
  withTempDir((folder) =>
    withHosts(['a', 'b'], async (a, b) => {
      const siteFile = join(folder, 'site.json');
      const pools = {
        web: { hosts: [a.url, b.url].map((url, i) => ({ url, name: 'ab'[i] })), health: { path: '/health', interval: '100ms' } },
        api: { hosts: [{ url: a.url, name: 'a' }], health: { interval: '100ms' } },
      };
      await writeFile(siteFile, JSON.stringify({ version: 1, pools, routes: [{ match: { path: '/api' }, to: 'api' }, { to: 'web' }] }));
      await withBalancer({ redis: [NO_REDIS], siteFile, healthIntervalMs: 10 * 60_000 }, async (each) => {
        await picksOnly(each, 'a', 'b');
        a.health = 500;
        await picksOnly(each, 'b');
        assert.is((await ask(each.port, { path: '/api' })).body, 'a');
        assert.equal(
          each.lines.filter((line) => line.includes('a host fails its checks')),
          ['info a host fails its checks: it gets no requests {"host":"web/a"}'],
        );
        a.health = 200;
        await picksOnly(each, 'a', 'b');
      });
    }),
  ));

test('a host of a pool that the site does not have is shown as unassigned, and serves once there is one', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a'], (a) =>
        withBalancer({ redis: [redis.url], name: 'b1' }, async (each) => {
          await each.becomes('master');
          await apply(client, { pools: { api: {} }, routes: [{ to: 'api' }] });
          const reports = setInterval(() => void publishReport(client, 'h', a.url, { pools: ['web'] }).catch(() => undefined), 100);
          try {
            await stores(client, each, 'web/h', { unassigned: '1', state: 'up' });
            const status = async () => (await meercatHere(['status', '--redis', redis.url, '--namespace', KEYS.namespace])).stdout;
            assert.match(await status(), /^web\/h +unassigned +http/m);
            assert.is((await ask(each.port)).status, 503);
            await apply(client, { pools: { web: {} }, routes: [{ to: 'web' }] });
            await picksOnly(each, 'a');
            await stores(client, each, 'web/h', { unassigned: '', state: 'up' });
            assert.match(await status(), /^web\/h +up +http/m);
            await apply(client, { pools: { api: {} }, routes: [{ to: 'api' }] });
            await stores(client, each, 'web/h', { unassigned: '1' });
          } finally {
            clearInterval(reports);
          }
        }),
      ),
    ),
  ));

test('each pool of the site has a hash, which goes with the pool, and meercat status has a table of them', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      // As an earlier master left it.
      await client.zadd(KEYS.pools, 1, 'api');
      await withHosts(['a', 'b'], (a, b) =>
        withBalancer({ redis: [redis.url], name: 'b1' }, async (each) => {
          await each.becomes('master');
          await apply(client, {
            pools: {
              web: { hosts: [a.url, b.url], algorithm: 'resource', health: { path: '/health', interval: '100ms' } },
              cache: {},
            },
            routes: [{ to: { web: 1, cache: 0 } }],
          });
          b.health = 500;
          const holds = (pool: string, wanted: Readonly<Record<string, string>>) =>
            until(
              async () => {
                const found = await client.hgetall(KEYS.pool(pool));
                if (pool === 'web') await ask(each.port);
                return Object.entries(wanted).every(([field, value]) => found[field] === value) || undefined;
              },
              { timeoutMs: SLOW_MS, everyMs: 20, what: `${JSON.stringify(wanted)} of ${pool}` },
            );
          await holds('web', { name: 'web', hosts: '2', up: '1', algorithm: 'resource' });
          await holds('cache', { name: 'cache', hosts: '0', up: '0', rps: '0', inflight: '0', algorithm: '' });
          await until(async () => Number(await client.hget(KEYS.pool('web'), 'rps')) > 0 || undefined, { timeoutMs: SLOW_MS });
          const { stdout } = await meercatHere(['status', '--redis', redis.url, '--namespace', KEYS.namespace]);
          assert.match(stdout, /^POOL +HOSTS +UP .*\ncache +0 +0 +0\.0 +0 .* -\nweb +2 +1 +[\d.]+ +\d+ .* resource$/m);
          await apply(client, { pools: { cache: {} }, routes: [{ to: 'cache' }] });
          await until(async () => (await client.exists(KEYS.pool('web'))) === 0 || undefined, { timeoutMs: SLOW_MS });
          assert.equal(await client.zrange(KEYS.pools, '0', '-1'), ['cache']);
        }),
      );
    }),
  ));

test.run();
