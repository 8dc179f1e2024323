// The lease on Redis servers that are dead, hung, full or inconsistent, which no fake can show.
// With three independent servers the lease needs two; the first holds the term and the master's hash.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore, type LeaseGrant, type LeaseStore } from '../../lib/redis/lease-store.js';
import { type TestRedis, until, withRedis } from '../support/brackets.js';
import { areReady, fillUp, inTimeLimits, makeImpatient, withClients } from '../support/redis-client.js';

const test = suite('lease store faults');

const KEYS = buildKeys('faults');
const TTL_MS = 10_000;
const ANN = { name: 'ann', url: 'http://10.0.0.1:80', since: '2026-01-01T00:00:00.000Z' };

/** The identity of a mastership. */
const M1 = '1'.repeat(32);

/** Takes a term; returns it, or the outcome of the claim. */
async function take(store: LeaseStore): Promise<number | string> {
  const outcome = await store.takeTerm({ mastership: M1, floor: 0, mayFound: true }, ANN);
  return outcome.kind === 'taken' ? outcome.term : outcome.kind;
}

async function grantFor(store: LeaseStore): Promise<LeaseGrant> {
  const outcome = await store.acquire();
  assert.is(outcome.kind, 'acquired');
  return (outcome as { grant: LeaseGrant }).grant;
}

/** Three Redis servers and two stores over all of them; `clients` are the first store's, then the second's. */
function withThree(fn: (stores: [LeaseStore, LeaseStore], servers: TestRedis[], clients: Commands[]) => Promise<void>): Promise<void> {
  return withRedis((one) =>
    withRedis((two) =>
      withRedis((three) => {
        const servers = [one, two, three];
        const [a, b, c] = [one.url, two.url, three.url];
        return withClients([a, b, c, a, b, c], (...clients) => {
          const stores = [clients.slice(0, 3), clients.slice(3)].map((each) => createLeaseStore(each, KEYS, TTL_MS));
          return fn(stores as [LeaseStore, LeaseStore], servers, clients);
        });
      }),
    ),
  );
}

test('with one of three servers dead the lease is granted, held, renewed and released as before', () =>
  withThree(async ([a, b], servers, clients) => {
    for (const dead of servers) {
      await dead.kill();
      const grant = await grantFor(a);
      const held = await b.acquire();
      assert.is(held.kind, 'held');
      assert.is((held as { leftMs: number | null }).leftMs === null, dead === servers[0], 'what is left is read from the first server');
      assert.is(await a.renew(grant), 'renewed');
      await a.release(grant);
      const next = await grantFor(b);
      await b.release(next);
      await dead.restart();
      await areReady(...clients);
    }
  }));

test('with two of three servers dead there is no lease, and nothing is left behind on the third', () =>
  withThree(async ([a, b], servers, clients) => {
    const grant = await grantFor(a);
    await servers[1]?.kill();
    await servers[2]?.kill();
    assert.is(await a.renew(grant), 'unreachable');
    assert.is((await b.acquire()).kind, 'failed');
    await a.release(grant);
    assert.is((await a.acquire()).kind, 'failed');
    assert.is(await clients[0]?.exists(KEYS.lease), 0);
  }));

test('if one of three servers comes back empty, the holder keeps the lease and nobody else can get it', () =>
  withThree(async ([a, b], servers, clients) => {
    const grant = await grantFor(a);
    await servers[2]?.restart();
    await areReady(...clients);
    assert.is(await a.renew(grant), 'renewed');
    assert.not.equal((await b.acquire()).kind, 'acquired');
    assert.is(await a.renew(grant), 'renewed');
  }));

test('two of three servers that come back empty have lost the lease', () =>
  withThree(async ([a], servers, clients) => {
    const grant = await grantFor(a);
    await servers[1]?.restart();
    await servers[2]?.restart();
    await areReady(...clients);
    assert.is(await a.renew(grant), 'lost');
  }));

test('a server that hangs makes each answer "unreachable" within about a second', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const store = createLeaseStore([client], KEYS, TTL_MS);
      const grant = await grantFor(store);
      redis.pause();
      const pausedMs = performance.now();
      const answer = async (ask: () => Promise<string | number>) => ({
        ...(await inTimeLimits(client, ask)),
        tookMs: performance.now() - pausedMs,
      });
      const answers = await Promise.all([
        answer(() => store.renew(grant)),
        answer(() => take(store)),
        answer(() => store.refreshMaster({ term: 1, mastership: M1 }, ANN)),
        answer(() => store.acquire().then(({ kind }) => kind)),
      ]);
      assert.equal(
        answers.map(({ outcome }) => outcome),
        ['unreachable', 'failed', 'unreachable', 'failed'],
      );
      for (const each of answers) assert.ok(each.limits < 3 && each.tookMs > 300, JSON.stringify(each));
    }),
  ));

