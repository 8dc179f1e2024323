// Requests over HTTP/2, by TLS and in plain, to a host that speaks HTTP/1: heads, bodies, trailers, informational answers.

import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withServer } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { askHttp2, type Http2Place, withHttp2Client } from '../../support/http2-client.js';
import { exchangeRaw } from '../../support/http-client.js';
import { withRawHost } from '../../support/raw-host.js';
import { answerWith } from '../../support/proxy.js';

const test = suite('http2-lane');

/** A balancer that accepts HTTP/2 in plain, before one host. */
async function withPlain(url: string, fn: (balancer: TestBalancer) => Promise<void>): Promise<void> {
  await withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true }, fn);
}

/** A host whose answer is the request as it got it. */
async function withMirror(fn: (url: string) => Promise<void>): Promise<void> {
  await withServer(
    (incoming, response) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', () => {
        const { method, url, rawHeaders, rawTrailers, httpVersion } = incoming;
        const body = Buffer.concat(parts).toString('latin1');
        response.end(JSON.stringify({ method, url, httpVersion, headers: rawHeaders, trailers: rawTrailers, body }));
      });
    },
    ({ url }) => fn(url),
  );
}

interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  readonly body: string;
}

const valuesOf = ({ headers }: Mirrored, name: string): string[] =>
  headers.filter((_, i) => i % 2 === 1 && (headers[i - 1] as string).toLowerCase() === name);

test('a browser finds HTTP/2 by ALPN, and a client of HTTP/1 is served on the same port', () =>
  withMirror((url) =>
    withCertificates(({ ca, certFile, keyFile }) =>
      withBalancer({ statics: [{ name: 'h', url }], tlsCerts: [certFile], tlsKeys: [keyFile] }, async ({ port, counter }) => {
        await withHttp2Client({ port, ca }, async (session) => {
          assert.is(session.alpnProtocol, 'h2');
          const { status, body } = await askHttp2(session, { ':path': '/a?b=c', 'user-agent': 'x' });
          assert.is(status, 200);
          const seen = JSON.parse(body) as Mirrored;
          assert.equal([seen.method, seen.url], ['GET', '/a?b=c']);
          assert.equal(valuesOf(seen, 'host'), [`localhost:${port}`]);
          assert.equal(valuesOf(seen, 'x-forwarded-proto'), ['https']);
          assert.match(valuesOf(seen, 'via').join(), /^2\.0 /);
          const posted = await askHttp2(session, { ':path': '/p' }, 'hello');
          assert.is((JSON.parse(posted.body) as Mirrored).body, 'hello');
        });
        assert.is(counter('requests_http2'), 2);
        assert.is(counter('requests'), 2);
      }),
    ),
  ));

test('with --h2c a plain connection may speak HTTP/2 or HTTP/1, whatever comes first in one packet', () =>
  withMirror((url) =>
    withPlain(url, async ({ port, counter }) => {
      await withHttp2Client({ port }, async (session) => {
        const { body } = await askHttp2(session, { ':path': '/2' }, 'x'.repeat(100_000));
        assert.is((JSON.parse(body) as Mirrored).body.length, 100_000);
      });
      const answer = await exchangeRaw(port, 'PRI HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(
        await exchangeRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'),
        /"body":"ok"/,
      );
      assert.is(counter('requests_http2'), 1);
    }),
  ));

test('without --h2c the preface is refused as a version of HTTP that is not served here', () =>
  withMirror((url) =>
    withBalancer({ statics: [{ name: 'h', url }] }, async ({ port, counter }) => {
      assert.match(await exchangeRaw(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1\.1 400 /);
      await until(() => counter('refused_version') === 1);
    }),
  ));

test('trailers pass both ways, and so do early hints', () =>
  withServer(
    (incoming, response) => {
      incoming.resume().on('end', () => {
        response.writeEarlyHints({ link: '</style.css>; rel=preload' });
        response.writeHead(200, { Trailer: 'x-checked' });
        response.write('body');
        response.addTrailers({ 'X-Checked': `${incoming.trailers['x-sum']}` });
        response.end();
      });
    },
    ({ url }) =>
      withPlain(url, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const { body, trailers, informational } = await askHttp2(session, { trailer: 'x-sum' }, 'abc', { 'x-sum': '42' });
          assert.is(body, 'body');
          assert.is(trailers['x-checked'], '42');
          assert.equal(
            informational.map((head) => [head[':status'], head.link]),
            [[103, '</style.css>; rel=preload']],
          );
        }),
      ),
  ));

