// WebSockets to hosts of HTTP/2: an upgrade of HTTP/1 becomes an extended CONNECT (RFC 8441).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { websocketAcceptOf } from '../../../lib/traffic/wire/websocket-accept.js';
import { until } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, withRaw } from '../../support/http-client.js';
import { answer, withHttp2Host } from '../../support/http2-host.js';

const test = suite('WebSockets to hosts of HTTP/2');

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = `GET /chat?a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: p\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;

test('an upgrade is an extended CONNECT for the host, and its answer a 101 for the client; bytes pass both ways', async () => {
  let seen: readonly string[] = [];
  await withHttp2Host(
    (stream, headers, raw) => {
      if (headers[':method'] !== 'CONNECT') {
        answer(stream, 'ok');
        return;
      }
      seen = raw;
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'p' });
      stream.on('data', (bytes: Buffer) => stream.write(`<${String(bytes)}>`));
      stream.on('end', () => stream.end('bye'));
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        await withRaw(each.port, async (raw) => {
          raw.send(HANDSHAKE);
          await raw.receives(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\n$/);
          assert.match(raw.text, new RegExp(`\r\nsec-websocket-accept: ${websocketAcceptOf(KEY).replaceAll('+', '\\+')}\r\n`, 'i'));
          assert.match(raw.text, /\r\nsec-websocket-protocol: p\r\n/);
          raw.send('hello');
          await raw.receives(/<hello>$/);
          assert.is((await ask(each.port)).body, 'ok', 'on the same connection');
          raw.socket.end();
          await raw.receives(/bye$/);
          await until(() => raw.hasEnded || raw.isClosed);
        });
        assert.equal(seen.slice(0, 2), [':method', 'CONNECT']);
        for (const pair of [':protocol|websocket', ':path|/chat?a', ':scheme|http', ':authority|x', 'sec-websocket-version|13'])
          assert.ok(seen.join('|').includes(pair), pair);
        assert.not(seen.includes('sec-websocket-key') || seen.includes('upgrade') || seen.includes('connection'));
        assert.is(host.sessions.length, 1);
        await until(() => each.inflight().hosts === 0);
      }),
    { settings: { enableConnectProtocol: true } },
  );
});

test('a host may decline, and the client gets its answer', () =>
  withHttp2Host(
    (stream) => {
      stream.respond({ ':status': 403, 'content-length': 2 });
      stream.end('no');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send(HANDSHAKE);
          await raw.receives(/^HTTP\/1\.1 403 [^]*\r\n\r\nno$/);
        }),
      ),
    { settings: { enableConnectProtocol: true } },
  ));

test('a host that takes none is not asked and has not failed: the client gets 502, and the reason is logged', () =>
  withHttp2Host(
    () => assert.unreachable(),
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], logLevel: 'info' }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send(HANDSHAKE);
          await raw.receives(/^HTTP\/1\.1 502 /);
          assert.equal(['hosts_reset', 'hosts_bad_response', 'hosts_connect_failed', 'requests_failed'].map(each.counter), [0, 0, 0, 1]);
        }),
      ),
  ));

test('a client that goes away ends the stream of its WebSocket', () =>
  withHttp2Host(
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.resume();
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send(HANDSHAKE);
          await raw.receives(/ 101 /);
          raw.socket.resetAndDestroy();
          await until(() => each.inflight().hosts === 0, { timeoutMs: 15_000 });
        }),
      ),
    { settings: { enableConnectProtocol: true } },
  ));

test.run();
