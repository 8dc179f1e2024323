// Fleets that can't have a master, hear none, or have two in one term: what balancers do and report.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { parseTerm } from '../../lib/redis/term.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import {
  deliverReport,
  deliverUntil,
  KEYS,
  sendUntil,
  SHORT_LEASE_MS,
  SLOW_MS,
  type TestBalancer,
  withBalancer,
} from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { withRedisLink } from '../support/redis-link.js';

const test = suite('no master');

/** A loopback port without a listener. */
const DEAD = { name: 'dead', url: 'http://127.0.0.1:1' };
const CHECKS = { healthIntervalMs: 200, healthTimeoutMs: 1000, healthFall: 1, leaseTtlMs: SHORT_LEASE_MS };

const withHost = <T>(fn: (url: string) => T | Promise<T>): Promise<T> =>
  withServer(
    (_request, response) => response.end('ok'),
    ({ url }) => fn(url),
  );

/**
 * The balancer checks its own hosts, and has said why: in its log, and in the status where the log has another reason
 * first, which a machine that stalls gives, and the next one a minute later.
 */
async function isAlone(each: TestBalancer, client: Commands, reason: RegExp): Promise<void> {
  const said = (): string | undefined => each.lines.find((line) => line.startsWith('warn no master is heard'));
  await until(() => said() !== undefined && each.counter('own_checks_failed') > 0, {
    timeoutMs: SLOW_MS,
    what: () => `own checks; the log:\n${each.lines.join('\n')}`,
  });
  let shown = said() ?? '';
  await until(
    async () => {
      if (/did not answer in time|the connection was closed/.test(shown)) shown = (await readFleet(client, KEYS)).problems.join();
      return reason.test(shown);
    },
    { timeoutMs: SLOW_MS, everyMs: 100, what: () => `${reason}, not ${shown}` },
  );
  for (let i = 0; i < 5; i++) assert.is((await ask(each.port)).status, 200);
}

test('with two of three lease servers down every balancer checks its hosts, and log and status say why there is no master', () =>
  withRedis((data) =>
    withRedis((second) =>
      withRedis((third) =>
        withHost((url) =>
          withClients([data.url], async (client) => {
            await second.kill();
            await third.kill();
            await withBalancer(
              { redis: [data.url, second.url, third.url], statics: [{ name: 'good', url }, DEAD], ...CHECKS },
              async (each) => {
                await isAlone(each, client, /2 of 3 lease servers can't be used/);
                const { problems } = await until(
                  async () => {
                    const fleet = await readFleet(client, KEYS);
                    return fleet.problems.length > 0 && fleet;
                  },
                  { timeoutMs: SLOW_MS, what: 'a problem in the status' },
                );
                assert.match(
                  problems.join(),
                  new RegExp(`^no master is heard by ${each.name}: the lease can't be taken: 2 of 3 lease servers`),
                );
                await second.restart();
                await each.becomes('master');
                await until(async () => (await readFleet(client, KEYS)).problems.length === 0, {
                  timeoutMs: SLOW_MS,
                  what: 'the problem to be over',
                });
                assert.ok(each.lines.some((line) => line.startsWith('info a master is heard again')));
              },
            );
          }),
        ),
      ),
    ),
  ));

test('a user without scripting never becomes master, checks its hosts, and the reason names the missing right', () =>
  withRedis((redis) =>
    withHost((url) =>
      withClients([redis.url], async (client) => {
        await client.acl('SETUSER', 'poor', 'on', '>secret', '~*', '&*', '+@all', '-@scripting');
        await withBalancer(
          { redis: [redis.url.replace('//', '//poor:secret@')], statics: [{ name: 'good', url }, DEAD], ...CHECKS },
          async (each) => {
            await isAlone(each, client, /the lease can't be taken: Redis denies this user the command eval.*\(NOPERM\): grant it/);
          },
        );
      }),
    ),
  ));

test('a master that may not write its hash steps down without using up terms, and another one takes over', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      await client.acl('SETUSER', 'poor', 'on', '>secret', '~*', '&*', '+@all', '-pexpire');
      await withBalancer({ redis: [redis.url.replace('//', '//poor:secret@')], leaseTtlMs: SHORT_LEASE_MS, name: 'poor' }, async (poor) => {
        await new Promise((resolve) => setTimeout(resolve, 3000));
        assert.is(poor.balancer.role, 'slave');
        assert.is(await client.get(KEYS.term), null, 'a term was used up');
        await withBalancer({ redis: [redis.url], name: 'rich' }, async (rich) => {
          await rich.becomes('master');
          assert.ok(parseTerm(await client.get(KEYS.term), 99).term <= 2);
        });
      });
    }),
  ));

