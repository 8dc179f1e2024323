// Rejections by a reachable Redis: a changed password, missing permissions. Each process logs them once, with advice, and
// logs contain nothing but log lines.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { connectOnce, openCommands } from '../../lib/redis/connect.js';
import { until, withRedis } from '../support/brackets.js';
import { logOf, meercat, withMeercat } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { withCluster } from '../support/redis-group.js';

const test = suite('refusals of redis');

test('a password changed while connected is reported as such after the loss, once, and so is the next reason', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>old', '~*', '&*', '+@all'] }, (redis) =>
    withClients([redis.url], async (admin) => {
      const heard: string[] = [];
      const events = { onReady: () => void heard.push('ready'), onLost: (reason: string) => void heard.push(`lost: ${reason}`) };
      const client = openCommands(parseRedisAddress(redis.url.replace('//', '//ann:old@')), events);
      let attempts = 0;
      client.on('reconnecting', () => attempts++);
      try {
        await until(() => heard.length === 1);
        await admin.call('ACL', 'SETUSER', 'ann', 'resetpass', '>new');
        await admin.call('CLIENT', 'KILL', 'USER', 'ann');
        await until(() => heard.length === 3, { timeoutMs: 10_000, what: () => `a second reason after ${heard.join(', ')}` });
        await until(() => attempts >= 5);
        assert.is(heard.length, 3, heard.join('\n'));
        await admin.call('ACL', 'SETUSER', 'ann', '>old');
        await until(() => heard.length === 4, { what: 'the return' });
        assert.equal(
          heard.map((line) => line.replace(/:.*(\(WRONGPASS\)).*/, ' $1')),
          ['ready', 'lost: the connection was closed', 'lost (WRONGPASS)', 'ready'],
        );
      } finally {
        client.disconnect();
      }
    }),
  ));

test('a balancer whose password was changed says so in its log, once, and so does whoever asks for the status', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>old', '~*', '&*', '+@all'] }, (redis) =>
    withClients([redis.url], async (admin) => {
      const url = redis.url.replace('//', '//ann:old@');
      await withMeercat(
        ['balancer', '--redis', url, '--port', '0', '--bind', '127.0.0.1', '--name', 'b1', '--log-level', 'debug'],
        async (child) => {
          await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), { what: 'the master' });
          await admin.call('ACL', 'SETUSER', 'ann', 'resetpass', '>new');
          await admin.call('CLIENT', 'KILL', 'USER', 'ann');
          await child.waitForLine(/"warn".*refuses the user or the password \(WRONGPASS\): correct them in --redis or MEERCAT_REDIS/);
          await until(() => logOf(child).filter(({ msg }) => msg === 'a heartbeat could not be written').length > 2, {
            what: 'three heartbeats',
          });
          // After 3 s another line follows: no master is heard.
          assert.equal(
            logOf(child).filter(
              ({ level, msg, reason }) => level === 'warn' && String(msg).startsWith('redis ') && String(reason).includes('WRONGPASS'),
            ).length,
            1,
          );
          const { code, stderr } = await meercat(['status', '--redis', url]);
          assert.is(code, 1);
          assert.match(
            stderr,
            /^meercat: Redis at redis:[^ ]+ can't be used: Redis refuses the user or the password \(WRONGPASS\): correct them in --redis or MEERCAT_REDIS$/,
          );
          assert.not.ok(child.lines.join('\n').includes(':old'), 'the password in the log');
        },
      );
    }),
  ));

test('a missing permission is named in the log of a balancer and of an agent, and by `status`', () =>
  withRedis(
    {
      args: [
        '--user',
        'ann',
        'on',
        '>x',
        '~*',
        'resetchannels',
        '&meercat:load',
        '+@all',
        '-hset',
        '-info',
        '--user',
        'bob',
        'on',
        '>x',
        '~*',
        '+@all',
        '-zrange',
      ],
    },
    (redis) => {
      const url = redis.url.replace('//', '//ann:x@');
      return withMeercat(['balancer', '--redis', url, '--port', '0', '--bind', '127.0.0.1', '--name', 'b1'], (child) =>
        withMeercat(
          ['agent', '--redis', url, '--url', 'http://127.0.0.1:1', '--interval', '100ms', '--probe', 'machine'],
          async (agent) => {
            await child.waitForLine(/denies this user the command hset \(NOPERM\): grant it with ACL SETUSER/);
            await child.waitForLine(/"channel":"meercat:stats".*denies this user a channel of the command subscribe \(NOPERM\)/);
            await child.waitForLine(/"channel":"meercat:events".*denies this user a channel of the command subscribe \(NOPERM\)/);
            await agent.waitForLine(/a channel of the command publish \(NOPERM\).*a report could not be sent/);
            const { stdout, stderr } = await meercat(['status', '--redis', url.replace('ann', 'bob')]);
            assert.match(
              stderr,
              /^meercat: Redis can't be read: Redis denies this user the command zrange \(NOPERM\): grant it with ACL SETUSER; deploy\/redis\/meercat.acl has what each part of Meercat needs$/,
            );
            assert.is(stdout, '');
            const shown = await meercat(['status', '--redis', url]);
            // The balancer could not write its heartbeat; nothing is said of INFO, which ann may not use.
            assert.match(shown.stderr, /^meercat: this Redis has no fleet with the namespace meercat: [^\n]*$/);
            // ioredis prints that INFO is denied: on a terminal nobody asked, and in a log it is a line like all others.
            for (const { lines } of [child, agent])
              assert.equal(
                lines.filter((line) => !line.startsWith('{')),
                [],
              );
            assert.ok(logOf(agent).some(({ msg, text }) => msg === 'a library says' && /INFO command fails/.test(String(text))));
          },
        ),
      );
    },
  ));

test('with an unneeded Cluster password, nothing but log lines is printed', () =>
  withCluster(1, ({ url }) => {
    const flags = ['--redis', url.replace('//', '//:s3cret@'), '--namespace', '{meercat}'];
    return withMeercat(['balancer', ...flags, '--port', '0', '--bind', '127.0.0.1', '--name', 'b1'], async (child) => {
      await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), { timeoutMs: 15_000, what: 'the master' });
      assert.ok(
        logOf(child).some(({ msg, text }) => msg === 'a library says' && /does not require a password/.test(String(text))),
        'ioredis warned',
      );
      assert.is(logOf(child).length, child.lines.length, child.lines.join('\n'));
      const { code, stderr } = await meercat(['status', ...flags]);
      assert.equal([code, stderr], [0, '']);
    });
  }));

test('a database that the user may not select is not replaced by another', () =>
  withRedis({ args: ['--user', 'ann', 'on', '>x', '~*', '&*', '+@all', '-select'] }, async (redis) => {
    const reason = await connectOnce(parseRedisAddress(`${redis.url.replace('//', '//ann:x@')}/3`), 5000).then(
      () => 'connected',
      (error: Error) => error.message,
    );
    assert.match(reason, /^Redis denies this user the command select \(NOPERM\)/);
  }));

test.run();
