// `meercat restart` with a real `meercat up`: the balancers are restarted one after the other, clients that
// keep their connections and move on when one is closed lose nothing, and without an `up` it says so.

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Writable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { operate } from '../lib/console/operator.js';
import { restartFleet } from '../lib/console/restart.js';
import { parseRedisAddress } from '../lib/redis/address.js';
import { type Commands, openSubscription } from '../lib/redis/connect.js';
import { decodeEvent, encodeEvent } from '../lib/redis/event-message.js';
import { until, withRedis } from './support/brackets.js';
import { type FleetProcess, freePortsInRow, withFleet } from './support/fleet-process.js';
import { ended, withMeercat } from './support/meercat.js';
import { startMovingLoad } from './support/moving-load.js';
import { withFakeNotify } from './support/notify-receiver.js';
import { withClients } from './support/redis-client.js';

const test = suite('meercat restart');

/** Two drains, two starts, on a busy machine. */
const BUSY_MS = 90_000;

/** A `meercat restart` in this process. */
interface Restart {
  /** What it printed so far. */
  readonly lines: readonly string[];
  /** Resolves to `restarted`, or to why it failed; never rejects. */
  readonly end: Promise<string>;
}

function restartHere(redis: string, isJson = false, namespace = 'meercat'): Restart {
  const lines: string[] = [];
  const out = new Writable({
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
  const end = restartFleet({ redis, namespace, isJson }, out).then(
    () => 'restarted',
    (error: Error) => error.message,
  );
  return { lines, end };
}

/** Resolves when a command listens to the events of the fleet. */
async function isListening(client: Commands): Promise<void> {
  await until(async () => (await client.pubsub('NUMSUB', 'meercat:events'))[1] === 1, { what: 'the command to listen' });
}

function withRedisClient<T>(fn: (redis: { readonly url: string; readonly client: Commands }) => Promise<T>): Promise<T> {
  return withRedis(({ url }) => withClients([url], (client) => fn({ url, client })));
}

const BALANCERS = 2;
const NAMES = Array.from({ length: BALANCERS }, (_, index) => `b${index + 1}`);

/** A fleet that runs, and what tests of its restart look at. */
interface Running {
  readonly fleet: FleetProcess;
  readonly url: string;
  readonly client: Commands;
  readonly port: number;
}

interface Health {
  readonly status: string;
  readonly reason?: string;
  readonly inflight: number;
}

/** The health page of a balancer, with its HTTP status. */
async function healthOf(port: number): Promise<readonly [number, Health]> {
  const response = await fetch(`http://127.0.0.1:${port + 1000}/.meercat/health`);
  return [response.status, (await response.json()) as Health];
}

/** A request for half a second of the host's CPU; the drain of a balancer of `up` ends after 5 s, and a busy machine needs some. */
function askForWork(port: number): { readonly sent: Promise<unknown>; readonly answer: Promise<string> } {
  const outgoing = request({ host: '127.0.0.1', port, path: '/work?ms=500', agent: false });
  const answer = once(outgoing, 'response').then(
    ([response]) => textOf(response as IncomingMessage),
    (error: Error) => error.message,
  );
  return { sent: new Promise<void>((resolve) => void outgoing.end(resolve)), answer };
}

/** Under load, with two commands: the second request is ignored with a message, and follows the first one to its end. */
async function restartsUnderLoad({ fleet, url, client, port }: Running): Promise<void> {
  const instances = (): Promise<(string | null)[]> => Promise.all(NAMES.map((name) => client.hget(`meercat:balancer:${name}`, 'instance')));
  const before = await until(async () => (await instances()).every((instance) => instance !== null) && instances(), {
    what: 'all heartbeats',
  });
  const load = startMovingLoad(
    NAMES.map((_, index) => port + index),
    4,
    /^h1\n$/,
  );
  try {
    await until(() => load.answered > 100, { what: 'the load to run' });
    // A request in flight keeps b1 from ending at once.
    const { sent, answer: working } = askForWork(port);
    await sent;
    // The balancer answers these after it has taken the request, which the load's could be taken for otherwise.
    for (let i = 0; i < 2; i++) await healthOf(port);
    await withMeercat(['restart', '--redis', url], async (command) => {
      await command.waitForLine(/^meercat up: 2 balancers, one after the other$/);
      const other = restartHere(url, true);
      assert.is(await other.end, 'restarted');
      const told = JSON.parse(other.lines.join('\n')) as {
        namespace: string;
        restarted: { name: string; since: string }[];
        seconds: number;
      };
      assert.is(told.namespace, 'meercat');
      assert.equal(
        told.restarted.map(({ name }) => name),
        NAMES,
      );
      assert.ok(told.restarted.every(({ since }) => Date.parse(since) > 0) && told.seconds > 0);

      assert.equal(await ended(command, BUSY_MS), { code: 0, signal: null }, command.lines.join('\n'));
      // The seconds come with an event; on a slow machine Redis shows the restart before that.
      const lines = [
        /^meercat up: 2 balancers, one after the other$/,
        /^meercat up: ignored: one is under way already$/,
        ...NAMES.map((name) => new RegExp(`^${name} serves again( after \\d+\\.\\d s)?$`)),
        /^restarted 2 balancers( in \d+\.\d s)?$/,
      ];
      assert.is(command.lines.length, lines.length, command.lines.join('\n'));
      for (const [index, line] of lines.entries()) assert.match(command.lines[index] as string, line);
    });
    assert.is(await working, 'h1\n');
    const soFar = load.answered;
    await until(() => load.answered > soFar + 100, { what: 'the load to go on' });
  } finally {
    await load.stop();
  }
  for (const [index, instance] of (await instances()).entries())
    assert.ok(instance !== null && instance !== before[index], `${NAMES[index]} is another process`);
  await fleet.waitForLine(/^restart began: ignored: one is under way already$/);
  for (const name of NAMES) await fleet.waitForLine(new RegExp(`^restart of ${name} ended: serves again after `));
  assert.not(
    fleet.lines.some((line) => /started again in/.test(line)),
    'a restart is no death',
  );
  assert.ok(load.moves >= BALANCERS, `${load.moves} moves`);
  assert.equal(load.failures, [], `of ${load.answered + load.failures.length} requests`);
}

/** With all hosts drained a balancer is not ready, but is restarted too; and a fleet can be stopped meanwhile. */
async function restartsDrainedAndStops({ fleet, url, port }: Running): Promise<void> {
  await operate({ action: 'drain', host: 'h1', redis: url, namespace: 'meercat', isJson: true }, { write: () => undefined });
  await until(async () => (await healthOf(port))[0] === 503, { what: 'the balancer not to be ready' });
  const soFar = fleet.lines.length;
  const heard = (pattern: RegExp): boolean => fleet.lines.slice(soFar).some((line) => pattern.test(line));
  const restart = restartHere(url);
  await until(() => heard(/^restart of b1 ended: serves again after /), { timeoutMs: BUSY_MS, what: 'b1 to serve again' });
  const [status, page] = await healthOf(port);
  assert.equal([status, page.status, page.reason], [503, 'serving', 'all-taken-out']);
  await until(() => heard(/^restart of b2 began/), { timeoutMs: BUSY_MS, what: 'the restart of b2' });
  fleet.kill('SIGTERM');
  assert.equal(await ended(fleet, BUSY_MS), { code: 0, signal: null });
  // Of a Redis that does not answer in time it may complain, where the machine stalls.
  const complaints = fleet.stdout.slice(fleet.stdout.indexOf('stopping') + 1).filter((line) => !/: warn: redis /.test(line));
  assert.equal([fleet.stdout.includes('stopping'), complaints], [true, []], 'a stop in order has nothing to complain of');
  assert.equal(fleet.members(), []);
  assert.is(restart.lines[0], 'meercat up: 2 balancers, one after the other');
}

test('balancers are restarted one after the other without a lost request, also with all hosts drained, and can be stopped meanwhile', () =>
  withRedisClient(({ url, client }) =>
    withFakeNotify(async (receiver) => {
      const port = await freePortsInRow(BALANCERS);
      await withFleet(
        ['--balancers', String(BALANCERS), '--hosts', '1', '--port', String(port), '--redis', url],
        async (fleet) => {
          await fleet.ready();
          const running: Running = { fleet, url, client, port };
          await restartsUnderLoad(running);
          await restartsDrainedAndStops(running);
        },
        // Variables for consoles and drain delays are for production balancers, and do not affect a fleet on loopback.
        { env: { ...receiver.env, MEERCAT_CONSOLE_BIND: '127.0.0.2', MEERCAT_DRAIN_DELAY: '60m' } },
      );
      // None of its balancers speaks for the fleet, at its start or when it is restarted.
      assert.equal(
        (await receiver.messages()).map(([first]) => first),
        ['READY=1', 'STOPPING=1'],
      );
    }),
  ));

test('without a `meercat up` it fails after five seconds with advice', () =>
  withRedisClient(async ({ url, client }) => {
    await client.zadd('other:balancers', 1, 'b1');
    await client.hset('other:balancer:b1', 'since', 'today');
    const heard: string[] = [];
    const listener = openSubscription(parseRedisAddress(url), ['other:events'], (_channel, text) => heard.push(text));
    // What others say on the channel is no reaction.
    const talk = setInterval(() => void client.publish('other:events', encodeEvent({ kind: 'host-up', name: 'h1' }, new Date())), 100);
    try {
      const startMs = performance.now();
      const { lines, end } = restartHere(url, false, 'other');
      assert.match(await end, /^no meercat up answers on this Redis and namespace \(other\): .*send SIGTERM to one after the other/);
      assert.equal(lines, []);
      assert.ok(performance.now() - startMs < 15_000);
      const asked = heard
        .map((text) => decodeEvent(text))
        .flatMap((event) => (event.ok && event.value.kind === 'restart-requested' ? [event.value.name] : []));
      assert.equal(asked, ['fleet']);
    } finally {
      clearInterval(talk);
      listener.close();
    }
  }));

test('a step whose event is lost is read from Redis: each balancer that is another one, and that all are', () =>
  withRedisClient(async ({ url, client }) => {
    const beat = (name: string, since: string): Promise<unknown> =>
      client.hset(`meercat:balancer:${name}`, 'role', 'slave', 'url', 'http://127.0.0.1:1', 'since', since);
    for (const [index, name] of ['b1', 'b2'].entries()) {
      await client.zadd('meercat:balancers', index, name);
      await beat(name, '2026-11-24T16:00:00.000Z');
    }
    const { lines, end } = restartHere(url);
    await isListening(client);
    const tell = (kind: 'restart-began' | 'restart-ended', name: string, detail: string): Promise<unknown> =>
      client.publish('meercat:events', encodeEvent({ kind, name, detail }, new Date()));
    await tell('restart-began', 'fleet', '2 balancers, one after the other');
    await tell('restart-began', 'b1', 'stopping');
    await beat('b1', '2026-11-24T17:00:00.000Z');
    await until(() => lines.includes('b1 serves again'), { what: 'b1 to be seen' });
    // Late, it is no news.
    await tell('restart-ended', 'b1', 'serves again after 1.0 s');
    assert.equal(lines, ['meercat up: 2 balancers, one after the other', 'b1 serves again'], 'it goes on while b2 is the old one');
    await beat('b2', '2026-11-24T17:00:01.000Z');
    // Without a look at Redis it would wait for a minute.
    assert.is(await Promise.race([end, sleep(20_000, 'nothing', { ref: false })]), 'restarted');
    assert.equal(lines.slice(2), ['b2 serves again', 'restarted 2 balancers']);
  }));

test('when a balancer does not come back, the command says which, with exit code 1', () =>
  withRedisClient(async ({ url, client }) => {
    await withMeercat(['restart', '--redis', url], async (command) => {
      await isListening(client);
      for (const [kind, name] of [
        ['restart-began', 'fleet'],
        ['restart-failed', 'b2'],
        ['restart-failed', 'fleet'],
      ] as const) {
        await client.publish('meercat:events', encodeEvent({ kind, name, detail: 'b2: it did not come up' }, new Date()));
      }
      assert.equal(await ended(command, BUSY_MS), { code: 1, signal: null });
      assert.match(command.stderr.join('\n'), /^meercat: not restarted: b2: it did not come up$/);
    });
  }));

test.run();
