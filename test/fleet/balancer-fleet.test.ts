// Two balancers of one fleet in one process, on a real Redis: one master, succession, hosts that report, fall silent,
// go down or say goodbye, and fleet-wide settings.

import { parseTerm } from '../../lib/redis/term.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import type { Commands } from '../../lib/redis/connect.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import {
  answersOf,
  deliverReport,
  deliverUntil,
  KEYS,
  publishReport,
  SHORT_LEASE_MS,
  SLOW_MS,
  statusCounts,
  type TestBalancer,
  withBalancer,
} from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('balancer fleet');

interface Fleet {
  readonly first: TestBalancer;
  readonly second: TestBalancer;
  readonly client: Commands;
}

/** Two balancers: `first`, the master, and `second`. */
async function withFleet(fn: (fleet: Fleet) => Promise<void>, options: Partial<BalancerConfig> = {}): Promise<void> {
  await withRedis((redis) =>
    withClients([redis.url], (client) =>
      withBalancer({ redis: [redis.url], name: 'first', ...options }, async (first) => {
        await first.becomes('master');
        await withBalancer({ redis: [redis.url], name: 'second', ...options }, async (second) => {
          await until(async () => (await client.zcard(KEYS.balancers)) === 2, { what: 'both to be in the fleet' });
          await fn({ first, second, client });
        });
      }),
    ),
  );
}

const withHost = <T>(name: string, fn: (host: { readonly url: string; readonly seen: () => number }) => Promise<T>): Promise<T> => {
  let requests = 0;
  return withServer(
    (_request, response) => {
      requests++;
      response.end(name);
    },
    ({ url }) => fn({ url, seen: () => requests }),
  );
};

/** How many of these requests each host answered. */
async function shares(each: TestBalancer, requests: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const body of await answersOf(each, requests)) counts[body] = (counts[body] ?? 0) + 1;
  return counts;
}

test('there is one master, both balancers route to every host that reports, and all of it is in Redis', () =>
  withFleet(
    ({ first, second, client }) =>
      withHost('a', (a) =>
        withHost('b', async (b) => {
          await deliverReport(client, 'a', a.url, { cpu: 0.25, intervalMs: 60_000 });
          await deliverReport(client, 'b', b.url, { intervalMs: 60_000 });
          for (const each of [first, second]) {
            await each.knows(2);
            assert.equal(await shares(each, 10), { a: 5, b: 5 });
          }
          const fleet = await until(async () => {
            const view = await readFleet(client, KEYS);
            return view.balancers.length === 2 && view.hosts.length === 2 && view;
          });
          assert.equal([fleet.master, fleet.term, fleet.balancers.map(({ name }) => name)], ['first', 1, ['first', 'second']]);
          assert.equal(
            fleet.hosts.map(({ name, url, state, cpu, hasAgent }) => [name, url, state, cpu, hasAgent]),
            [
              ['a', a.url, 'up', 0.25, true],
              ['b', b.url, 'up', 0.2, true],
            ],
          );
          assert.equal([first.balancer.role, second.balancer.role], ['master', 'slave']);
          await until(async () => (await readFleet(client, KEYS)).balancers.find(({ name }) => name === 'second')?.role === 'slave');
        }),
      ),
    { leaseTtlMs: 30_000 },
  ));

test('when the master stops in good order, the slave takes over at once, with the hosts it knew and without a failed request', () =>
  withFleet(
    ({ first, second, client }) =>
      withHost('a', async (a) => {
        await deliverUntil(first, 1, client, 'a', a.url, { intervalMs: 60_000 });
        await second.knows(1);
        await withLoad(second.port, async (load) => {
          await first.balancer.stop();
          const stoppedMs = performance.now();
          await second.becomes('master');
          // Within 150 ms on a quiet machine; the lease would have lasted 30 s.
          assert.ok(performance.now() - stoppedMs < 15_000, `${performance.now() - stoppedMs} ms`);
          await until(async () => (await readFleet(client, KEYS)).hosts[0]?.state === 'up', { what: 'the new master to write the host' });
          await until(() => load.served > 50);
          assert.equal(load.failures, []);
        });
        assert.is(parseTerm(await client.get(KEYS.term), 9).term, 2);
        assert.is((await second.health()).hosts, 1);
      }),
    { leaseTtlMs: 30_000 },
  ));

