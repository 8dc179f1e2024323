// Limits of the fleet in whole balancers: what hosts have in flight at once is counted at the host, whose answers wait for the
// test. Nothing here depends on how fast the machine is.

import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeasurableBalancer } from '../../lib/balancer.js';
import { monotonicClock } from '../../lib/clock.js';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { SHARE_CELL } from '../../lib/routing/fleet-limit.js';
import { openTable, shareCellsOf } from '../../lib/table/layout.js';
import { type TestRedis, until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SHORT_LEASE_MS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { type Answered, ask, type Asked, withRaw } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('balancer limits');

/** A host whose answers to /slow wait; others come at once. */
interface SlowHost {
  readonly url: string;
  readonly held: ServerResponse[];
  /** The most that were held at once. */
  most(): number;
  /** Answers this many. */
  release(answers?: number): void;
}

function withSlowHost<T>(fn: (host: SlowHost) => Promise<T>): Promise<T> {
  const held: ServerResponse[] = [];
  let most = 0;
  return withServer(
    ({ url }, response) => {
      if (url !== '/slow') {
        response.end('quick');
        return;
      }
      held.push(response);
      most = Math.max(most, held.length);
    },
    async ({ url, server }) => {
      server.on('upgrade', (_request, socket) => {
        socket.on('error', () => undefined);
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      });
      const release = (answers = held.length): void => {
        for (const response of held.splice(0, answers)) response.end('slow');
      };
      try {
        return await fn({ url, held, most: () => most, release });
      } finally {
        release();
      }
    },
  );
}

async function apply(client: Commands, document: string): Promise<void> {
  const outcome = await applySite(client, KEYS, { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
  assert.is(outcome.kind, 'applied');
}

const siteOf = (url: string, limits: string, route = ''): string =>
  `version: 1\npools: { web: { hosts: ["${url}"]${limits === '' ? '' : `, limits: ${limits}`} } }\nroutes: [{ to: web${route} }]\n`;

/** The cells of the pool's share; the pool `default` is the first. */
const cellsOf = ({ table }: MeasurableBalancer): Float64Array => shareCellsOf(openTable(table), 1);

/** Runs a fleet of so many balancers with this site, when each of them lets requests through. */
async function withFleet(
  balancers: number,
  document: (url: string) => string,
  fn: (fleet: readonly TestBalancer[], host: SlowHost, client: Commands, redis: TestRedis) => Promise<void>,
): Promise<void> {
  await withSlowHost((host) =>
    withRedis((redis) =>
      withClients([redis.url], async (client) => {
        await apply(client, document(host.url));
        const start = (fleet: readonly TestBalancer[]): Promise<void> =>
          fleet.length < balancers
            ? withBalancer({ redis: [redis.url], name: `b${fleet.length + 1}`, leaseTtlMs: SHORT_LEASE_MS }, (next) =>
                start([...fleet, next]),
              )
            : begin(fleet);
        const begin = async (fleet: readonly TestBalancer[]): Promise<void> => {
          for (const { port, name, lines } of fleet) {
            await until(async () => (await ask(port)).status === 200, {
              timeoutMs: SLOW_MS,
              everyMs: 20,
              what: () => `${name} to let requests through; its log:\n${lines.join('\n')}`,
            });
          }
          try {
            await fn(fleet, host, client, redis);
          } finally {
            host.release();
          }
          // Whatever became of requests, they gave their places back.
          for (const { name, balancer } of fleet) {
            const places = (): number => cellsOf(balancer)[SHARE_CELL.inflight] as number;
            await until(() => places() === 0, { timeoutMs: SLOW_MS, what: () => `no places to be taken at ${name}, not ${places()}` });
          }
        };
        await start([]);
      }),
    ),
  );
}

/** Asks for /slow through these balancers, again when it is refused, until the host holds so many; gives the requests. */
async function fill(balancers: readonly TestBalancer[], host: SlowHost, wanted: number): Promise<Promise<Answered>[]> {
  const asked: Promise<Answered>[] = [];
  await until(
    () => {
      if (host.held.length >= wanted) return true;
      for (const { port } of balancers) asked.push(ask(port, { path: '/slow' }));
      return undefined;
    },
    { timeoutMs: SLOW_MS, everyMs: 20, what: () => `the host to hold ${wanted} requests, not ${host.held.length}` },
  );
  return asked;
}

test('no more requests are in flight than the fleet may have, the rest get 429, and a busy balancer gets nearly all', () =>
  withFleet(
    2,
    (url) => siteOf(url, '{ fleet: 10, queue: 0 }'),
    async (fleet, host) => {
      const [first] = fleet as [TestBalancer, TestBalancer];
      let asked = await fill(fleet, host, 10);
      const refused = await ask(first.port, { path: '/slow' });
      assert.is(refused.status, 429);
      assert.is(refused.headers['retry-after'], '1');
      assert.is(refused.headers['ratelimit-policy'], '"default";q=10;qu="concurrent-requests"');
      assert.is(refused.headers.ratelimit, '"default";r=0');
      assert.match(refused.body, /"error":"MEERCAT_FLEET_LIMIT"/);
      assert.ok(first.counter('limited_fleet') > 0);
      host.release();
      await Promise.all(asked);
      asked = await fill([first], host, 9);
      assert.ok(host.most() <= 10, `${host.most()} at once`);
      host.release();
      const statuses = new Set((await Promise.all(asked)).map(({ status }) => status));
      assert.equal([...statuses].toSorted(), [200, 429]);
    },
  ));

test('requests wait in the queue for a place, get it in their order, and all of it when the limit is removed', () =>
  withFleet(
    1,
    (url) => siteOf(url, '{ fleet: 2, queue: 2, queueTimeout: 1m }'),
    async ([balancer], host, client) => {
      const { port, counter } = balancer as TestBalancer;
      const before = counter('requests_queued');
      const queued = (requests: number) => until(() => counter('requests_queued') - before === requests);
      const held = [ask(port, { path: '/slow' }), ask(port, { path: '/slow' })];
      await until(() => host.held.length === 2);
      const waiting = [ask(port, { path: '/slow' }), ask(port, { path: '/slow' })];
      await queued(2);
      assert.is((await ask(port)).status, 429);
      host.release(1);
      await until(() => host.held.length === 2);
      assert.is(host.most(), 2);
      const late = ask(port, { path: '/slow' });
      await queued(3);
      await apply(client, siteOf(host.url, ''));
      await until(() => host.held.length === 4, { timeoutMs: SLOW_MS, what: () => `4 at the host, not ${host.held.length}` });
      host.release();
      assert.equal(
        (await Promise.all([...held, ...waiting, late])).map(({ status }) => status),
        [200, 200, 200, 200, 200],
      );
      await apply(client, siteOf(host.url, '{ fleet: 1, queue: 0 }'));
      // Requests that began before the limit are not counted.
      const more: Promise<Answered>[] = [];
      await until(
        async () => {
          more.push(ask(port, { path: '/slow' }));
          return (await ask(port)).status === 429;
        },
        { timeoutMs: SLOW_MS, everyMs: 50 },
      );
      host.release();
      await Promise.all(more);
    },
  ));

test('a client that goes away gives its place back, in flight or waiting', () =>
  withFleet(
    1,
    (url) => siteOf(url, '{ fleet: 1, queue: 1, queueTimeout: 1m }'),
    async ([balancer], host) => {
      const { port, balancer: running, counter } = balancer as TestBalancer;
      const inflight = (): number => cellsOf(running)[SHARE_CELL.inflight] as number;
      const before = counter('requests_queued');
      await withRaw(port, (held) =>
        withRaw(port, async (waiting) => {
          held.send('GET /slow HTTP/1.1\r\nHost: h\r\n\r\n');
          await until(() => host.held.length === 1, { timeoutMs: SLOW_MS, what: 'the host to hold the first' });
          waiting.send('GET /slow HTTP/1.1\r\nHost: h\r\n\r\n');
          await until(() => counter('requests_queued') === before + 1, { timeoutMs: SLOW_MS, what: 'the second to wait' });
          held.socket.resetAndDestroy();
          waiting.socket.resetAndDestroy();
          await until(() => inflight() === 0, { timeoutMs: SLOW_MS, what: () => `no place to be taken, not ${inflight()}` });
        }),
      );
      host.release();
    },
  ));

test('a connection that was upgraded keeps its place until it ends, and then one that waits gets it', () =>
  withFleet(
    1,
    (url) => siteOf(url, '{ fleet: 1, queue: 1, queueTimeout: 1m }'),
    async ([balancer]) => {
      const { port, balancer: running, counter } = balancer as TestBalancer;
      const before = counter('requests_queued');
      const queued = (requests: number) => until(() => counter('requests_queued') - before === requests);
      await withRaw(port, async (upgraded) => {
        upgraded.send('GET /upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
        await upgraded.receives(/ 101 /);
        const waits = ask(port);
        await queued(1);
        assert.is(cellsOf(running)[SHARE_CELL.inflight], 1);
        upgraded.socket.resetAndDestroy();
        assert.is((await waits).status, 200);
      });
    },
  ));

test('while Redis is away each balancer keeps the share that it had', () =>
  withFleet(
    2,
    (url) => siteOf(url, '{ fleet: 10, queue: 0 }'),
    async ([first], host, _client, redis) => {
      const busy = first as TestBalancer;
      const asked = await fill([busy], host, 9);
      await redis.kill();
      const leaseEndMs = (): number => cellsOf(busy.balancer)[SHARE_CELL.leaseEndMs] as number;
      const clock = monotonicClock();
      await until(() => busy.lines.some((line) => line.startsWith('warn redis is not reachable')) && clock() > leaseEndMs(), {
        timeoutMs: SLOW_MS,
        what: 'the lease of the share to end',
      });
      host.release();
      await Promise.all(asked);
      // An even part would be 5.
      const again = await fill([busy], host, 9);
      assert.ok(host.most() <= 10, `${host.most()} at once`);
      host.release();
      await Promise.all(again);
    },
  ));

/** Waits until each balancer knows how many there are: then its even part of the pool's limit is this. */
async function haveEvenParts(fleet: readonly TestBalancer[], places: number): Promise<void> {
  for (const { name, balancer } of fleet) {
    const cells = cellsOf(balancer);
    await until(() => cells[SHARE_CELL.fallback] === places, { timeoutMs: SLOW_MS, what: () => `an even part of ${places} at ${name}` });
  }
}

/** The statuses of so many requests, one after the other, through these balancers in turn. */
async function statusesOf(balancers: readonly TestBalancer[], requests: number, asked: Asked = {}): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < requests; i++) statuses.push((await ask((balancers[i % balancers.length] as TestBalancer).port, asked)).status);
  return statuses;
}

const admitted = (statuses: readonly number[]): number => statuses.filter((status) => status === 200).length;

/** So slow that no token comes back during a test. */
const RATE = '{ requests: 10, per: 1h, burst: 5, key:';

const rateSiteOf = (url: string, { changing = '', limit = '' } = {}): string => `version: 1
pools: { web: { hosts: ["${url}"], limits: { fleet: 1000 }${changing} } }
routes:
  - { match: { path: /client }, to: web${limit === '' ? `, rateLimit: ${RATE} client }` : limit} }
  - { match: { path: /header }, to: web, rateLimit: ${RATE} { header: X-Key } } }
  - { match: { path: /fixed }, respond: { status: 200, body: hello, type: text/plain }, rateLimit: ${RATE} route } }
  - { to: web }
`;

test('a client gets its burst through one balancer, a bounded part through several, and then 429 with when to come back', () =>
  withFleet(2, rateSiteOf, async (fleet) => {
    const [first, second] = fleet as [TestBalancer, TestBalancer];
    await haveEvenParts(fleet, 500);
    assert.equal(await statusesOf([first], 7, { path: '/client' }), [200, 200, 200, 200, 200, 429, 429]);
    const refused = await ask(first.port, { path: '/client' });
    const { 'retry-after': retryAfter, 'ratelimit-policy': policy, ratelimit } = refused.headers;
    assert.is(policy, '"default";q=10;w=3600');
    assert.match(String(ratelimit), /^"default";r=0;t=\d+$/);
    assert.ok(Number(retryAfter) > 300 && Number(retryAfter) <= 3600, `Retry-After: ${retryAfter}`);
    assert.match(refused.body, /"error":"MEERCAT_RATE_LIMITED"/);
    assert.is(first.counter('limited_rate'), 3);
    const more = admitted(await statusesOf([second, first], 24, { path: '/client' }));
    assert.ok(more <= 5, `${more} more through the other`);
  }));

test('each value of a header has a budget, requests without it one together, and a route one for the whole fleet', () =>
  withFleet(2, rateSiteOf, async (fleet) => {
    const [first] = fleet as [TestBalancer, TestBalancer];
    await haveEvenParts(fleet, 500);
    const of = (headers: Record<string, string>): Promise<number[]> => statusesOf([first], 6, { path: '/header', headers });
    for (const headers of [{ 'X-Key': 'a' }, { 'X-Key': 'b' }, {}]) assert.equal(await of(headers), [200, 200, 200, 200, 200, 429]);
    const fixed = admitted(await statusesOf(fleet, 20, { path: '/fixed' }));
    assert.ok(fixed >= 1 && fixed <= 5, `${fixed} through both`);
  }));

test('another version of the site leaves the buckets of a route that it does not change; without the limit all goes', () =>
  withFleet(1, rateSiteOf, async (fleet, host, client) => {
    const [only] = fleet as [TestBalancer];
    await statusesOf(fleet, 5, { path: '/client' });
    const applied = only.counter('sites_applied');
    await apply(client, rateSiteOf(host.url, { changing: ', timeouts: { connect: 7s }' }));
    await until(() => only.counter('sites_applied') > applied, { timeoutMs: SLOW_MS });
    assert.is((await ask(only.port, { path: '/client' })).status, 429);
    await apply(client, rateSiteOf(host.url, { limit: ' ' }));
    await until(async () => (await ask(only.port, { path: '/client' })).status === 200, { timeoutMs: SLOW_MS, everyMs: 50 });
    assert.equal(
      await statusesOf(fleet, 9, { path: '/client' }),
      Array.from({ length: 9 }, () => 200),
    );
  }));

test.run();
