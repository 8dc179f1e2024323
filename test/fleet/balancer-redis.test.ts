// A balancer and its Redis: without one it serves the hosts it knows, with one it joins the fleet, and an outage that
// loses all data costs no request.

import { encodeEvent } from '../../lib/redis/event-message.js';
import { parseTerm } from '../../lib/redis/term.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startAwakeTimer } from '../support/awake-time.js';
import { freePort, until, withRedis, withServer } from '../support/brackets.js';
import {
  deliverReport,
  KEYS,
  publishReport,
  SHORT_LEASE_MS,
  SLOW_MS,
  statusOf,
  type TestBalancer,
  withBalancer,
} from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('balancer and redis');

const withHost = <T>(name: string, fn: (url: string) => Promise<T>): Promise<T> =>
  withServer(
    (_request, response) => void response.end(name),
    ({ url }) => fn(url),
  );

const linesOf = ({ lines }: TestBalancer, text: string): string[] => lines.filter((line) => line.includes(text));

test('a balancer serves its static hosts without Redis, and logs the outage once', () =>
  withHost('h', async (url) => {
    const redis = `redis://127.0.0.1:${await freePort()}`;
    await withBalancer({ redis: [redis], statics: [{ name: 'h', url }] }, async (each) => {
      assert.is((await ask(each.port)).body, 'h');
      await until(() => linesOf(each, 'redis is not reachable').length > 0);
      // Many connection attempts: about three a second.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assert.equal(linesOf(each, 'redis is'), [
        `warn redis is not reachable; routing goes on with what is known {"redis":"${redis}","reason":"connection refused"}`,
      ]);
      const health = await each.health();
      assert.equal([health.httpStatus, health.status, health.role, health.hosts], [200, 'serving', 'slave', 1]);
    });
  }));

test('a balancer joins the fleet whenever Redis appears or comes back, and logs each change once', () =>
  withHost('h', (url) =>
    withRedis(async (redis) => {
      await redis.kill();
      await withBalancer({ redis: [redis.url], leaseTtlMs: SHORT_LEASE_MS, statics: [{ name: 'h', url }] }, async (each) => {
        assert.is((await ask(each.port)).body, 'h');
        await redis.restart();
        await each.becomes('master');
        await withClients([redis.url], async (client) => {
          const seen = await until(() => statusOf(client, each.name));
          assert.is(seen.url, `http://127.0.0.1:${each.port}`);
          await until(async () => (await client.zrange(KEYS.hosts, '0', '-1')).join() === 'h', {
            what: 'its static host to be known to the fleet',
          });
        });
        await redis.kill();
        await each.becomes('slave');
        await redis.restart();
        await each.becomes('master');
        // Where the machine stalls there are more losses; each has its return.
        const changes = each.lines.filter((line) =>
          /^(warn redis is not|info redis is) reachable|^warn redis refuses the heartbeat/.test(line),
        );
        assert.ok(
          changes.length >= 4 && changes.every((line, index) => line.startsWith(index % 2 === 0 ? 'warn' : 'info')),
          each.lines.join('\n'),
        );
      });
    }),
  ));

