// A balancer that joins a fleet with a site, from a Redis that takes its time: its first request is routed by the site.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { withRedisLink } from '../support/redis-link.js';

const test = suite('start with a site');

/** In each direction: commands are answered, and what takes several of them lasts longer than any pause at the start. */
const DELAY_MS = 100;

test('a balancer serves nothing before the site of its fleet is in force', () =>
  withServer(
    (_request, response) => void response.end('of the site'),
    ({ url }) =>
      withRedis((redis) =>
        withClients([redis.url], (client) =>
          withBalancer({ redis: [redis.url], name: 'b1' }, async (first) => {
            const document = `version: 1\npools:\n  web:\n    hosts: [${url}]\nroutes:\n  - to: web\n`;
            const by = { expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() } as const;
            assert.is((await applySite(client, KEYS, { document, ...by })).kind, 'applied');
            await until(async () => (await ask(first.port)).status === 200, { timeoutMs: SLOW_MS, what: 'the site on b1' });
            await until(async () => (await client.get(KEYS.table))?.includes('web/') === true, {
              timeoutMs: SLOW_MS,
              what: 'the site’s host in the stored table',
            });
            await withRedisLink(redis.port, async (link) => {
              await link.become({ delayMs: DELAY_MS });
              await withBalancer({ redis: [link.url], name: 'b2' }, async ({ port }) => {
                const { status, body } = await ask(port);
                assert.equal([status, body], [200, 'of the site']);
              });
            });
          }),
        ),
      ),
  ));

test.run();
