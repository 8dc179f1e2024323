// A static host whose URL changes on the command line, on a real Redis that remembers the old one; balancers that
// contradict each other; and a host that nobody names any more.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { answersOf, KEYS, picksOnly, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { withClients } from '../support/redis-client.js';

const test = suite('moved host');

const withHost = <T>(name: string, fn: (url: string) => Promise<T>): Promise<T> =>
  withServer(
    (_request, response) => void response.end(name),
    ({ url }) => fn(url),
  );

const legacy = (url: string) => ({ statics: [{ name: 'legacy', url }] });

/** The distinct hosts that answer this many requests. */
const hostsOf = async (each: TestBalancer, requests: number): Promise<string[]> => [...new Set(await answersOf(each, requests))];

test('the URL on the command line wins over the one in Redis, on every balancer', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHost('old', (oldUrl) =>
        withHost('new', async (newUrl) => {
          const stored = async () => (await readFleet(client, KEYS)).hosts.map(({ url }) => url);
          await withBalancer({ redis: [redis.url], name: 'b1', ...legacy(oldUrl) }, async () => {
            await until(async () => (await stored())[0] === oldUrl && (await client.get(KEYS.table))?.includes(oldUrl), {
              timeoutMs: SLOW_MS,
              what: 'the old URL in Redis',
            });
          });
          // The first balancer of the new fleet is the master, and names no host; the second one does.
          await withBalancer({ redis: [redis.url], name: 'b0' }, async (other) => {
            await other.becomes('master');
            await withBalancer({ redis: [redis.url], name: 'b1', ...legacy(newUrl) }, async (named) => {
              await Promise.all([picksOnly(named, 'new'), picksOnly(other, 'new')]);
              assert.equal([await hostsOf(named, 10), await hostsOf(other, 10)], [['new'], ['new']], 'and it stays so');
              await until(async () => (await stored())[0] === newUrl, { what: 'the new URL in Redis' });
            });
          });
          await withBalancer({ redis: [redis.url], name: 'b1', ...legacy(oldUrl) }, async (again) => {
            assert.equal(await hostsOf(again, 5), ['old'], 'a master’s own flags count from its first request on');
            await again.becomes('master');
            assert.equal(await hostsOf(again, 10), ['old']);
          });
        }),
      ),
    ),
  ));

test('balancers that contradict each other use one URL and report it; hosts that nobody names any more are removed within seconds', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHost('one', (one) =>
        withHost('two', async (two) => {
          // The master names neither: a lease that a slow machine can always renew keeps it that.
          const config = { redis: [redis.url], leaseTtlMs: 30_000 };
          await withBalancer({ ...config, name: 'b1' }, async (first) => {
            await first.becomes('master');
            await withBalancer({ ...config, name: 'b2', ...legacy(one) }, async (second) => {
              await picksOnly(first, 'one');
              await withBalancer({ ...config, name: 'b3', ...legacy(two) }, async (third) => {
                await picksOnly(third, 'one');
                assert.equal([await hostsOf(first, 5), await hostsOf(second, 5), await hostsOf(third, 5)], [['one'], ['one'], ['one']]);
                const said = [`b2 names ${one}`, `b3 names ${two}`].toSorted((a, b) => (a.slice(9) < b.slice(9) ? -1 : 1)).join(', ');
                await until(async () => (await readFleet(client, KEYS)).problems.includes(`legacy: ${said}; ${one} is used`), {
                  timeoutMs: SLOW_MS,
                  what: 'the status to show it',
                });
                assert.ok(
                  first.lines.some((line) => line.startsWith('warn host-conflict') && line.includes(two)),
                  first.lines.join('\n'),
                );
              });
            });
            await first.knows(0);
          });
        }),
      ),
    ),
  ));

test.run();
