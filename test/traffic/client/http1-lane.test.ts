// The HTTP/1 lane on real sockets: the form of every kind of answer, one write for what comes at once, and clients that
// do not read, break off, or speak TLS.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { exchangeRaw, withRaw } from '../../support/http-client.js';
import { type RawConnection, withRawHost } from '../../support/raw-host.js';
import { tcpSide } from '../../support/tcp-state.js';

const test = suite('http1 lane');

/** A host that answers each request by its path. */
function answerBy(answers: Readonly<Record<string, string | Buffer>>): (connection: RawConnection) => void {
  return (connection) => {
    for (let end = connection.text.indexOf('\r\n\r\n'); end >= 0; end = connection.text.indexOf('\r\n\r\n')) {
      const path = connection.text.split(' ', 2)[1] ?? '';
      connection.text = connection.text.slice(end + 4);
      connection.socket.write(answers[path] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'latin1');
    }
  };
}

/** An answer with a body of this size, made once: hosts send it many times. */
const longAnswer = (size: number): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${'a'.repeat(size)}`, 'latin1');

const DATE = 'Date: Sun, 01 Nov 2026 00:00:00 GMT\r\n';
const CHUNKED = `HTTP/1.1 200 OK\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n`;
const ANSWERS = {
  '/length': `HTTP/1.1 200 OK\r\n${DATE}Content-Length: 2\r\n\r\nok`,
  '/chunked': CHUNKED,
  '/no-content': `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
  '/not-modified': `HTTP/1.1 304 Not Modified\r\n${DATE}Content-Length: 5\r\n\r\n`,
  '/no-date': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
};

/** Request line, what the client gets; the host's Date and the request's id are left out of it. */
const FORMS: readonly (readonly [request: string, answer: string])[] = [
  ['GET /length HTTP/1.1', 'HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive||ok'],
  ['GET /chunked HTTP/1.1', 'HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive||3|abc|2|de|0|X-T: 1||'],
  ['GET /no-content HTTP/1.1', 'HTTP/1.1 204 No Content|Connection: keep-alive||'],
  ['GET /not-modified HTTP/1.1', 'HTTP/1.1 304 Not Modified|Content-Length: 5|Connection: keep-alive||'],
  ['GET /length HTTP/1.0', 'HTTP/1.1 200 OK|Content-Length: 2|Connection: close||ok'],
  ['GET /chunked HTTP/1.0', 'HTTP/1.1 200 OK|Connection: close||abcde'],
];

test('each kind of answer has the form that its request and status ask for', () =>
  withRawHost(answerBy(ANSWERS), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port }) => {
      for (const [request, answer] of FORMS) {
        const path = request.split(' ')[1] as string;
        const expected = answer.replaceAll('|', '\r\n');
        await withRaw(port, async (raw) => {
          raw.send(`${request}\r\nHost: x\r\n\r\n`);
          const got = (): string => raw.text.replace(DATE, '').replace(/X-Request-Id: [0-9a-f]{8}-[0-9a-z]+\r\n/, '');
          await until(() => got().length >= expected.length && raw.text.includes('X-Request-Id'), {
            what: () => `${path}: ${JSON.stringify(raw.text)}`,
          });
          assert.is(got(), expected, request);
          if (expected.includes('Connection: close')) await raw.ends();
        });
      }
    }),
  ));

test('an answer to HEAD has no body, and the connection goes on', () =>
  withRawHost(answerBy({ '/head': ANSWERS['/length'].slice(0, -2), '/length': ANSWERS['/length'] }), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port }) =>
      withRaw(port, async (raw) => {
        raw.send('HEAD /head HTTP/1.1\r\nHost: x\r\n\r\nGET /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        assert.match(await raw.ends(), /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\nHTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\nok$/);
      }),
    ),
  ));

test('an answer without Date gets one, as do answers of our own, and one of a host is left as it is', () =>
  withRawHost(answerBy(ANSWERS), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port }) => {
      const sent = await exchangeRaw(port, 'GET /no-date HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const refused = await exchangeRaw(port, 'NONSENSE\r\n\r\n');
      for (const text of [sent, refused]) {
        const [, date = ''] = /\r\nDate: ([^\r]+)\r\n/.exec(text) ?? [];
        assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000, text);
      }
      const own = await exchangeRaw(port, 'GET /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.equal(own.match(/Date: [^\r]+\r\n/g), [DATE]);
    }),
  ));

test('what a host sends at once leaves in one piece, head and body together, chunked or not', () =>
  withRawHost(answerBy(ANSWERS), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port }) => {
      for (const path of ['/length', '/chunked']) {
        const socket = connect(port, '127.0.0.1');
        const pieces: string[] = [];
        socket.on('data', (bytes) => pieces.push(bytes.toString('latin1')));
        try {
          socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
          await until(() => /ok$|X-T: 1\r\n\r\n$/.test(pieces.join('')));
          assert.is(pieces.length, 1, path);
        } finally {
          socket.destroy();
        }
      }
    }),
  ));

/** Resolves when the socket has closed. */
async function closes(socket: Socket): Promise<void> {
  await until(() => socket.closed, { timeoutMs: 15_000, what: 'the connection to be closed' });
}

