// Balancer state on a real Redis: heartbeats, the order of succession, settings, events.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { decodeEvent } from '../../lib/redis/event-message.js';
import {
  countBalancers,
  HEARTBEAT_TTL_MS,
  heartbeat,
  leaveFleet,
  pruneBalancers,
  publishEvent,
  restoreFleet,
} from '../../lib/redis/fleet-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { NO_SITE_MARK } from '../../lib/redis/stored-site.js';
import { type TestRedis, until, withRedis } from '../support/brackets.js';
import { fillUp, inTimeLimits, withClients, withListener } from '../support/redis-client.js';

const test = suite('fleet store');

const KEYS = buildKeys('fleet-test');
const FIELDS = { role: 'slave', instance: 'i-1', pid: 7 };

const withStage = (fn: (client: Commands, redis: TestRedis) => Promise<void>, args: string[] = []) =>
  withRedis({ args }, (redis) => withClients([redis.url], (client) => fn(client, redis)));

const failure = (promise: Promise<unknown>): Promise<Error | null> =>
  promise.then(
    () => null,
    (thrown) => thrown as Error,
  );

test('a heartbeat writes the balancer’s hash for 3 s and its place, and returns the state of the fleet', () =>
  withStage(async (client) => {
    await client.hset(KEYS.master, 'name', 'b1');
    await client.set(KEYS.term, '12');
    const standing = await heartbeat(client, KEYS, 'b1', 1000, FIELDS);
    assert.equal(standing, {
      order: ['b1'],
      master: 'b1',
      term: { term: 12, mastership: '' },
      name: { kind: 'ours' },
      wasListed: false,
      isListed: true,
      settings: { algorithm: null, operatorStates: new Map(), maintenance: new Map(), wrong: 0, fields: new Map() },
      denied: null,
      siteMark: NO_SITE_MARK,
    });
    assert.equal(await client.hgetall(KEYS.balancer('b1')), { role: 'slave', instance: 'i-1', pid: '7' });
    const left = await client.pttl(KEYS.balancer('b1'));
    assert.ok(left > HEARTBEAT_TTL_MS - 1000 && left <= HEARTBEAT_TTL_MS, `${left}`);
    assert.is(await client.zscore(KEYS.balancers, 'b1'), '1000');
  }));

test('the order is that of joining, independent of the latest heartbeat', () =>
  withStage(async (client) => {
    for (const [name, joinedAtMs] of [
      ['late', 3000],
      ['first', 1000],
      ['middle', 2000],
      ['first', 1000],
    ] as const)
      await heartbeat(client, KEYS, name, joinedAtMs, FIELDS);
    assert.equal((await heartbeat(client, KEYS, 'late', 3000, FIELDS)).order, ['first', 'middle', 'late']);
  }));

test('the first heartbeat claims the name, until it expires or the balancer leaves', () =>
  withStage(async (client) => {
    const beat = (instance: string, mayClaim = true) =>
      heartbeat(
        client,
        KEYS,
        'b1',
        instance === 'i-1' ? 1000 : 2000,
        { ...FIELDS, instance, machine: 'm\u001b[2J', pid_space: 'boot/1', since: 'today' },
        0,
        mayClaim,
      );
    const found = async (instance: string, mayClaim = true) => (await beat(instance, mayClaim)).name.kind;
    const both = await Promise.all([beat('i-1'), beat('i-2')]);
    assert.equal(
      both.map(({ name }) => name.kind),
      ['ours', 'held'],
      'of two at once exactly one',
    );
    const { name, wasListed } = await beat('i-2');
    if (name.kind !== 'held') throw new Error('held');
    assert.equal(
      [{ ...name.holder, leftMs: 0 }, wasListed],
      [{ instance: 'i-1', machine: 'm?[2J', pid: '7', pidSpace: 'boot/1', since: 'today', leftMs: 0 }, false],
    );
    assert.ok(name.holder.leftMs > 0 && name.holder.leftMs <= HEARTBEAT_TTL_MS);
    assert.equal(
      [await client.hget(KEYS.balancer('b1'), 'instance'), await client.zscore(KEYS.balancers, 'b1')],
      ['i-1', '1000'],
      'and nothing of the other is written',
    );
    await leaveFleet(client, KEYS, 'b1', 'i-2');
    assert.is(await found('i-1'), 'ours', 'the other can’t take it out either');
    await leaveFleet(client, KEYS, 'b1', 'i-1');
    assert.equal(
      [await found('i-2', false), await client.exists(KEYS.balancer('b1')), await found('i-2'), await found('i-1')],
      ['free', 0, 'ours', 'held'],
    );
  }));

