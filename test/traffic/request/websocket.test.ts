// Connections that switch protocols: a WebSocket's handshake by hand and frames both ways, hosts that refuse,
// and either side going away at each moment.

import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { ask, exchangeRaw, type RawClient, withRaw } from '../../support/http-client.js';
import { answerWith, hasHead, withRawProxy } from '../../support/proxy.js';
import type { RawConnection } from '../../support/raw-host.js';

const test = suite('websocket');

// The example of RFC 6455, section 1.3.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const HANDSHAKE = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: example.org',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: chat',
  '',
  '',
].join('\r\n');

/** The same, of a client that wants no other answer on the connection. */
const LAST_HANDSHAKE = HANDSHAKE.replace('keep-alive, Upgrade', 'close, Upgrade');

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';

/** More than fits in the buffers of all connections on the way. */
const LONG = 12 << 20;

/** The last bytes of a host, such as a WebSocket's close frame: few enough to pass even when buffers are full. */
const LAST = 1000;

/** A text frame; those of clients are masked (RFC 6455, section 5.2). Up to 125 bytes. */
function frame(text: string, isMasked: boolean): Buffer {
  const payload = Buffer.from(text);
  if (!isMasked) return Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, payload.map((byte, i) => byte ^ (mask[i % 4] as number))]);
}

/** A WebSocket host that sends back the text of each frame. */
function echo(connection: RawConnection): void {
  const { socket, text } = connection;
  const key = /^Sec-WebSocket-Key: (.+)\r$/m.exec(text)?.[1];
  if (hasHead(connection) && key !== undefined) {
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`${SWITCH}Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`);
    connection.text = text.slice(text.indexOf('\r\n\r\n') + 4);
  }
  while (connection.text.length >= 6) {
    const bytes = Buffer.from(connection.text, 'latin1');
    const length = (bytes[1] as number) & 0x7f;
    if (bytes.length < 6 + length) return;
    connection.text = connection.text.slice(6 + length);
    socket.write(
      frame(Buffer.from(bytes.subarray(6, 6 + length).map((byte, i) => byte ^ (bytes[2 + (i % 4)] as number))).toString(), false),
    );
  }
}

test('a WebSocket is opened through the balancer and its frames pass both ways', () =>
  withRawProxy(echo, (each) =>
    withRaw(each.port, async (raw) => {
      raw.send(HANDSHAKE);
      await raw.receives(
        new RegExp(
          `^HTTP/1\\.1 101 Switching Protocols\r\n[^]*Sec-WebSocket-Accept: ${ACCEPT.replace('+', '\\+')}\r\nSec-WebSocket-Protocol: chat\r\n[^]*\r\n\r\n`,
        ),
      );
      assert.match(raw.text, /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: [0-9a-f]{8}-1\r\n/);
      for (let i = 0; i < 50; i++) raw.socket.write(frame(`message ${i}`, true));
      await raw.receives(/message 49/);
      assert.equal(
        raw.text.match(/message \d+/g),
        Array.from({ length: 50 }, (_, i) => `message ${i}`),
      );
      assert.equal(each.inflight(), { balancer: 1, hosts: 1 }, 'it is in flight as long as it lasts');
      assert.equal([each.counter('websockets'), each.counter('requests_failed')], [1, 0]);
    }),
  ));

test('the host gets the handshake as the client wrote it', () => {
  let seen = '';
  return withRawProxy(
    (connection) => {
      seen ||= connection.text;
      echo(connection);
    },
    ({ port }) =>
      withRaw(port, async (raw) => {
        await raw.send(HANDSHAKE).receives(/101/);
        assert.is(
          seen.replace(/meercat-[0-9a-f]{8}/, 'NAME').replace(/(?<=X-Request-Id: )[0-9a-f]{8}-1/, 'ID'),
          [
            'GET /chat?room=1 HTTP/1.1',
            'Host: example.org',
            `Sec-WebSocket-Key: ${KEY}`,
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Protocol: chat',
            'X-Forwarded-For: 127.0.0.1',
            'X-Forwarded-Proto: http',
            'X-Forwarded-Host: example.org',
            `X-Forwarded-Port: ${port}`,
            'Forwarded: for=127.0.0.1;host="example.org";proto=http',
            'Via: 1.1 NAME',
            'Connection: Upgrade',
            'Upgrade: websocket',
            'X-Request-Id: ID',
            '',
            '',
          ].join('\r\n'),
        );
      }),
  );
});

