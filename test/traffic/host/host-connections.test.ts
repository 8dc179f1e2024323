// How connections to hosts are kept, used again and given up: what the host says of it, what it does without
// saying, and that a request that must not be sent twice never is.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startAwakeTimer } from '../../support/awake-time.js';
import { until } from '../../support/brackets.js';
import { ask, exchangeRaw } from '../../support/http-client.js';
import { answerWith, hasHead, withRawProxy } from '../../support/proxy.js';
import type { RawConnection } from '../../support/raw-host.js';

const test = suite('connections to hosts');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** How many requests came on a connection. */
const requestsOn = ({ text }: RawConnection): number => text.match(/ HTTP\/1\.1\r\n/g)?.length ?? 0;

test('one connection carries request after request', () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    for (let i = 0; i < 20; i++) assert.is((await ask(port, { method: i % 2 === 0 ? 'GET' : 'POST' })).body, 'ok');
    assert.equal(host.connections.map(requestsOn), [20]);
  }));

test('a connection lies idle for less time than the host says that it keeps it', () =>
  withRawProxy(
    answerWith('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=100\r\nContent-Length: 2\r\n\r\nok'),
    async ({ port }, host) => {
      await ask(port);
      const awakeMs = startAwakeTimer();
      await until(() => host.connections[0]?.isClosed, { timeoutMs: 10_000 });
      // Half of what the host says; the rest is for a slow machine.
      assert.ok(awakeMs() < 3000, `${awakeMs()} ms`);
      assert.is((await ask(port)).body, 'ok');
      assert.is(host.connections.length, 2);
    },
    { hostKeepAliveTimeoutMs: 60_000 },
  ));

test('a host that says it keeps no connection is not taken at more than its word', () =>
  withRawProxy(answerWith('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 2\r\n\r\nok'), async ({ port }, host) => {
    for (let i = 0; i < 3; i++) assert.is((await ask(port)).body, 'ok');
    assert.equal(host.connections.map(requestsOn), [1, 1, 1]);
  }));

test('what a host says of one connection does not hold for its others, nor for what it says later', () => {
  let answers = 0;
  return withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      const said = [
        'timeout=0',
        'timeout=60',
        'timeout=999999999',
        'timeout=99999999999999999999',
        'timeout=-1',
        'timeout=1e9',
        'timeout',
        'max=1',
        '',
      ][answers++];
      connection.socket.write(
        `HTTP/1.1 200 OK\r\n${said === undefined || said === '' ? '' : `Keep-Alive: ${said}\r\n`}Content-Length: 2\r\n\r\nok`,
      );
    },
    async ({ port }, host) => {
      for (let i = 0; i < 12; i++) assert.is((await ask(port)).body, 'ok');
      assert.equal(host.connections.length, 2, 'the first one is not kept, and the second one is');
      assert.is(host.connections[1]?.isClosed, false);
    },
    { hostKeepAliveTimeoutMs: 60_000 },
  );
});

test('no host can make a connection lie idle for longer than is allowed', () =>
  withRawProxy(
    answerWith('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=999999999\r\nContent-Length: 2\r\n\r\nok'),
    async ({ port }, host) => {
      await ask(port);
      await until(() => host.connections[0]?.isClosed);
    },
    { hostKeepAliveTimeoutMs: 150 },
  ));

test('a connection that nobody uses is closed when its time is up', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port }, host) => {
      await ask(port);
      await until(() => host.connections[0]?.isClosed);
    },
    { hostKeepAliveTimeoutMs: 150 },
  ));

for (const how of ['end', 'resetAndDestroy'] as const) {
  test(`a connection that the host closes while it lies idle (${how}) costs no request`, () =>
    withRawProxy(answerWith(OK), async ({ port, counter }, host) => {
      for (let i = 0; i < 10; i++) {
        assert.is((await ask(port, { method: 'POST', body: 'x' })).body, 'ok');
        const connection = host.connections[i] as RawConnection;
        connection.socket[how]();
        await until(() => connection.isClosed);
      }
      assert.equal([counter('requests_failed'), host.connections.length], [0, 10]);
    }));
}

test('a GET that meets a kept connection at the moment in which the host closes it goes to another host, and a POST is not sent twice', () => {
  let seen = 0;
  return withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      seen++;
      connection.text = '';
      // The first request of a connection is answered, the next one meets its end.
      if (connection.socket.bytesWritten === 0) connection.socket.write(OK);
      else connection.socket.resetAndDestroy();
    },
    async ({ port, counter }) => {
      await ask(port);
      const { status } = await ask(port, { method: 'POST' });
      assert.is(status, 502, 'there is no other host, and this one may have done it');
      assert.is(seen, 2);
      assert.equal([counter('requests_retried'), counter('hosts_reset')], [0, 1]);
    },
    { ejectAfter: 1000 },
  );
});

test('bytes on an idle connection are counted, and the next request does not meet them', () =>
  withRawProxy(answerWith(OK), async ({ port, counter }, host) => {
    assert.is((await ask(port)).body, 'ok');
    host.connections[0]?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad');
    await until(() => host.connections[0]?.isClosed);
    assert.is((await ask(port)).body, 'ok');
    assert.equal([counter('hosts_extra_bytes'), host.connections.length], [1, 2]);
  }));

test('many requests at once have a connection each, and later ones use them again', () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    await Promise.all(Array.from({ length: 30 }, () => ask(port)));
    const opened = host.connections.length;
    for (let i = 0; i < 30; i++) await ask(port);
    assert.is(host.connections.length, opened);
  }));

test("each host is asked by its own name where the client named none, and by the client's where it did", () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    await exchangeRaw(port, 'GET / HTTP/1.0\r\n\r\n');
    await exchangeRaw(port, 'GET / HTTP/1.0\r\nHost: example.org\r\n\r\n');
    const hosts = host.connections.flatMap(({ text }) => text.match(/^Host: .*$/gm) ?? []).map((line) => line.trim());
    assert.equal(hosts, [`Host: 127.0.0.1:${host.port}`, 'Host: example.org']);
  }));

test('a host that accepts and closes at once is answered for, and nothing hangs', () =>
  withRawProxy(
    ({ socket }) => void socket.destroy(),
    async ({ port, counter }) => {
      for (const method of ['GET', 'POST', 'DELETE']) assert.is((await ask(port, { method })).status, 502);
      assert.is(counter('requests_failed'), 3);
    },
    { ejectAfter: 1000 },
  ));

test('a 103 is for clients of HTTP/1.1 only', () =>
  withRawProxy(answerWith(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}`), async ({ port }) => {
    assert.match(await exchangeRaw(port, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 OK/);
    assert.match(
      await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK/,
    );
  }));

test.run();