test('the name of an instance that is known to be dead is claimed at once, and that of any other one is not', () =>
  withStage(async (client) => {
    const beat = async (instance: string, dead = '', mayClaim = true): Promise<string> =>
      (await heartbeat(client, KEYS, 'b1', 1000, { ...FIELDS, instance, only: instance }, 0, mayClaim, dead)).name.kind;
    assert.equal([await beat('i-1'), await beat('i-2'), await beat('i-2', 'i-3')], ['ours', 'held', 'held']);
    assert.equal([await beat('i-2', 'i-1', false), await client.hget(KEYS.balancer('b1'), 'only')], ['ours', 'i-2']);
    assert.is(await beat('i-1', 'i-1'), 'held', 'i-2 lives');
  }));

test('a heartbeat without expiry, or a key of another type, is garbage and does not hold a name forever', () =>
  withStage(async (client) => {
    await client.hset(KEYS.balancer('b1'), 'instance', 'i-0', 'stale', 'x');
    await client.set(KEYS.balancer('b2'), 'x', 'PX', 60_000);
    await client.set(KEYS.balancers, 'x');
    for (const name of ['b1', 'b2']) assert.is((await heartbeat(client, KEYS, name, 1, FIELDS)).name.kind, 'ours');
    assert.equal(
      [await client.hgetall(KEYS.balancer('b1')), await client.zrange(KEYS.balancers, '0', '-1')],
      [{ role: 'slave', instance: 'i-1', pid: '7' }, ['b1', 'b2']],
    );
  }));

test('a balancer without permission for scripts is still visible', () =>
  withStage(async (client) => {
    await client.call('ACL', 'SETUSER', 'plain', 'on', '>pw', '~*', '&*', '+@all', '-@scripting');
    await client.call('AUTH', 'plain', 'pw');
    const standing = await heartbeat(client, KEYS, 'b1', 1, FIELDS);
    assert.equal(
      [standing.name.kind, await client.hget(KEYS.balancer('b1'), 'instance'), await client.zscore(KEYS.balancers, 'b1')],
      ['ours', 'i-1', '1'],
    );
  }));

test('data read by a heartbeat is not trusted: names, the master, the term', () =>
  withStage(async (client) => {
    await client.zadd(KEYS.balancers, 1, '\u001b[31m', 2, 'a b', 3, 'fine', 4, '');
    for (const [master, term] of [
      ['\u001b[0m', 'abc'],
      ['a\nb', '-3'],
      ['', '1e300'],
      ['x'.repeat(999), '1.5'],
      ['__proto__', 'nan'],
      ['a b', '9007199254740991'],
    ]) {
      await client.hset(KEYS.master, 'name', master as string);
      await client.set(KEYS.term, term as string);
      const standing = await heartbeat(client, KEYS, 'b1', 9, FIELDS);
      assert.equal([standing.order, standing.master, standing.term], [['fine', 'b1'], null, { term: 0, mastership: '' }], term);
    }
  }));

test('a Redis with a lower term than the highest seen is raised to one above that, since one election may have been missed, and never lowered', () =>
  withStage(async (client) => {
    for (const [before, seen, after] of [
      [null, 7, '8'],
      ['3', 7, '8'],
      ['9', 7, '9'],
      ['abc', 7, '8'],
      ['4000000000000000', 7, '8'],
      [`7 ${'a'.repeat(32)}`, 7, `7 ${'a'.repeat(32)}`],
    ] as const) {
      await client.del(KEYS.term);
      if (before !== null) await client.set(KEYS.term, before);
      await restoreFleet(client, KEYS, seen, []);
      assert.is(await client.get(KEYS.term), after, String(before));
    }
  }));

test('a heartbeat returns whether this balancer was still listed', () =>
  withStage(async (client) => {
    assert.is((await heartbeat(client, KEYS, 'b1', 1, FIELDS)).wasListed, false);
    assert.is((await heartbeat(client, KEYS, 'b1', 1, FIELDS)).wasListed, true);
    await client.flushall();
    assert.is((await heartbeat(client, KEYS, 'b1', 1, FIELDS)).wasListed, false);
  }));

test('a balancer that leaves takes its hash and its place with it', () =>
  withStage(async (client) => {
    await heartbeat(client, KEYS, 'b1', 1, FIELDS);
    await heartbeat(client, KEYS, 'b2', 2, FIELDS);
    await leaveFleet(client, KEYS, 'b1', 'i-1');
    assert.is(await client.exists(KEYS.balancer('b1')), 0);
    assert.equal((await heartbeat(client, KEYS, 'b2', 2, FIELDS)).order, ['b2']);
  }));

test('balancers without a heartbeat are pruned, and their names returned', () =>
  withStage(async (client) => {
    for (const [i, name] of ['b1', 'b2', 'b3', 'b4'].entries()) await heartbeat(client, KEYS, name, i, FIELDS);
    await client.del(KEYS.balancer('b2'), KEYS.balancer('b4'));
    assert.equal(await pruneBalancers(client, KEYS, ['b1', 'b2', 'b3', 'b4', 'nobody']), ['b2', 'b4', 'nobody']);
    assert.equal(await client.zrange(KEYS.balancers, '0', '-1'), ['b1', 'b3']);
    assert.equal(await pruneBalancers(client, KEYS, ['b1', 'b3']), []);
    assert.equal(await pruneBalancers(client, KEYS, []), []);
  }));

