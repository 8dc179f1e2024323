// The master's writes of hosts to a real Redis: fenced by terms, published first, with fields and TTLs that can be read
// with redis-cli. A rejection or a timeout is an outcome.

import { parseTerm } from '../../lib/redis/term.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostRow, HostTable } from '../../lib/model.js';
import type { Commands } from '../../lib/redis/connect.js';
import {
  HOST_TTL_MS,
  readHostNames,
  readPoolNames,
  readSnapshot,
  TABLE_TTL_MS,
  type WriteOutcome,
  writeHosts,
} from '../../lib/redis/host-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { decodeTable } from '../../lib/redis/table-message.js';
import { type RedisOptions, type TestRedis, until, withRedis } from '../support/brackets.js';
import { buildChange, buildRow, buildTable, mastershipOf } from '../support/host-rows.js';
import { fillUp, inTimeLimits, withClients, withListener } from '../support/redis-client.js';

const test = suite('host store');

const KEYS = buildKeys('hosts-test');
const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

interface Stage {
  readonly redis: TestRedis;
  readonly client: Commands;
  /** All messages on `stats`, decoded. */
  readonly published: HostTable[];
  write(message: HostTable, rows?: readonly HostRow[], snapshot?: HostTable | null): Promise<WriteOutcome>;
}

/** A Redis, a connection, and a subscriber. */
function withStage(options: RedisOptions, fn: (stage: Stage) => Promise<void>): Promise<void> {
  return withRedis(options, (redis) =>
    withClients([redis.url], async (client) => {
      const published: HostTable[] = [];
      // A replica gets its term by replication.
      let elected = options.args?.includes('--replicaof') ? Number.POSITIVE_INFINITY : 0;
      const onMessage = (_channel: string, text: string): void => {
        const decoded = decodeTable(text);
        assert.ok(decoded.ok);
        if (decoded.ok) published.push(decoded.value);
      };
      await withListener(redis.url, [KEYS.stats], onMessage, () =>
        fn({
          redis,
          client,
          published,
          async write(message, rows = message.hosts, snapshot = null) {
            // A master takes its term before it writes.
            const { term, mastership } = message.stamp;
            if (term > elected) await client.set(KEYS.term, `${term} ${mastership}`).catch(() => undefined);
            elected = Math.max(elected, term);
            return writeHosts(client, KEYS, { message, rows, snapshot }, NOW_MS);
          },
        }),
      );
    }),
  );
}

test('a flush publishes the change, writes the hosts with their TTLs, and stores the snapshot', () =>
  withStage({}, async ({ client, published, write }) => {
    const rows = [
      buildRow('h1', { cpu: 0.12345, memory: 0.5, cores: 1.5, rps: 3.25, ageMs: 678, inflight: 4, longLived: 3, open: 9, fleetRps: 9.99 }),
      buildRow('s1', { isStatic: true, state: 'down', cpu: null, memory: null, cores: null, ageMs: null }),
      buildRow('api/h1', { url: 'http://h1:8080', ageMs: 1000 }),
    ];
    const table = buildTable(3, 1, rows);
    assert.equal(await write(table, rows, table), { kind: 'written' });
    assert.equal(await client.hgetall(KEYS.host('h1')), {
      name: 'h1',
      pool: 'default',
      url: 'http://h1:8080',
      state: 'up',
      cpu: '0.123',
      memory: '0.5',
      cores: '1.5',
      inflight: '9',
      long_lived: '3',
      awaited: '4',
      rps: '10',
      host_rps: '3.3',
      work_ms: '0',
      capacity: '',
      speed: '',
      agent: 'yes',
      weight: '1',
      unassigned: '',
      conflict: '',
      named_by: '',
      not_named_by: '',
      reported: '2026-01-02T03:04:05.000Z',
      p50: '',
      p99: '',
      p999: '',
      errors: '',
      ejected_by: '0',
    });
    assert.equal([await client.hget(KEYS.host('api/h1'), 'pool'), await readHostNames(client, KEYS)], ['api', ['api/h1', 'h1', 's1']]);
    const { cpu, agent, reported, state } = await client.hgetall(KEYS.host('s1'));
    assert.equal([cpu, agent, reported, state], ['', 'no', '', 'down']);
    assert.equal(await client.zrange(KEYS.hosts, '0', '-1', 'WITHSCORES'), [
      'api/h1',
      String(NOW_MS - 1000),
      'h1',
      String(NOW_MS - 678),
      's1',
      String(NOW_MS),
    ]);
    assert.is(await client.get(KEYS.term), `3 ${mastershipOf(3)}`);
    for (const [key, ttlMs] of [
      [KEYS.host('h1'), HOST_TTL_MS],
      [KEYS.host('s1'), HOST_TTL_MS],
      [KEYS.table, TABLE_TTL_MS],
    ] as const) {
      const left = await client.pttl(key);
      assert.ok(left > ttlMs - 3000 && left <= ttlMs, `${key}: ${left}`);
    }
    const snapshot = await readSnapshot(client, KEYS);
    assert.ok(snapshot?.ok);
    assert.equal(snapshot?.ok === true && snapshot.value.hosts.map(({ name }) => name), ['h1', 's1', 'api/h1']);
    await until(() => published.length === 1);
    assert.equal(published[0]?.stamp, { term: 3, mastership: mastershipOf(3), seq: 1 });
  }));

