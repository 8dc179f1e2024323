// What `meercat bench forward` needs for HTTP/2: the checks that a proxy must pass, the lab's own load, what h2load prints,
// and the gRPC host. Servers of Node stand for proxies that pass and that fail.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseH2load } from '../../lib/lab/h2load.js';
import { checkGrpc, checkHttp2 } from '../../lib/lab/http2-checks.js';
import { http2RequestOf, openHttp2Load, openHttp2Session, sendHttp2 } from '../../lib/lab/http2-load.js';
import { createLabCertificate } from '../../lib/lab/lab-certificate.js';
import { type LabHost, startGrpcHost } from '../../lib/lab/lab-fleet.js';
import type { Peer } from '../../lib/lab/peers.js';
import { createShutdown, type Shutdown } from '../../lib/shutdown.js';

const test = suite('http2 check');

const BODY = 'as the host answers\n';
const HOST = { body: BODY } as LabHost;

async function withShutdown(fn: (shutdown: Shutdown) => Promise<void>): Promise<void> {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  try {
    await fn(shutdown);
  } finally {
    await shutdown.run();
  }
}

/** A server with TLS that answers each stream like this. */
function withPeer(answer: (stream: ServerHttp2Stream) => void, fn: (peer: Peer) => Promise<void>): Promise<void> {
  return withShutdown(async (shutdown) => {
    const { cert: ca, certFile, keyFile } = createLabCertificate(shutdown);
    const server = createSecureServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
    server.on('stream', (stream) => answer(stream.on('error', () => undefined)));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    shutdown.add(() => void server.close());
    await fn({ name: 'it', port: (server.address() as AddressInfo).port, pid: process.pid, ca, stop: () => Promise.resolve() });
  });
}

const text =
  (body: string, status = 200) =>
  (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': status });
    stream.end(body);
  };

/** A frame of HTTP/2 (RFC 9113, section 4.1). */
function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Echoes a call with this status in the trailers. */
const call =
  (status: string) =>
  (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.pipe(stream);
  };

async function messageOfFailure(failing: Promise<void>): Promise<string> {
  try {
    await failing;
  } catch (error) {
    return (error as Error).message;
  }
  return 'it passed';
}

test('right answers pass', async () => {
  await withPeer(text(BODY), (peer) => checkHttp2(peer, HOST));
  await withPeer(call('0'), (peer) => checkGrpc(peer, HOST));
});

test('another body, another status, a reset and another grpc-status do not', async () => {
  for (const [answer, check, expected] of [
    [text('another\n'), checkHttp2, /it answers GET \/ over HTTP\/2 wrongly: status 200, "another/],
    [text(BODY, 500), checkHttp2, /wrongly: status 500/],
    [(stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), checkHttp2, /wrongly: status 0/],
    [call('14'), checkGrpc, /it answers a gRPC call wrongly: status 200, .*, grpc-status 14/],
    [text(BODY), checkGrpc, /it answers a gRPC call wrongly/],
  ] as const) {
    await withPeer(answer, async (peer) => assert.match(await messageOfFailure(check(peer, HOST)), expected));
  }
});

test('the load counts each answer, and those that are wrong', async () => {
  for (const [status, isRight] of [
    ['0', true],
    ['13', false],
  ] as const) {
    await withPeer(call(status), async ({ port, ca }) => {
      const counts = { requests: 0, wrong: 0 };
      const request = http2RequestOf('grpc', Buffer.from(BODY));
      const session = openHttp2Load(port, ca, request, 10, counts, () => counts.requests >= 50);
      await new Promise<void>((resolve) => {
        session.once('close', () => resolve());
      });
      assert.ok(counts.requests >= 50, String(counts.requests));
      assert.is(counts.wrong, isRight ? 0 : counts.requests);
    });
  }
});

test('the gRPC host answers what it is sent, also after a client has reset calls', () =>
  withShutdown(async (shutdown) => {
    const { port, body, url } = await startGrpcHost('h1', { core: null, shutdown });
    assert.is(url, `h2://127.0.0.1:${port}`);
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    // Calls that are reset before their end.
    const head = Buffer.from([0x83, 0x84, 0x86, 0x01, 0x01, 0x61]);
    const calls = Array.from({ length: 50 }, (_, index) => {
      const id = 2 * index + 1;
      return Buffer.concat([frame(1, 4, id, head), frame(0, 0, id, Buffer.from(BODY)), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))]);
    });
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0), ...calls]));
    await once(socket, 'data');
    socket.destroy();
    const request = http2RequestOf('grpc', Buffer.from(body));
    const session = openHttp2Session(port, undefined);
    const { isRight } = await new Promise<{ isRight: boolean }>((resolve) => sendHttp2(session, request, resolve));
    session.destroy();
    assert.ok(isRight);
  }));

const printed = (requests: string, data: string): string => `
finished in 2.50s, 36500.00 req/s, 4.74MB/s
requests: ${requests}, 0 errored, 0 timeout
status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 9.48MB (9944531) total, 214.79KB (219948) headers (space savings 95.76%), ${data} data
`;

test("h2load's output is read: failures are wrong, and so are answers without a body", () => {
  const all = '100 total, 110 started, 100 done, 100 succeeded, 0 failed';
  assert.equal(parseH2load(printed(all, '1.95KB (2000)'), 20), { requests: 100, wrong: 0, seconds: 2.5 });
  assert.equal(parseH2load(printed(all, '2.05KB (2100)'), 20), { requests: 100, wrong: 0, seconds: 2.5 });
  assert.equal(parseH2load(printed(all, '1.80KB (1810)'), 20), { requests: 100, wrong: 10, seconds: 2.5 });
  const some = '100 total, 110 started, 100 done, 93 succeeded, 7 failed';
  assert.equal(parseH2load(printed(some, '1.95KB (2000)'), 20), { requests: 100, wrong: 7, seconds: 2.5 });
  assert.is(parseH2load('h2load: no such host', 20), null);
});

test.run();
