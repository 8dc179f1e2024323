// Connections to one real Redis: authentication, databases, connection loss. Subscriptions, TLS, Sentinel and Cluster
// have files of their own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { connectOnce, openCommands, untilReady } from '../../lib/redis/connect.js';
import { freePort, until, withRedis } from '../support/brackets.js';
import { startAwakeTimer } from '../support/awake-time.js';
import { areReady, withClients } from '../support/redis-client.js';
import { has, listen, reasonFor } from '../support/redis-events.js';

const test = suite('connections to redis');

test('a password, or a user with one, is accepted; percent-encoded ones are decoded', () =>
  withRedis(
    { args: ['--requirepass', 'p@ss/w:rd', '--user', 'ann', 'on', '>a%b&c=d', '~meercat:*', '&meercat:*', '+@all'] },
    async ({ port }) => {
      assert.is(await reasonFor(`redis://:p%40ss%2Fw%3Ard@127.0.0.1:${port}`), 'connected');
      assert.is(await reasonFor(`redis://default:p%40ss%2Fw%3Ard@127.0.0.1:${port}`), 'connected');
      assert.is(await reasonFor(`redis://ann:a%25b%26c%3Dd@127.0.0.1:${port}`), 'connected');
    },
  ));

test('a rejected client gets the reason at once and not at the deadline', () =>
  withRedis({ args: ['--requirepass', 'x', '--user', 'ann', 'on', '>y', '~meercat:*', '&meercat:*', '+@all'] }, async ({ port }) => {
    const started = performance.now();
    assert.match(await reasonFor(`redis://127.0.0.1:${port}`, 20_000), /^Redis wants a password \(NOAUTH\): give it /);
    assert.match(
      await reasonFor(`redis://:wrong@127.0.0.1:${port}`, 20_000),
      /^Redis refuses the user or the password \(WRONGPASS\): correct them /,
    );
    assert.match(
      await reasonFor(`redis://ann:wrong@127.0.0.1:${port}`, 20_000),
      /^Redis refuses the user or the password \(WRONGPASS\): correct them /,
    );
    assert.match(
      await reasonFor(`redis://nobody:y@127.0.0.1:${port}`, 20_000),
      /^Redis refuses the user or the password \(WRONGPASS\): correct them /,
    );
    assert.ok(performance.now() - started < 10_000);
  }));

test('a database is chosen by its number; one that does not exist is refused, never another taken', () =>
  withRedis(async ({ url }) => {
    await withClients([`${url}/3`, url], async (third, zeroth) => {
      await third.set('where', 'third');
      assert.is(await zeroth.get('where'), null);
    });
    assert.match(await reasonFor(`${url}/99`), /DB index is out of range/);
  }));

test('a Redis that starts within the deadline is waited for', () =>
  withRedis(async (redis) => {
    await redis.kill();
    const reason = reasonFor(redis.url, 10_000);
    await redis.restart();
    assert.is(await reason, 'connected');
  }));

/** A time within which this machine knows why an address cannot be connected to. */
async function deadlineFor(url: string): Promise<number> {
  const { heard, events } = listen();
  const startMs = performance.now();
  const client = openCommands(parseRedisAddress(url), events);
  try {
    await until(() => heard.length > 0, { what: 'the reason' });
    return Math.max(300, 5 * (performance.now() - startMs));
  } finally {
    client.disconnect();
  }
}

test('an unreachable address fails at the deadline, with the reason', async () => {
  for (const [url, reason] of [
    [`redis://127.0.0.1:${await freePort()}`, 'connection refused'],
    // A lookup of a name that does not exist takes as long as the name server likes.
    ['redis://no-such-host.invalid', 'the name is not known'],
  ] as const)
    assert.is(await reasonFor(url, await deadlineFor(url)), reason);
  await withRedis(async (redis) => {
    redis.pause();
    const reason = await reasonFor(redis.url, 1500);
    assert.match(reason, /in time|no answer|closed/i, reason);
  });
});

test('each loss and each return is reported once, however many attempts lie between', () =>
  withRedis(async (redis) => {
    const { heard, events } = listen();
    const client = openCommands(parseRedisAddress(redis.url), events);
    try {
      await has(heard, 1);
      await redis.kill();
      await has(heard, 2);
      let attempts = 0;
      client.on('reconnecting', () => attempts++);
      await until(() => attempts >= 5);
      await redis.restart();
      await has(heard, 3);
      assert.equal(
        heard.map((line) => line.split(':')[0]),
        ['ready', 'lost', 'ready'],
      );
    } finally {
      client.disconnect();
    }
  }));

test('a connection that never succeeded is reported lost once too', async () => {
  const { heard, events } = listen();
  const client = openCommands(parseRedisAddress(`redis://127.0.0.1:${await freePort()}`), events);
  let attempts = 0;
  client.on('reconnecting', () => attempts++);
  await until(() => attempts >= 4);
  client.disconnect();
  assert.equal(heard, ['lost: connection refused']);
});

test('no command waits for a Redis that is down or hangs', () =>
  withRedis(async (redis) => {
    const client = openCommands(parseRedisAddress(redis.url));
    try {
      const awakeMs = startAwakeTimer();
      await client.get('x').then(
        () => assert.unreachable(),
        () => undefined,
      );
      assert.ok(awakeMs() < 1500, 'before it is connected');
      await untilReady(client, 20_000);
      redis.pause();
      const awakeHungMs = startAwakeTimer();
      const reason = await client.get('x').then(
        () => 'an answer',
        (error: Error) => error.message,
      );
      assert.match(reason, /timed out/i);
      assert.ok(awakeHungMs() < 1500, 'while it hangs');
      redis.resume();
      await redis.kill();
      await until(() => client.status !== 'ready');
      assert.match(
        await client.get('x').then(
          () => 'an answer',
          (error: Error) => error.message,
        ),
        /writeable|closed|Connection/,
      );
    } finally {
      client.disconnect();
    }
  }));

test('what a person asks of a Redis that stalls for longer than a balancer waits is answered when it goes on', () =>
  withRedis(async (redis) => {
    const [client, impatient] = [await connectOnce(parseRedisAddress(redis.url), 30_000), openCommands(parseRedisAddress(redis.url))];
    try {
      await areReady(impatient);
      redis.pause();
      const answer = client.get('x').catch(String);
      // One after the other, so that the first one's time has passed too.
      for (let i = 0; i < 2; i++)
        assert.match(String(await impatient.get('x').catch((error: Error) => error.message)), /timed out|writeable|closed/i);
      redis.resume();
      assert.is(await answer, null);
    } finally {
      for (const each of [client, impatient]) each.disconnect();
    }
  }));

test('a Redis that hangs is noticed, and used again when it resumes', () =>
  withRedis(async (redis) => {
    const { heard, events } = listen();
    const client = openCommands(parseRedisAddress(redis.url), events);
    // An idle client does not notice; in a balancer the heartbeat polls.
    const asking = setInterval(() => client.ping().catch(() => undefined), 200);
    try {
      await has(heard, 1);
      redis.pause();
      await has(heard, 2);
      redis.resume();
      await has(heard, 3);
      assert.equal(
        heard.map((line) => line.split(':')[0]),
        ['ready', 'lost', 'ready'],
      );
    } finally {
      clearInterval(asking);
      client.disconnect();
    }
  }));

test('untilReady gives up at its deadline, and leaves no listener behind', async () => {
  const client = openCommands(parseRedisAddress(`redis://127.0.0.1:${await freePort()}`));
  const before = client.listenerCount('ready');
  await untilReady(client, 30);
  assert.is(client.listenerCount('ready'), before);
  client.disconnect();
});

test.run();
