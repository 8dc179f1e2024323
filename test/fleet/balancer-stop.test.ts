// How a balancer stops: it accepts nothing new, finishes what it has begun, leaves the fleet in good order, and aborts
// what takes too long.

import { parseTerm } from '../../lib/redis/term.js';
import { Agent, type RequestListener } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEvent } from '../../lib/redis/event-message.js';
import { until, withRedis } from '../support/brackets.js';
import { KEYS, statusOf, withBalancer } from '../support/fleet.js';
import { ask, exchangeRaw, RawClient, withRaw } from '../support/http-client.js';
import { withProxy, withRawProxy } from '../support/proxy.js';
import { withClients } from '../support/redis-client.js';

const test = suite('balancer stop');

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** A host that answers only when allowed to. */
function slowHost(): { readonly handler: RequestListener; readonly waiting: () => number; readonly answerAll: () => void } {
  const waiting: (() => void)[] = [];
  return {
    handler: (_request, response) => void waiting.push(() => response.end('done')),
    waiting: () => waiting.length,
    answerAll: () => {
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

/** True when a new connection is refused. */
async function isRefusing(port: number): Promise<boolean> {
  const raw = new RawClient(port);
  try {
    await until(() => raw.isClosed || raw.socket.readyState === 'open', { everyMs: 2 });
    return raw.isClosed;
  } finally {
    raw.socket.destroy();
  }
}

test('a stopping balancer finishes requests in flight, accepts nothing new, and reports it on its health page', () => {
  const host = slowHost();
  return withProxy(host.handler, (each) =>
    withRaw(each.port, async (raw) => {
      raw.send(GET);
      const agent = new Agent({ keepAlive: true });
      const slow = ask(each.port, { agent });
      await until(() => host.waiting() === 2);
      assert.is((await each.health()).httpStatus, 200);

      const stopped = each.balancer.stop();
      await until(async () => (await each.health()).httpStatus === 503, { what: 'the health page to say 503' });
      const { status, inflight } = await each.health();
      assert.equal([status, inflight], ['stopping', 2]);
      assert.is(await isRefusing(each.port), true);

      host.answerAll();
      const { status: answered, body, headers } = await slow;
      assert.equal([answered, body, headers.connection], [200, 'done', 'close'], 'a client must not send another request on it');
      assert.match(await raw.ends(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n[^]*done$/);
      await stopped;
      assert.is(await isRefusing(each.balancer.consolePort), true, 'the console ends last');
      agent.destroy();
    }),
  );
});

test('a pipelined request that arrives during the stop reaches no host: the response before it is the last', () => {
  const host = slowHost();
  return withProxy(host.handler, (each) =>
    withRaw(each.port, async (raw) => {
      raw.send(GET);
      await until(() => host.waiting() === 1);
      const stopped = each.balancer.stop();
      await until(async () => (await each.health()).httpStatus === 503);
      // Sent after the stop began, on a connection whose first request is still in flight.
      raw.send(GET);
      host.answerAll();
      const text = await raw.ends();
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n[^]*done$/);
      await stopped;
      assert.is(host.waiting(), 0);
    }),
  );
});

test('an idle connection is closed when the stop begins', () =>
  withProxy(
    (_request, response) => void response.end('ok'),
    (each) =>
      withRaw(each.port, async (raw) => {
        await raw.send(GET).receives(/ok$/);
        const stopped = each.balancer.stop();
        await raw.ends();
        await stopped;
      }),
  ));

test('requests not finished in time are aborted, and their number is logged', () => {
  const host = slowHost();
  return withProxy(
    host.handler,
    async (each) => {
      const answers = [1, 2, 3].map(() =>
        ask(each.port).then(
          () => 'answered',
          (error: NodeJS.ErrnoException) => error.code,
        ),
      );
      await until(() => host.waiting() === 3);
      await each.balancer.stop();
      assert.equal(await Promise.all(answers), ['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
      assert.ok(each.lines.includes('warn requests were still in flight when the time was up {"requests":3}'), each.lines.join('\n'));
    },
    { drainTimeoutMs: 200 },
  );
});

test('an upgraded connection is closed when the time is up', () =>
  withRawProxy(
    ({ socket }) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    (each, host) =>
      withRaw(each.port, async (raw) => {
        await raw.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n').receives(/101/);
        await each.balancer.stop();
        await raw.ends();
        await until(() => host.connections[0]?.isClosed, { what: 'the host to be let go' });
      }),
    { drainTimeoutMs: 200 },
  ));

test('a stopped balancer leaves nothing of its own in Redis, and announces its departure', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], async (client, listener) => {
      const events: string[] = [];
      await listener.subscribe(KEYS.events);
      listener.on('message', (_channel: string, text: string) => {
        const decoded = decodeEvent(text);
        events.push(decoded.ok ? `${decoded.value.kind} ${decoded.value.name}` : text);
      });
      await withBalancer({ redis: [redis.url], name: 'b1' }, async (each) => {
        await each.becomes('master');
        await until(() => statusOf(client, 'b1'));
        assert.is(await client.exists(KEYS.lease, KEYS.master, KEYS.balancer('b1')), 3);
        assert.equal(await client.zrange(KEYS.balancers, '0', '-1'), ['b1']);
        await each.balancer.stop();
        assert.is(await client.exists(KEYS.lease, KEYS.master, KEYS.balancer('b1'), KEYS.balancers), 0);
      });
      await until(() => events.includes('balancer-left b1'), { what: () => events.join() });
      assert.equal(
        events,
        ['balancer-joined b1', 'master-elected b1', 'master-released b1', 'balancer-left b1'].toSorted(
          (a, b) => events.indexOf(a) - events.indexOf(b),
        ),
      );
      assert.ok(events.indexOf('master-released b1') < events.indexOf('balancer-left b1'));
      assert.is(parseTerm(await client.get(KEYS.term), 9).term, 1, 'the term stays, for the next one');
    }),
  ));

test('a port in use is reported in one line, and the failed start leaves nothing behind', () =>
  withBalancer({}, async (each) => {
    for (const taken of [{ port: each.port }, { consolePort: each.balancer.consolePort }]) {
      const error = await withBalancer(taken, () => undefined).then(
        () => null,
        (thrown: unknown) => thrown as Error & { code: string },
      );
      assert.is(error?.code, 'MEERCAT_PORT_TAKEN');
      assert.match(error?.message ?? '', /^[^\n]*(--port|--console-port)$/);
    }
    assert.match(await exchangeRaw(each.port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /503/, 'the first one lives');
  }));

test.run();
