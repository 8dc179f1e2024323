// A reachable Redis that rejects commands: it requires a password, its memory is full, or it is a replica. Balancers
// serve the hosts they know, log the reason once, and join the fleet when the problem is fixed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withServer } from './support/brackets.js';
import { deliverUntil, KEYS, SHORT_LEASE_MS, SLOW_MS, statusCounts, statusOf, type TestBalancer, withBalancer } from './support/fleet.js';
import { ask } from './support/http-client.js';
import { withClients } from './support/redis-client.js';
import { VICTIM, VICTIM_LEASE_MS, withVictim, worksAgain } from './support/victim.js';

const test = suite('bad redis');

const withHost = <T>(name: string, fn: (url: string) => Promise<T>): Promise<T> =>
  withServer(
    (_request, response) => void response.end(name),
    ({ url }) => fn(url),
  );

/** Log lines that call for attention. */
const warnings = ({ lines }: TestBalancer): string[] => lines.filter((line) => /^(warn|error)/.test(line));

/** Log lines of level info and above. */
const seenLines = ({ lines }: TestBalancer, text: string): string[] =>
  lines.filter((line) => !line.startsWith('debug') && line.includes(text));

test('with a wrong Redis password static hosts are served, and the reason is logged once', () =>
  withRedis({ args: ['--requirepass', 's3cret'] }, (redis) =>
    withHost('h', async (url) => {
      await Promise.all(
        ['', ':wr0ngsecret@', 'eve:wr0ngsecret@'].map((credentials) =>
          withBalancer({ redis: [`redis://${credentials}127.0.0.1:${redis.port}`], statics: [{ name: 'h', url }] }, async (each) => {
            await until(() => seenLines(each, 'redis').length > 0, { timeoutMs: SLOW_MS, what: 'the reason to be said' });
            // Several attempts to connect.
            await new Promise((resolve) => setTimeout(resolve, 1500));
            for (let i = 0; i < 4; i++) assert.is((await ask(each.port)).body, 'h');
            const said = seenLines(each, 'redis is');
            assert.is(said.length, 1, said.join('\n'));
            assert.match(said[0] as string, /^warn redis is not reachable.*(NOAUTH|WRONGPASS)/);
            assert.not.match(each.lines.join('\n'), /s3cret|wr0ngsecret/, 'no secret in the log');
            assert.equal([each.balancer.role, (await each.health()).httpStatus], ['slave', 200]);
          }),
        ),
      );
    }),
  ));

test('with the right password a balancer joins, and the password is in no log and no key', () =>
  withRedis({ args: ['--requirepass', 's3cret'] }, (redis) =>
    withClients([`redis://:s3cret@127.0.0.1:${redis.port}`], (client) =>
      withBalancer({ redis: [`redis://:s3cret@127.0.0.1:${redis.port}`], name: 'b1' }, async (each) => {
        await each.becomes('master');
        await until(() => statusOf(client, 'b1'));
        assert.not.match(each.lines.join('\n') + JSON.stringify(await client.hgetall(KEYS.balancer('b1'))), /s3cret/);
      }),
    ),
  ));

test('with a full Redis tables are still published, failed writes are counted, and everything is stored once there is memory', () =>
  withVictim(
    async (victim) => {
      const { each, client, goodUrl } = victim;
      await client.set('filler', 'x'.repeat(4 << 20));
      // Below the current use, so that rewriting existing keys fails too.
      await client.config('SET', 'maxmemory', String(4 << 20));
      assert.match(await client.set('more', 'x').catch(String), /OOM/);
      const applied = each.counter('tables_applied');
      await until(() => each.counter('tables_applied') > applied + 10, { timeoutMs: SLOW_MS, what: 'tables to be published' });
      // Even for a host that joins now: PUBLISH needs no memory.
      await deliverUntil(each, 2, client, 'new', goodUrl, { intervalMs: 60_000 });
      await until(() => each.counter('writes_failed') > 0, { timeoutMs: SLOW_MS, what: 'a write to be refused' });
      await new Promise((resolve) => setTimeout(resolve, VICTIM_LEASE_MS + 500));
      // Its lease is renewed, or taken again, without memory; each mastership says it once.
      await each.becomes('master');
      const said = seenLines(each, 'refused to store').length;
      assert.ok(said >= 1 && said <= each.counter('masterships'), each.lines.join('\n'));
      await deliverUntil(each, 1, client, 'new', goodUrl, { bye: true });
      await victim.isUnharmed();
      await client.del('filler');
      await worksAgain(victim);
      await statusCounts(client, VICTIM, 'writes_failed', 1);
      // Another mastership, if the machine stalled, has never failed to store it.
      const isSaid = (): boolean => seenLines(each, 'published and stored again').length > 0 || each.counter('masterships') > 1;
      await until(isSaid, { timeoutMs: SLOW_MS, what: 'it to be said' });
    },
    { args: ['--maxmemory-policy', 'noeviction'] },
  ));

test('a balancer on a replica is not master and logs that once, serves, and joins when the replica is promoted', () =>
  withRedis((primary) =>
    withRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] }, (replica) =>
      withHost('r', (reported) =>
        withHost('s', (statically) =>
          withClients([primary.url, replica.url], async (client, reader) => {
            await until(async () => /master_link_status:up/.test(await reader.info('replication')), {
              timeoutMs: SLOW_MS,
              what: 'the replica to follow',
            });
            await withBalancer({ redis: [primary.url], name: 'right' }, async (right) => {
              await right.becomes('master');
              await deliverUntil(right, 1, client, 'r', reported, { intervalMs: 60_000 });
              await withBalancer(
                { redis: [replica.url], leaseTtlMs: SHORT_LEASE_MS, name: 'wrong', statics: [{ name: 's', url: statically }] },
                async (wrong) => {
                  // Longer than the lease TTL.
                  await new Promise((resolve) => setTimeout(resolve, 2000));
                  // Messages published on the primary reach subscribers of the replica.
                  await wrong.knows(2);
                  const bodies = new Set<string>();
                  for (let i = 0; i < 8; i++) bodies.add((await ask(wrong.port)).body);
                  assert.equal([...bodies].toSorted(), ['r', 's']);
                  assert.equal([wrong.balancer.role, right.balancer.role], ['slave', 'master']);
                  assert.is(await statusOf(client, 'wrong'), undefined);
                  await until(() => warnings(wrong).some((line) => line.includes('READONLY')), {
                    timeoutMs: SLOW_MS,
                    what: () => `the reason in\n${wrong.lines.join('\n')}`,
                  });
                  // Where the machine stalls, there may be more of a Redis that does not answer in time.
                  const said = warnings(wrong).filter((line) => !/did not answer in time|the connection was closed/.test(line));
                  assert.ok(said.length <= 2, `${said.length} lines:\n${wrong.lines.join('\n')}`);
                  // Promoted, it serves as any other Redis.
                  await right.balancer.stop();
                  await reader.replicaof('NO', 'ONE');
                  await wrong.becomes('master');
                  assert.ok((await wrong.health()).term > 1, 'the term was replicated too');
                },
              );
            });
          }),
        ),
      ),
    ),
  ));

test.run();