test('a Redis that is shut down under load fails no request, and all keys are restored soon after it returns empty', () =>
  withRedis((redis) =>
    withHost('s', (statically) =>
      withHost('r', (reported) =>
        withClients([redis.url], async (client) => {
          await withBalancer({ redis: [redis.url], leaseTtlMs: 3000, statics: [{ name: 's', url: statically }] }, async (each) => {
            await each.becomes('master');
            // An agent that keeps reporting throughout.
            const agent = setInterval(() => void publishReport(client, 'r', reported, { intervalMs: 250 }).catch(() => undefined), 250);
            try {
              await each.knows(2);
              await withLoad(each.port, async (load) => {
                const isServed = async (more: number): Promise<void> => {
                  const goal = load.served + more;
                  await until(() => load.served >= goal, { timeoutMs: SLOW_MS, what: 'the load to go on' });
                };
                await isServed(50);
                const before = { term: parseTerm(await client.get(KEYS.term), 99).term, keys: await client.keys('*') };
                await redis.shutdown();
                await each.becomes('slave');
                await isServed(100);
                assert.ok((load.bodies.get('r') ?? 0) > 20 && (load.bodies.get('s') ?? 0) > 20, 'both hosts keep their share');

                await redis.restart();
                const awakeMs = startAwakeTimer();
                await areReady(client);
                // Other keys may appear, such as the costs, which may not have been written before.
                let missing = before.keys;
                await until(
                  async () => {
                    const now = new Set(await client.keys('*'));
                    missing = before.keys.filter((key) => !now.has(key));
                    return missing.length === 0;
                  },
                  { timeoutMs: SLOW_MS, what: () => `the keys ${missing.join()}` },
                );
                const tookMs = awakeMs();
                assert.ok(parseTerm(await client.get(KEYS.term), 99).term > before.term, 'the term never goes back');
                assert.equal(await client.hmget(KEYS.host('r'), 'state', 'url'), ['up', reported]);
                await isServed(50);
                assert.equal(load.failures, []);
                assert.ok(tookMs < 5000, `${tookMs} ms`);
              });
              assert.equal([each.counter('requests_failed'), each.counter('requests_retried')], [0, 0]);
            } finally {
              clearInterval(agent);
            }
          });
        }),
      ),
    ),
  ));

test('a Redis that hangs delays neither requests nor the exit of the balancer', () =>
  withRedis((redis) =>
    withHost('h', async (url) => {
      let stoppedMs = 0;
      await withBalancer({ redis: [redis.url], leaseTtlMs: SHORT_LEASE_MS, statics: [{ name: 'h', url }] }, async (each) => {
        await each.becomes('master');
        redis.pause();
        for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'h');
        await each.becomes('slave');
        assert.is((await each.health()).httpStatus, 200);
        const awakeMs = startAwakeTimer();
        await each.balancer.stop();
        stoppedMs = awakeMs();
      });
      redis.resume();
      assert.ok(stoppedMs < 6000, `${stoppedMs} ms`);
    }),
  ));

test('a late joiner gets the whole table at once, including a host known only to Redis', () =>
  withRedis((redis) =>
    withHost('r', (url) =>
      withClients([redis.url], (client) =>
        withBalancer({ redis: [redis.url], name: 'first' }, async (first) => {
          await first.becomes('master');
          await until(async () => {
            await deliverReport(client, 'r', url, { intervalMs: 60_000 });
            return (await first.health()).hosts === 1;
          });
          await until(async () => (await client.get(KEYS.table))?.includes(url), { what: 'the snapshot' });
          await withBalancer({ redis: [redis.url], name: 'second' }, async (second) => {
            assert.is((await ask(second.port)).body, 'r', 'from its first request on');
            assert.is(second.balancer.role, 'slave');
          });
        }),
      ),
    ),
  ));

test('settings are restored when Redis lost its data within a long lease, whether the master or another balancer reaches it first', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      await withBalancer({ redis: [redis.url], leaseTtlMs: 10_000 }, async (each) => {
        await each.becomes('master');
        for (let round = 0; round < 3; round++) {
          await client.hset(KEYS.settings, 'algorithm', 'resource', 'host:gone', 'drained');
          await client.publish(KEYS.events, encodeEvent({ kind: 'host-drained', name: 'gone' }, new Date()));
          await until(() => each.lines.filter((line) => line.includes('an operator took a host out')).length > round, {
            timeoutMs: SLOW_MS,
            what: 'the settings to be read',
          });
          await redis.kill();
          // After this long without a heartbeat, a missing entry no longer proves that Redis lost it.
          await new Promise((resolve) => setTimeout(resolve, 2500));
          await redis.restart();
          await areReady(client);
          await until(async () => (await client.hget(KEYS.settings, 'host:gone')) === 'drained', {
            timeoutMs: SLOW_MS,
            what: 'the settings to come back',
          });
          assert.is(await client.hget(KEYS.settings, 'algorithm'), 'resource');
          await client.hdel(KEYS.settings, 'host:gone');
          await client.publish(KEYS.events, encodeEvent({ kind: 'host-undrained', name: 'gone' }, new Date()));
          await until(() => each.lines.filter((line) => line.includes('an operator let a host in again')).length > round, {
            timeoutMs: SLOW_MS,
            what: 'the settings to be read again',
          });
        }
      });
    }),
  ));

test.run();
