// Sticky cookies through two real balancers on a real Redis: which are honoured, which are not, and what becomes of clients
// whose host is drained, gone, or back.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { writeOperatorState } from '../../lib/redis/settings.js';
import { StickyCookie } from '../../lib/traffic/request/sticky-cookie.js';
import { until, withRedis } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { areReady, withClients } from '../support/redis-client.js';
import { applyTo, askWith, COOKIE, cookieIn, firstCookie, hostsOf, movesOn, stays, withHosts } from '../support/sticky-fleet.js';

const test = suite('sticky cookies of a fleet');

const NAMES = ['a', 'b', 'c'];

const siteOf = (urls: ReadonlyMap<string, string>): string => `
version: 1
pools:
  web: { hosts: ${hostsOf(urls)}, affinity: { cookie: ${COOKIE}, ttl: 8h } }
  other: { hosts: ${hostsOf(urls)}, affinity: { cookie: ${COOKIE}, ttl: 8h } }
  plain: { hosts: ${hostsOf(urls)} }
  empty: { affinity: { cookie: ${COOKIE} } }
routes:
  - match: { path: /other }
    to: other
  - match: { path: /plain }
    to: plain
  - match: { path: /empty }
    to: empty
  - to: web
    headers: { response: { remove: [Set-Cookie] } }
`;

interface Fleet {
  readonly client: Commands;
  readonly urls: ReadonlyMap<string, string>;
  readonly all: readonly [TestBalancer, TestBalancer];
  restartRedis(): Promise<void>;
}

function withFleet(fn: (fleet: Fleet) => Promise<void>): Promise<void> {
  return withHosts(NAMES, (urls) =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
          withBalancer({ redis: [redis.url], name: 'b2' }, async (second) => {
            const all = [first, second] as const;
            await applyTo(client, all, siteOf(urls));
            for (const each of all) await firstCookie(each);
            await fn({ client, urls, all, restartRedis: () => redis.restart() });
          }),
        ),
      ),
    ),
  );
}

/** A cookie as the fleet would make it, but for some of what it is made of. */
async function madeWith(client: Commands, changed: { fleet?: string; secret?: string }): Promise<string> {
  const secret = changed.secret ?? (await client.hget(KEYS.secret, 'secret')) ?? '';
  const cookies = new StickyCookie({
    secrets: [Buffer.from(secret, 'hex')],
    fleet: changed.fleet ?? KEYS.namespace,
    pool: 'web',
    name: COOKIE,
    ttlMs: 8 * 3_600_000,
    count: () => undefined,
  });
  cookies.addHost(0, 'web/b');
  return (cookies.setCookie(0, Date.now(), false) as string).split(';')[0] as string;
}

test('the cookie that one balancer sets is honoured by all, and a route can’t take it out of the answer', () =>
  withFleet(async ({ client, all }) => {
    const [first, second] = all;
    for (const each of all) {
      const { cookie, body } = await firstCookie(each);
      await stays([second, first], cookie, body);
    }
    await stays(all, await madeWith(client, {}), 'b');
    const answer = await ask(first.port);
    assert.match(answer.headers['set-cookie']?.[0] ?? '', /^MEERCATID=[\w-]{36}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=28800$/);
    assert.is(cookieIn(await ask(first.port, { path: '/plain' })), undefined, 'a pool without affinity');
    const refused = await ask(first.port, { path: '/empty' });
    assert.equal([refused.status, cookieIn(refused)], [503, undefined], 'an answer of our own');
  }));

test('a cookie that was changed, or is of another secret, fleet or pool, names no host and is counted', () =>
  withFleet(async ({ client, all }) => {
    const [first] = all;
    const { cookie } = await firstCookie(first);
    const at = COOKIE.length + 5;
    const changed = `${cookie.slice(0, at)}${cookie[at] === 'A' ? 'B' : 'A'}${cookie.slice(at + 1)}`;
    const forged = [
      changed,
      `${COOKIE}=a`,
      await madeWith(client, { secret: '5'.repeat(64) }),
      await madeWith(client, { fleet: 'elsewhere' }),
    ];
    const before = first.counter('sticky_forged');
    for (const each of forged) await movesOn(first, each);
    await movesOn(first, cookie, '/other');
    assert.is(first.counter('sticky_forged') - before, forged.length + 1);
  }));

test('a client whose host is drained or gone gets another one with a new cookie; where its host is back, the old cookie counts', () =>
  withFleet(async ({ client, urls, all }) => {
    const [first] = all;
    const { cookie, body } = await firstCookie(first);
    const id = `web/${body}`;
    const untilBack = async (isBack: boolean): Promise<void> => {
      for (const { port } of all)
        await until(async () => ((await askWith(port, cookie)).body === body) === isBack || undefined, { timeoutMs: SLOW_MS, everyMs: 20 });
    };
    await writeOperatorState(client, KEYS, id, 'drained');
    await untilBack(false);
    const moved = await movesOn(first, cookie);
    await stays(all, cookieIn(moved) as string, moved.body);
    await writeOperatorState(client, KEYS, id, null);
    await untilBack(true);
    await stays(all, cookie, body);

    await applyTo(client, all, siteOf(new Map([...urls].filter(([name]) => name !== body))));
    await untilBack(false);
    const gone = first.counter('sticky_gone');
    await until(async () => {
      await movesOn(first, cookie);
      return first.counter('sticky_gone') > gone || undefined;
    });
    await applyTo(client, all, siteOf(urls));
    await untilBack(true);
    await stays(all, cookie, body);
  }));

test('a secret that Redis lost, or holds garbage instead of, is written back, and cookies go on counting', () =>
  withFleet(async ({ client, all, restartRedis }) => {
    const [first] = all;
    const { cookie, body } = await firstCookie(first);
    const secret = (await client.hget(KEYS.secret, 'secret')) ?? '';
    assert.match(secret, /^[0-9a-f]{64}$/);
    const isBack = (what: string): Promise<unknown> =>
      until(async () => (await client.hget(KEYS.secret, 'secret').catch(() => '')) === secret || undefined, {
        timeoutMs: SLOW_MS,
        everyMs: 20,
        what: `the secret after ${what}`,
      });
    await restartRedis();
    await areReady(client);
    await isBack('a restart');
    await client.hset(KEYS.secret, 'secret', 'x'.repeat(1_000_000));
    await isBack('garbage');
    await client.set(KEYS.secret, secret);
    await isBack('another type');
    await stays(all, cookie, body);
    for (const { lines } of all) assert.not.ok(lines.join('\n').includes(secret), 'in a log');
  }));

test('where the secret is changed in Redis, cookies of the one before count, and are replaced by new ones', () =>
  withFleet(async ({ client, all }) => {
    const [first] = all;
    const { cookie, body } = await firstCookie(first);
    await client.hset(KEYS.secret, 'secret', '7'.repeat(64));
    const renewed = await until(
      async () => {
        const answer = await askWith(first.port, cookie);
        assert.is(answer.body, body);
        return cookieIn(answer);
      },
      { timeoutMs: SLOW_MS, everyMs: 20 },
    );
    for (const each of all)
      await until(async () => cookieIn(await askWith(each.port, renewed)) === undefined || undefined, { timeoutMs: SLOW_MS, everyMs: 20 });
    await stays(all, renewed, body);
  }));

test.run();
