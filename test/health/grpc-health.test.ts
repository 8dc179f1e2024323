// The health check of gRPC: SERVING and nothing else is healthy, with a real server of grpc-js; and answers that are no
// such message, byte by byte.

import * as fc from 'fast-check';
import { status } from '@grpc/grpc-js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HostTls, TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { checkBody, isServing } from '../../lib/health/grpc-health.js';
import type { Http2Answer } from '../../lib/health/http2-question.js';
import { probeHost } from '../../lib/health/probe-host.js';
import { until, withServer } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { type HealthAnswer, withGrpcHealthHost } from '../support/grpc-health-host.js';
import { withRawHost } from '../support/raw-host.js';

const test = suite('health check of gRPC');

const PLAIN: HostTls = { ca: undefined, isInsecure: false };
const LONG_MS = 10_000;

const probe = (url: string, healthGrpc: string | null, { tls = PLAIN, timeoutMs = LONG_MS, isHttp2 = false } = {}): Promise<boolean> =>
  probeHost(url, { ...TRAFFIC_DEFAULTS, healthGrpc, healthTimeoutMs: timeoutMs, isHttp2 }, tls);

test('a host is healthy while its service says SERVING, and unhealthy with any other status or error', async () => {
  for (const [answer, isGood] of [
    ['SERVING', true],
    ['NOT_SERVING', false],
    ['UNKNOWN', false],
    ['SERVICE_UNKNOWN', false],
    [status.NOT_FOUND, false],
    [status.UNAVAILABLE, false],
    [status.UNIMPLEMENTED, false],
  ] as const)
    await withGrpcHealthHost(
      () => answer,
      async ({ url }) => assert.is(await probe(url, 'shop.Orders'), isGood, String(answer)),
    );
  await withGrpcHealthHost(undefined, async ({ url }) => assert.is(await probe(url, ''), false, 'a server without the service'));
});

test('the service that was named is asked about, or the whole server, under our name', async () => {
  const asked: (readonly [service: string, userAgent: string])[] = [];
  const note: HealthAnswer = (service, metadata) => {
    asked.push([service, metadata.get('user-agent') ?? '']);
    return service === 'shop.Orders' || service === '' || service.length === 256 ? 'SERVING' : 'NOT_SERVING';
  };
  await withGrpcHealthHost(note, async ({ url }) => {
    for (const [service, isGood] of [
      ['', true],
      ['shop.Orders', true],
      ['shop.Carts', false],
      ['x'.repeat(127), false],
      ['x'.repeat(128), false],
      ['y'.repeat(256), true],
    ] as const) {
      assert.is(await probe(url, service), isGood, service);
      assert.equal(asked.at(-1), [service, 'meercat-health']);
    }
  });
});

test('over TLS the certificate counts, and ALPN must say h2', () =>
  withCertificates(async ({ ca, cert, key, certFile, keyFile }) => {
    const serving: HealthAnswer = () => 'SERVING';
    await withGrpcHealthHost(
      serving,
      async ({ url }) => {
        assert.match(url, /^h2\+tls:/);
        assert.is(await probe(url, '', { tls: { ca, isInsecure: false } }), true);
        assert.is(await probe(url, ''), false, 'a certificate that nobody vouches for');
        assert.is(await probe(url, '', { tls: { ca: undefined, isInsecure: true } }), true);
        assert.is(await probe(url, null), true, 'without a check of gRPC, a TCP connection');
      },
      { cert, key, certFile, keyFile },
    );
  }));

test('an http:// host of a pool that speaks h2 is asked, and one of another pool is not: it gets a TCP connection', async () => {
  let isServingNow = true;
  await withGrpcHealthHost(
    () => (isServingNow ? 'SERVING' : 'NOT_SERVING'),
    async ({ url }) => {
      const plain = url.replace('h2:', 'http:');
      assert.is(await probe(plain, '', { isHttp2: true }), true);
      isServingNow = false;
      assert.is(await probe(plain, '', { isHttp2: true }), false);
      assert.is(await probe(plain, '', { isHttp2: false }), true);
    },
  );
});

