// Connections to one real Redis: authentication, connection loss, and subscriptions that restore themselves.
// Sentinel and Cluster have files of their own.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { connectOnce, openCommands, openSubscription, type Subscription, untilReady } from '../../lib/redis/connect.js';
import { freePort, type TestRedis, until, withRedis, withTempDir } from '../support/brackets.js';
import { logOf, meercat, withMeercat } from '../support/meercat.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('connections to redis');

/** The events of a connection, in order; reasons after `lost: `. */
function listen(): { heard: string[]; events: { onReady(): void; onLost(reason: string): void } } {
  const heard: string[] = [];
  return { heard, events: { onReady: () => void heard.push('ready'), onLost: (reason) => void heard.push(`lost: ${reason}`) } };
}

const has = (heard: readonly string[], count: number): Promise<true> =>
  until(() => heard.length >= count || undefined, { timeoutMs: 10_000, what: () => `${count} events, not ${heard.join(', ')}` });

async function reasonFor(url: string, timeoutMs = 5000): Promise<string> {
  const outcome = await connectOnce(parseRedisAddress(url), timeoutMs).catch((error: Error) => error);
  if (outcome instanceof Error) return outcome.message;
  outcome.disconnect();
  return 'connected';
}

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

test('an unreachable address fails at the deadline, with the reason', async () => {
  assert.is(await reasonFor(`redis://127.0.0.1:${await freePort()}`, 300), 'connection refused');
  assert.is(await reasonFor('redis://no-such-host.invalid', 1000), 'the name is not known');
  await withRedis(async (redis) => {
    redis.pause();
    assert.match(await reasonFor(redis.url, 1500), /in time|no answer|closed/i);
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
      const started = performance.now();
      await client.get('x').then(
        () => assert.unreachable(),
        () => undefined,
      );
      assert.ok(performance.now() - started < 1500, 'before it is connected');
      await untilReady(client, 5000);
      redis.pause();
      const asked = performance.now();
      const reason = await client.get('x').then(
        () => 'an answer',
        (error: Error) => error.message,
      );
      assert.match(reason, /timed out/i);
      assert.ok(performance.now() - asked < 1500, 'while it hangs');
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
        await has(heard, 1);
        subscription.hold();
        for (let i = 1; i <= 50; i++) await client.publish('channel', String(i));
        // Each PUBLISH was answered, so Redis has sent the message.
        assert.equal(got, []);
        subscription.release();
        await has(got, 50);
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
        const startMs = performance.now();
        subscription.close();
        await until(async () => (await client.pubsub('NUMSUB', 'channel'))[1] === 0);
        const open = (): number => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
        await until(() => open() <= 1, { what: () => `one connection, not ${open()}` });
        assert.ok(performance.now() - startMs < 1500, 'and not when it is given up');
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

/** A Redis that speaks TLS too, with a certificate of its own for 127.0.0.1. */
async function withTlsRedis(fn: (url: string, certificate: string) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    const self = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=meercat-test',
    ];
    await promisify(execFile)('openssl', [...self, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate]);
    const port = await freePort();
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'];
    await withRedis({ args: ['--tls-port', String(port), ...files] }, () => fn(`rediss://127.0.0.1:${port}`, certificate));
  });
}

test('over TLS a balancer joins the fleet if the CA is configured; an unknown CA is rejected', () =>
  withTlsRedis(async (url, certificate) => {
    const trusted = { NODE_EXTRA_CA_CERTS: certificate };
    await withMeercat(
      ['balancer', '--redis', url, '--port', '0', '--bind', '127.0.0.1', '--name', 'b1'],
      async (child) => {
        await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), { what: 'the master' });
        const { code, stdout } = await meercat(['status', '--redis', url], trusted);
        assert.is(code, 0);
        assert.match(stdout, /1 balancer, 0 hosts; master b1, term 1/);
      },
      trusted,
    );
    const { code, stderr } = await meercat(['status', '--redis', url], { NODE_EXTRA_CA_CERTS: undefined });
    assert.is(code, 1);
    assert.match(
      stderr,
      /^meercat: Redis at rediss:\/\/127\.0\.0\.1:\d+ can't be used: its certificate is not trusted \(self-signed certificate\): name its authority with \?ca=FILE in --redis, or in MEERCAT_REDIS_CA$/,
    );
  }));

test('TLS is never downgraded: a Redis without it is rejected', () =>
  withRedis(async ({ port }) => {
    assert.is.not(await reasonFor(`rediss://127.0.0.1:${port}`, 1000), 'connected');
  }));

test('any number of errors of one socket harm nothing: TLS reports each alert as one', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const { stream } = client as unknown as { stream: Socket };
      for (let i = 0; i < 3; i++) stream.emit('error', new Error('tlsv1 alert decode error'));
      stream.destroy();
      await until(() => client.status !== 'ready');
      await areReady(client);
    }),
  ));

test.run();
