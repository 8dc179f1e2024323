// Requests follow the site of the fleet: through every balancer, from one version to the next without a failed request, and
// after the fleet thread or Redis is gone.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('site routing');

interface Stage {
  readonly client: Commands;
  readonly balancers: readonly TestBalancer[];
  /** Two hosts that answer with their name, the target and a header that the site may set. */
  readonly urls: readonly [a: string, b: string];
  apply(document: string): Promise<void>;
  /** Waits until every balancer gives this answer. */
  answers(path: string, host: string, status: number, body: string): Promise<void>;
}

/** Two balancers of one fleet, and two hosts. */
async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  const handler =
    (name: string): Parameters<typeof withServer>[0] =>
    (request, response) =>
      void response.end(`${name} ${request.url} ${String(request.headers['x-pool'] ?? '')}`);
  await withServer(handler('a'), (a) =>
    withServer(handler('b'), (b) =>
      withRedis((redis) =>
        withClients([redis.url], (client) =>
          withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
            withBalancer({ redis: [redis.url], name: 'b2' }, (second) => {
              const balancers = [first, second];
              return fn({
                client,
                balancers,
                urls: [a.url, b.url],
                async apply(document) {
                  const by = { expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() } as const;
                  assert.is((await applySite(client, KEYS, { document, ...by })).kind, 'applied');
                },
                async answers(path, host, status, body) {
                  for (const { port, lines } of balancers) {
                    let last = '';
                    await until(
                      async () => {
                        const answer = await ask(port, { path, headers: { host } });
                        last = `${answer.status} ${answer.body}`;
                        return last === `${status} ${body}` || undefined;
                      },
                      { timeoutMs: SLOW_MS, everyMs: 20, what: () => `${status} ${body}, not ${last}; the log:\n${lines.join('\n')}` },
                    );
                  }
                },
              });
            }),
          ),
        ),
      ),
    ),
  );
}

const siteFor = (a: string, b: string): string => `
version: 1
pools:
  web: { hosts: [${a}] }
  api: { hosts: [${b}] }
routes:
  - match: { hosts: [api.test], path: /v1 }
    to: api
    rewrite: { stripPrefix: /v1 }
    headers: { request: { set: { X-Pool: api } } }
  - { match: { hosts: ['*.test'] }, to: web }
  - { match: { path: /old }, redirect: { path: /new, status: 301 } }
`;

test('host names, paths, rewriting, header changes and missing routes count at every balancer', () =>
  withStage(async ({ apply, answers, urls, balancers }) => {
    await apply(siteFor(...urls));
    await answers('/v1/x?y', 'api.test', 200, 'b /x?y api');
    await answers('/v1/x', 'API.Test.:8080', 200, 'b /x api');
    await answers('/v10', 'api.test', 200, 'a /v10 ');
    await answers('/', 'www.test', 200, 'a / ');
    for (const { port } of balancers) {
      const [old, none] = [await ask(port, { path: '/old/a?b', headers: { host: 'x.example' } }), await ask(port)];
      assert.equal([old.status, old.headers.location], [301, 'http://x.example/new?b']);
      assert.is(none.status, 404);
      assert.match(none.body, /MEERCAT_NO_ROUTE/);
    }
  }));

test('a request fails in no change of the site, also when pools and hosts come and go', () =>
  withStage(async ({ apply, answers, urls, balancers }) => {
    const [a, b] = urls;
    const documents = [
      `{ version: 1, pools: { web: { hosts: [${a}] } }, routes: [{ to: web }] }`,
      `{ version: 1, pools: { api: { hosts: [${b}] } }, routes: [{ to: api }] }`,
      `{ version: 1, pools: { api: { hosts: [${a}, ${b}] }, web: { hosts: [${b}] } }, routes: [{ match: { path: /x }, to: web }, { to: api }] }`,
    ];
    await apply(documents[0] as string);
    await answers('/', 'h', 200, 'a / ');
    const load = { isOver: false };
    const failed: string[] = [];
    let served = 0;
    const clients = balancers.map(async ({ port }) => {
      while (!load.isOver) {
        const answer = await ask(port, { path: '/x' });
        served++;
        if (answer.status !== 200) failed.push(`${answer.status} ${answer.body}`);
      }
    });
    for (let i = 1; i <= 9; i++) {
      const before = served;
      await apply(documents[i % 3] as string);
      const host = ['a', 'b', 'b'][i % 3] as string;
      await answers('/x', 'h', 200, `${host} /x `);
      await until(() => served >= before + 20 || undefined, { timeoutMs: SLOW_MS, what: 'requests' });
    }
    load.isOver = true;
    await Promise.all(clients);
    assert.equal(failed, []);
  }));

test('a host that serves in two pools is two hosts of the fleet, by their ids', () =>
  withStage(async ({ apply, answers, urls: [a], client }) => {
    await apply(
      `{ version: 1, pools: { web: { hosts: [${a}] }, api: { hosts: [${a}] } }, routes: [{ match: { path: /x }, to: web }, { to: api }] }`,
    );
    await answers('/x', 'h', 200, 'a /x ');
    await answers('/y', 'h', 200, 'a /y ');
    const name = new URL(a).host.replace(':', '-');
    await until(async () => (await client.zcard(KEYS.hosts)) === 2 || undefined, { timeoutMs: SLOW_MS, what: 'both hosts in Redis' });
    assert.equal((await client.zrange(KEYS.hosts, '0', '-1')).toSorted(), [`api/${name}`, `web/${name}`]);
  }));

test('without a site all requests are those of the pool default, as they were before', () =>
  withStage(async ({ apply, client, urls: [a], balancers, answers }) => {
    await apply(`{ version: 1, pools: { web: { hosts: [${a}] } }, routes: [{ to: web }] }`);
    await answers('/', 'h', 200, 'a / ');
    await apply('');
    for (const { port } of balancers) {
      await until(async () => (await ask(port)).body.includes('MEERCAT_NO_HOST') || undefined, { timeoutMs: SLOW_MS, what: 'no host' });
    }
    assert.is(await client.hget(KEYS.site, 'version'), '2');
  }));

test.run();