test('what answers nothing, or something else than HTTP/2, is unhealthy within the timeout, and is let go', async () => {
  for (const reply of ['', 'HTTP/1.1 200 OK\r\n\r\n', '\0'.repeat(100)])
    await withRawHost(
      ({ socket }) => void (reply !== '' && socket.write(reply)),
      async ({ url, connections }) => {
        assert.is(await probe(url.replace('http:', 'h2:'), '', { timeoutMs: 150 }), false, reply);
        await until(() => connections[0]?.isClosed, { what: 'the connection to be let go' });
      },
    );
  await withServer(
    (_request, response) => void response.end('ok'),
    async ({ url }) => assert.is(await probe(url.replace('http:', 'h2:'), '', { timeoutMs: 1000 }), false, 'HTTP/1'),
  );
});

/** A response with this message. */
const answer = (message: readonly number[], changes: Partial<Http2Answer> = {}): Http2Answer => ({
  status: 200,
  headers: { 'content-type': 'application/grpc' },
  trailers: { 'grpc-status': '0' },
  body: Buffer.from([0, 0, 0, 0, message.length, ...message]),
  isCut: false,
  ...changes,
});

test('SERVING is read whatever stands beside it', () => {
  assert.ok(isServing(answer([8, 1])));
  assert.ok(isServing(answer([8, 2, 8, 1])), 'the last value counts');
  assert.ok(isServing(answer([0x12, 3, 1, 2, 3, 8, 1])), 'a field of bytes');
  assert.ok(isServing(answer([0x11, 1, 2, 3, 4, 5, 6, 7, 8, 8, 1])), 'a fixed64');
  assert.ok(isServing(answer([0x15, 1, 2, 3, 4, 8, 1])), 'a fixed32');
  assert.ok(isServing(answer([8, 0x81, 0])), 'a longer form of 1');
  for (const type of ['application/grpc+proto', 'application/grpc;charset=utf-8', 'Application/GRPC'])
    assert.ok(isServing(answer([8, 1], { headers: { 'content-type': type } })), type);
});

test('anything that is not one whole message of a successful call is not SERVING', () => {
  for (const [what, wrong] of Object.entries({
    'no status': answer([]),
    'another status': answer([8, 2]),
    'a status that wraps to 1 in 32 bits': answer([8, 0x81, 0x80, 0x80, 0x80, 0x10]),
    'the last value counts': answer([8, 1, 8, 2]),
    'a cut varint': answer([8, 0x81]),
    'an endless varint': answer([8, ...Array.from({ length: 10 }, () => 0x81), 0]),
    'status as bytes': answer([0x0a, 1, 1]),
    'bytes beyond the end': answer([8, 1, 0x12, 5, 1]),
    'a fixed64 beyond the end': answer([8, 1, 0x11, 5]),
    'a group': answer([8, 1, 0x13, 0x14]),
    'field 0': answer([0, 1, 8, 1]),
    'a length of 2^60': answer([8, 1, 0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
    'no message': answer([], { body: Buffer.alloc(0) }),
    'half a prefix': answer([], { body: Buffer.alloc(4) }),
    'two messages': answer([], { body: Buffer.from([0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 2, 8, 1]) }),
    'a message that is cut': answer([], { body: Buffer.from([0, 0, 0, 0, 3, 8, 1]) }),
    'a compressed message': answer([], { body: Buffer.from([1, 0, 0, 0, 2, 8, 1]) }),
    'a body that was not read to its end': answer([8, 1], { isCut: true }),
    'HTTP 503': answer([8, 1], { status: 503 }),
    'no content type': answer([8, 1], { headers: {} }),
    HTML: answer([8, 1], { headers: { 'content-type': 'text/html' } }),
    'gRPC-Web': answer([8, 1], { headers: { 'content-type': 'application/grpc-web' } }),
    'no trailers': answer([8, 1], { trailers: {} }),
    'an error': answer([8, 1], { trailers: { 'grpc-status': '14' } }),
    'two statuses': answer([8, 1], { trailers: { 'grpc-status': '0, 0' } }),
  }))
    assert.not.ok(isServing(wrong), what);
});

test('random bytes are read in bounded time, without an error', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      isServing(answer([...bytes]));
    }),
    { numRuns: 2000 },
  ));

test('a question about a service is a message as protobuf writes it', () => {
  assert.equal([...checkBody('')], [0, 0, 0, 0, 0]);
  assert.equal([...checkBody('ab')], [0, 0, 0, 0, 4, 0x0a, 2, 0x61, 0x62]);
});

test.run();
