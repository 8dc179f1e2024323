// The view of the fleet, read from a real Redis that anyone may have written to: wrong types, control characters, invalid
// numbers, names without hashes, and a hundred thousand keys of other programs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing } from '../../lib/redis/fleet-key.js';
import { heartbeat } from '../../lib/redis/fleet-store.js';
import { counterField, readFleet } from '../../lib/redis/fleet-view.js';
import { writeHosts } from '../../lib/redis/host-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { writeOperatorState } from '../../lib/redis/settings.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { withRedis } from '../support/brackets.js';
import { buildRow, buildTable, mastershipOf } from '../support/host-rows.js';
import { withClients } from '../support/redis-client.js';

const test = suite('fleet view');

const KEYS = buildKeys('view-test');
const withStage = (fn: (client: Commands) => Promise<void>) => withRedis((redis) => withClients([redis.url], fn));

test('an empty Redis is an empty fleet', () =>
  withStage(async (client) => {
    assert.equal(await readFleet(client, KEYS), {
      namespace: 'view-test',
      master: null,
      term: null,
      site: null,
      maintenance: [],
      balancers: [],
      hosts: [],
      pools: [],
      problems: [],
    });
  }));

test('data written by balancers and the master is read back', () =>
  withStage(async (client) => {
    const since = '2026-01-01T00:00:00.000Z';
    await heartbeat(client, KEYS, 'b1', 1, {
      role: 'master',
      term: 3,
      url: 'http://b1',
      pid: 42,
      fleet_key: '5f0c2a91 accept-unsigned',
      machine: 'm',
      version: '1.2.3',
      since,
      rps: 1.5,
      inflight: 2,
      cpu: 0.25,
      memory_bytes: 1e6,
      [counterField('requests')]: 17,
    });
    await client.hset(KEYS.master, 'name', 'b1');
    await client.hset(KEYS.settings, 'maintenance:api', '{"status":429}');
    await client.hset(KEYS.settings, 'host:h10', 'drained', 'host:h2', 'drunk', 'host:gone', 'ejected', 'algorithm', 'resource');
    const rows = [
      buildRow('h10', {
        ageMs: null,
        cpu: null,
        isStatic: true,
        conflict: 'b1 names http://a, b2 names http://\u001b[2Jb; http://a is used',
      }),
      buildRow('h2', { cpu: 0.5, ageMs: 1000, fleetRps: 7, inflight: 2, longLived: 1 }),
    ];
    await client.set(KEYS.term, `3 ${mastershipOf(3)}`);
    const pools = [{ name: 'api', hosts: 3, up: 2, rps: 7.31, inflight: 4, algorithm: 'adaptive' as const }];
    await writeHosts(client, KEYS, { message: buildTable(3, 1, rows), rows, snapshot: null, pools }, Date.parse(since));
    await client.hset(KEYS.host('h2'), { p50: '3.2', p99: '48', errors: '0.5', ejected_by: 2 });
    await client.hset(KEYS.pool('api'), { p50: '1', p99: 'garbage', errors: '' });
    const fleet = await readFleet(client, KEYS);
    assert.equal(fleet, {
      namespace: 'view-test',
      master: 'b1',
      term: 3,
      site: null,
      maintenance: [{ pool: 'api', status: 429 }],
      balancers: [
        {
          name: 'b1',
          role: 'master',
          url: 'http://b1',
          machine: 'm',
          pid: 42,
          version: '1.2.3',
          since,
          term: 3,
          rps: 1.5,
          inflight: 2,
          cpu: 0.25,
          memoryBytes: 1e6,
          noMaster: '',
          fleetKey: '5f0c2a91 accept-unsigned',
          site: null,
          siteRefused: '',
          counters: { requests: 17 },
          tableAgeMs: null,
          redisRttMs: null,
          exchangeMs: null,
          leaseMs: null,
        },
      ],
      hosts: [
        {
          name: 'h2',
          url: 'http://h2:8080',
          state: 'up',
          isUnassigned: false,
          operator: null,
          hasAgent: true,
          cpu: 0.5,
          memory: 0.4,
          cores: 4,
          inflight: 3,
          longLived: 1,
          rps: 7,
          p50Ms: 3.2,
          p99Ms: 48,
          errorRps: 0.5,
          ejectedBy: 2,
          reported: '2025-12-31T23:59:59.000Z',
        },
        {
          name: 'h10',
          url: 'http://h10:8080',
          state: 'up',
          isUnassigned: false,
          operator: 'drained',
          hasAgent: false,
          cpu: null,
          memory: 0.4,
          cores: 4,
          inflight: 0,
          longLived: 0,
          rps: 0,
          p50Ms: null,
          p99Ms: null,
          errorRps: null,
          ejectedBy: 0,
          reported: null,
        },
      ],
      pools: [{ name: 'api', hosts: 3, up: 2, rps: 7.3, inflight: 4, p50Ms: 1, p99Ms: null, errorRps: null, algorithm: 'adaptive' }],
      problems: [
        'view-test:settings: 1 field is not understood and ignored',
        'h10: b1 names http://a, b2 names http://?[2Jb; http://a is used',
        'gone is ejected, but the fleet knows no such host: meercat undrain gone takes that back',
        'unsigned messages are still accepted by b1',
      ],
    });
  }));

