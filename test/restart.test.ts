// `meercat restart` with a real `meercat up`: the balancers are restarted one after the other, clients that
// keep their connections and move on when one is closed lose nothing, and without an `up` it says so.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../lib/redis/address.js';
import { type Commands, openSubscription } from '../lib/redis/connect.js';
import { decodeEvent, encodeEvent } from '../lib/redis/event-message.js';
import { until, withRedis } from './support/brackets.js';
import { freePortsInRow, withFleet } from './support/fleet-process.js';
import { ended, meercat, withMeercat } from './support/meercat.js';
import { startMovingLoad } from './support/moving-load.js';
import { withClients } from './support/redis-client.js';

const test = suite('meercat restart');

/** Three drains, three starts, on a busy machine. */
const BUSY_MS = 90_000;
const BALANCERS = 3;

function withRedisClient<T>(fn: (redis: { readonly url: string; readonly client: Commands }) => Promise<T>): Promise<T> {
  return withRedis(({ url }) => withClients([url], (client) => fn({ url, client })));
}

test('all balancers are restarted one after the other, and clients that reconnect lose no request', () =>
  withRedisClient(async ({ url, client }) => {
    const port = await freePortsInRow(BALANCERS);
    await withFleet(['--balancers', String(BALANCERS), '--hosts', '2', '--port', String(port), '--redis', url], async (fleet) => {
      await fleet.ready();
      const names = Array.from({ length: BALANCERS }, (_, index) => `b${index + 1}`);
      const instances = (): Promise<(string | null)[]> =>
        Promise.all(names.map((name) => client.hget(`meercat:balancer:${name}`, 'instance')));
      const before = await until(async () => (await instances()).every((instance) => instance !== null) && instances(), {
        what: 'all heartbeats',
      });
      const load = startMovingLoad(
        names.map((_, index) => port + index),
        4,
        /^h[12]\n$/,
      );
      try {
        await until(() => load.answered > 100, { what: 'the load to run' });
        await withMeercat(['restart', '--redis', url], async (command) => {
          assert.equal(await ended(command, BUSY_MS), { code: 0, signal: null }, command.lines.join('\n'));
          // The seconds are told by an event; on a machine that is too slow for it, it is seen before in Redis.
          const lines = [
            /^meercat up: 3 balancers, one after the other$/,
            ...names.map((name) => new RegExp(`^${name} serves again( after \\d+\\.\\d s)?$`)),
            /^restarted 3 balancers( in \d+\.\d s)?$/,
          ];
          assert.is(command.lines.length, lines.length, command.lines.join('\n'));
          for (const [index, line] of lines.entries()) assert.match(command.lines[index] as string, line);
        });
        const soFar = load.answered;
        await until(() => load.answered > soFar + 100, { what: 'the load to go on' });
      } finally {
        await load.stop();
      }
      const after = await instances();
      for (const [index, instance] of after.entries())
        assert.ok(instance !== null && instance !== before[index], `${names[index]} is another process`);
      for (const name of names) await fleet.waitForLine(new RegExp(`^restart of ${name} ended: serves again after `));
      assert.not(
        fleet.lines.some((line) => /started again in/.test(line)),
        'a restart is no death',
      );
      assert.ok(load.moves >= BALANCERS, `${load.moves} moves`);
      assert.equal(load.failures, [], `of ${load.answered + load.failures.length} requests`);
    });
  }));

test('a second request meanwhile is ignored with a message, and its command follows the first one; --json reports it at the end', () =>
  withRedis(async ({ url }) => {
    const port = await freePortsInRow(1);
    await withFleet(['--balancers', '1', '--hosts', '1', '--port', String(port), '--redis', url], async (fleet) => {
      await fleet.ready();
      // A request in flight keeps the balancer from ending at once. (A fleet of `meercat up` waits for 5 s.)
      const working = fetch(`http://127.0.0.1:${port}/work?ms=4500`).then((response) => response.text(), String);
      await until(
        async () =>
          ((await (await fetch(`http://127.0.0.1:${port + 1000}/.meercat/health`)).json()) as { inflight: number }).inflight === 1,
        { what: 'the request to be in flight' },
      );
      // At once: however slow the machine is, both are as slow.
      const both = await Promise.all([meercat(['restart', '--redis', url]), meercat(['restart', '--redis', url])]);
      await working;
      for (const { code, stdout, stderr } of both) {
        assert.is(code, 0, stderr);
        assert.match(stdout, /\nrestarted 1 balancer in /);
      }
      assert.ok(
        both.some(({ stdout }) => stdout.includes('meercat up: ignored: one is under way already\n')),
        both.map(({ stdout }) => stdout).join('\n'),
      );
      await fleet.waitForLine(/^restart began: ignored: one is under way already$/);

      const { code, stdout, stderr } = await meercat(['restart', '--redis', url, '--json']);
      assert.is(code, 0, stderr);
      const told = JSON.parse(stdout) as { namespace: string; restarted: { name: string; since: string }[]; seconds: number };
      assert.is(told.namespace, 'meercat');
      assert.equal(
        told.restarted.map(({ name }) => name),
        ['b1'],
      );
      assert.ok(Date.parse(told.restarted[0]?.since ?? '') > 0 && told.seconds > 0);
    });
  }));