test('the keys of a flush are the ones that the design lists, and no others', () =>
  withStage({}, async ({ client, write }) => {
    const table = buildTable(1, 1, [buildRow('h1')]);
    await write(table, table.hosts, table);
    assert.equal((await client.keys('*')).toSorted(), [KEYS.host('h1'), KEYS.hosts, KEYS.table, KEYS.term].toSorted());
  }));

test('a master of an older term writes nothing, publishes nothing, and gets the newer term', () =>
  withStage({}, async ({ client, published, write }) => {
    assert.equal(await write(buildTable(5, 1, [buildRow('h1')])), { kind: 'written' });
    const before = await client.hgetall(KEYS.host('h1'));
    await client.pexpire(KEYS.host('h1'), 5000);
    const old = buildTable(4, 99, [buildRow('h1', { state: 'down' }), buildRow('h2')], ['h1']);
    assert.equal(await write(old, old.hosts, old), { kind: 'fenced', term: 5 });
    assert.equal(await client.hgetall(KEYS.host('h1')), before);
    assert.ok((await client.pttl(KEYS.host('h1'))) <= 5000);
    assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['h1']);
    assert.is(await client.exists(KEYS.host('h2'), KEYS.table), 0);
    assert.equal(await write(buildChange(5, 2, [])), { kind: 'written' });
    await until(() => published.length >= 2);
    assert.equal(
      published.map(({ stamp }) => stamp.term),
      [5, 5],
    );
  }));

test('a master of another mastership in the same term is fenced, and so is the first one from then on', () =>
  withStage({}, async ({ client, write }) => {
    assert.equal(await write(buildTable(5, 1, [])), { kind: 'written' });
    const rival = buildTable(5, 1, []);
    assert.equal(await write({ ...rival, stamp: { ...rival.stamp, mastership: 'f'.repeat(32) } }), { kind: 'fenced', term: 6 });
    assert.is(await client.get(KEYS.term), '6');
    assert.equal(await write(buildTable(5, 2, [])), { kind: 'fenced', term: 6 });
  }));

test('a Redis with a lost or garbage term is left unchanged: the others must see that its data was lost', () =>
  withStage({}, async ({ client, write }) => {
    await write(buildTable(2, 1, []));
    for (const garbage of ['abc', '-5', '1e300', 'nan', 'inf', '', '1', '2 ', '2abc', '0'.repeat(17) + '2']) {
      await client.set(KEYS.term, garbage);
      assert.equal(await write(buildTable(2, 1, [])), { kind: 'fenced', term: 3 }, garbage);
      assert.is(await client.get(KEYS.term), garbage);
      assert.ok(parseTerm(garbage, 2).term < 2, 'and every balancer sees the same');
    }
  }));

test('removed hosts are deleted, and a change leaves the others unchanged', () =>
  withStage({}, async ({ client, write }) => {
    await write(
      buildTable(
        1,
        1,
        ['h1', 'h2', 'h3'].map((name) => buildRow(name)),
      ),
    );
    assert.equal(await write(buildChange(1, 2, [buildRow('h2', { cpu: 0.9 })], ['h1', 'nobody'])), { kind: 'written' });
    assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['h2', 'h3']);
    assert.is(await client.exists(KEYS.host('h1')), 0);
    assert.equal([await client.hget(KEYS.host('h2'), 'cpu'), await client.hget(KEYS.host('h3'), 'cpu')], ['0.9', '0.5']);
  }));