test('settings that a fleet which signs ignores are named, and not shown as in force, with its key or without', () =>
  withStage(async (client) => {
    const text = 'ab'.repeat(32);
    const ring = new KeyRing('', text);
    await heartbeat(client, KEYS, 'b1', 1, { fleet_key: ring.summary });
    await client.zadd(KEYS.hosts, 1, 'h1', 2, 'h2');
    for (const name of ['h1', 'h2']) await client.hset(KEYS.host(name), 'url', `http://${name}`, 'state', 'up');
    await writeOperatorState(client, KEYS, 'h1', 'drained', new MessageSigner(ring, 'operator'));
    await client.hset(KEYS.settings, 'host:h2', 'ejected', '', 'x');
    for (const given of [ring, undefined]) {
      const { hosts, problems } = await readFleet(client, KEYS, given);
      assert.equal(
        hosts.map(({ operator }) => operator),
        ['drained', null],
      );
      assert.equal(problems, ["view-test:settings: not signed with the fleet’s key, and ignored: '', 'host:h2'"]);
    }
  }));

test('a key of another type is reported, and the rest is read', () =>
  withStage(async (client) => {
    await client.set(KEYS.balancers, 'x');
    await client.rpush(KEYS.term, 'x');
    await client.zadd(KEYS.hosts, 1, 'fine');
    await client.hset(KEYS.host('fine'), 'url', 'http://h', 'state', 'up');
    const fleet = await readFleet(client, KEYS);
    assert.equal([fleet.hosts.map(({ name }) => name), fleet.balancers, fleet.term], [['fine'], [], null]);
    assert.equal(fleet.problems.length, 2);
    for (const key of [KEYS.balancers, KEYS.term])
      assert.ok(
        fleet.problems.some((problem) => problem.startsWith(`${key} `)),
        key,
      );
  }));

test('a name without a hash, or with one of another type, is skipped', () =>
  withStage(async (client) => {
    await client.zadd(KEYS.balancers, 1, 'gone', 2, 'list', 3, 'fine');
    await client.zadd(KEYS.hosts, 1, 'gone', 2, 'text', 3, 'fine');
    await client.rpush(KEYS.balancer('list'), 'x');
    await client.set(KEYS.host('text'), 'x');
    await client.hset(KEYS.balancer('fine'), 'role', 'slave');
    await client.hset(KEYS.host('fine'), 'url', 'http://h', 'state', 'up');
    const fleet = await readFleet(client, KEYS);
    assert.equal([fleet.balancers.map(({ name }) => name), fleet.hosts.map(({ name }) => name)], [['fine'], ['fine']]);
  }));

test('hostile names are skipped, and hostile values reach no terminal', () =>
  withStage(async (client) => {
    for (const [i, name] of ['\u001b[2J', '../x', 'b1', '__proto__', 'x'.repeat(5000)].entries()) {
      await client.zadd(KEYS.balancers, i, name);
      await client.zadd(KEYS.hosts, i, name);
      await client.hset(KEYS.balancer(name), 'role', 'slave');
      await client.hset(KEYS.host(name), 'url', 'http://h', 'state', 'up');
    }
    await client.hset(KEYS.balancer('b1'), {
      role: '\u001b[31mmaster\n',
      url: `http://${'x'.repeat(9999)}`,
      machine: 'm\u0000\u009b',
      pid: 'abc',
      term: 'NaN',
      rps: 'Infinity',
      cpu: '',
      inflight: '1e999',
      memory_bytes: ' ',
      'count:requests': 'many',
      'count:__proto__': '7',
      'count:\u001b[0m': '1',
      'count:UPPER': '1',
      __proto__: 'x',
      constructor: 'y',
    });
    await client.hset(KEYS.master, 'name', '\u001b[31mb1');
    await client.set(KEYS.term, 'abc');
    const fleet = await readFleet(client, KEYS);
    assert.equal([fleet.master, fleet.term, fleet.balancers.length, fleet.hosts.map(({ name }) => name)], [null, null, 1, ['b1']]);
    const [b1] = fleet.balancers;
    assert.is(b1?.role, '?[31mmaster?');
    assert.is(b1?.machine, 'm??');
    assert.is(b1?.url.length, 200);
    assert.equal([b1?.pid, b1?.term, b1?.rps, b1?.cpu, b1?.inflight, b1?.memoryBytes], [null, null, null, null, null, null]);
    assert.equal(b1?.counters, { requests: 0 });
    // oxlint-disable-next-line no-control-regex -- control characters are what is meant here
    assert.not.match(JSON.stringify(fleet).replaceAll('\\n', '\n'), /[\u0000-\u001f\u007f-\u009f]|\\u00/);
  }));

