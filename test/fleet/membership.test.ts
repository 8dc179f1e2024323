// One balancer's heartbeats on a real Redis, on a simulated clock: when the operators' settings are restored to a Redis
// that lost its data, and when not.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Membership } from '../../lib/fleet/membership.js';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import type { ThreadConfig } from '../../lib/thread-messages.js';
import { withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('membership');

const KEYS = buildKeys('membership-test');

interface Member {
  /** Sends a heartbeat with this term and the settings of the last one; returns the settings. */
  sendHeartbeat(term: number): Promise<Record<string, string>>;
}

interface Stage {
  readonly client: Commands;
  nowMs: number;
  join(name: string): Member;
}

const withStage = (fn: (stage: Stage) => Promise<void>) =>
  withRedis((redis) =>
    withClients([redis.url], (client) => {
      const columns = openTable(createTable(8));
      const stage: Stage = {
        client,
        nowMs: 0,
        join(name) {
          const config = { name, url: `http://${name}`, version: '0', instance: `${name}-1`, joinedAtMs: 1 } as ThreadConfig;
          const membership = new Membership(client, KEYS, config, columns, () => stage.nowMs);
          let fields: ReadonlyMap<string, string> = new Map();
          return {
            async sendHeartbeat(term) {
              const standing = await membership.sendHeartbeat({
                role: 'slave',
                term,
                fleetKey: '',
                noMaster: '',
                site: '',
                tableAgeMs: 12.34,
                redisRttMs: 0.5,
                leaseMs: Number.NaN,
                exchangeMs: 12,
                siteRefused: '',
                remembered: [{ key: KEYS.settings, fields }],
              });
              ({ fields } = standing.settings);
              return Object.fromEntries(fields);
            },
          };
        },
      };
      return fn(stage);
    }),
  );

test('a Redis that lost its data gets all settings back from the first heartbeat, and the next balancer adopts them', () =>
  withStage(async (stage) => {
    const [a, b] = [stage.join('a'), stage.join('b')];
    const settings = { algorithm: 'resource', 'host:h1': 'drained' };
    await stage.client.set(KEYS.term, '5');
    await stage.client.hset(KEYS.settings, settings);
    for (const each of [a, b]) assert.equal(await each.sendHeartbeat(5), settings);
    await stage.client.flushall();
    stage.nowMs = 60_000;
    assert.equal(await a.sendHeartbeat(5), settings);
    assert.is(await stage.client.get(KEYS.term), '6');
    await stage.client.hdel(KEYS.settings, 'host:h1');
    assert.equal(await b.sendHeartbeat(5), { algorithm: 'resource' }, 'an operator took it back meanwhile');
  }));

test('settings are restored once per loss: what an operator resets afterwards stays reset, however soon the others notice', () =>
  withStage(async (stage) => {
    const [a, b, c] = [stage.join('a'), stage.join('b'), stage.join('c')];
    await stage.client.set(KEYS.term, '5');
    await stage.client.hset(KEYS.settings, 'algorithm', 'resource', 'host:h1', 'drained');
    for (const each of [a, b, c]) await each.sendHeartbeat(5);
    await stage.client.flushall();
    // No time has passed for any of them: each knows that it was listed a moment ago.
    assert.equal(await a.sendHeartbeat(5), { algorithm: 'resource', 'host:h1': 'drained' });
    await stage.client.hdel(KEYS.settings, 'host:h1');
    assert.equal([await b.sendHeartbeat(5), await c.sendHeartbeat(5)], [{ algorithm: 'resource' }, { algorithm: 'resource' }]);
    await stage.client.flushall();
    assert.equal(await b.sendHeartbeat(6), { algorithm: 'resource' }, 'the next loss is another one');
  }));

test('what an operator reset while a balancer was cut off does not come back with it', () =>
  withStage(async (stage) => {
    const [a, cutOff] = [stage.join('a'), stage.join('cut-off')];
    await stage.client.set(KEYS.term, '5');
    await stage.client.hset(KEYS.settings, 'algorithm', 'resource', 'host:h1', 'drained');
    for (const each of [a, cutOff]) await each.sendHeartbeat(5);
    await stage.client.del(KEYS.settings);
    stage.nowMs = 60_000;
    // Meanwhile it was removed from the succession, like every balancer whose heartbeats stop.
    await stage.client.zrem(KEYS.balancers, 'cut-off');
    assert.equal([await a.sendHeartbeat(5), await cutOff.sendHeartbeat(5)], [{}, {}]);
    // The same when Redis lost its data after that, and the others were back first.
    await stage.client.hset(KEYS.settings, 'host:h2', 'drained');
    for (const each of [a, cutOff]) assert.equal(await each.sendHeartbeat(5), { 'host:h2': 'drained' });
    await stage.client.del(KEYS.settings);
    stage.nowMs = 120_000;
    await a.sendHeartbeat(5);
    await stage.client.flushall();
    stage.nowMs = 180_000;
    assert.equal([await a.sendHeartbeat(5), await cutOff.sendHeartbeat(5)], [{}, {}]);
  }));

const fillRedis = (client: Commands): Promise<unknown> =>
  Promise.all([client.config('SET', 'maxmemory-policy', 'noeviction'), client.config('SET', 'maxmemory', '1')]);

test('a Redis that lost its data and is full gets its term and all settings back, and heartbeats go on', () =>
  withStage(async (stage) => {
    const a = stage.join('a');
    const settings = { algorithm: 'resource', 'host:h1': 'drained' };
    await stage.client.set(KEYS.term, '5');
    await stage.client.hset(KEYS.settings, settings);
    await a.sendHeartbeat(5);
    await stage.client.flushall();
    await fillRedis(stage.client);
    assert.equal(await a.sendHeartbeat(5), settings);
    assert.is(await stage.client.get(KEYS.term), '6');
    await stage.client.hdel(KEYS.settings, 'host:h1');
    assert.equal(await a.sendHeartbeat(6), { algorithm: 'resource' }, 'the loss was mended: what an operator resets stays reset');
  }));

test('a balancer that a full Redis never lists does not take that for a loss, and undoes nothing that an operator reset', () =>
  withStage(async (stage) => {
    await stage.client.set(KEYS.term, '5');
    await stage.client.hset(KEYS.settings, 'algorithm', 'resource', 'host:h1', 'drained');
    await fillRedis(stage.client);
    const late = stage.join('late');
    assert.equal(await late.sendHeartbeat(5), { algorithm: 'resource', 'host:h1': 'drained' });
    await stage.client.hdel(KEYS.settings, 'host:h1');
    stage.nowMs = 1000;
    assert.equal(await late.sendHeartbeat(5), { algorithm: 'resource' });
    // The same when it is listed for the first time, since there is room again.
    await stage.client.hdel(KEYS.settings, 'algorithm');
    await stage.client.config('SET', 'maxmemory', '0');
    stage.nowMs = 2000;
    assert.equal(await late.sendHeartbeat(5), {});
  }));

test.run();