test('data right after the request is neither lost nor parsed as a second request, before the switch and with it', () =>
  withRawProxy(
    (connection) => {
      // The switch comes late, with data of the host's own right behind it.
      if (connection.text.endsWith('\r\n\r\n')) setTimeout(() => connection.socket.write(`${SWITCH}\r\nhost first `), 100);
      if (connection.text.endsWith('third'))
        connection.socket.write(`after: ${connection.text.slice(connection.text.indexOf('\r\n\r\n') + 4)} end`);
    },
    ({ port, counter }, host) =>
      withRaw(port, async (raw) => {
        const hidden = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n.';
        raw.send(`${HANDSHAKE}first ${hidden}`);
        await until(() => host.connections.length === 1);
        raw.send('second ');
        await raw.receives(/host first /);
        raw.send('third');
        await raw.receives(/ end$/);
        assert.ok(raw.text.endsWith(`host first after: first ${hidden}second third end`), raw.text);
        assert.equal([counter('requests'), host.connections.length], [1, 1]);
      }),
  ));

test('a refusal by the host is passed on completely, chunked or not, and the connection ends if the client wants that', () =>
  withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      const isChunked = connection.text.includes('/chunked');
      connection.text = '';
      const body = isChunked
        ? 'Transfer-Encoding: chunked\r\n\r\n5\r\nnot \xe9\r\n4\r\nyou.\r\n0\r\n\r\n'
        : 'Content-Length: 9\r\n\r\nnot \xe9you.';
      connection.socket.write(`HTTP/1.1 403 Verb\xf4ten\r\nX-Why: \xfc\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n${body}`, 'latin1');
    },
    async ({ port, counter }) => {
      for (const path of ['/chunked', '/plain']) {
        const text = await exchangeRaw(port, LAST_HANDSHAKE.replace('/chat', path));
        assert.match(text, /^HTTP\/1\.1 403 Verb\xf4ten\r\nX-Why: \xfc\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/, path);
        assert.match(text, /\r\nConnection: close\r\n/);
        const end = path === '/plain' ? '\r\n\r\nnot \xe9you.' : '\r\n\r\n5\r\nnot \xe9\r\n4\r\nyou.\r\n0\r\n\r\n';
        assert.ok(text.endsWith(end), JSON.stringify(text));
      }
      assert.is(counter('requests_failed'), 0);
    },
  ));

for (const [how, leave] of [
  ['closes', (raw: RawClient) => void raw.socket.end()],
  ['goes away', (raw: RawClient) => void raw.socket.destroy()],
  ['resets', (raw: RawClient) => void raw.socket.resetAndDestroy()],
] as const) {
  test(`a client that ${how} in the middle of a refusal ends it at the host too, and nothing stays in flight`, () =>
    withRawProxy(
      (connection) => {
        if (hasHead(connection)) connection.socket.write(`HTTP/1.1 403 No\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1000)}`);
      },
      ({ port, inflight }, host) =>
        withRaw(port, async (raw) => {
          await raw.send(HANDSHAKE).receives(/403 No[^]*x{1000}/);
          leave(raw);
          await until(() => host.connections[0]?.isClosed, { what: 'the host to see the end' });
          await until(() => inflight().balancer === 0);
        }),
    ));
}

test('connections whose upgrade was refused are closed on both sides, also when the client sends on', () =>
  withRawProxy(answerWith('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'), async ({ port }) => {
    // All sockets of this process: the balancer's and the test's own.
    const sockets = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length;
    const before = sockets();
    for (let i = 0; i < 10; i++) {
      await withRaw(port, async (raw) => {
        await raw.send(HANDSHAKE).receives(/no$/);
        raw.send('x'.repeat(10_000));
        raw.socket.end();
        await until(() => raw.isClosed);
      });
    }
    // One connection to the host is kept, and so may be its other side. Unread, the ten would stay for 5 s.
    await until(() => sockets() <= before + 2, { timeoutMs: 3000, what: () => `${sockets()} sockets to become ${before}` });
  }));