test('the fleet can be stopped during a restart', () =>
  withRedis(async ({ url }) => {
    const port = await freePortsInRow(2);
    await withFleet(['--balancers', '2', '--hosts', '1', '--port', String(port), '--redis', url], async (fleet) => {
      await fleet.ready();
      await withMeercat(['restart', '--redis', url], async () => {
        await fleet.waitForLine(/^restart of b1 began/, BUSY_MS);
        fleet.kill('SIGTERM');
        assert.equal(await ended(fleet, 15_000), { code: 0, signal: null });
        assert.equal(fleet.members(), []);
      });
    });
  }));

test('without a `meercat up` it exits after five seconds with advice', () =>
  withRedisClient(async ({ url, client }) => {
    await client.zadd('other:balancers', 1, 'b1');
    await client.hset('other:balancer:b1', 'since', 'today');
    const heard: string[] = [];
    const listener = openSubscription(parseRedisAddress(url), ['other:events'], (_channel, text) => heard.push(text));
    try {
      // What others say on the channel is no reaction.
      const talk = setInterval(() => void client.publish('other:events', encodeEvent({ kind: 'host-up', name: 'h1' }, new Date())), 100);
      const startMs = performance.now();
      const { code, stdout, stderr } = await meercat(['restart', '--redis', url, '--namespace', 'other']);
      clearInterval(talk);
      assert.equal([code, stdout], [1, '']);
      assert.match(stderr, /^meercat: no meercat up answers on this Redis and namespace \(other\): .*send SIGTERM to one after the other/);
      assert.ok(performance.now() - startMs < 15_000);
      const asked = heard
        .map((text) => decodeEvent(text))
        .flatMap((event) => (event.ok && event.value.kind === 'restart-requested' ? [event.value.name] : []));
      assert.equal(asked, ['fleet']);
    } finally {
      listener.close();
    }
  }));

test('what lost events would have told is read from Redis: each balancer that is another one, and that all are', () =>
  withRedisClient(async ({ url, client }) => {
    const beat = (name: string, since: string): Promise<unknown> =>
      client.hset(`meercat:balancer:${name}`, 'role', 'slave', 'url', 'http://127.0.0.1:1', 'since', since);
    for (const [index, name] of ['b1', 'b2'].entries()) {
      await client.zadd('meercat:balancers', index, name);
      await beat(name, '2026-11-24T16:00:00.000Z');
    }
    await withMeercat(['restart', '--redis', url], async (command) => {
      await until(async () => (await client.pubsub('NUMSUB', 'meercat:events'))[1] === 1, { what: 'the command to listen' });
      const tell = (kind: 'restart-began' | 'restart-ended', name: string, detail: string): Promise<unknown> =>
        client.publish('meercat:events', encodeEvent({ kind, name, detail }, new Date()));
      await tell('restart-began', 'fleet', '2 balancers, one after the other');
      await tell('restart-began', 'b1', 'told to stop');
      await beat('b1', '2026-11-24T17:00:00.000Z');
      await command.waitForLine(/^b1 serves again$/);
      // Late, it is no news.
      await tell('restart-ended', 'b1', 'serves again after 1.0 s');
      assert.equal(
        command.lines,
        ['meercat up: 2 balancers, one after the other', 'b1 serves again'],
        'it goes on while b2 is the old one',
      );
      await beat('b2', '2026-11-24T17:00:01.000Z');
      // Without a look at Redis it would wait for a minute.
      assert.equal(await ended(command, 20_000), { code: 0, signal: null });
      assert.equal(command.lines.slice(2), ['b2 serves again', 'restarted 2 balancers']);
    });
  }));

test('when a balancer does not come back, it says which, with exit code 1', () =>
  withRedisClient(async ({ url, client }) => {
    await withMeercat(['restart', '--redis', url], async (command) => {
      await until(async () => (await client.pubsub('NUMSUB', 'meercat:events'))[1] === 1, { what: 'the command to listen' });
      for (const [kind, name] of [
        ['restart-began', 'fleet'],
        ['restart-failed', 'b2'],
        ['restart-failed', 'fleet'],
      ] as const) {
        await client.publish('meercat:events', encodeEvent({ kind, name, detail: 'b2: it did not come up' }, new Date()));
      }
      assert.equal(await ended(command, 10_000), { code: 1, signal: null });
      assert.match(command.stderr.join('\n'), /^meercat: not restarted: b2: it did not come up$/);
    });
  }));

test.run();
