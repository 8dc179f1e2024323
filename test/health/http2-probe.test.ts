// A health check with a path of a host that speaks HTTP/2: what is asked, what counts as healthy, and that it ends in
// time and closes its connection, whatever the host does.

import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HostTls, TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { HostAddresses } from '../../lib/health/host-addresses.js';
import { type ProbeRules, probeHost } from '../../lib/health/probe-host.js';
import { until } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { FLAG, FRAME } from '../../lib/traffic/wire/http2-frames.js';
import { dataFrame, frame, goaway, headersFrame, type RawHttp2, resetFrame, withRawHttp2Host } from '../support/http2-frames.js';
import { answer, withHttp2Host } from '../support/http2-host.js';
import { withRawHost } from '../support/raw-host.js';

const test = suite('probe of an HTTP/2 host');

const PLAIN: HostTls = { ca: undefined, isInsecure: false };
const LONG_MS = 10_000;
const SHORT_MS = 150;

const probe = (url: string, rules: Partial<ProbeRules> = {}, tls = PLAIN): Promise<boolean> =>
  probeHost(url, { ...TRAFFIC_DEFAULTS, healthPath: '/health?deep=1', healthTimeoutMs: LONG_MS, ...rules }, tls);

test('one GET on a connection of its own, and 2xx and 3xx are good, or what is configured', async () => {
  const asked: (readonly string[])[] = [];
  let status = 200;
  await withHttp2Host(
    (stream, _headers, raw) => {
      asked.push(raw);
      answer(stream, 'ok', { ':status': status });
    },
    async ({ url, port, open }) => {
      for (const [each, isGood] of [
        [200, true],
        [302, true],
        [404, false],
        [503, false],
      ] as const) {
        status = each;
        assert.is(await probe(url), isGood, String(each));
        await until(() => open.size === 0, { what: 'the connection to be let go' });
      }
      const fields = {
        ':method': 'GET',
        ':path': '/health?deep=1',
        ':authority': `127.0.0.1:${port}`,
        ':scheme': 'http',
        'user-agent': 'meercat-health',
      };
      const came = asked[0] as readonly string[];
      const cameFields = Object.fromEntries(came.flatMap((name, i) => (i % 2 === 0 ? [[name, came[i + 1]]] : [])));
      assert.equal(cameFields, fields);
      assert.is(await probe(url, { healthExpect: [{ from: 503, to: 503 }], healthHost: 'app.example:8443' }), true);
      assert.ok(asked.at(-1)?.includes('app.example:8443'));
    },
  );
});

test('an http:// host is asked over HTTP/2 where its pool says so, and over HTTP/1 elsewhere', () =>
  withHttp2Host(
    (stream) => answer(stream, 'ok'),
    async ({ url }) => {
      const plain = url.replace('h2:', 'http:');
      assert.is(await probe(plain, { isHttp2: true }), true);
      assert.is(await probe(plain, { isHttp2: false }), false);
    },
  ));

test('without a path a TCP connection suffices, over TLS too, and nothing is sent', () =>
  withRawHost(
    () => undefined,
    async ({ url, connections }) => {
      for (const scheme of ['h2', 'h2+tls']) assert.is(await probe(url.replace('http', scheme), { healthPath: '' }), true);
      await until(() => connections.length === 2 && connections.every(({ isClosed }) => isClosed));
      assert.equal(
        connections.map(({ text }) => text),
        ['', ''],
      );
    },
  ));