test('a malformed answer to an upgrade gives a 502', () => {
  const answers = [
    'SSH-2.0-x\r\n',
    'HTTP/1.1 099 Odd\r\n\r\n',
    'HTTP/1.1 403 N\x01\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching\r\n\r\n',
  ];
  let next = 0;
  return withRawProxy(
    (connection) => answerWith(answers[next++ % answers.length] as string)(connection),
    async ({ port }) => {
      for (const answer of answers) {
        const text = await exchangeRaw(port, LAST_HANDSHAKE);
        assert.match(text, /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/, `${JSON.stringify(answer)}: ${JSON.stringify(text)}`);
      }
    },
  );
});

test("a host that closes ends the client's connection after the last byte, however slowly that is read", () =>
  withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.socket.write(`${SWITCH}\r\n`);
      connection.socket.write(Buffer.alloc(LONG, '.'), () => connection.socket.end(Buffer.alloc(LAST, '!')));
    },
    ({ port }) =>
      withRaw(port, async (raw) => {
        let received = 0;
        raw.socket.removeAllListeners('data').on('data', (chunk) => {
          received += chunk.length;
          // Slow enough that all buffers on the way stay full to the end.
          raw.socket.pause();
          setTimeout(() => raw.socket.resume(), 1);
        });
        raw.send(HANDSHAKE);
        await raw.ends();
        assert.is(
          received,
          `${SWITCH.replace(/Upgrade: .*\r\n/, '')}Upgrade: websocket\r\nX-Request-Id: 01234567-1\r\n\r\n`.length + LONG + LAST,
        );
      }),
  ));

test("a client that closes, or resets, ends the host's connection", () =>
  withRawProxy(echo, async ({ port }, host) => {
    for (const [index, end] of (['destroy', 'resetAndDestroy', 'end'] as const).entries()) {
      await withRaw(port, async (raw) => {
        raw.send(HANDSHAKE);
        await raw.receives(/101/);
        raw.socket[end]();
        await until(() => host.connections[index]?.isClosed, { what: `the host to see ${end}` });
      });
    }
  }));

test("a client that resets in the middle of the handshake ends the host's request, and nothing is answered to nobody", () =>
  withRawProxy(
    () => undefined,
    async ({ port, counter }, host) => {
      await withRaw(port, async (raw) => {
        raw.send(HANDSHAKE);
        const connection = await until(() => host.connections[0]);
        raw.socket.resetAndDestroy();
        await until(() => connection.isClosed);
      });
      await until(() => counter('requests_client_gone') === 1);
      assert.is(counter('requests_failed'), 0);
    },
  ));

test('a host that does not answer a handshake gives a 504', () =>
  withRawProxy(
    () => undefined,
    async ({ port }) => {
      assert.match(await exchangeRaw(port, LAST_HANDSHAKE), /^HTTP\/1\.1 504 [^]*MEERCAT_HOST_TIMEOUT/);
    },
    { responseTimeoutMs: 150 },
  ));

test('a switched connection may be silent for longer than an answer may take', () =>
  withRawProxy(
    echo,
    ({ port }) =>
      withRaw(port, async (raw) => {
        raw.send(HANDSHAKE);
        await raw.receives(/101/);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        raw.socket.write(frame('still here', true));
        await raw.receives(/still here/);
      }),
    { responseTimeoutMs: 1000 },
  ));

test('plain requests are served beside an open WebSocket', () =>
  withRawProxy(
    (connection) =>
      (connection.text.startsWith('GET /plain') ? answerWith('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') : echo)(connection),
    ({ port }) =>
      withRaw(port, async (raw) => {
        raw.send(HANDSHAKE);
        await raw.receives(/101/);
        for (let i = 0; i < 3; i++) assert.is((await ask(port, { path: '/plain' })).body, 'ok');
      }),
  ));

test.run();