test('one hung server of three slows nobody down', () =>
  withThree(async ([a], servers, clients) => {
    for (const client of clients) makeImpatient(client);
    servers[2]?.pause();
    // A command sent to the hung server earlier times out before the lease's own command. If the machine stalls for all of
    // that time, the order can't be observed: then try again.
    for (let attempt = 1; ; attempt++) {
      let hasTimedOut = false;
      const ping = (clients[2] as Commands).ping().then(
        () => assert.unreachable('the server hangs'),
        () => (hasTimedOut = true),
      );
      const grant = await grantFor(a);
      assert.is(await a.renew(grant), 'renewed');
      const isQuick = !hasTimedOut;
      await ping;
      if (isQuick) return;
      assert.ok(attempt < 5, 'the lease waits for the hung server');
      await a.release(grant);
    }
  }));

test('an attempt that hung does not hold the lease after the server resumes', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], async (first, second) => {
      const [a, b] = [createLeaseStore([first], KEYS, TTL_MS), createLeaseStore([second], KEYS, TTL_MS)];
      // The server has the scripts cached, so that the commands below do the work.
      await a.release(await grantFor(a));
      makeImpatient(first);
      redis.pause();
      assert.is((await a.acquire()).kind, 'failed');
      redis.resume();
      await until(async () => (await b.acquire()).kind === 'acquired', { what: 'the lease to be free' });
    }),
  ));

test('a full Redis lets a master renew its lease, and a new one be elected', () =>
  withRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] }, (redis) =>
    withClients([redis.url, redis.url], async (first, second) => {
      const [a, b] = [createLeaseStore([first], KEYS, TTL_MS), createLeaseStore([second], KEYS, TTL_MS)];
      const grant = await grantFor(a);
      assert.is(await take(a), 1);
      await fillUp(first);
      await first.pexpire(KEYS.lease, 5000);
      assert.is(await a.renew(grant), 'renewed');
      assert.ok((await first.pttl(KEYS.lease)) > 5000, 'the renewal must move the end of the lease');
      assert.is((await b.acquire()).kind, 'held');
      assert.is(await a.refreshMaster({ term: 1, mastership: M1 }, ANN), 'written');
      await a.release(grant);
      await until(async () => (await b.look()).kind === 'free', { what: 'the lease to be free' });
      // Fill the memory that the lease used, too.
      await fillUp(first, 'more');
      assert.is((await b.acquire()).kind, 'acquired');
      assert.is(await take(b), 2);
      await b.raiseTerm(9);
      assert.is(await first.get(KEYS.term), '9');
    }),
  ));

test('a user without permission to write the master’s hash uses up no terms, and is distinguished from an unreachable Redis', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      await client.acl('SETUSER', 'poor', 'on', '>secret', '~*', '&*', '+@all', '-hset');
      const poor = new URL(redis.url);
      [poor.username, poor.password] = ['poor', 'secret'];
      await withClients([poor.href], async (own) => {
        const store = createLeaseStore([own], KEYS, TTL_MS);
        const grant = await grantFor(store);
        for (let i = 0; i < 3; i++) assert.is(await take(store), 'failed');
        assert.is(await client.get(KEYS.term), null);
        await client.set(KEYS.term, `1 ${M1}`);
        assert.is(await store.refreshMaster({ term: 1, mastership: M1 }, ANN), 'denied');
        await store.release(grant);
      });
    }),
  ));

test('a lease server that comes back empty has the lease again after the next renewal', () =>
  withThree(async ([a, b], servers, clients) => {
    const grant = await grantFor(a);
    await servers[2]?.restart();
    await areReady(...clients);
    assert.is(await a.renew(grant), 'renewed');
    await until(async () => (await clients[2]?.get(KEYS.lease)) === grant.mastership, { what: 'the lease on the third server' });
    // So the loss of another one costs the master nothing.
    await servers[1]?.kill();
    assert.is(await a.renew(grant), 'renewed');
    const outcome = await b.acquire();
    assert.is(outcome.kind, 'held');
  }));

test('too few lease servers give a readable reason', () =>
  withThree(async ([a], servers, clients) => {
    await servers[1]?.kill();
    await servers[2]?.kill();
    await until(() => clients[1]?.status !== 'ready' && clients[2]?.status !== 'ready', { what: 'the loss to be noticed' });
    const outcome = await a.acquire();
    assert.is(outcome.kind, 'failed');
    assert.match(outcome.kind === 'failed' ? outcome.reason : '', /^2 of 3 lease servers can't be used \(/);
  }));

test('a lease whose key another program overwrote is lost', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const store = createLeaseStore([client], KEYS, TTL_MS);
      const grant = await grantFor(store);
      await client.set(KEYS.lease, 'something else');
      assert.is(await store.renew(grant), 'lost');
      await store.release(grant);
      assert.is(await client.get(KEYS.lease), 'something else');
      assert.equal(await store.look(), { kind: 'free' }, 'a lease without an end is garbage, and is removed');
      await client.set(KEYS.lease, 'foo', 'PX', 600_000);
      assert.equal(await store.look(), { kind: 'free' }, 'so is one that lasts longer than any balancer’s');
    }),
  ));

test('a jump of the wall clock does not make a renewal fail', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const store = createLeaseStore([client], KEYS, TTL_MS);
      const grant = await grantFor(store);
      const { now } = Date;
      try {
        for (const jumpMs of [3_600_000, -3_600_000]) {
          Date.now = () => now() + jumpMs;
          assert.is(await store.renew(grant), 'renewed');
        }
      } finally {
        Date.now = now;
      }
    }),
  ));

test.run();
