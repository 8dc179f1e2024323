// Active health checks in whole balancers: the master publishes its results, which override an agent's reports; without
// Redis each balancer checks for itself, and discards its results when a master's table arrives.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import type { StaticHost } from '../../lib/model.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { POOL_HEADER, openTable } from '../../lib/table/layout.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import {
  KEYS,
  NO_REDIS,
  picksOnly,
  publishReport,
  SHORT_LEASE_MS,
  SLOW_MS,
  statusCounts,
  type TestBalancer,
  withBalancer,
} from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('health checks');

const RULES: Partial<BalancerConfig> = {
  healthPath: '/health',
  healthIntervalMs: 100,
  healthTimeoutMs: 1000,
  healthRise: 3,
  healthFall: 2,
};

/** A host with adjustable health that counts its checks. */
interface SickHost {
  readonly name: string;
  readonly url: string;
  isWell: boolean;
  checks: number;
}

/** Hosts of these names; each answers with its name, and `/health` with 200 or 500. */
function withHosts(names: readonly string[], fn: (...hosts: SickHost[]) => Promise<void>, found: readonly SickHost[] = []): Promise<void> {
  const [name, ...rest] = names;
  if (name === undefined) return fn(...found);
  let host: SickHost | undefined;
  return withServer(
    (request, response) => {
      if (request.url === '/health') {
        if (host) host.checks++;
        response.statusCode = host?.isWell ? 200 : 500;
      }
      response.end(name);
    },
    ({ url }) => withHosts(rest, fn, [...found, (host = { name, url, isWell: true, checks: 0 })]),
  );
}

const statesOf = async (client: Parameters<typeof readFleet>[0]) =>
  (await readFleet(client, KEYS)).hosts.map(({ name, state }) => `${name} ${state}`).join();

test('a host whose agent reports but whose health path fails is out on every balancer, and back when it passes', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b', 'c'], async (a, b, c) => {
        await withBalancer({ ...RULES, redis: [redis.url], name: 'first' }, (first) =>
          withBalancer({ ...RULES, redis: [redis.url], name: 'second' }, async (second) => {
            await until(() => [first, second].some(({ balancer }) => balancer.role === 'master'), { timeoutMs: SLOW_MS });
            const agents = setInterval(() => {
              for (const { name, url } of [a, b, c]) void publishReport(client, name, url, { intervalMs: 250 }).catch(() => undefined);
            }, 250);
            try {
              for (const each of [first, second]) {
                await each.knows(3);
                await picksOnly(each, 'a', 'b', 'c');
              }
              b.isWell = false;
              for (const each of [first, second]) await picksOnly(each, 'a', 'c');
              await until(async () => (await statesOf(client)) === 'a up,b down,c up', { timeoutMs: SLOW_MS, what: 'the state in Redis' });
              // Further reports of its agent don't bring it back.
              const { checks } = b;
              await until(() => b.checks > checks + 10, { timeoutMs: SLOW_MS, what: 'further checks' });
              assert.is(await statesOf(client), 'a up,b down,c up');
              b.isWell = true;
              for (const each of [first, second]) await picksOnly(each, 'a', 'b', 'c');
              await until(async () => (await statesOf(client)) === 'a up,b up,c up', { timeoutMs: SLOW_MS, what: 'the state in Redis' });
              const master = [first, second].find(({ balancer }) => balancer.role === 'master') as TestBalancer;
              await statusCounts(client, master.name, 'checks_failed', 2);
              assert.ok(
                master.lines.some((line) => line.startsWith('info host-down {"host":"b","detail":"fails its checks"')),
                master.lines.join('\n'),
              );
              assert.is(first.counter('own_checks_failed') + second.counter('own_checks_failed'), 0, 'with Redis nobody checks for itself');
            } finally {
              clearInterval(agents);
            }
          }),
        );
      }),
    ),
  ));

test('without Redis a balancer checks its hosts itself, by the same rules, and uses all of them when too many fail', () =>
  withHosts(['a', 'b', 'c'], async (a, b, c) => {
    await withBalancer({ ...RULES, redis: [NO_REDIS], statics: [a, b, c].map(({ name, url }) => ({ name, url })) }, async (each) => {
      b.isWell = false;
      await picksOnly(each, 'a', 'c');
      assert.ok(each.counter('own_checks_failed') >= 2);
      c.isWell = false;
      await until(() => openTable(each.balancer.table).poolHeader[POOL_HEADER.panic] === 1, { timeoutMs: SLOW_MS, what: 'a panic' });
      await picksOnly(each, 'a', 'b', 'c');
      assert.ok(
        each.counter('panics') > 0 && each.lines.some((line) => line.startsWith('warn more hosts are out than --max-ejected allows')),
      );
      b.isWell = true;
      await picksOnly(each, 'a', 'b');
      c.isWell = true;
      await picksOnly(each, 'a', 'b', 'c');
    });
  }));

