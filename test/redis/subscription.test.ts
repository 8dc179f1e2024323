// Subscriptions to one real Redis: they restore themselves, and say so.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openSubscription, type Subscription } from '../../lib/redis/connect.js';
import { startAwakeTimer } from '../support/awake-time.js';
import { type TestRedis, until, withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';
import { has, listen } from '../support/redis-events.js';

const test = suite('subscriptions to redis');

/** A subscription to one channel, with its events and its messages. */
async function withSubscription(
  redis: TestRedis,
  channel: string,
  fn: (heard: string[], got: string[], subscription: Subscription) => Promise<void>,
): Promise<void> {
  const { heard, events } = listen();
  const got: string[] = [];
  const subscription = openSubscription(
    parseRedisAddress(redis.url),
    [channel, 'another'],
    (from, text) => got.push(`${from} ${text}`),
    events,
  );
  try {
    await fn(heard, got, subscription);
  } finally {
    subscription.close();
  }
}

test('a subscription is ready when Redis has confirmed it: nothing published after that is missed', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withSubscription(redis, 'channel', async (heard, got) => {
        await has(heard, 1);
        assert.is(await client.publish('channel', 'one'), 1);
        assert.is(await client.publish('another', 'two'), 1);
        assert.is(await client.publish('foreign', 'three'), 0);
        await has(got, 2);
        assert.equal(got, ['channel one', 'another two']);
      }),
    ),
  ));

test('messages published while a subscription is held are read when it is released', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withSubscription(redis, 'channel', async (heard, got, subscription) => {
        for (let attempt = 1; ; attempt++) {
          await has(heard, 1);
          [heard.length, got.length] = [0, 0];
          subscription.hold();
          for (let i = 1; i <= 50; i++) await client.publish('channel', String(i));
          // Each PUBLISH was answered, so Redis has sent the message.
          assert.equal(got, []);
          subscription.release();
          // If Redis stalls now it is taken for dead, and what it sent is lost: then once more.
          await until(() => got.length === 50 || heard.length > 0, { what: () => `50 messages, not ${got.join()}` });
          if (got.length === 50) break;
          assert.ok(attempt < 5, 'never read');
          await until(() => heard.at(-1) === 'ready', { what: 'the subscription' });
        }
        await client.publish('channel', '51');
        await has(got, 51);
      }),
    ),
  ));

test('a subscription that is closed while it is held closes its connection at once', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withSubscription(redis, 'channel', async (heard, _got, subscription) => {
        await has(heard, 1);
        subscription.hold();
        const awakeMs = startAwakeTimer();
        subscription.close();
        await until(async () => (await client.pubsub('NUMSUB', 'channel'))[1] === 0);
        const open = (): number => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
        await until(() => open() <= 1, { what: () => `one connection, not ${open()}` });
        assert.ok(awakeMs() < 1500, 'and not when it is given up');
      }),
    ),
  ));

test('a subscription that is held, or released twice, restores itself all the same', () =>
  withRedis((redis) =>
    withSubscription(redis, 'channel', async (heard, got, subscription) => {
      await has(heard, 1);
      subscription.hold();
      await redis.restart();
      subscription.release();
      subscription.release();
      await has(heard, 3);
      await withClients([redis.url], (client) => client.publish('channel', 'again'));
      await has(got, 1);
    }),
  ));

test('a subscription restores itself each time Redis comes back, and reports it each time', () =>
  withRedis((redis) =>
    withSubscription(redis, 'channel', async (heard, got) => {
      await has(heard, 1);
      for (let round = 1; round <= 3; round++) {
        await redis.restart();
        await has(heard, 1 + 2 * round);
        await withClients([redis.url], (client) => client.publish('channel', `round ${round}`));
        await has(got, round);
      }
      assert.equal(
        heard.map((line) => line.split(':')[0]),
        ['ready', 'lost', 'ready', 'lost', 'ready', 'lost', 'ready'],
      );
      assert.equal(got, ['channel round 1', 'channel round 2', 'channel round 3']);
    }),
  ));

test('a subscription notices a Redis that hangs, although it expects to hear nothing', () =>
  withRedis((redis) =>
    withSubscription(redis, 'channel', async (heard, got) => {
      await has(heard, 1);
      redis.pause();
      await has(heard, 2);
      redis.resume();
      await has(heard, 3);
      await withClients([redis.url], (client) => client.publish('channel', 'again'));
      await has(got, 1);
      assert.equal(
        heard.map((line) => line.split(':')[0]),
        ['ready', 'lost', 'ready'],
      );
    }),
  ));

test('a subscription that Redis denies is reported lost once, and resumes as soon as it is allowed', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>x', '~*', 'resetchannels', '+@all'] }, (redis) =>
    withClients([redis.url], async (admin) => {
      const { heard, events } = listen();
      const subscription = openSubscription(parseRedisAddress(redis.url.replace('//', '//ann:x@')), ['channel'], () => undefined, events);
      try {
        await has(heard, 1);
        const connections = async (): Promise<number> =>
          Number(/total_connections_received:(\d+)/.exec(String(await admin.info('stats')))?.[1]);
        const before = await connections();
        await until(async () => (await connections()) >= before + 3, { what: 'three more attempts' });
        assert.is(heard.length, 1);
        assert.match(heard[0] as string, /^lost: Redis denies this user a channel of the command subscribe \(NOPERM\): grant it /);
        await admin.call('ACL', 'SETUSER', 'ann', 'allchannels');
        await has(heard, 2);
        assert.is(heard[1], 'ready');
      } finally {
        subscription.close();
      }
    }),
  ));

test('a closed subscription is silent and does not keep the process alive', async () => {
  await withRedis(async (redis) => {
    const { heard, events } = listen();
    const subscription = openSubscription(parseRedisAddress(redis.url), ['channel'], () => heard.push('a message'), events);
    await has(heard, 1);
    subscription.close();
    subscription.close();
    await withClients([redis.url], (client) => until(async () => (await client.publish('channel', 'x')) === 0));
    assert.equal(
      heard.filter((line) => line === 'a message'),
      [],
    );
  });
});

test.run();
