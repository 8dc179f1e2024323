// docs/redis.md and docs/counters.md against what a real fleet writes: every key in Redis is in the table with its
// type, every key in the table that is not optional exists, and so it is with the fields of the hashes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../lib/redis/connect.js';
import { COUNTERS } from '../lib/table/counters.js';
import { until, withRedis, withServer } from './support/brackets.js';
import { codeIn, readPage, tableBelow } from './support/documents.js';
import { deliverUntil, KEYS, publishReport, SLOW_MS, withBalancer } from './support/fleet.js';
import { meercat } from './support/meercat.js';
import { withClients } from './support/redis-client.js';

const test = suite('docs: redis');

const PAGE = readPage('docs/redis.md');

interface KnownKey {
  readonly pattern: RegExp;
  readonly key: string;
  readonly type: string;
  readonly isOptional: boolean;
}

/** Words in capitals stand for any name. */
const patternOf = (text: string): RegExp =>
  new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/[A-Z]+/g, '.+')}$`);

const KNOWN: readonly KnownKey[] = tableBelow(PAGE, '## Keys').map(([key = '', type = '', , present = '']) => {
  const [name = ''] = codeIn(key);
  return {
    key: name,
    pattern: patternOf(name.replace('meercat:', `${KEYS.namespace}:`)),
    type: { 'sorted set': 'zset' }[type] ?? type,
    isOptional: present.startsWith('optional'),
  };
});

/** Two balancers with a host that has an agent, one that has none, and one that an operator took out. */
function withWholeFleet(fn: (client: Commands) => Promise<void>): Promise<void> {
  return withRedis((redis) =>
    withClients([redis.url], (client) =>
      withServer(
        (_request, response) => void response.end('hello'),
        ({ url }) => {
          const flags = { redis: [redis.url], statics: [{ name: 'static', url }] };
          return withBalancer({ ...flags, name: 'b1' }, (first) =>
            withBalancer({ ...flags, name: 'b2' }, async (second) => {
              await until(() => first.balancer.role === 'master' || second.balancer.role === 'master', {
                timeoutMs: SLOW_MS,
                what: 'a master',
              });
              await deliverUntil(first, 2, client, 'h1', url);
              await second.knows(2);
              const { code, stderr } = await meercat(['drain', 'static', '--redis', redis.url, '--namespace', KEYS.namespace]);
              assert.is(code, 0, stderr);
              await until(
                async () => {
                  await publishReport(client, 'h1', url);
                  for (const { port } of [first, second]) await (await fetch(`http://127.0.0.1:${port}/work`)).text();
                  return (await client.exists(KEYS.costs, KEYS.host('h1'), KEYS.host('static'), KEYS.pool('default'), KEYS.table)) === 5;
                },
                { timeoutMs: SLOW_MS, everyMs: 100, what: 'hosts, table and costs in Redis' },
              );
              await fn(client);
            }),
          );
        },
      ),
    ),
  );
}

test('a fleet writes the keys and fields that the page lists, and no others', () =>
  withWholeFleet(async (client) => {
    const found = await client.keys('*');
    const kinds = await Promise.all(found.map(async (key) => [key, await client.type(key)] as const));
    for (const [key, type] of kinds) {
      const known = KNOWN.find(({ pattern }) => pattern.test(key));
      assert.ok(known !== undefined, `docs/redis.md lists no key like ${key}`);
      assert.is(type, known.type, key);
    }
    for (const { key, pattern, isOptional } of KNOWN)
      assert.ok(
        isOptional || found.some((each) => pattern.test(each)),
        `there is no ${key}, and the page does not say that it is optional`,
      );

    const check = async (key: string, heading: string): Promise<void> => {
      const patterns = tableBelow(PAGE, heading).map(([field = '']) => patternOf(codeIn(field)[0] as string));
      const fields = Object.keys(await client.hgetall(key));
      for (const field of fields)
        assert.ok(
          patterns.some((pattern) => pattern.test(field)),
          `${heading} lists no field like ${field}`,
        );
      for (const pattern of patterns)
        assert.ok(
          fields.some((field) => pattern.test(field)),
          `${key} has no field like ${pattern.source}`,
        );
    };
    await check(KEYS.master, '### The master');
    await check(KEYS.balancer('b1'), '### A balancer');
    await check(KEYS.host('h1'), '### A host');
    await check(KEYS.host('static'), '### A host');
    await check(KEYS.pool('default'), '### A pool');
    assert.equal(await client.hgetall(KEYS.settings), { 'host:static': 'drained' });
    const costs = Object.values(await client.hgetall(KEYS.costs));
    for (const cost of costs) assert.match(cost, /^cost_ms=\S+ error_ms=\S* confidence=\S+ samples=\d+$/);
  }));

test('every counter has a row', () => {
  const page = readPage('docs/counters.md');
  const listed = [...page.text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.equal(listed.toSorted(), COUNTERS.toSorted());
});

test.run();