test('results of own checks pass to the next master: a host that is down stays out until it passes its checks', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b', 'c'], async (a, b, c) => {
        const statics = [a, b, c].map(({ name, url }) => ({ name, url }));
        await withBalancer({ ...RULES, leaseTtlMs: SHORT_LEASE_MS, healthIntervalMs: 500, redis: [redis.url], statics }, async (each) => {
          await each.becomes('master');
          await picksOnly(each, 'a', 'b', 'c');
          await redis.kill();
          b.isWell = false;
          await until(() => each.lines.some((line) => line.includes('a host fails its checks')), {
            timeoutMs: SLOW_MS,
            what: 'own checks to find it',
          });
          await picksOnly(each, 'a', 'c');
          await redis.restart();
          await areReady(client);
          await each.becomes('master');
          assert.is(
            await until(() => client.hget(KEYS.host('b'), 'state'), { timeoutMs: SLOW_MS, what: 'the first table' }),
            'down',
            each.lines.join('\n'),
          );
          await picksOnly(each, 'a', 'c');
          b.isWell = true;
          await picksOnly(each, 'a', 'b', 'c');
        });
      }),
    ),
  ));

test('without Redis and a health path, a dead host is out after a failed connection', () =>
  withHosts(['a', 'c'], async (a, c) => {
    const statics = [a, c].map(({ name, url }) => ({ name, url }));
    let goDown: () => void = () => undefined;
    const isUp = new Promise<void>((resolve) => {
      goDown = resolve;
    });
    let ready: (url: string) => void = () => undefined;
    const served = new Promise<string>((resolve) => {
      ready = resolve;
    });
    const gone = withServer(
      (_request, response) => void response.end('b'),
      async ({ url }) => {
        ready(url);
        await isUp;
      },
    );
    await withBalancer(
      { ...RULES, healthPath: '', redis: [NO_REDIS], statics: [...statics, { name: 'b', url: await served }] },
      async (each) => {
        goDown();
        await gone;
        await until(() => each.lines.some((line) => line.includes('a host fails its checks: it gets no requests {"host":"b"}')), {
          timeoutMs: SLOW_MS,
        });
        const retried = each.counter('requests_retried');
        await withLoad(each.port, async (load) => {
          await until(() => load.served > 60, { timeoutMs: SLOW_MS });
          assert.equal([...load.bodies.keys()].toSorted(), ['a', 'c']);
        });
        assert.is(each.counter('requests_retried'), retried);
        assert.is(a.checks + c.checks, 0);
      },
    );
  }));

test("the Host header and expected statuses apply to the master's checks, to own checks, and to probes of an ejected host", async () => {
  const rules = {
    ...RULES,
    healthHost: 'app.example',
    healthExpect: [{ from: 401, to: 401 }],
    ejectAfter: 1,
    ejectTimeMs: 100,
    slowStartMs: 0,
  };
  const sick = new Set<string>();
  const hosts = async (
    names: readonly string[],
    fn: (statics: readonly StaticHost[]) => Promise<void>,
    found: readonly StaticHost[] = [],
  ): Promise<void> => {
    const [name, ...rest] = names;
    if (name === undefined) return fn(found);
    return withServer(
      ({ url, headers }, response) => {
        // `lax` answers 200 where 401 is expected, so it is unhealthy.
        response.statusCode =
          url !== '/health' ? (sick.has(name) ? 500 : 200) : headers.host !== 'app.example' ? 400 : name === 'lax' ? 200 : 401;
        response.end(name);
      },
      (server) => hosts(rest, fn, [...found, { name, url: server.url }]),
    );
  };
  await hosts(['a', 'b', 'lax'], async (statics) => {
    await withBalancer({ ...rules, redis: [NO_REDIS], statics }, async (each) => {
      await picksOnly(each, 'a', 'b');
      assert.ok(each.counter('own_checks_failed') > 0);
      sick.add('b');
      await until(
        async () => {
          await ask(each.port);
          return each.counter('ejections_5xx') > 0;
        },
        { timeoutMs: SLOW_MS, what: 'an ejection' },
      );
      sick.clear();
      await until(() => each.counter('ejections_ended') > 0, { timeoutMs: SLOW_MS, what: 'its end' });
      await picksOnly(each, 'a', 'b');
    });
    await withRedis((redis) =>
      withClients([redis.url], async (client) => {
        await withBalancer({ ...rules, redis: [redis.url], name: 'master', statics }, async (master) => {
          await master.becomes('master');
          await picksOnly(master, 'a', 'b');
          await until(async () => (await statesOf(client)) === 'a up,b up,lax down', { timeoutMs: SLOW_MS, what: 'the state in Redis' });
          await statusCounts(client, 'master', 'checks_failed', 2);
          assert.is(master.counter('own_checks_failed'), 0);
        });
      }),
    );
  });
});

test('an unusable --host-ca file is reported before anything is started', () =>
  withTempDir(async (dir) => {
    for (const [file, reason] of [
      [`${dir}/none.pem`, 'there is no such file'],
      [dir, 'it is a directory, not a file'],
      ['/dev/null', 'it is not a regular file'],
    ] as const) {
      const error = await withBalancer({ hostCa: file }, () => undefined).then(
        () => null,
        (thrown: unknown) => thrown as Error & { code: string },
      );
      assert.is(error?.code, 'MEERCAT_BAD_CONFIG');
      assert.ok(error?.message.startsWith(`--host-ca ${file}: ${reason}`), error?.message);
    }
  }));

test.run();