test('a stopping master resigns before it finishes its requests, and does not become master again', () =>
  withFleet(
    async ({ first, second, client }) => {
      const held: (() => void)[] = [];
      await withServer(
        (request, response) => {
          if (request.url === '/hold') held.push(() => response.end('held'));
          else response.end('ok');
        },
        async ({ url }) => {
          await deliverUntil(first, 1, client, 'h', url, { intervalMs: 60_000 });
          await second.knows(1);
          const pending = ask(first.port, { path: '/hold' });
          await until(() => held.length === 1);
          const stopped = first.balancer.stop();
          await second.becomes('master');
          assert.equal(
            [first.balancer.role, await client.hget(KEYS.master, 'name'), parseTerm(await client.get(KEYS.term), 9).term],
            ['slave', 'second', 2],
          );
          // It still takes part: its heartbeats and load messages go on until the last request is done.
          await until(async () => (await client.hget(KEYS.balancer('first'), 'role')) === 'slave', { what: 'its heartbeat as a slave' });
          await until(async () => (await client.hget(KEYS.host('h'), 'inflight')) === '1', {
            timeoutMs: SLOW_MS,
            what: 'its request to be counted by the new master',
          });
          // When the new master stops too, nobody is left to stand for election.
          await second.balancer.stop();
          await until(async () => (await client.exists(KEYS.lease, KEYS.master)) === 0, { what: 'the lease to be given back' });
          await new Promise((resolve) => setTimeout(resolve, 1000));
          assert.equal([first.balancer.role, await client.exists(KEYS.lease)], ['slave', 0]);
          for (const answer of held) answer();
          assert.is((await pending).body, 'held');
          await stopped;
          assert.equal(await client.zrange(KEYS.balancers, '0', '-1'), []);
        },
      );
    },
    { drainTimeoutMs: 30_000 },
  ));

test("the host's hash contains the whole fleet's requests in flight and rates", () =>
  withFleet(async ({ first, second, client }) => {
    const held: (() => void)[] = [];
    await withServer(
      (request, response) => {
        if (request.url === '/hold') held.push(() => response.end());
        else response.end('ok');
      },
      async ({ url }) => {
        await deliverUntil(first, 1, client, 'h', url, { intervalMs: 60_000 });
        await second.knows(1);
        const pending = [first, first, second].map(({ port }) => ask(port, { path: '/hold' }));
        await until(async () => (await client.hget(KEYS.host('h'), 'inflight')) === '3', { timeoutMs: SLOW_MS, what: '3 in flight' });
        await withLoad(second.port, async () => {
          await until(async () => Number(await client.hget(KEYS.host('h'), 'rps')) > 1, { timeoutMs: SLOW_MS, what: 'a rate' });
        });
        for (const answer of held) answer();
        await Promise.all(pending);
        await until(async () => (await client.hget(KEYS.host('h'), 'inflight')) === '0', { timeoutMs: SLOW_MS, what: 'none in flight' });
      },
    );
  }));

test('a host whose reports stop keeps its share while it answers, and gets nothing once it does not', () =>
  withFleet(({ first, second, client }) =>
    withHost('a', async (a) => {
      const stateOf = (name: string) => client.hget(KEYS.host(name), 'state');
      await deliverReport(client, 'a', a.url, { intervalMs: 60_000 });
      let goesDown: () => Promise<void> = async () => undefined;
      const isDown = new Promise<void>((resolve) => {
        goesDown = async () => resolve();
      });
      const quiet = withHost('q', async (q) => {
        await deliverUntil(first, 2, client, 'q', q.url, { intervalMs: 50 });
        await second.knows(2);
        await until(async () => (await stateOf('q')) === 'silent', { timeoutMs: SLOW_MS, what: 'q to be silent' });
        for (const each of [first, second]) assert.equal(await shares(each, 6), { a: 3, q: 3 });
        await goesDown();
      });
      await Promise.all([isDown, quiet]);
      await until(async () => (await stateOf('q')) === 'down', { timeoutMs: SLOW_MS, what: 'q to be down' });
      for (const each of [first, second]) {
        await until(
          async () => {
            const before = each.counter('requests_retried');
            const counts = await shares(each, 4);
            return counts['a'] === 4 && each.counter('requests_retried') === before;
          },
          { what: 'q to get nothing' },
        );
        assert.is(each.counter('requests_failed'), 0);
      }
    }),
  ));