for (const size of [12_000, 200_000]) {
  test(`a client that never reads is closed after its time, whatever was written last: answers of ${size} bytes`, () =>
    withRawHost(answerBy({ '/': longAnswer(size) }), ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], clientTimeoutMs: 500, keepAliveTimeoutMs: 60_000 }, async ({ port, counter }) => {
        const socket = connect(port, '127.0.0.1').pause();
        socket.on('error', () => undefined);
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000));
        await until(() => counter('timeouts_client_answer') === 1, {
          timeoutMs: 20_000,
          what: 'the deadline of a client that does not read',
        });
        socket.destroy();
      }),
    ));
}

test('a client that reads nothing of a tunnel is closed after its time, although the host goes on sending', () =>
  withRawHost(
    ({ socket }) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      socket.write(Buffer.alloc(64 << 20));
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], clientTimeoutMs: 500, tunnelTimeoutMs: 600_000 }, async ({ port, counter }) => {
        const socket = connect(port, '127.0.0.1').pause();
        socket.on('error', () => undefined);
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
        await until(() => counter('timeouts_client_answer') === 1, {
          timeoutMs: 20_000,
          what: 'the deadline of a client that does not read',
        });
        socket.destroy();
      }),
  ));

test('what a client has not read in its time is not left with the system: its connection is reset', () =>
  withRawHost(
    (connection) => {
      if (!connection.text.includes('\r\n\r\n')) return;
      connection.text = '';
      connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = Buffer.from(`10000\r\n${'a'.repeat(65_536)}\r\n`);
      for (let i = 0; i < 512; i++) connection.socket.write(chunk);
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], clientTimeoutMs: 300 }, async ({ port, counter }) => {
        const socket = connect(port, '127.0.0.1').pause();
        socket.on('error', () => undefined);
        socket.write('GET / HTTP/1.0\r\n\r\n');
        await until(() => tcpSide(port, socket.localPort ?? 0));
        await until(() => counter('timeouts_client_answer') === 1, { timeoutMs: 20_000 });
        await until(() => tcpSide(port, socket.localPort ?? 0) === undefined, { what: 'the connection to be gone' });
        socket.destroy();
      }),
  ));

test('a client that reads slowly, but reads, gets all of its answers', () =>
  withRawHost(answerBy({ '/': longAnswer(300_000) }), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }], clientTimeoutMs: 1000 }, async ({ port, counter }) => {
      const socket = connect(port, '127.0.0.1').pause();
      let bytes = 0;
      socket.on('data', (chunk) => (bytes += chunk.length));
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40));
      for (let i = 0; i < 12; i++) {
        // In bursts: within its time each time, and much longer than it in all.
        socket.resume();
        await new Promise((resolve) => setTimeout(resolve, 20));
        socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      socket.resume();
      await until(() => bytes > 40 * 300_000, { timeoutMs: 20_000, what: () => `all answers: ${bytes} bytes` });
      assert.is(counter('timeouts_client_answer'), 0);
      socket.destroy();
    }),
  ));

const BREAKS_OFF = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';

for (const [what, request, got, reset] of [
  // Only the end of the connection says where this answer ends: it must be no good one.
  ['a GET of HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 OK\r\n[^]*hello$/, 'ECONNRESET'],
  [
    'a declined upgrade',
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n5\r\nhello\r\n$/,
    '',
  ],
] as const) {
  for (const isTls of [false, true]) {
    test(`${what}, whose answer breaks off, ends for the client${isTls ? ' over TLS' : ''}, and nothing stays in flight`, () =>
      withCertificates(({ ca, issue }) =>
        withRawHost(
          ({ socket, text }) => {
            if (!text.endsWith('\r\n\r\n')) return;
            socket.write(BREAKS_OFF);
            setTimeout(() => socket.destroy(), 50);
          },
          ({ url }) => {
            const { certFile, keyFile } = issue('a', { names: ['a.example'] });
            return withBalancer(
              { statics: [{ name: 'h', url }], ...(isTls && { tlsCerts: [certFile], tlsKeys: [keyFile] }) },
              async ({ port, inflight, counter }) => {
                const socket = isTls ? connectTls({ host: '127.0.0.1', port, ca, servername: 'a.example' }) : connect(port, '127.0.0.1');
                let text = '';
                let failure = '';
                let hasEnded = false;
                socket.on('data', (bytes) => (text += bytes.toString('latin1')));
                socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message));
                socket.on('end', () => (hasEnded = true));
                socket.write(request);
                await closes(socket);
                assert.match(text, got);
                assert.is(failure, reset, `the client sees that the answer is not whole (ended: ${hasEnded})`);
                assert.equal(inflight(), { balancer: 0, hosts: 0 });
                assert.is(counter('internal_errors'), 0);
              },
            );
          },
        ),
      ));
  }
}

test('a thousand requests in one go are answered in their order', () =>
  withRawHost(answerBy(ANSWERS), ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port, counter }) => {
      const many = 'GET /length HTTP/1.1\r\nHost: x\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500);
      const text = await exchangeRaw(port, `${many}GET /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.equal(text.match(/(?<=HTTP\/1\.1 )\d+/g), [...Array.from({ length: 500 }, () => ['200', '404']).flat(), '200']);
      assert.is(counter('internal_errors'), 0);
    }),
  ));

test.run();