test('a host with a wrong URL or state is skipped', () =>
  withStage(async (client) => {
    const wrong = [
      { url: 'javascript:alert(1)', state: 'up' },
      { url: 'http://u:p@h', state: 'up' },
      { url: 'http://h', state: 'UP' },
      { url: 'http://h' },
      { state: 'up' },
    ];
    for (const [i, fields] of wrong.entries()) {
      await client.zadd(KEYS.hosts, i, `h${i}`);
      await client.hset(KEYS.host(`h${i}`), fields);
    }
    assert.equal((await readFleet(client, KEYS)).hosts, []);
  }));

test('among 100,000 keys of other programs a fleet is read as fast as without, and nothing of theirs is shown', () =>
  withStage(async (client) => {
    for (let part = 0; part < 50; part++)
      await client.eval("for i = 1, 2000 do redis.call('SET', 'other:' .. ARGV[1] .. ':' .. i, i) end", 0, part);
    for (const namespace of ['other', 'view-test:host', 'view']) {
      const keys = buildKeys(namespace);
      await client.zadd(keys.hosts, 1, 'foreign');
      await client.hset(keys.host('foreign'), 'url', 'http://foreign', 'state', 'up');
    }
    await client.zadd(KEYS.hosts, 1, 'h1');
    await client.hset(KEYS.host('h1'), 'url', 'http://h1', 'state', 'up');
    await client.config('RESETSTAT');
    const fleet = await readFleet(client, KEYS);
    assert.equal(
      fleet.hosts.map(({ name }) => name),
      ['h1'],
    );
    const stats = await client.info('commandstats');
    const used = [...stats.matchAll(/cmdstat_(\w+)/g)].map(([, name]) => name).toSorted();
    assert.equal(
      used.filter((name) => name !== 'config|resetstat' && name !== 'config' && name !== 'info'),
      ['get', 'hget', 'hgetall', 'hstrlen', 'zrange'],
      'nothing that looks at all keys',
    );
  }));

test('thousands of hosts are read in batches, in natural order', () =>
  withStage(async (client) => {
    const rows = Array.from({ length: 2500 }, (_, i) => buildRow(`h${i}`));
    await client.set(KEYS.term, `1 ${mastershipOf(1)}`);
    await writeHosts(client, KEYS, { message: buildTable(1, 1, rows), rows, snapshot: null }, 1e12);
    const { hosts } = await readFleet(client, KEYS);
    assert.equal(
      hosts.map(({ name }) => name),
      rows.map(({ name }) => name),
    );
  }));

test('a host that cannot be read makes the read reject: it is not taken for one that is gone', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>x', `%R~${KEYS.hosts}`, `%R~${KEYS.host('a')}`, '+@all'] }, (redis) =>
    withClients([redis.url, redis.url.replace('//', '//ann:x@')], async (admin, ann) => {
      const rows = ['a', 'b'].map((name) => buildRow(name));
      await admin.set(KEYS.term, `1 ${mastershipOf(1)}`);
      await writeHosts(admin, KEYS, { message: buildTable(1, 1, rows), rows, snapshot: null }, 1e12);
      for (const key of [KEYS.balancers, KEYS.pools, KEYS.master, KEYS.term, KEYS.settings])
        await admin.call('ACL', 'SETUSER', 'ann', `%R~${key}`);
      const error = await readFleet(ann, KEYS).then(
        () => null,
        (thrown: unknown) => thrown as Error,
      );
      assert.match(error?.message ?? 'it was read', /NOPERM/);
      await admin.call('ACL', 'SETUSER', 'ann', `%R~${KEYS.host('b')}`);
      assert.equal((await readFleet(ann, KEYS)).hosts.length, 2);
    }),
  ));

test('without Redis the read rejects', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      await redis.kill();
      const error = await readFleet(client, KEYS).then(
        () => null,
        (thrown) => thrown as Error,
      );
      assert.ok(error instanceof Error);
    }),
  ));

test.run();
