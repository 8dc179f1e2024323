// The dashboard's figures of a real fleet: two balancers, a Redis and two hosts. What happens shows in the stream of whichever
// balancer is asked.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { operate } from '../../../lib/console/operator.js';
import type { Overview } from '../../../lib/overview.js';
import { type TestRedis, type TestServer, until, withRedis, withServer } from '../../support/brackets.js';
import { eventWhere, withEventStream } from '../../support/event-stream.js';
import { KEYS, NO_REDIS, SHORT_LEASE_MS, SLOW_MS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, withLoad } from '../../support/http-client.js';

const test = suite('overview of a fleet');

interface Stage {
  readonly redis: TestRedis;
  /** The master. */
  readonly first: TestBalancer;
  /** The one that is asked. */
  readonly second: TestBalancer;
  readonly hosts: Readonly<Record<'a' | 'b', TestServer>>;
  /** The fleet as the second one shows it, once this holds. */
  shows(what: string, is: (overview: Overview) => boolean): Promise<Overview>;
}

async function overviewOf({ balancer }: TestBalancer): Promise<Overview> {
  const { status, body } = await ask(balancer.consolePort, { path: '/.meercat/overview.json' });
  assert.is(status, 200, body);
  return JSON.parse(body) as Overview;
}

function withStage(fn: (stage: Stage) => Promise<void>, leaseTtlMs = SHORT_LEASE_MS): Promise<void> {
  return withRedis((redis) =>
    withServer(
      (_request, response) => void response.end('a'),
      (a) =>
        withServer(
          (_request, response) => void response.end('b'),
          async (b) => {
            const statics = [
              { name: 'a', url: a.url },
              { name: 'b', url: b.url },
            ];
            const config = { redis: [redis.url], statics, leaseTtlMs };
            await withBalancer({ ...config, name: 'first' }, async (first) => {
              await first.becomes('master');
              await withBalancer({ ...config, name: 'second' }, async (second) => {
                await fn({
                  redis,
                  first,
                  second,
                  hosts: { a, b },
                  async shows(what, is) {
                    let last: Overview | undefined;
                    return until(async () => is((last = await overviewOf(second))) && last, {
                      timeoutMs: SLOW_MS,
                      what: () => `${what}: ${JSON.stringify(last)}`,
                    });
                  },
                });
              });
            });
          },
        ),
    ),
  );
}

test('Any balancer shows all balancers in order of succession, the hosts by pool, and that all is well', () =>
  withStage(async ({ shows }) => {
    const fleet = await shows('both balancers and hosts', ({ balancers, pools, master }) => {
      return balancers.length === 2 && pools[0]?.hosts.length === 2 && master !== null;
    });
    assert.equal(
      fleet.balancers.map(({ name, rank, role, isSelf }) => ({ name, rank, role, isSelf })),
      [
        { name: 'first', rank: 0, role: 'master', isSelf: false },
        { name: 'second', rank: 1, role: 'slave', isSelf: true },
      ],
    );
    const [pool] = fleet.pools;
    assert.is(pool?.algorithm, 'round-robin');
    assert.equal(
      pool?.hosts.map(({ name, state, operator }) => `${name} ${state} ${operator}`),
      ['a up null', 'b up null'],
    );
    assert.equal(fleet.redis, { isUp: true, downForMs: 0 });
    assert.is(fleet.balancer, 'second');
    await shows('all is well', ({ verdict }) => verdict.level === 'good' && verdict.text === 'All is well');
  }));

test('The death of the master shows in the stream, and then who followed it', () =>
  withStage(async ({ second, first, shows }) => {
    await withEventStream(second.balancer.consolePort, '/.meercat/stream', async (stream) => {
      assert.is(stream.headers['content-type'], 'text/event-stream; charset=utf-8');
      await eventWhere(stream, (data) => data.includes('"isWhole":true') && data.includes('first'), 'the whole first');
      const stopped = first.balancer.stop();
      await eventWhere(stream, (data) => /second is master, term \d/.test(data), 'the election');
      const { balancers, term } = await shows('the other master', ({ master }) => master === 'second');
      assert.is(balancers.find(({ name }) => name === 'second')?.role, 'master');
      assert.ok(term >= 2);
      await stopped;
    });
  }));

test('A host that an operator drains shows in the stream with who did it', () =>
  withStage(async ({ second, redis, shows }) => {
    await withEventStream(second.balancer.consolePort, '/.meercat/stream', async (stream) => {
      await shows('the hosts', ({ pools }) => pools[0]?.hosts.length === 2);
      await operate({ action: 'drain', host: 'a', redis: redis.url, namespace: KEYS.namespace, isJson: false }, { write: () => undefined });
      await eventWhere(stream, (data) => data.includes('Host a was drained by meercat drain'), 'the event');
      await eventWhere(stream, (data) => data.includes('All is well; a is drained'), 'the verdict');
      const { pools } = await shows('the event', ({ events }) => events.some(({ kind }) => kind === 'host-drained'));
      assert.is(pools[0]?.hosts.find(({ name }) => name === 'a')?.operator, 'drained');
    });
  }, 10_000));

test('The page is there, and says what the fleet is', () =>
  withStage(async ({ second }) => {
    const { status, headers, body } = await ask(second.balancer.consolePort, { path: '/.meercat/' });
    assert.is(status, 200);
    assert.is(headers['content-type'], 'text/html; charset=utf-8');
    assert.match(body, 'second');
    const modules = [...body.matchAll(/(?:src|href)="(\/\.meercat\/[^"]+)"/g)].map(([, path]) => path ?? '');
    assert.ok(modules.length > 0);
    for (const path of modules) assert.is((await ask(second.balancer.consolePort, { path })).status, 200, path);
  }));