test('a whole table leaves the set of hosts to be cleared by name, and all names can be read for that', () =>
  withStage({}, async ({ client, write }) => {
    await client.zadd(KEYS.hosts, 1, 'stranger', 2, 'not a name');
    await write(buildTable(1, 1, [buildRow('h1'), buildRow('h2')]));
    assert.equal(await readHostNames(client, KEYS), ['stranger', 'h1', 'h2']);
    await write(buildChange(1, 2, [], ['stranger']));
    assert.equal(await readHostNames(client, KEYS), ['h1', 'h2']);
  }));

test('rows are written when they are due, whether or not the message names them', () =>
  withStage({}, async ({ client, published, write }) => {
    await write(buildChange(1, 2, [buildRow('h1')]), [buildRow('h9')]);
    assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['h9']);
    await until(() => published.length === 1);
    assert.equal(
      published[0]?.hosts.map(({ name }) => name),
      ['h1'],
    );
  }));

test('5,000 hosts are written in one flush', () =>
  withStage({}, async ({ client, published, write }) => {
    const rows = Array.from({ length: 5000 }, (_, i) => buildRow(`host-${i}`, { cpu: i / 5000 }));
    const table = buildTable(1, 1, rows);
    assert.equal(await write(table, rows, table), { kind: 'written' });
    assert.is(await client.zcard(KEYS.hosts), 5000);
    assert.is(await client.hget(KEYS.host('host-4999'), 'cpu'), '1');
    await until(() => published[0]?.hosts.length === 5000);
  }));

test('a key of the wrong type does not prevent publishing, and is overwritten', () =>
  withStage({}, async ({ client, published, write }) => {
    await client.set(KEYS.host('h1'), 'a string');
    await client.set(KEYS.hosts, 'another');
    const outcome = await write(buildChange(1, 2, [buildRow('h1'), buildRow('h2')]));
    assert.is(outcome.kind, 'written');
    assert.equal([await client.hget(KEYS.host('h1'), 'state'), await client.hget(KEYS.host('h2'), 'state')], ['up', 'up']);
    assert.equal((await client.zrange(KEYS.hosts, '0', '-1')).toSorted(), ['h1', 'h2']);
    await until(() => published.length === 1);
  }));

test('a full Redis stores nothing, but every balancer still gets the change', () =>
  withStage({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] }, async ({ client, published, write }) => {
    await write(buildTable(2, 1, [buildRow('h1')]));
    await fillUp(client);
    const table = buildTable(2, 2, [buildRow('h1', { cpu: 0.9 }), buildRow('h2')]);
    const outcome = await write(table, table.hosts, table);
    assert.is(outcome.kind, 'partial');
    assert.match((outcome as { reason: string }).reason, /OOM/);
    await until(() => published.length === 2);
    assert.equal(
      published[1]?.hosts.map(({ cpu }) => cpu),
      [0.9, 0.5],
    );
    assert.equal(await write(buildTable(1, 9, [])), { kind: 'fenced', term: 2 }, 'fencing needs no memory');
  }));

test('a rejection by a replica is an outcome', () =>
  withRedis({ args: ['--repl-diskless-sync-delay', '0'] }, (primary) =>
    withStage({ args: ['--replicaof', `127.0.0.1 ${primary.port}`] }, ({ client, write }) =>
      withClients([primary.url], async (onPrimary) => {
        const table = buildTable(2, 1, [buildRow('h1')]);
        await onPrimary.set(KEYS.term, `2 ${mastershipOf(2)}`);
        await until(async () => (await client.info('replication')).includes('master_link_status:up'), {
          what: 'the replica to be in step',
          everyMs: 50,
        });
        await until(async () => (await client.get(KEYS.term)) !== null, { what: 'the term on the replica' });
        const outcome = await write(table, table.hosts, table);
        // Redis lets a script on a replica publish (to the replica's own listeners) and refuses its writes.
        assert.is(outcome.kind, 'partial');
        assert.match((outcome as { reason: string }).reason, /^READONLY/);
        assert.is(await client.exists(KEYS.hosts, KEYS.table, KEYS.host('h1')), 0);
      }),
    ),
  ));

