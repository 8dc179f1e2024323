// An operator takes hosts out and lets them in again, in a fleet of three balancers on a real Redis: each applies it
// soon, requests in flight are finished or aborted, and the setting survives failures of Redis and balancers.

import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import { operate, type Operated, type OperatorAction } from '../../lib/console/operator.js';
import type { Commands } from '../../lib/redis/connect.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { writeOperatorState } from '../../lib/redis/settings.js';
import { POOL_HEADER, openTable } from '../../lib/table/layout.js';
import { type KeepThread, keepThread } from '../../lib/threads.js';
import { type TestRedis, until, withRedis, withServer } from '../support/brackets.js';
import { answersOf, deliverReport, KEYS, picksOnly, SHORT_LEASE_MS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { areReady, withClients } from '../support/redis-client.js';
import { inSteps, type Step } from '../support/steps.js';

const test = suite('operator in a fleet');

interface Stage {
  readonly all: readonly TestBalancer[];
  readonly client: Commands;
  readonly redis: TestRedis;
  /** Does what `meercat drain` and its siblings do. */
  say(action: OperatorAction, host: string): Promise<void>;
  /** Resolves when every balancer may pick exactly these hosts. */
  picks(...hosts: readonly string[]): Promise<void>;
}

/** Three balancers, of which `first` is master, and the hosts a, b and c. */
async function withStage(fn: (stage: Stage) => Promise<void>, options: Partial<BalancerConfig> = {}, keep?: KeepThread): Promise<void> {
  const withHosts = (
    names: readonly string[],
    urls: Record<string, string>,
    then: (urls: Record<string, string>) => Promise<void>,
  ): Promise<void> => {
    const [name, ...rest] = names;
    if (name === undefined) return then(urls);
    return withServer(
      (_request, response) => void response.end(name),
      ({ url }) => withHosts(rest, { ...urls, [name]: url }, then),
    );
  };
  await withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b', 'c'], {}, (urls) => {
        const statics = Object.entries(urls).map(([name, url]) => ({ name, url }));
        const config = { redis: [redis.url], statics, ...options };
        return withBalancer(
          { ...config, name: 'first' },
          async (first) => {
            await first.becomes('master');
            await withBalancer(
              { ...config, name: 'second' },
              (second) =>
                withBalancer(
                  { ...config, name: 'third' },
                  async (third) => {
                    const all = [first, second, third];
                    await until(async () => (await readFleet(client, KEYS)).hosts.length === 3, {
                      timeoutMs: SLOW_MS,
                      what: 'the hosts in Redis',
                    });
                    await fn({
                      all,
                      client,
                      redis,
                      async say(action, host) {
                        let output = '';
                        await operate(
                          { action, host, redis: redis.url, namespace: KEYS.namespace, isJson: true },
                          { write: (text: string) => (output = text) },
                        );
                        // After Redis lost its data, not all are back at once.
                        assert.ok((JSON.parse(output) as Operated).balancers > 0);
                      },
                      async picks(...hosts) {
                        for (const each of all) await picksOnly(each, ...hosts);
                      },
                    });
                  },
                  keep,
                ),
              keep,
            );
          },
          keep,
        );
      }),
    ),
  );
}

/** Each step ends with all hosts in. */
const takesOut = (action: 'drain' | 'eject', word: string, host: string): Step<Stage> => [
  `${action} takes a host out on every balancer, status shows it, and undrain lets it in again, without a failed request`,
  async ({ all, client, say, picks }) => {
    await picks('a', 'b', 'c');
    await withLoad((all[1] as TestBalancer).port, async (load) => {
      await say(action, host);
      await picks(...['a', 'b', 'c'].filter((name) => name !== host));
      assert.equal(
        (await readFleet(client, KEYS)).hosts.map(({ name, state, operator }) => [name, state, operator]),
        ['a', 'b', 'c'].map((name) => [name, 'up', name === host ? word : null]),
      );
      for (const each of all)
        assert.is(
          each.lines.filter((line) => line.includes(`an operator took a host out {"host":"${host}"`)).length,
          1,
          each.lines.join('\n'),
        );
      await say('undrain', host);
      await picks('a', 'b', 'c');
      assert.equal(load.failures, []);
    });
  },
];

const byRedisCli: Step<Stage> = [
  'a change made with redis-cli, without an event, takes effect with the next heartbeat',
  async ({ all, client, picks }) => {
    await client.hset(KEYS.settings, 'host:a', 'drained');
    await picks('b', 'c');
    await client.hdel(KEYS.settings, 'host:a');
    await picks('a', 'b', 'c');
    await client.hset(KEYS.settings, 'host:c', 'ejected');
    await picks('a', 'b');
    assert.is(
      all.every(({ counter }) => counter('settings_dropped') === 0),
      true,
    );
  },
];

const allOut: Step<Stage> = [
  'when an operator takes out all hosts, clients get 503, and panic mode does not use them',
  async ({ all, say, picks }) => {
    for (const host of ['a', 'b']) await say('drain', host);
    await say('eject', 'c');
    for (const each of all) {
      await until(async () => (await ask(each.port)).status === 503, { timeoutMs: SLOW_MS, what: '503' });
      assert.match((await ask(each.port)).body, /MEERCAT_NO_HOST/);
      assert.is(openTable(each.balancer.table).poolHeader[POOL_HEADER.panic], 0);
    }
    await say('undrain', 'a');
    await picks('a');
    for (const host of ['b', 'c']) await say('undrain', host);
    await picks('a', 'b', 'c');
  },
];

