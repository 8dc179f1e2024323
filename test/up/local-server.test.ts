// The Redis that `meercat up` starts: an installed one, else the JavaScript one, on loopback only and never outliving its
// parent. The JavaScript one must run the fleet's scripts; these tests show where it can't.

import { chmod, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostRow, HostTable } from '../../lib/model.js';
import { heartbeat, leaveFleet, publishEvent } from '../../lib/redis/fleet-store.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { readSnapshot, writeHosts } from '../../lib/redis/host-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore, type LeaseGrant } from '../../lib/redis/lease-store.js';
import { chooseRedisPort, findRedisServer, type LocalRedis, startLocalRedis } from '../../lib/up/local-server.js';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openSubscription } from '../../lib/redis/connect.js';
import { freePort, until, withProcess, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { descendantsOf, freePortsInRow, isAlive, withPortTaken } from '../support/fleet-process.js';
import { ENTRY } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { findRedis, hasEmbeddedRedis } from '../support/redis-server.js';
import { mastershipOf } from '../support/host-rows.js';

const test = suite('local redis');

const EMBEDDED = [ENTRY, 'embedded-redis', '--port'] as const;

test('redis-server is found on the PATH, else valkey-server, in the order of its folders', () =>
  withTempDir(async (dir) => {
    const place = async (name: string, file: string, mode = 0o755): Promise<void> => {
      await writeFile(join(dir, `${name}-${file}`), '');
      await chmod(join(dir, `${name}-${file}`), mode);
    };
    await place('x', 'x');
    assert.is(findRedisServer(dir), undefined);
    assert.is(findRedisServer(''), undefined);
    assert.is(findRedisServer('/nowhere'), undefined);
    await writeFile(join(dir, 'valkey-server'), '', { mode: 0o755 });
    assert.is(findRedisServer(`/nowhere:${dir}`), join(dir, 'valkey-server'));
    await writeFile(join(dir, 'redis-server'), '', { mode: 0o644 });
    assert.is(findRedisServer(dir), join(dir, 'valkey-server'), 'what may not be run is none');
    await chmod(join(dir, 'redis-server'), 0o755);
    assert.is(findRedisServer(dir), join(dir, 'redis-server'));
  }));

test('the wanted port is taken when it is free, else the next one that is, and never that of a Redis of the user', async () => {
  const first = await freePortsInRow(3);
  assert.is(await chooseRedisPort(first), first);
  await withPortTaken(first, () => withPortTaken(first + 1, async () => assert.is(await chooseRedisPort(first), first + 2)));
  assert.is.not(await chooseRedisPort(6379), 6379);
  assert.ok((await chooseRedisPort(70_000)) > 0);
});

/** Runs `fn` with a PATH that contains only the programs in `names`. */
function withPath<T>(names: readonly string[], fn: () => Promise<T>): Promise<T> {
  return withTempDir(async (dir) => {
    const installed = findRedis();
    for (const name of names) await symlink(installed, join(dir, name));
    const before = process.env['PATH'];
    process.env['PATH'] = dir;
    try {
      return await fn();
    } finally {
      process.env['PATH'] = before;
    }
  });
}

/** Waits until these processes have ended; at the deadline kills them and rejects. */
async function areEnded(family: readonly number[], timeoutMs: number): Promise<void> {
  try {
    await until(() => !family.some(isAlive), { timeoutMs, what: 'its processes to end' });
  } finally {
    for (const pid of family) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
}

async function withLocal(names: readonly string[], fn: (redis: LocalRedis, exits: string[]) => Promise<void>): Promise<void> {
  await withPath(names, async () => {
    const exits: string[] = [];
    const redis = await startLocalRedis(await freePort(), EMBEDDED, () => exits.push('ended'));
    const family = descendantsOf(process.pid);
    try {
      await fn(redis, exits);
    } finally {
      await redis.stop();
      await redis.stop();
    }
    await areEnded(family, 5000);
    assert.not(await isOpen(redis.port, '127.0.0.1'));
    assert.equal(exits, [], 'a stop that is asked for is no end by itself');
  });
}

function isOpen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** npm leaves the Redis in JavaScript out where its engines do not fit (Node.js 20); library.test.ts sees what is said then. */
const KINDS = [
  ['redis-server', [basename(findRedis())]],
  ['valkey-server', ['valkey-server']],
  ...(hasEmbeddedRedis() ? ([['js-redis-server', []]] as const) : []),
] as const;

for (const [kind, names] of KINDS) {
  test(`${kind} starts on loopback only, reports its kind, and stops on request`, () =>
    withLocal(names, async (redis) => {
      assert.is(redis.kind, kind === 'redis-server' ? basename(findRedis()) : kind);
      assert.is(redis.url, `redis://127.0.0.1:${redis.port}`);
      await withClients([redis.url], async (client) => assert.is(await client.ping(), 'PONG'));
      const outside = Object.values(networkInterfaces())
        .flat()
        .filter((one) => one?.internal === false && one.family === 'IPv4');
      for (const address of ['127.0.0.2', ...outside.map((one) => one?.address as string)])
        assert.not(await isOpen(redis.port, address), address);
    }));
}

/** Longer than a slow machine needs for what is done under the lease, and shorter than its end is waited for. */
const LEASE_TTL_MS = 10_000;

/** Exercises everything that the lease, heartbeats and host table need of a Redis, from elections to late joiners. */
async function carriesFleet(url: string): Promise<void> {
  const keys = buildKeys('meercat');
  const ann = { name: 'ann', url: 'http://10.0.0.1:80', since: '2026-01-01T00:00:00.000Z' };
  await withClients([url, url], async (one, two) => {
    const [a, b] = [createLeaseStore([one], keys, LEASE_TTL_MS), createLeaseStore([two], keys, LEASE_TTL_MS)];
    const outcome = await a.acquire();
    assert.is(outcome.kind, 'acquired');
    const { grant } = outcome as { grant: LeaseGrant };
    assert.is((await b.acquire()).kind, 'held');
    assert.equal(await a.takeTerm({ mastership: mastershipOf(1), floor: 0, mayFound: true }, ann), { kind: 'taken', term: 1 });
    assert.is(await a.renew(grant), 'renewed');
    assert.is(await a.refreshMaster({ term: 1, mastership: mastershipOf(1) }, ann), 'written');

    const fields = { role: 'master', url: ann.url, instance: 'i1', rps: 1 };
    await heartbeat(one, keys, 'ann', 1, fields);
    const standing = await heartbeat(two, keys, 'bob', 2, { ...fields, role: 'slave', instance: 'i2' });
    assert.equal([standing.order, standing.master, standing.term.term], [['ann', 'bob'], 'ann', 1]);

    const messages: string[] = [];
    const heard: string[] = [];
    const subscription = openSubscription(
      parseRedisAddress(url),
      [keys.stats, keys.events],
      (channel, text) => messages.push(`${channel} ${text}`),
      { onReady: () => heard.push('ready') },
    );
    try {
      await until(() => heard.length === 1, { what: 'the subscription' });
      const row: HostRow = {
        name: 'h1',
        url: 'http://10.0.0.7:3000',
        state: 'up',
        isStatic: false,
        cpu: 0.25,
        memory: 0.5,
        cores: 2,
        rps: 3,
        inflight: 1,
        longLived: 0,
        open: 1,
        fleetRps: 4,
        ageMs: 10,
        work: 20,
        capacity: 1.5,
        speed: 1,
      };
      const table: HostTable = {
        stamp: { term: 1, mastership: mastershipOf(1), seq: 1 },
        isFull: true,
        previousSeq: 1,
        hosts: [row],
        figures: [],
        loads: [],
        acks: [],
        costs: null,
        gone: [],
      };
      assert.equal(await writeHosts(one, keys, { message: table, snapshot: table, rows: [row] }, Date.now()), { kind: 'written' });
      await publishEvent(one, keys, { kind: 'balancer-joined', name: 'ann' });
      await until(() => messages.length === 2, { what: 'both messages' });
      const snapshot = await readSnapshot(two, keys);
      assert.ok(snapshot?.ok);
      assert.equal(snapshot.ok && snapshot.value.hosts.map(({ name, cpu }) => [name, cpu]), [['h1', 0.25]]);
      const view = await readFleet(two, keys);
      assert.equal(
        [view.master, view.term, view.balancers.length, view.hosts.map(({ name, cpu }) => [name, cpu])],
        ['ann', 1, 2, [['h1', 0.25]]],
      );
    } finally {
      subscription.close();
    }

    await a.clearMaster(mastershipOf(1));
    await a.release(grant);
    const next = await until(
      async () => {
        const each = await b.acquire();
        return each.kind === 'acquired' && each;
      },
      { what: 'the lease to be free' },
    );
    assert.equal(await b.takeTerm({ mastership: mastershipOf(2), floor: 0, mayFound: false }, { ...ann, name: 'bob' }), {
      kind: 'taken',
      term: 2,
    });
    const old: HostTable = {
      stamp: { term: 1, mastership: mastershipOf(1), seq: 2 },
      isFull: false,
      previousSeq: 1,
      hosts: [],
      figures: [],
      loads: [],
      acks: [],
      costs: null,
      gone: ['h1'],
    };
    assert.equal(await writeHosts(one, keys, { message: old, snapshot: null, rows: [] }, Date.now()), { kind: 'fenced', term: 2 });
    assert.is(await a.refreshMaster({ term: 1, mastership: mastershipOf(1) }, ann), 'fenced');
    const now: HostTable = {
      stamp: { term: 2, mastership: mastershipOf(2), seq: 1 },
      isFull: false,
      previousSeq: 0,
      hosts: [],
      figures: [],
      loads: [],
      acks: [],
      costs: null,
      gone: ['h1'],
    };
    assert.equal(await writeHosts(two, keys, { message: now, snapshot: now, rows: [] }, Date.now()), { kind: 'written' });
    assert.equal((await readFleet(one, keys)).hosts, []);
    await leaveFleet(one, keys, 'ann', String(fields.instance));
    assert.equal(
      (await readFleet(one, keys)).balancers.map(({ name }) => name),
      ['bob'],
    );

    // The lease and the master's hash expire by themselves.
    await until(async () => (await one.exists(keys.lease, keys.master)) === 0, { what: 'the lease to run out' });
    assert.is(await b.renew(next.grant), 'lost');
  });
}

for (const [kind, names] of KINDS) {
  test(`${kind} supports the lease, the terms, the heartbeats, the host table and the messages`, () =>
    withLocal(names, ({ url }) => carriesFleet(url)));
}

test('an unexpected exit is reported once', () =>
  withPath([basename(findRedis())], async () => {
    const exits: string[] = [];
    const before = descendantsOf(process.pid);
    const redis = await startLocalRedis(await freePort(), EMBEDDED, () => exits.push('ended'));
    const own = descendantsOf(process.pid).filter((pid) => !before.includes(pid));
    await withClients([redis.url], (client) => client.call('SHUTDOWN', 'NOSAVE').catch(() => undefined));
    await until(() => exits.length > 0, { what: 'the word of its end' });
    await redis.stop();
    assert.equal(exits, ['ended']);
    await areEnded(own, 5000);
  }));

test('a failed start is one clear error with advice', () =>
  withTempDir(async (dir) => {
    await writeFile(join(dir, 'redis-server'), '#!/bin/sh\necho "this is no Redis"\nexit 3\n', { mode: 0o755 });
    const before = process.env['PATH'];
    process.env['PATH'] = dir;
    try {
      const error = await startLocalRedis(await freePort(), EMBEDDED, () => undefined).then(
        () => undefined,
        (thrown: unknown) => thrown as Error & { code: string },
      );
      assert.is(error?.code, 'MEERCAT_NO_REDIS');
      assert.match(
        error?.message ?? '',
        /^redis-server did not start \(this is no Redis\): give one with --redis URL, or install it \(Debian: apt-get install redis-server\)$/,
      );
    } finally {
      process.env['PATH'] = before;
    }
  }));

test('a port taken meanwhile is an error, and a foreign Redis on it is not mistaken for ours', async () => {
  const startOn = (port: number): Promise<unknown> =>
    startLocalRedis(port, EMBEDDED, () => assert.unreachable()).then(
      () => 'started',
      (error: Error & { code: string }) => [error.code, error.message],
    );
  await withServer(
    () => undefined,
    async ({ port }) => {
      assert.equal(await startOn(port), [
        'MEERCAT_NO_REDIS',
        `port ${port}, where Redis should listen, is taken: give a Redis with --redis URL`,
      ]);
    },
  );
  await withRedis(async ({ port }) => assert.is(((await startOn(port)) as string[])[0], 'MEERCAT_NO_REDIS'));
});

for (const [kind, names] of KINDS) {
  test(`${kind} ends soon when its parent is killed`, () =>
    withPath(names, async () => {
      const port = await freePort();
      const script = `
        const { startLocalRedis } = await import('${new URL('../../lib/up/local-server.js', import.meta.url)}');
        const redis = await startLocalRedis(${port}, ${JSON.stringify(EMBEDDED)}, () => {});
        console.log('started', redis.kind);`;
      let family: number[] = [];
      await withTempDir(async (dir) => {
        const file = join(dir, 'parent.mjs');
        await writeFile(file, script);
        await withProcess({ command: process.execPath, args: [file] }, async (parent) => {
          await parent.waitForLine(/^started/, 15_000);
          family = descendantsOf(parent.pid);
          assert.ok(family.length > 0);
          parent.kill('SIGKILL');
          await parent.exit;
        });
      });
      // Two seconds, and what a machine may stall.
      await areEnded(family, 10_000);
    }));
}

test.run();