test('a Redis that is down or hangs soon gives an outcome too', () =>
  withStage({}, async ({ redis, client, write }) => {
    redis.pause();
    const { outcome: hung, limits } = await inTimeLimits(client, () => write(buildTable(1, 1, [buildRow('h1')])));
    assert.equal([(hung as { kind?: string }).kind, limits < 3], ['failed', true], 'soon');
    await redis.kill();
    const outcome = await write(buildTable(1, 2, [buildRow('h1')]));
    assert.is(outcome.kind, 'failed');
    assert.is.not((outcome as { reason: string }).reason, '');
  }));

test('a snapshot is null when there is none, and a reason when it is garbage', () =>
  withStage({}, async ({ client }) => {
    assert.is(await readSnapshot(client, KEYS), null);
    for (const [text, reason] of [
      ['x', 'malformed'],
      ['{"v":2}', 'version'],
      ['', 'malformed'],
    ] as const) {
      await client.set(KEYS.table, text);
      const opened = await readSnapshot(client, KEYS);
      assert.equal(opened?.ok === false ? opened.reason : opened, reason);
    }
  }));

test('pools are stored beside the hosts, and removed, and a fenced master stores none', () =>
  withStage({}, async ({ client }) => {
    const pool = (name: string) => ({ name, hosts: 3, up: 2, rps: 7.36, inflight: 4, algorithm: 'adaptive' as const });
    const rows = [buildRow('h1'), buildRow('api/h1', { url: 'http://h1:8080' })];
    const write = (seq: number, fields: object, term = 3) =>
      writeHosts(client, KEYS, { message: buildTable(term, seq, rows), snapshot: null, rows, ...fields }, NOW_MS);
    await client.set(KEYS.term, `3 ${mastershipOf(3)}`);
    assert.equal(await write(1, { pools: [pool('api'), pool('web')] }), { kind: 'written' });
    assert.equal(await client.hgetall(KEYS.pool('api')), {
      name: 'api',
      hosts: '3',
      up: '2',
      rps: '7.4',
      inflight: '4',
      algorithm: 'adaptive',
      p50: '',
      p99: '',
      p999: '',
      errors: '',
    });
    const minute = { p50Ms: 5.25, p99Ms: 123.456, p999Ms: null, errorRps: 0.126 };
    const figures = {
      pool: (name: string) => (name === 'api' ? minute : undefined),
      host: (name: string) => (name === 'h1' ? { ...minute, ejectedBy: 2 } : undefined),
    };
    assert.equal(await write(2, { pools: [pool('api'), pool('web')], figures }), { kind: 'written' });
    const fields = ['p50', 'p99', 'p999', 'errors'] as const;
    assert.equal(await client.hmget(KEYS.pool('api'), ...fields), ['5.25', '123.5', '', '0.13']);
    assert.equal(await client.hmget(KEYS.pool('web'), ...fields), ['', '', '', '']);
    assert.equal(await client.hmget(KEYS.host('h1'), ...fields, 'ejected_by'), ['5.25', '123.5', '', '0.13', '2']);
    assert.equal(await client.hmget(KEYS.host('api/h1'), ...fields, 'ejected_by'), ['', '', '', '', '0']);
    const ttlMs = await client.pttl(KEYS.pool('web'));
    assert.ok(ttlMs > 0 && ttlMs <= HOST_TTL_MS, String(ttlMs));
    assert.equal(await readPoolNames(client, KEYS), ['api', 'web']);
    const message = { ...buildTable(3, 2, []), gone: ['h1'] };
    assert.equal(await write(3, { message, rows: [], pools: [{ ...pool('api'), algorithm: null }], gonePools: ['web', 'x'] }), {
      kind: 'written',
    });
    assert.equal([await readPoolNames(client, KEYS), await readHostNames(client, KEYS)], [['api'], ['api/h1']]);
    assert.equal(await client.exists(KEYS.pool('web'), KEYS.host('h1'), KEYS.host('api/h1'), KEYS.pool('api')), 2);
    assert.is(await client.hget(KEYS.pool('api'), 'algorithm'), '');
    assert.equal(await write(4, { pools: [pool('late')], gonePools: ['api'] }, 2), { kind: 'fenced', term: 3 });
    assert.equal(await readPoolNames(client, KEYS), ['api']);
  }));

test.run();