test('after a goodbye no further request goes to the host, from either balancer', () =>
  withFleet(({ first, second, client }) =>
    withHost('a', (a) =>
      withHost('b', async (b) => {
        await deliverReport(client, 'a', a.url, { intervalMs: 60_000 });
        await deliverUntil(first, 2, client, 'b', b.url, { intervalMs: 60_000 });
        await second.knows(2);
        await deliverUntil(first, 1, client, 'b', b.url, { bye: true });
        await second.knows(1);
        const seen = b.seen();
        for (const each of [first, second]) assert.equal(await shares(each, 6), { a: 6 });
        assert.is(b.seen(), seen);
        assert.is(await client.exists(KEYS.host('b')), 0);
        assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['a']);
      }),
    ),
  ));

test('an operator sets the algorithm for the whole fleet and resets it; unknown settings are counted', () =>
  withFleet(
    ({ first, second, client }) =>
      withHost('busy', (busy) =>
        withHost('idle', async (idle) => {
          const agent = setInterval(() => {
            void publishReport(client, 'busy', busy.url, { cpu: 0.9, intervalMs: 250 });
            void publishReport(client, 'idle', idle.url, { cpu: 0.1, intervalMs: 250 });
          }, 250);
          try {
            await Promise.all([first.knows(2), second.knows(2)]);
            const isEven = async (each: TestBalancer) => (await shares(each, 10))['busy'] === 5;
            const isUneven = async (each: TestBalancer) => (await shares(each, 10))['idle'] === 10;
            for (const each of [first, second]) await until(() => isUneven(each), { timeoutMs: SLOW_MS, what: 'resource' });
            await client.hset(KEYS.settings, 'algorithm', 'round-robin');
            for (const each of [first, second]) await until(() => isEven(each), { timeoutMs: SLOW_MS, what: 'round-robin' });
            await client.hset(KEYS.settings, 'algorithm', 'luck', 'colour', 'blue');
            for (const each of [first, second]) {
              await statusCounts(client, each.name, 'settings_dropped', 2);
              await until(() => isUneven(each), { timeoutMs: SLOW_MS, what: 'resource again' });
              assert.is(each.counter('settings_dropped'), 2, 'once, not with every heartbeat');
              assert.is(each.lines.filter((line) => line.includes('settings')).length, 1);
            }
            await client.del(KEYS.settings);
            for (const each of [first, second]) await until(() => isUneven(each), { timeoutMs: SLOW_MS, what: 'resource still' });
          } finally {
            clearInterval(agent);
          }
        }),
      ),
    { algorithm: 'resource' },
  ));

test('with three Redis servers a lease needs two: the fleet survives the loss of one, and has no master without two', () =>
  withRedis((one) =>
    withRedis((two) =>
      withRedis((three) =>
        withClients([one.url, two.url], (client, other) =>
          withBalancer({ redis: [one.url, two.url, three.url], leaseTtlMs: SHORT_LEASE_MS, name: 'first' }, async (first) => {
            await first.becomes('master');
            await withBalancer({ redis: [one.url, two.url, three.url], leaseTtlMs: SHORT_LEASE_MS, name: 'second' }, async (second) => {
              await three.kill();
              await withHost('a', async (a) => {
                await deliverUntil(first, 1, client, 'a', a.url, { intervalMs: 60_000 });
                await second.knows(1);
                // Longer than a lease: the present one was granted by two of three.
                await new Promise((resolve) => setTimeout(resolve, 2000));
                const masters = () => [first, second].filter(({ balancer }) => balancer.role === 'master');
                const [master] = await until(() => masters().length === 1 && masters(), { timeoutMs: SLOW_MS, what: 'one master' });
                await until(async () => (await client.exists(KEYS.lease)) + (await other.exists(KEYS.lease)) === 2, {
                  what: 'the lease on both',
                });
                await master?.balancer.stop();
                const left = master === first ? second : first;
                await left.becomes('master');
                assert.equal(await shares(left, 2), { a: 2 });
                await two.kill();
                await left.becomes('slave');
                assert.equal(await shares(left, 2), { a: 2 }, 'routing goes on');
              });
            });
          }),
        ),
      ),
    ),
  ));

test.run();