test('over TLS the certificate must be good for the name, and the host choose h2', () =>
  withCertificates(async ({ ca, cert, key }) => {
    const tls = { ca, isInsecure: false };
    await withHttp2Host(
      (stream, headers) => answer(stream, 'ok', { ':status': headers[':scheme'] === 'https' ? 200 : 500 }),
      async ({ url }) => {
        assert.is(await probe(url, {}, tls), true);
        assert.is(await probe(url.replace('127.0.0.1', 'localhost'), {}, tls), true);
        assert.is(await probe(url), false, 'a certificate that nobody vouches for');
        assert.is(await probe(url, {}, { ca: undefined, isInsecure: true }), true);
        const rules = { ...TRAFFIC_DEFAULTS, healthPath: '/', healthTimeoutMs: LONG_MS };
        assert.is(await probeHost(url, rules, tls, undefined, 'other.test'), false, 'the name that DNS found it by');
        const addresses = new HostAddresses(
          'app.test',
          async () => [{ address: '127.0.0.1', family: 4 }],
          () => 0,
        );
        assert.is(await probeHost(url.replace('127.0.0.1', 'app.test'), rules, { ca, isInsecure: true }, addresses), true);
      },
      { tls: { cert, key } },
    );
    const server = createTlsServer({ cert, key }, (socket) => socket.on('error', () => undefined).resume());
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    assert.is(await probe(`h2+tls://127.0.0.1:${(server.address() as AddressInfo).port}`, {}, tls), false, 'no ALPN');
    await new Promise((resolve) => server.close(resolve));
  }));

const GOOD_HEAD = headersFrame(1, [[':status', '200']], 0);
const BROKEN: readonly (readonly [what: string, ...frames: readonly Buffer[]])[] = [
  ['nothing'],
  ['no status', headersFrame(1, [['x', 'y']])],
  [
    'a malformed head',
    headersFrame(1, [
      [':status', '200'],
      ['Upper', 'case'],
    ]),
  ],
  ['a status that is none', headersFrame(1, [[':status', 'ok']])],
  ['an informational answer only', headersFrame(1, [[':status', '103']], 0)],
  ['half a body', GOOD_HEAD, dataFrame(1, 'half')],
  ['half a body and a reset', GOOD_HEAD, dataFrame(1, 'half'), resetFrame(1, 'INTERNAL_ERROR')],
  ['half a body and a CANCEL', GOOD_HEAD, dataFrame(1, 'half'), resetFrame(1, 'CANCEL')],
  ['half a body and a reset without an error', GOOD_HEAD, dataFrame(1, 'half'), resetFrame(1, 'NO_ERROR')],
  ['a refusal', resetFrame(1, 'REFUSED_STREAM')],
  ['GOAWAY before the answer', goaway(0, 'NO_ERROR')],
  ['a block of header fields that is no HPACK', frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.alloc(100, 0xff))],
  ['a frame larger than allowed', frame(FRAME.data, 0, 1, Buffer.alloc(40_000))],
];

for (const [what, ...frames] of BROKEN) {
  test(`a host that sends ${what} is unhealthy, within the timeout, and its connection is closed`, () => {
    const onFrame = (connection: RawHttp2, { type }: { readonly type: number }): void => {
      if (type === FRAME.headers && frames.length > 0) connection.send(...frames);
    };
    return withRawHttp2Host(onFrame, async ({ url, connections }) => {
      assert.is(await probe(url, { healthTimeoutMs: SHORT_MS }), false);
      await until(() => connections[0]?.isClosed, { what: 'the connection to be let go' });
    });
  });
}

test('a connection that ends in the middle of an answer is unhealthy', () =>
  withRawHttp2Host(
    (connection, { type }) => {
      if (type !== FRAME.headers) return;
      connection.send(GOOD_HEAD);
      connection.socket.end();
    },
    async ({ url }) => assert.is(await probe(url), false),
  ));

test('an endless body is read in part, and then the connection is closed and the host healthy', () =>
  withHttp2Host(
    (stream) => {
      stream.respond({ ':status': 200 });
      const pour = (): void => {
        while (!stream.destroyed && stream.write(Buffer.alloc(16 << 10)));
      };
      stream.on('drain', pour);
      pour();
    },
    async ({ url, open }) => {
      assert.is(await probe(url), true);
      await until(() => open.size === 0);
    },
  ));

test('an early hint before the answer, and an answer that is no more than a head, are good', () =>
  withHttp2Host(
    (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 204 }, { endStream: true });
    },
    async ({ url }) => assert.is(await probe(url), true),
  ));

test.run();