test('answers without content have none: HEAD, 204 and 304; one connection serves them all', () =>
  withServer(
    (incoming, response) => {
      response.writeHead(Number(incoming.url?.slice(1)), incoming.method === 'HEAD' ? { 'Content-Length': '5' } : {});
      response.end();
    },
    ({ url }) =>
      withPlain(url, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const head = await askHttp2(session, { ':method': 'HEAD', ':path': '/200' });
          assert.equal([head.status, head.headers['content-length'], head.body], [200, '5', '']);
          for (const status of [204, 304]) assert.is((await askHttp2(session, { ':path': `/${status}` })).status, status);
        }),
      ),
  ));

test('what HTTP/1 has of a connection never reaches a client of HTTP/2, and repeated fields stay apart', () =>
  withRawHost(
    answerWith(
      'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nConstructor: 1\r\n__proto__: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: "1"\r\nETag: "2"\r\nContent-Length: 2\r\n\r\nok',
    ),
    ({ url }) =>
      withPlain(url, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const { headers, body } = await askHttp2(session);
          assert.is(body, 'ok');
          assert.equal(headers['set-cookie'], ['a=1', 'b=2']);
          const raw = Object.fromEntries(Object.entries(headers));
          assert.equal([raw['constructor'], Object.getOwnPropertyDescriptor(headers, '__proto__')?.value], ['1', '2']);
          assert.equal(
            [headers['x-hop'], headers.connection, headers['keep-alive'], headers.etag],
            [undefined, undefined, undefined, '"1"'],
          );
          assert.match(headers['x-request-id'] as string, /-\d+$/);
        }),
      ),
  ));

test('every byte that a value may have passes both ways, in the Huffman code of a real client', () =>
  withRawHost(
    ({ socket, text }) => {
      const value = /\r\nx-all: ([^\r\n]*)/.exec(text)?.[1] ?? '';
      if (text.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 200 OK\r\nX-All: ${value}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
    },
    ({ url }) =>
      withPlain(url, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const codes = Array.from({ length: 224 }, (_, i) => i + 32).filter((code) => code !== 0x7f);
          const value = `x${String.fromCharCode(...codes)}x`;
          const { headers } = await askHttp2(session, { 'x-all': value });
          assert.is(headers['x-all'], value);
        }),
      ),
  ));

test('a head above --max-header-size that compresses well is answered 431', () =>
  withMirror((url) =>
    withPlain(url, ({ port, counter }) =>
      withHttp2Client({ port }, async (session) => {
        assert.is((await askHttp2(session, { 'x-long': '0'.repeat(17_000) })).status, 431);
        assert.is((await askHttp2(session, {})).status, 200);
        assert.is(counter('refused_header_size'), 1);
      }),
    ),
  ));

const place: (balancer: TestBalancer) => Http2Place = ({ port }) => ({ port });

test('cookies that come one by one reach the host as one header', () =>
  withMirror((url) =>
    withPlain(url, (balancer) =>
      withHttp2Client(place(balancer), async (session) => {
        const { body } = await askHttp2(session, { cookie: ['a=1', 'b=2'] });
        assert.equal(valuesOf(JSON.parse(body) as Mirrored, 'cookie'), ['a=1; b=2']);
      }),
    ),
  ));

test('a refused HEAD whose client has not ended it leaves no stream open', () =>
  withMirror((url) =>
    withPlain(url, ({ port }) =>
      withHttp2Client({ port }, async (session) => {
        const stream = session.request({ ':method': 'HEAD', ':path': '/', expect: 'tea' }, { endStream: false });
        stream.on('error', () => undefined).resume();
        const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
        assert.is(head[':status'], 417);
        await once(stream, 'close');
        assert.is(stream.rstCode, 0);
        assert.is((await askHttp2(session)).status, 200);
      }),
    ),
  ));

test.run();