const newcomer: Step<Stage> = [
  'a starting balancer sends a drained host not a single request',
  async ({ client, redis, say, picks }) => {
    await say('drain', 'b');
    await picks('a', 'c');
    const statics = (await readFleet(client, KEYS)).hosts.map(({ name, url }) => ({ name, url }));
    for (let i = 0; i < 3; i++) {
      await withBalancer({ redis: [redis.url], name: `new${i}`, statics }, async (each) => {
        assert.equal([...new Set(await answersOf(each, 6))].toSorted(), ['a', 'c']);
      });
    }
    await say('undrain', 'b');
    await picks('a', 'b', 'c');
  },
];

const drainedBefore: Step<Stage> = [
  'a host that was drained before it joined is out from its first report on',
  async ({ client, picks, all }) => {
    await writeOperatorState(client, KEYS, 'd', 'drained');
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await withServer(
      (_request, response) => void response.end('d'),
      async ({ url }) => {
        // Repeatedly, as an agent does: on a slow machine the master may change meanwhile.
        await until(
          async () => {
            await deliverReport(client, 'd', url, { intervalMs: 60_000 });
            return (await Promise.all(all.map((each) => each.health()))).every(({ hosts }) => hosts === 4);
          },
          { timeoutMs: 30_000, everyMs: 100, what: 'every balancer to know four hosts' },
        );
        await picks('a', 'b', 'c');
      },
    );
  },
];

test('what an operator says takes effect on every balancer, and never costs a request', () =>
  withStage((stage) =>
    inSteps(stage, [takesOut('drain', 'drained', 'b'), takesOut('eject', 'ejected', 'c'), byRedisCli, allOut, newcomer, drainedBefore]),
  ));

test('a host that is let in again warms up', () =>
  withStage(
    async ({ all, say, picks }) => {
      // There is no slow start in the first three seconds of a balancer.
      const startMs = performance.now();
      await say('drain', 'b');
      await picks('a', 'c');
      await until(() => performance.now() - startMs > 3100, { timeoutMs: SLOW_MS, everyMs: 100 });
      await say('undrain', 'b');
      for (const { balancer, name } of all) {
        const { warmSince } = openTable(balancer.table);
        await until(() => [...warmSince.subarray(0, 3)].filter((sinceMs) => sinceMs > 0).length === 1, {
          timeoutMs: SLOW_MS,
          what: `one host to warm up on ${name}`,
        });
      }
      // During the test it stays near a tenth of its share, a thirtieth of all requests.
      const counts: Record<string, number> = { a: 0, b: 0, c: 0 };
      for (let i = 0; i < 120; i++) {
        const { body } = await ask((all[0] as TestBalancer).port);
        counts[body] = (counts[body] as number) + 1;
      }
      assert.ok((counts['b'] as number) < 20 && (counts['a'] as number) > 40 && (counts['c'] as number) > 40, JSON.stringify(counts));
    },
    { slowStartMs: 600_000 },
  ));

test('all settings are restored when Redis comes back empty, and a host that was let in stays in', () =>
  withStage(
    async ({ all, client, redis, say, picks }) => {
      await client.hset(KEYS.settings, 'algorithm', 'round-robin', 'of_a_later_version', '7');
      await say('drain', 'b');
      await say('drain', 'c');
      await picks('a');
      await say('undrain', 'c');
      await picks('a', 'c');
      for (const how of ['quickly', 'late'] as const) {
        await redis.kill();
        // Late: the lease and all heartbeats have expired, and nobody is master.
        if (how === 'late')
          await Promise.all([...all.map((each) => each.becomes('slave')), new Promise((resolve) => setTimeout(resolve, 3500))]);
        await redis.restart();
        await areReady(client);
        await until(async () => (await client.hget(KEYS.settings, 'host:b')) === 'drained', {
          timeoutMs: SLOW_MS,
          what: `the word about b to be put back (${how})`,
        });
        await until(async () => (await readFleet(client, KEYS)).hosts.length === 3, { timeoutMs: SLOW_MS, what: 'the hosts in Redis' });
        await picks('a', 'c');
        assert.equal(await client.hgetall(KEYS.settings), { 'host:b': 'drained', algorithm: 'round-robin', of_a_later_version: '7' });
        // And new settings take effect again.
        await say('undrain', 'b');
        await picks('a', 'b', 'c');
        await say('drain', 'b');
        await picks('a', 'c');
      }
    },
    { leaseTtlMs: SHORT_LEASE_MS },
  ));

test('without Redis, and when the fleet thread dies meanwhile, a drained host stays out', async () => {
  const threads: Worker[] = [];
  const onThread = (thread: Worker): void => void threads.push(thread);
  process.on('worker', onThread);
  try {
    await withStage(
      async ({ all, redis, say, picks }) => {
        await say('drain', 'b');
        await picks('a', 'c');
        await redis.kill();
        const restarts = all[0]?.counter('fleet_thread_restarts') ?? 0;
        // The second thread that each balancer starts is the fleet thread.
        await threads[1]?.terminate();
        await until(() => (all[0]?.counter('fleet_thread_restarts') ?? 0) > restarts);
        await until(() => threads.length === 7, { what: 'the thread to be started again' });
        await withLoad((all[0] as TestBalancer).port, async (load) => {
          await until(() => load.served > 100, { timeoutMs: SLOW_MS });
          assert.equal([...load.bodies.keys()].toSorted(), ['a', 'c']);
        });
      },
      {},
      keepThread,
    );
  } finally {
    process.off('worker', onThread);
  }
});

test.run();