test('The traffic of all balancers shows on any: rates, latencies, who picks whom, the slowest requests', () =>
  withStage(
    ({ first, second, shows }) =>
      withLoad(first.port, () =>
        withLoad(second.port, async () => {
          const fleet = await shows('the whole traffic', ({ isOwnOnly, picks, history, pools, slowest }) => {
            const isSeen = pools[0]?.hosts.every(
              ({ rps, minute, rpsHistory }) => (rps ?? 0) > 0 && minute.p99Ms !== null && rpsHistory.length > 1,
            );
            return !isOwnOnly && picks.balancers.length === 2 && history.length > 0 && isSeen === true && slowest.length === 20;
          });
          assert.ok(fleet.total.rps > 0);
          assert.ok((fleet.total.minute.p99Ms ?? 0) >= (fleet.total.minute.p50Ms ?? 0));
          assert.equal(fleet.picks.hosts.toSorted(), ['a', 'b']);
          assert.ok(fleet.picks.picks.flat().every((picks) => picks > 0));
          const hostRps = fleet.pools[0]?.hosts.reduce((sum, { rps }) => sum + (rps ?? 0), 0) ?? 0;
          assert.ok(Math.abs(hostRps - fleet.total.rps) <= 0.5 * fleet.total.rps, `${hostRps} of the hosts, ${fleet.total.rps} in all`);
          assert.equal([...new Set(fleet.slowest.map(({ balancer }) => balancer))].toSorted(), ['first', 'second']);
        }),
      ),
    10_000,
  ));

test('A host that a balancer ejects shows with the reason, in the stream of another one too', () =>
  withStage(async ({ first, second, shows, hosts }) => {
    await shows('the hosts', ({ pools }) => pools[0]?.hosts.length === 2);
    await withEventStream(second.balancer.consolePort, '/.meercat/stream', async (stream) => {
      await eventWhere(stream, () => true, 'the whole');
      hosts.a.server.close();
      hosts.a.server.closeAllConnections();
      await until(
        async () =>
          (await ask(first.port)).status === 200 && first.counter('ejections_connect_failed') + first.counter('ejections_reset') > 0,
        {
          timeoutMs: SLOW_MS,
          what: 'an ejection',
        },
      );
      await eventWhere(stream, (data) => data.includes('Host a is ejected by first: '), 'the ejection');
    });
    const { pools } = await shows('who ejected it', ({ pools: [pool] }) => pool?.hosts[0]?.ejectedBy.length === 1);
    assert.is(pools[0]?.hosts[0]?.name, 'a', 'it is the worst');
    assert.is(pools[0]?.hosts[0]?.ejectedBy[0]?.[0], 'first');
  }, 10_000));

test('A request that went through another balancer is explained, as text too, and questions are limited', () =>
  withStage(async ({ first, second }) => {
    const { headers } = await ask(first.port);
    const id = String(headers['x-request-id']);
    const why = (query: string) => ask(second.balancer.consolePort, { path: `/.meercat/why${query}` });
    const { status, body } = await why(`?id=${id}`);
    assert.is(status, 200, body);
    const { text, balancer, picks } = JSON.parse(body) as { text: string; balancer: string; picks: readonly unknown[] };
    assert.is(balancer, 'first');
    assert.is(picks.length, 1);
    assert.match(text, `request ${id} on first`);
    assert.is((await why('')).status, 400);
    assert.is((await why('?id=%0a')).status, 400);
    const prefix = id.split('-')[0];
    assert.is((await why(`?id=${prefix}-zzzz`)).status, 404);
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await why(`?id=${id}`)).status));
    assert.ok(statuses.includes(429), `none was refused: ${statuses.join()}`);
    assert.ok(statuses.includes(200), `all were refused: ${statuses.join()}`);
  }));

test('While Redis is away the verdict says so, figures are the balancer’s own, and the hosts are still there', () =>
  withStage(async ({ redis, shows }) => {
    await shows('both balancers', ({ balancers }) => balancers.length === 2);
    await redis.kill();
    const fleet = await shows('Redis away', ({ redis: { isUp }, isOwnOnly }) => !isUp && isOwnOnly);
    assert.match(fleet.verdict.text, /^Redis is away for \d+ s: routing on what was known$/);
    assert.is(fleet.verdict.level, 'warn');
    assert.is(fleet.pools[0]?.hosts.length, 2);
    assert.equal(
      fleet.balancers.map(({ name }) => name),
      ['first', 'second'],
    );
    assert.ok(fleet.redis.downForMs >= 0);
    await redis.restart();
    await shows('Redis back and a master', ({ redis: { isUp }, master }) => isUp && master !== null);
  }));

test('A balancer without Redis shows itself', () =>
  withServer(
    (_request, response) => void response.end('a'),
    ({ url }) =>
      withBalancer({ redis: [NO_REDIS], statics: [{ name: 'a', url }], name: 'alone' }, async (alone) => {
        const { balancers, pools, isOwnOnly } = await overviewOf(alone);
        assert.equal(
          balancers.map(({ name, isSelf }) => ({ name, isSelf })),
          [{ name: 'alone', isSelf: true }],
        );
        assert.is(pools[0]?.hosts[0]?.name, 'a');
        assert.is(isOwnOnly, true);
      }),
  ));

test.run();
