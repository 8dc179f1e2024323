// The lease on Redis servers that are dead, hung, full or out of step: what no fake can show.
// With three independent servers the lease needs two; the first carries the term and the master's hash.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore, type LeaseGrant, type LeaseStore } from '../../lib/redis/lease-store.js';
import { type TestRedis, until, withRedis } from '../support/brackets.js';
import { areReady, fillUp, withClients } from '../support/redis-client.js';

const test = suite('lease store faults');

const KEYS = buildKeys('faults');
const TTL_MS = 10_000;
const ANN = { name: 'ann', url: 'http://10.0.0.1:80', since: '2026-01-01T00:00:00.000Z' };

async function grantFor(store: LeaseStore): Promise<LeaseGrant> {
  const outcome = await store.acquire();
  assert.is(outcome.kind, 'acquired');
  return (outcome as { grant: LeaseGrant }).grant;
}

/** Three Redis servers and two stores over all of them; `clients` are the first store's, then the second's. */
function withThree(fn: (stores: [LeaseStore, LeaseStore], servers: TestRedis[], clients: Commands[]) => Promise<void>): Promise<void> {
  return withRedis((one) => withRedis((two) => withRedis((three) => {
    const servers = [one, two, three];
    const [a, b, c] = [one.url, two.url, three.url];
    return withClients([a, b, c, a, b, c], (...clients) => {
      const stores = [clients.slice(0, 3), clients.slice(3)].map((each) => createLeaseStore(each, KEYS, TTL_MS));
      return fn(stores as [LeaseStore, LeaseStore], servers, clients);
    });
  })));
}

const timed = async <T>(fn: () => Promise<T>): Promise<[T, number]> => {
  const startMs = performance.now();
  return [await fn(), performance.now() - startMs];
};

test('with one of three servers dead the lease is granted, held, renewed and released as before', () => withThree(async ([a, b], servers, clients) => {
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

test('with two of three servers dead there is no lease, and nothing is left behind on the third', () => withThree(async ([a, b], servers, clients) => {
  const grant = await grantFor(a);
  await servers[1]?.kill();
  await servers[2]?.kill();
  assert.is(await a.renew(grant), 'unreachable');
  assert.is((await b.acquire()).kind, 'unreachable');
  await a.release(grant);
  assert.is((await a.acquire()).kind, 'unreachable');
  assert.is(await clients[0]?.exists(KEYS.lease), 0);
}));

test('one of three servers that comes back empty costs nobody the lease and lets nobody else have it', () => withThree(async ([a, b], servers, clients) => {
  const grant = await grantFor(a);
  await servers[2]?.restart();
  await areReady(...clients);
  assert.is(await a.renew(grant), 'renewed');
  assert.not.equal((await b.acquire()).kind, 'acquired');
  assert.is(await a.renew(grant), 'renewed');
}));

test('two of three servers that come back empty have lost the lease', () => withThree(async ([a], servers, clients) => {
  const grant = await grantFor(a);
  await servers[1]?.restart();
  await servers[2]?.restart();
  await areReady(...clients);
  assert.is(await a.renew(grant), 'lost');
}));

test('a server that hangs makes each answer "unreachable" within about a second', () => withRedis((redis) => withClients([redis.url], async (client) => {
  const store = createLeaseStore([client], KEYS, TTL_MS);
  const grant = await grantFor(store);
  redis.pause();
  const answers = await Promise.all([
    timed(() => store.renew(grant)),
    timed(() => store.takeTerm(0, ANN)),
    timed(() => store.refreshMaster(1, ANN)),
    timed(() => store.acquire().then(({ kind }) => kind)),
  ]);
  assert.equal(answers.map(([answer]) => answer), ['unreachable', null, 'unreachable', 'unreachable']);
  for (const [, tookMs] of answers) assert.ok(tookMs > 300 && tookMs < 1400, `${tookMs} ms`);
}), ));

test('one hung server of three slows nobody down', () => withThree(async ([a], servers) => {
  servers[2]?.pause();
  const [grant, tookMs] = await timed(() => grantFor(a));
  assert.is(await a.renew(grant), 'renewed');
  assert.ok(tookMs < 300, `${tookMs} ms`);
}));

test('an attempt that hung does not hold the lease after the server goes on', () => withRedis((redis) => withClients([redis.url, redis.url], async (first, second) => {
  const [a, b] = [createLeaseStore([first], KEYS, TTL_MS), createLeaseStore([second], KEYS, TTL_MS)];
  // The scripts are known to the server, so that the commands below are those that do the work.
  await a.release(await grantFor(a));
  redis.pause();
  assert.is((await a.acquire()).kind, 'unreachable');
  redis.resume();
  await until(async () => (await b.acquire()).kind === 'acquired', { what: 'the lease to be free' });
})));

test('a full Redis lets a master renew its lease, and makes no new one', () => withRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] }, (redis) =>
  withClients([redis.url, redis.url], async (first, second) => {
    const [a, b] = [createLeaseStore([first], KEYS, TTL_MS), createLeaseStore([second], KEYS, TTL_MS)];
    const grant = await grantFor(a);
    assert.is(await a.takeTerm(0, ANN), 1);
    await fillUp(first);
    await first.pexpire(KEYS.lease, 5000);
    assert.is(await a.renew(grant), 'renewed');
    assert.ok((await first.pttl(KEYS.lease)) > 5000, 'the renewal must move the end of the lease');
    assert.is((await b.acquire()).kind, 'held');
    assert.is(await a.refreshMaster(1, ANN), 'unreachable');
    await a.release(grant);
    assert.is((await b.acquire()).kind, 'unreachable');
    assert.is(await b.takeTerm(0, ANN), null);
  })));

test('a lease whose key another program overwrote is lost', () => withRedis((redis) => withClients([redis.url], async (client) => {
  const store = createLeaseStore([client], KEYS, TTL_MS);
  const grant = await grantFor(store);
  await client.set(KEYS.lease, 'something else');
  assert.is(await store.renew(grant), 'lost');
  await store.release(grant);
  assert.is(await client.get(KEYS.lease), 'something else');
  assert.equal(await store.acquire(), { kind: 'held', leftMs: null });
})));

test('a jump of the wall clock does not make a renewal fail', () => withRedis((redis) => withClients([redis.url], async (client) => {
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
})));

test.run();
