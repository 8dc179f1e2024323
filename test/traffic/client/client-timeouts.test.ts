// Clients that send or read nothing: each wait has a timeout and a counter. Timeouts are short, and each test waits for a
// condition, not for a time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { exchangeRaw, withRaw } from '../../support/http-client.js';
import { answerWith, withProxy, withRawProxy } from '../../support/proxy.js';

const test = suite('timeouts of clients');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
/** More than fits in the buffers of all connections on the way. */
const LONG = Buffer.alloc(32 << 20, '.');

const TIMED_OUT = /^HTTP\/1\.1 408 [^]*"MEERCAT_REQUEST_TIMEOUT"/;

test('a client that sends nothing is closed without an answer, and one that stops in its head gets 408', () =>
  withRawProxy(
    answerWith(OK),
    async ({ port, counter }, host) => {
      assert.is(await exchangeRaw(port, ''), '');
      for (const text of ['GET', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\nHost: x\r\n'])
        assert.match(await exchangeRaw(port, text), TIMED_OUT, text);
      assert.is(counter('timeouts_header'), 4);
      assert.is(host.connections.length, 0);
    },
    { headerTimeoutMs: 150 },
  ));

test('a head that comes byte by byte does not get more time for it', () =>
  withRawProxy(
    answerWith(OK),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.send('GET / HTTP/1.1\r\nHost: x\r\nX-A: ');
        const timer = setInterval(() => raw.send('a'), 20);
        try {
          assert.match(await raw.ends(), TIMED_OUT);
        } finally {
          clearInterval(timer);
        }
        assert.is(counter('timeouts_header'), 1);
      }),
    { headerTimeoutMs: 300 },
  ));

test('the second head on a connection has its time from its first byte on', () =>
  withRawProxy(
    answerWith(OK),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        await raw.send(GET).receives(/ok$/);
        raw.send('GET /2 HT');
        assert.match((await raw.ends()).slice(raw.text.indexOf('ok') + 2), TIMED_OUT);
        assert.equal([counter('timeouts_header'), counter('timeouts_keep_alive')], [1, 0]);
      }),
    { headerTimeoutMs: 150, keepAliveTimeoutMs: 10_000 },
  ));

test('a connection without a request is closed when its time is up', () =>
  withRawProxy(
    answerWith(OK),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        await raw.send(GET).receives(/ok$/);
        await raw.ends();
        assert.equal([counter('timeouts_keep_alive'), counter('timeouts_header')], [1, 0]);
      }),
    { keepAliveTimeoutMs: 150, headerTimeoutMs: 10_000 },
  ));

for (const [framing, text] of [
  ['a length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello'],
  ['chunks', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe'],
  ['none of it there', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'],
] as const) {
  test(`a client that stops in its body (${framing}) gets 408, and the host sees an incomplete request`, () =>
    withRawProxy(
      () => undefined,
      async ({ port, counter }, host) => {
        assert.match(await exchangeRaw(port, text), TIMED_OUT);
        assert.equal([counter('timeouts_client_body'), counter('timeouts_response')], [1, 0]);
        await until(() => host.connections[0]?.isClosed);
        assert.not.match(host.connections[0]?.text ?? '', /0\r\n\r\n$/);
      },
      { clientTimeoutMs: 200, responseTimeoutMs: 10_000 },
    ));
}

test('a client that trickles its body gets 408 when it falls below the minimum rate', () =>
  withRawProxy(
    () => undefined,
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
        const timer = setInterval(() => raw.send('a'), 50);
        try {
          assert.match(await raw.ends(), TIMED_OUT);
        } finally {
          clearInterval(timer);
        }
        assert.equal([counter('timeouts_client_rate'), counter('timeouts_client_body')], [1, 0]);
      }),
    { clientTimeoutMs: 500, minBodyRate: 1000 },
  ));

test('a client that keeps the rate is not hurried, however long it takes', () =>
  withProxy(
    (request, response) => void request.resume().on('end', () => response.end('ok')),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\nConnection: close\r\n\r\n');
        for (let i = 0; i < 8; i++) {
          raw.send('a'.repeat(1000));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        assert.match(await raw.ends(), /^HTTP\/1\.1 200 OK/);
        assert.is(counter('timeouts_client_rate'), 0);
      }),
    { clientTimeoutMs: 2000, minBodyRate: 100 },
  ));

test('a client that takes nothing of its answer is closed', () =>
  withProxy(
    (_request, response) => void response.end(LONG),
    ({ port, counter, inflight }) =>
      withRaw(port, async (raw) => {
        raw.send(GET);
        await raw.receives(/200 OK/);
        raw.socket.pause();
        await until(() => counter('timeouts_client_answer') === 1, { timeoutMs: 10_000 });
        await until(() => inflight().hosts === 0);
        assert.equal(
          [counter('requests_client_gone'), counter('timeouts_response'), counter('hosts_reset')],
          [1, 0, 0],
          "it is not the host's fault",
        );
      }),
    { clientTimeoutMs: 2500, responseTimeoutMs: 1500 },
  ));

test('a client that keeps sending requests and reads no answer is closed, and not all of its requests are forwarded', () =>
  withProxy(
    (_request, response) => void response.end(Buffer.alloc(1 << 20, '.')),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.socket.pause();
        raw.send(GET.repeat(200));
        await until(() => counter('timeouts_client_answer') === 1, { timeoutMs: 10_000 });
        assert.ok(counter('requests') < 100, `${counter('requests')} requests`);
      }),
    { clientTimeoutMs: 300 },
  ));

test.run();