test('live balancers are counted: those whose heartbeat has not expired', () =>
  withStage(async (client) => {
    assert.is(await countBalancers(client, KEYS), 0);
    for (const [i, name] of ['b1', 'b2', 'b3'].entries()) await heartbeat(client, KEYS, name, i, FIELDS);
    assert.is(await countBalancers(client, KEYS), 3);
    await client.del(KEYS.balancer('b2'));
    await client.zadd(KEYS.balancers, 1, 'a name that none has');
    assert.is(await countBalancers(client, KEYS), 2);
  }));

test('an event is published as one line that can be read', () =>
  withStage(async (client, redis) => {
    const heard: string[] = [];
    await withListener(
      redis.url,
      [KEYS.events],
      (_channel, text) => heard.push(text),
      async () => {
        await publishEvent(client, KEYS, { kind: 'master-elected', name: 'b1', term: 4 });
        await until(() => heard.length === 1);
      },
    );
    assert.equal(decodeEvent(heard[0]), { ok: true, value: { kind: 'master-elected', name: 'b1', term: 4 } });
    assert.not.match(heard[0] ?? '\n', /\n/);
  }));

test('on a full Redis a heartbeat still returns the state of the fleet', () =>
  withStage(
    async (client) => {
      await heartbeat(client, KEYS, 'b1', 1, FIELDS);
      await client.hset(KEYS.settings, 'algorithm', 'resource');
      await client.hset(KEYS.master, 'name', 'b1');
      await fillUp(client);
      const standing = await heartbeat(client, KEYS, 'b2', 2, FIELDS);
      assert.equal(standing, {
        order: ['b1'],
        master: 'b1',
        term: { term: 0, mastership: '' },
        name: { kind: 'ours' },
        wasListed: false,
        isListed: false,
        settings: {
          algorithm: 'resource',
          operatorStates: new Map(),
          maintenance: new Map(),
          wrong: 0,
          fields: new Map([['algorithm', 'resource']]),
        },
        denied: null,
        siteMark: NO_SITE_MARK,
      });
    },
    ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'],
  ));

test('without Redis a heartbeat rejects soon, with a reason, and nobody is pruned', () =>
  withStage(async (client, redis) => {
    redis.pause();
    const { outcome: hung, limits } = await inTimeLimits(client, () => heartbeat(client, KEYS, 'b1', 1, FIELDS));
    assert.ok(hung instanceof Error);
    assert.ok(limits < 3, 'soon');
    await redis.kill();
    assert.is.not((await failure(heartbeat(client, KEYS, 'b1', 1, FIELDS)))?.message ?? '', '');
    assert.is.not((await failure(publishEvent(client, KEYS, { kind: 'host-up', name: 'h' })))?.message ?? '', '');
    // An outage of Redis must not make balancers count as dead.
    assert.equal(await pruneBalancers(client, KEYS, ['b1']), []);
    assert.is.not((await failure(leaveFleet(client, KEYS, 'b1', 'i-1')))?.message ?? '', '');
  }));

test('a balancer without permission for scripts takes no name that another one holds', () =>
  withStage(async (client, redis) => {
    await client.acl('SETUSER', 'poor', 'on', '>x', '~*', '&*', '+@all', '-@scripting');
    await withClients([redis.url.replace('//', '//poor:x@')], async (poor) => {
      assert.equal((await heartbeat(poor, KEYS, 'b1', 1, { ...FIELDS, instance: 'i-poor' })).name, { kind: 'ours' });
      await client.del(KEYS.balancer('b1'));
      await heartbeat(client, KEYS, 'b1', 1, { ...FIELDS, machine: 'm', since: 's' });
      const { name } = await heartbeat(poor, KEYS, 'b1', 1, { ...FIELDS, instance: 'i-poor' });
      assert.is(
        name.kind === 'held' && `${name.holder.instance} ${name.holder.machine} ${name.holder.pid} ${name.holder.since}`,
        'i-1 m 7 s',
      );
      assert.ok(name.kind === 'held' && name.holder.leftMs > 0);
      assert.is(await client.hget(KEYS.balancer('b1'), 'instance'), 'i-1');
    });
  }));

test('a heartbeat with a TTL longer than a heartbeat’s is garbage, and holds no name', () =>
  withStage(async (client) => {
    for (const ttlMs of [3_600_000, HEARTBEAT_TTL_MS + 5000]) {
      await client.hset(KEYS.balancer('b1'), 'instance', 'i-of-old', 'machine', 'm');
      await client.pexpire(KEYS.balancer('b1'), ttlMs);
      assert.equal((await heartbeat(client, KEYS, 'b1', 1, FIELDS)).name, { kind: 'ours' });
      await client.del(KEYS.balancer('b1'));
    }
  }));

test.run();
