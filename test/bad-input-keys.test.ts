// Garbage under Meercat's own keys in Redis, and foreign keys beside them: neither affects routing or the process, and
// garbage has no effect after it is removed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../lib/redis/connect.js';
import { MAX_TERM, parseTerm } from '../lib/redis/term.js';
import { readFleet } from '../lib/redis/fleet-view.js';
import { until } from './support/brackets.js';
import { KEYS, SLOW_MS, statusCounts, statusOf, withBalancer } from './support/fleet.js';
import { ask } from './support/http-client.js';
import { VICTIM, VICTIM_LEASE_MS, withVictim, worksAgain } from './support/victim.js';

const test = suite('bad keys');

test('garbage in the stored table is dropped and counted by its readers, and the master overwrites it', () =>
  withVictim(async (victim) => {
    const { client, redis, each } = victim;
    const garbage = [
      'x',
      '',
      '{"v":2,"term":1,"seq":1,"full":true,"hosts":[]}',
      '{"v":1,"term":-1,"seq":1,"full":true,"hosts":[]}',
      '\x00'.repeat(100_000),
    ];
    for (const text of garbage) {
      await client.set(KEYS.table, text);
      // Balancers read the stored table after resubscribing.
      const before = each.counter('tables_dropped_malformed') + each.counter('tables_dropped_version');
      await until(
        async () => {
          await client.set(KEYS.table, text);
          await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
          return each.counter('tables_dropped_malformed') + each.counter('tables_dropped_version') > before;
        },
        { everyMs: 200, timeoutMs: SLOW_MS, what: `${text.slice(0, 50)} to be counted` },
      );
      await victim.isUnharmed();
    }
    await statusCounts(client, VICTIM, 'tables_dropped_malformed', 1);
    await until(async () => (await client.get(KEYS.table))?.includes('"good"'), { what: 'the table to be written again' });
    await withBalancer({ redis: [redis.url], name: 'late' }, async (late) => {
      await late.knows(1);
      assert.is((await ask(late.port)).body, 'good');
    });
  }));

test('a term in Redis that is not a number leaves one master, and numeric terms', () =>
  withVictim(async (victim) => {
    const { client } = victim;
    for (const text of ['x', '-5', '1e400', 'NaN', '', '99999999999999999999', '0x10', '3.7']) {
      const { term } = await victim.each.health();
      await client.set(KEYS.term, text);
      const isNumber = async (): Promise<boolean> => {
        const found = parseTerm(await client.get(KEYS.term), term).term;
        return found > 0 && found >= term;
      };
      await until(isNumber, { timeoutMs: SLOW_MS, what: `another term than ${JSON.stringify(text)}` });
      await victim.each.becomes('master');
      await victim.isUnharmed();
    }
    await worksAgain(victim);
    assert.ok((await victim.each.health()).term < MAX_TERM);
  }));

const FORGED_TERMS = [
  ['a table', KEYS.stats, (term: number) => JSON.stringify({ v: 1, term, mastership: 'f00d'.repeat(8), seq: 1, full: true, hosts: [] })],
  ['a change', KEYS.stats, (term: number) => JSON.stringify({ v: 1, term, mastership: 'f00d'.repeat(8), seq: 7, prev: 6, hosts: [] })],
  ['an event', KEYS.events, (term: number) => JSON.stringify({ v: 1, at: 'x', event: 'master-elected', name: 'b9', term })],
] as const;

test('messages with an absurdly high term do not end mastership forever', () =>
  withVictim(async (victim) => {
    for (const [what, channel, build] of FORGED_TERMS) {
      for (const term of [Number.MAX_SAFE_INTEGER, MAX_TERM]) {
        const before = victim.each.counter('events_dropped');
        await victim.client.publish(channel, build(term));
        // Events arrive in order: once this one is counted, the earlier one has been processed.
        await victim.client.publish(KEYS.events, 'x');
        await until(() => victim.each.counter('events_dropped') > before);
        await worksAgain(victim);
        assert.ok((await victim.each.health()).term < 1000, `${what} of term ${term}: ${(await victim.each.health()).term}`);
      }
    }
  }));

/** A wrong type for each key. */
const WRONG_TYPES: Readonly<Record<string, 'list' | 'string'>> = {
  [KEYS.lease]: 'list',
  [KEYS.term]: 'list',
  [KEYS.master]: 'string',
  [KEYS.balancers]: 'list',
  [KEYS.hosts]: 'string',
  [KEYS.table]: 'list',
  [KEYS.settings]: 'string',
  [KEYS.site]: 'string',
  [KEYS.balancer(VICTIM)]: 'string',
  [KEYS.host('good')]: 'string',
};

async function spoil(client: Commands, key: string): Promise<void> {
  // Atomically, since the fleet can write the key at any moment.
  const writes = client.multi().del(key);
  await (WRONG_TYPES[key] === 'list' ? writes.rpush(key, 'x') : writes.set(key, 'x')).exec();
}

