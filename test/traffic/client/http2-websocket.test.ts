// WebSockets over HTTP/2 (RFC 8441): an extended CONNECT reaches hosts of HTTP/1 as an upgrade, and carries bytes both ways
// beside the other requests of its connection.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { askHttp2, withHttp2Client } from '../../support/http2-client.js';

const test = suite('http2-websocket');

/** A host that accepts every upgrade and echoes what comes. */
interface EchoHost {
  /** The requests with an upgrade. */
  readonly requests: IncomingMessage[];
  readonly sockets: Socket[];
  /** What Sec-WebSocket-Accept says; undefined: what is right. */
  accept: string | undefined;
  /** Answers instead of an upgrade; undefined: it upgrades. */
  declined: string | undefined;
}

async function withEcho(fn: (host: EchoHost, balancer: TestBalancer, session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const host: EchoHost = { requests: [], sockets: [], accept: undefined, declined: undefined };
  const server = createServer((_request, response) => response.end('plain'));
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    host.requests.push(request);
    host.sockets.push(socket);
    socket.on('error', () => undefined);
    if (host.declined !== undefined) {
      socket.end(host.declined);
      return;
    }
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = host.accept ?? createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true }, (balancer) =>
      withHttp2Client({ port: balancer.port }, async (session) => {
        if (session.remoteSettings.enableConnectProtocol !== true) await once(session, 'remoteSettings');
        await fn(host, balancer, session);
      }),
    );
  } finally {
    for (const socket of host.sockets) socket.destroy();
    server.close();
  }
}

/** Opens a WebSocket; resolves with the answer's head. */
async function open(
  session: ClientHttp2Session,
  fields: Record<string, string> = {},
): Promise<{ readonly stream: ClientHttp2Stream; readonly head: IncomingHttpHeaders }> {
  const stream = session.request(
    { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', 'sec-websocket-version': '13', ...fields },
    { endStream: false },
  );
  stream.on('error', () => undefined);
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { stream, head };
}

test('an extended CONNECT is an upgrade for the host, and bytes pass both ways beside other requests', () =>
  withEcho(async ({ requests, sockets }, { counter, inflight }, session) => {
    const { stream, head } = await open(session, { 'sec-websocket-protocol': 'chat', 'sec-websocket-key': "the client's own" });
    assert.equal([head[':status'], head['sec-websocket-protocol']], [200, 'chat']);
    assert.equal([head['sec-websocket-accept'], head['upgrade'], head['connection']], [undefined, undefined, undefined]);
    assert.ok(head['x-request-id']);
    const { method, url, headers } = requests[0] as IncomingMessage;
    assert.equal([method, url, headers.upgrade, headers['sec-websocket-version']], ['GET', '/chat', 'websocket', '13']);
    assert.match(headers['sec-websocket-key'] ?? '', /^[A-Za-z0-9+/]{22}==$/);
    let echoed = '';
    stream.on('data', (bytes: Buffer) => (echoed += bytes.toString('latin1')));
    for (const text of ['one', 'two', 'x'.repeat(200_000)]) {
      stream.write(text);
      await until(() => echoed.endsWith(text), { what: 'the echo' });
      assert.is((await askHttp2(session, { ':path': '/' })).body, 'plain');
    }
    assert.is(echoed.length, 200_006);
    assert.is(counter('websockets'), 1);
    stream.end();
    await until(() => sockets[0]?.readableEnded === true, { what: 'the end of the client’s half at the host' });
    await until(() => inflight().balancer === 0, { what: 'the end of the tunnel' });
  }));

test('a client that resets its WebSocket ends the host’s connection, and keeps its own', () =>
  withEcho(async ({ sockets }, { inflight }, session) => {
    const { stream } = await open(session);
    stream.close(8);
    await until(() => sockets[0]?.destroyed === true || sockets[0]?.readableEnded === true, { what: 'the end at the host' });
    await until(() => inflight().balancer === 0, { what: 'the end of the tunnel' });
    assert.is((await askHttp2(session, { ':path': '/' })).body, 'plain');
  }));

test('a host that answers another key is not believed', () =>
  withEcho(async (host, { counter }, session) => {
    host.accept = 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=';
    const { head } = await open(session);
    assert.is(head[':status'], 502);
    assert.is(counter('hosts_bad_response'), 1);
  }));

test('a host that declines has its answer passed on', () =>
  withEcho(async (host, _balancer, session) => {
    host.declined = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno';
    const { stream, head } = await open(session);
    assert.is(head[':status'], 403);
    let body = '';
    stream.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    await once(stream, 'end');
    assert.is(body, 'no');
    assert.is((await askHttp2(session, { ':path': '/' })).body, 'plain');
  }));

test('a CONNECT to a place, or with another protocol, is refused and reaches no host', () =>
  withEcho(async ({ requests }, _balancer, session) => {
    const { head } = await open(session, { ':protocol': 'connect-udp' });
    assert.is(head[':status'], 405);
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.org:443' }, { endStream: false });
    stream.on('error', () => undefined);
    const [plain] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.is(plain[':status'], 405);
    assert.is(requests.length, 0);
  }));

test('when the balancer stops, a WebSocket gets a close frame, and the connection ends', () =>
  withEcho(async (_host, balancer, session) => {
    const { stream } = await open(session);
    const parts: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => parts.push(bytes));
    const closed = once(session, 'close');
    await balancer.balancer.stop();
    await closed;
    // FIN and CLOSE, two bytes: 1001, going away.
    assert.equal([...Buffer.concat(parts).subarray(0, 4)], [0x88, 2, 0x03, 0xe9]);
  }));

test.run();