test('tables with an absurd seq are dropped, and a forged table with a plausible seq blocks nobody for long', () =>
  withRedis((redis) =>
    withHost((url) =>
      withClients([redis.url], async (client) => {
        // The lease outlasts what keeps a slow machine from renewing it: an election would come of the tables alone.
        const config = { redis: [redis.url], leaseTtlMs: 30_000 };
        await withBalancer({ ...config, name: 'first' }, async (first) => {
          await first.becomes('master');
          await withBalancer({ ...config, name: 'second' }, async (second) => {
            const both = [first, second];
            await deliverReport(client, 'one', url);
            await Promise.all(both.map((each) => each.knows(1)));
            const text = await until(() => client.get(KEYS.table), { what: 'the snapshot' });
            const forge = async (ahead: number): Promise<void> => {
              const { seq } = JSON.parse(await until(() => client.get(KEYS.table))) as { seq: number };
              await client.publish(KEYS.stats, JSON.stringify({ ...(JSON.parse(text) as object), seq: seq + ahead }));
            };
            const { term } = parseTerm(await client.get(KEYS.term), 99);
            await forge(2 ** 50);
            await until(() => both.every((each) => each.counter('tables_dropped_malformed') > 0), {
              timeoutMs: SLOW_MS,
              what: 'both to drop it',
            });
            await deliverReport(client, 'two', url);
            await Promise.all(both.map((each) => each.knows(2)));
            assert.equal(
              both.map((each) => each.counter('tables_restarted')),
              [0, 0],
            );

            await forge(9000);
            await until(() => both.every((each) => each.counter('tables_restarted') > 0), {
              timeoutMs: SLOW_MS,
              what: 'both to read the stored table',
            });
            await deliverReport(client, 'three', url);
            await Promise.all(both.map((each) => each.knows(3)));
            assert.ok(both.every((each) => each.lines.some((line) => line.startsWith('warn every host table was dropped for 2 s'))));
            assert.is(parseTerm(await client.get(KEYS.term), 99).term, term, 'it needed no election');
          });
        });
      }),
    ),
  ));

test('two masterships in one term: whoever notices ends both, and the next term reaches every balancer', () =>
  withRedis((redis) =>
    withHost((url) =>
      withClients([redis.url], async (client) => {
        await withBalancer({ redis: [redis.url], name: 'first' }, async (first) => {
          await first.becomes('master');
          await withBalancer({ redis: [redis.url], name: 'second' }, async (second) => {
            await deliverUntil(first, 1, client, 'one', url);
            await second.knows(1);
            const { term } = parseTerm(await client.get(KEYS.term), 99);
            // Another mastership of the same term publishes its first table.
            const rival = JSON.stringify({ v: 1, term, mastership: 'f'.repeat(32), seq: 1, full: true, hosts: [] });
            await sendUntil(
              () => client.publish(KEYS.stats, rival),
              async () => parseTerm(await client.get(KEYS.term), 99).term > term + 1,
              () => 'an election',
            );
            await deliverUntil(first, 2, client, 'two', url);
            await second.knows(2);
            assert.ok(first.counter('tables_dropped_rival') + second.counter('tables_dropped_rival') > 0);
            assert.is([first, second].filter(({ balancer }) => balancer.role === 'master').length, 1);
          });
        });
      }),
    ),
  ));

test('a balancer with a slow path to Redis leaves the fleet its master', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withRedisLink(redis.port, async (link) => {
        link.become({ delayMs: 320 });
        await withBalancer({ redis: [link.url], leaseTtlMs: SHORT_LEASE_MS, name: 'far' }, async (far) => {
          await withBalancer({ redis: [redis.url], name: 'near' }, async (near) => {
            await near.becomes('master');
            const { term } = parseTerm(await client.get(KEYS.term), 99);
            await new Promise((resolve) => setTimeout(resolve, 4000));
            assert.equal(
              [far.balancer.role, near.balancer.role, parseTerm(await client.get(KEYS.term), 99).term],
              ['slave', 'master', term],
            );
          });
        });
      }),
    ),
  ));

test.run();