/** Whether a line says that Redis did not answer in time, or was not reachable thereafter. */
const isLate = (line: string): boolean => /did not answer in time|Socket timeout|the connection was closed/.test(line);

/** Groups of keys that do not mask each other. */
const GROUPS = [
  [KEYS.lease],
  [KEYS.term],
  [KEYS.master, KEYS.hosts, KEYS.table],
  [KEYS.balancers, KEYS.host('good')],
  [KEYS.settings, KEYS.site],
  [KEYS.balancer(VICTIM)],
];

/** Corrupts these keys of a fleet, which repairs them itself, except the settings and the site, which only operators write. */
function spoilGroup(group: readonly string[]): Promise<void> {
  return withVictim(async (victim) => {
    const { client, each } = victim;
    for (const key of group) await spoil(client, key);
    // Longer than the lease, a heartbeat and many flushes.
    await new Promise((resolve) => setTimeout(resolve, VICTIM_LEASE_MS + 200));
    await victim.isUnharmed();
    await worksAgain(victim);
    await until(
      async () => {
        const fleet = await readFleet(client, KEYS);
        return fleet.master === VICTIM && fleet.balancers.length === 1 && fleet.hosts.length === 1;
      },
      { timeoutMs: SLOW_MS, what: 'the whole fleet to be in Redis' },
    );
    // One that did not answer in time is another thing: the machine stalled.
    const said = each.lines.filter((line) => line.startsWith('warn redis') && !isLate(line));
    assert.ok(said.length <= 1, said.join('\n'));
  });
}

test('keys of a wrong type affect no request, and the fleet rewrites them', async () => {
  assert.equal(GROUPS.flat().toSorted(), Object.keys(WRONG_TYPES).toSorted());
  const spoiled = GROUPS.map((group) =>
    spoilGroup(group).catch((error: Error) => {
      throw new Error(`${group.join(', ')}: ${error.message}`, { cause: error });
    }),
  );
  // Wait for all before reporting a failure: each has a Redis to clean up.
  await Promise.allSettled(spoiled);
  await Promise.all(spoiled);
});

test('hostile names in the sets of balancers and hosts are ignored', () =>
  withVictim(async (victim) => {
    const { client } = victim;
    const names = ['\x1b[2J', 'x'.repeat(10_240), '__proto__', 'a b', '', '\x00'];
    for (const name of names) {
      // Joined long ago: they would come first in the succession.
      await client.zadd(KEYS.balancers, 1, name);
      await client.zadd(KEYS.hosts, 1, name);
      await client.hset(KEYS.balancer(name), 'role', 'master', 'url', '\x1b[31m');
      await client.hset(KEYS.host(name), 'url', 'http://127.0.0.1:1', 'state', 'up');
    }
    await client.hset(KEYS.host('good2'), 'url', 'javascript:x', 'state', 'up');
    await client.zadd(KEYS.hosts, 1, 'good2');
    await client.hset(
      KEYS.balancer('b2'),
      'role',
      '\x1b[2J',
      'url',
      'x'.repeat(10_000),
      'rps',
      'NaN',
      'count:__proto__',
      '7',
      'count:requests',
      '-Infinity',
    );
    await client.zadd(KEYS.balancers, 2, 'b2');
    const fleet = await readFleet(client, KEYS);
    assert.equal(
      fleet.hosts.map(({ name }) => name),
      ['good'],
    );
    assert.equal(
      fleet.balancers.map(({ name }) => name),
      ['b2', VICTIM],
    );
    assert.equal(
      [fleet.balancers[0]?.role, fleet.balancers[0]?.url.length, fleet.balancers[0]?.rps, fleet.balancers[0]?.counters],
      ['?[2J', 200, null, { requests: 0 }],
    );
    await victim.isUnharmed();
    await withBalancer({ redis: [victim.redis.url], name: 'late' }, async (late) => {
      await late.knows(1);
      assert.is((await ask(late.port)).body, 'good');
    });
  }));

test('foreign keys in the same Redis are neither read nor touched', () =>
  withVictim(async (victim) => {
    const { client, redis } = victim;
    const foreign = Array.from({ length: 1000 }, (_, i) => `other:${i}`);
    await client.mset(...foreign.flatMap((key) => [key, 'x']));
    await client.config('RESETSTAT');
    await worksAgain(victim);
    await until(async () => (await statusOf(client, VICTIM)) !== undefined);
    await withBalancer({ redis: [redis.url], name: 'late' }, (late) => late.knows(1));
    const stats = await client.info('commandstats');
    assert.match(stats, /cmdstat_evalsha/);
    assert.not.match(stats, /cmdstat_(keys|scan|flushall|flushdb|randomkey)/);
    assert.is(await client.exists(...foreign), foreign.length);
  }));

test.run();
