// Publishing past the command queue of a connection: messages arrive, and replies still match their commands, whatever
// the server supports and whatever happens to the connection.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import type { Commands } from '../../lib/redis/connect.js';
import { openSubscription } from '../../lib/redis/connect.js';
import { QuietPublisher } from '../../lib/redis/quiet-publish.js';
import { type TestRedis, until, withRedis } from '../support/brackets.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('quiet publish');

/** Provides a publisher, its connection, and the messages of a subscriber to `news`. */
async function withPublisher(
  url: string,
  { port }: TestRedis,
  fn: (publisher: QuietPublisher, client: Commands, heard: readonly string[], lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const heard: string[] = [];
  const lines: string[] = [];
  let isReady = false;
  const subscription = openSubscription(parseRedisAddress(`redis://127.0.0.1:${port}`), ['news'], (_, text) => void heard.push(text), {
    onReady: () => void (isReady = true),
  });
  try {
    await withClients([url], async (client) => {
      await until(() => isReady || undefined, { what: 'the subscription' });
      const publisher = new QuietPublisher(
        client,
        (level, message, fields) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
      );
      // By then it knows what the server supports, and that the channel is allowed.
      publisher.publish('news', 'the first');
      for (let i = 0; i < 3; i++) await client.ping();
      await until(() => heard.includes('the first') || lines.length > 0 || undefined, { what: 'the first text, or why it was denied' });
      heard.length = 0;
      await fn(publisher, client, heard, lines);
    });
  } finally {
    subscription.close();
  }
}

/** Publishes these between commands, each of which must get its own reply. */
async function publishAmongCommands(publisher: QuietPublisher, client: Commands, texts: readonly string[]): Promise<void> {
  const answers = texts.map((text, i) => {
    const set = client.set(`key:${i}`, text);
    publisher.publish('news', text);
    return set.then(() => client.get(`key:${i}`));
  });
  assert.equal(await Promise.all(answers), texts);
}

const TEXTS = [
  'plain',
  '',
  'two\r\nlines',
  'ünïcode 漢字 🦡',
  '$5\r\nhello\r\n',
  'x'.repeat(100_000),
  ...Array.from({ length: 200 }, (_, i) => `text ${i}`),
];

/** Number of CLIENT REPLY commands that Redis has received. */
async function repliesAsked(client: Commands): Promise<number> {
  return Number(/cmdstat_client\|reply:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
}

test('messages arrive in order without replies, and other commands get theirs', () =>
  withRedis((redis) =>
    withPublisher(redis.url, redis, async (publisher, client, heard) => {
      await publishAmongCommands(publisher, client, TEXTS);
      await until(() => heard.length >= TEXTS.length || undefined, { what: 'all texts' });
      assert.equal(heard, TEXTS);
      // One per message, and one for the probe.
      assert.is(await repliesAsked(client), TEXTS.length + 1);
    }),
  ));

test('a user without CLIENT publishes with replies', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>y', '~*', '&*', '+@all', '-client'] }, (redis) =>
    withPublisher(`redis://ann:y@127.0.0.1:${redis.port}`, redis, async (publisher, client, heard) => {
      await publishAmongCommands(publisher, client, TEXTS);
      await until(() => heard.length >= TEXTS.length || undefined, { what: 'all texts' });
      assert.equal(heard, TEXTS);
      assert.is(await repliesAsked(client), 0);
    }),
  ));

test('a denied channel is logged once, although denials get no reply; one that is allowed later is used', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>y', '~*', 'resetchannels', '+@all'] }, (redis) =>
    withPublisher(`redis://ann:y@127.0.0.1:${redis.port}`, redis, async (publisher, client, heard, lines) => {
      for (let i = 0; i < 10; i++) publisher.publish('news', 'denied');
      await client.ping();
      assert.is(lines.length, 1);
      assert.match(
        lines[0] as string,
        /^warn redis denies what is published .*"channel":"news".*denies this user a channel of the command publish \(NOPERM\)/,
      );
      await withClients([redis.url], (admin) => admin.call('ACL', 'SETUSER', 'ann', '&news'));
      publisher.publish('news', 'allowed');
      await client.ping();
      await publishAmongCommands(publisher, client, TEXTS);
      await until(() => heard.length > TEXTS.length || undefined, { what: 'all texts' });
      assert.equal(heard, ['allowed', ...TEXTS]);
      assert.is(lines.length, 1);
    }),
  ));

test('nothing is published without a connection, and publishing resumes after a reconnect', () =>
  withRedis((redis) =>
    withPublisher(redis.url, redis, async (publisher, client, heard) => {
      await redis.kill();
      await until(() => client.status !== 'ready' || undefined, { what: 'the loss' });
      assert.is(publisher.isReady, false);
      publisher.publish('news', 'lost');
      await redis.restart();
      await areReady(client);
      await until(
        async () => {
          publisher.publish('news', 'found');
          await client.ping();
          return heard.includes('found') || undefined;
        },
        { what: 'a text after the loss', timeoutMs: 10_000 },
      );
      assert.not.ok(heard.includes('lost'));
      await publishAmongCommands(publisher, client, TEXTS);
      // The server was probed again.
      assert.ok((await repliesAsked(client)) > TEXTS.length);
    }),
  ));

test('the buffer for a Redis that stops reading is bounded', () =>
  withRedis((redis) =>
    withPublisher(redis.url, redis, async (publisher) => {
      redis.pause();
      try {
        const text = 'x'.repeat(1_000_000);
        let sent = 0;
        while (publisher.isReady && sent < 100) {
          publisher.publish('news', text);
          sent++;
        }
        assert.ok(sent < 100, 'it became unready');
      } finally {
        redis.resume();
      }
    }),
  ));

test.run();
