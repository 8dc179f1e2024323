// Hosts that speak HTTP/2, before a client of HTTP/1: what a host gets of a request, what a client gets of its answer.
// Real hosts of node:http2.

import type { ServerHttp2Stream } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withServer } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw, withRaw } from '../../support/http-client.js';
import { answer, withHttp2Host } from '../../support/http2-host.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('requests to hosts over HTTP/2');

/** The fields of a raw list with this name. */
const valuesOf = (raw: readonly string[], name: string): string[] => raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name);

/** Reads the body of a request. */
async function bodyOf(stream: ServerHttp2Stream): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += String(bytes);
  return text;
}

test('a client of HTTP/1 gets the usual reason phrase, which HTTP/2 does not have', () =>
  withHttp2Host(
    (stream, { ':path': path = '' }) => answer(stream, 'x', { ':status': Number(path.slice(1)) }),
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async ({ port }) => {
        for (const line of ['HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 299 ']) {
          const text = await exchangeRaw(port, `GET /${line.split(' ')[1]} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
          assert.is(text.slice(0, text.indexOf('\r\n')), line);
        }
      }),
  ));

test('a host gets pseudo-headers, names in lower case and what is said of the client, and no field of a connection', async () => {
  const seen: (readonly string[])[] = [];
  await withHttp2Host(
    (stream, _headers, raw) => {
      seen.push(raw);
      answer(stream, 'hello', { 'X-Host': 'ah' });
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        const headers = [
          'Host',
          'www.example.com',
          'X-Twice',
          'a',
          'x-twice',
          'b',
          'TE',
          'trailers',
          'Connection',
          'x-hop, TE',
          'X-Hop',
          '1',
        ];
        const more = [
          'Referer',
          '/a',
          'referer',
          '/b',
          'constructor',
          'c',
          'X-Real-IP',
          '1.2.3.4',
          'X-Latin',
          'caf\xe9',
          'Keep-Alive',
          '5',
        ];
        const { status, body, headers: answered } = await ask(each.port, { path: '/a/../b?c=%20', headers: [...headers, ...more] });
        assert.equal([status, body, answered['x-host']], [200, 'hello', 'ah']);
        const raw = seen[0] as readonly string[];
        assert.equal(raw.slice(0, 8), [':method', 'GET', ':path', '/a/../b?c=%20', ':scheme', 'http', ':authority', 'www.example.com']);
        const names = raw.filter((_, i) => i % 2 === 0);
        for (const name of ['host', 'connection', 'keep-alive', 'x-hop', 'x-real-ip', 'transfer-encoding'])
          assert.not(names.includes(name), name);
        assert.equal(
          names,
          names.map((name) => name.toLowerCase()),
        );
        assert.equal(valuesOf(raw, 'x-twice'), ['a', 'b']);
        assert.equal(valuesOf(raw, 'referer'), ['/a, /b'], 'node:http2 refuses to send two');
        assert.equal(valuesOf(raw, 'te'), ['trailers']);
        assert.equal(valuesOf(raw, 'constructor'), ['c']);
        assert.equal(valuesOf(raw, 'x-latin'), ['caf\xe9']);
        assert.equal(valuesOf(raw, 'x-forwarded-for'), ['127.0.0.1']);
        assert.equal(valuesOf(raw, 'x-forwarded-host'), ['www.example.com']);
        assert.match(valuesOf(raw, 'via').join(), /^1\.1 meercat-/);
        assert.is(valuesOf(raw, 'x-request-id')[0], answered['x-request-id'] as string);
        assert.is(each.counter('hosts_requests_http2'), 1);
      }),
  );
});

test('the requests of one connection, whose lines are composed once, each have their own method, target and id', async () => {
  const seen: string[] = [];
  await withHttp2Host(
    (stream, headers) => {
      seen.push(`${headers[':method']} ${headers[':path']} ${String(headers['x-request-id'])}`);
      answer(stream, '');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          for (const line of ['GET /a', 'HEAD /b', 'GET /c']) {
            raw.text = '';
            raw.send(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
            await until(() => raw.text.endsWith('\r\n\r\n'));
          }
          assert.equal(
            seen.map((one) => one.replace(/ \S+$/, '')),
            ['GET /a', 'HEAD /b', 'GET /c'],
          );
          assert.is(new Set(seen.map((one) => one.replace(/.* /, ''))).size, 3);
        }),
      ),
  );
});

test('bodies pass in both directions, with a length or in chunks, and trailers with them', () =>
  withHttp2Host(
    async (stream, headers) => {
      let trailers = {};
      stream.on('trailers', (came) => (trailers = came));
      const text = await bodyOf(stream);
      stream.respond({ ':status': 200, 'x-length': headers['content-length'] ?? 'none' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
      stream.end(`${text}|${JSON.stringify(trailers)}`);
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        const sized = await ask(each.port, { method: 'POST', headers: { 'Content-Length': '5' }, body: 'sized' });
        assert.equal([sized.headers['x-length'], sized.body], ['5', 'sized|{}']);
        await withRaw(each.port, async (raw) => {
          raw.send('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n');
          raw.send('3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: tail\r\nContent-Length: 1\r\n\r\n');
          await until(() => raw.text.endsWith('\r\n\r\n'));
          assert.match(raw.text, /\r\nx-length: none\r\n/);
          assert.match(raw.text, /abcdefg\|{"x-t":"tail"}\r\n0\r\nx-sum: 42\r\n\r\n$/);
        });
        const big = 'z'.repeat(3_000_000);
        const { body } = await ask(each.port, { method: 'POST', headers: { 'Content-Length': String(big.length) }, body: big });
        assert.is(body.length, big.length + 3);
      }),
  ));

test('interim answers, HEAD, 204, 304 and an empty body are answered as a host of HTTP/1 would', () =>
  withHttp2Host(
    (stream, headers) => {
      const path = headers[':path'] as string;
      if (path === '/hints') stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
      if (path === '/204' || path === '/304') stream.respond({ ':status': Number(path.slice(1)), etag: '"e"' }, { endStream: true });
      else if (path === '/0') {
        stream.respond({ ':status': 200, 'content-length': 0 });
        stream.end();
      } else if (headers[':method'] === 'HEAD') stream.respond({ ':status': 200, 'content-length': 1234 }, { endStream: true });
      else answer(stream, 'body');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        assert.is((await ask(each.port, { path: '/204' })).status, 204);
        assert.equal((await ask(each.port, { path: '/304' })).headers['etag'], '"e"');
        const head = await ask(each.port, { method: 'HEAD', path: '/' });
        assert.equal([head.status, head.headers['content-length'], head.body], [200, '1234', '']);
        const empty = await ask(each.port, { path: '/0' });
        assert.equal([empty.status, empty.headers['content-length'], empty.body], [200, '0', '']);
        await withRaw(each.port, async (raw) => {
          raw.send('GET /hints HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => raw.text.endsWith('body'));
          assert.match(raw.text, /^HTTP\/1\.1 103 [^]*\r\nlink: <\/a.css>\r\n[^]*HTTP\/1\.1 200 /);
        });
      }),
  ));

test('an empty answer that has no length ends for a client of HTTP/1 too, whose connection is kept', () =>
  withHttp2Host(
    (stream, { ':path': path = '' }) => stream.respond({ ':status': Number(path.slice(1)) }, { endStream: true }),
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, ({ port }) =>
        withRaw(port, async (raw) => {
          for (const status of ['200', '302', '404']) {
            await raw.send(`GET /${status} HTTP/1.1\r\nHost: a\r\n\r\n`).receives(/\r\n\r\n$/);
            assert.match(raw.text, new RegExp(`^HTTP/1.1 ${status} [^]*\r\nContent-Length: 0\r\n`));
            raw.text = '';
          }
          for (const [method, status] of [
            ['GET', '204'],
            ['GET', '304'],
            ['HEAD', '200'],
          ] as const) {
            await raw.send(`${method} /${status} HTTP/1.1\r\nHost: a\r\n\r\n`).receives(/\r\n\r\n$/);
            assert.not.match(raw.text, /content-length/i, `${method} ${status}`);
            raw.text = '';
          }
        }),
      ),
  ));

test('a host is asked for 100 (Continue), and the client hears it', () =>
  withHttp2Host(
    async (stream, headers) => {
      assert.is(headers['expect'], '100-continue');
      stream.additionalHeaders({ ':status': 100 });
      answer(stream, await bodyOf(stream));
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
          await until(() => raw.text === 'HTTP/1.1 100 Continue\r\n\r\n', { what: () => raw.text });
          raw.send('late');
          await until(() => raw.text.endsWith('\r\n\r\nlate'), { what: () => raw.text });
        }),
      ),
  ));

test('over TLS, h2 is chosen by ALPN and the certificate is verified', () =>
  withCertificates((certificates) =>
    withHttp2Host(
      (stream, headers) => answer(stream, `${headers[':scheme']} ${stream.session?.alpnProtocol}`),
      async (host) => {
        await withBalancer({ statics: [{ name: 'h', url: host.url }], hostCa: certificates.caFile }, async (each) => {
          assert.is((await ask(each.port)).body, 'https h2');
        });
        await withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
          assert.is((await ask(each.port)).status, 502);
          assert.is(each.counter('hosts_connect_failed'), 1);
        });
      },
      { tls: certificates },
    ),
  ));

test('a host that speaks HTTP/1 only is a connection that failed, in either way, and says why', () =>
  withCertificates(async (certificates) => {
    const lines: string[] = [];
    const failing = async (url: string, hostCa: string): Promise<void> => {
      await withBalancer({ statics: [{ name: 'h', url }], hostCa }, async (each) => {
        // A POST too: no host has seen it.
        assert.is((await ask(each.port, { method: 'POST', body: 'x' })).status, 502);
        assert.is(each.counter('hosts_connect_failed'), 1);
        lines.push(each.lines.find((line) => line.includes('host ejected')) ?? '');
      });
    };
    await withRawHost(
      () => assert.unreachable(),
      ({ port }) => failing(`h2+tls://127.0.0.1:${port}`, certificates.caFile),
      certificates,
    );
    await withServer(
      () => assert.unreachable(),
      ({ port }) => failing(`h2://127.0.0.1:${port}`, ''),
    );
    assert.match(lines[0] as string, /chooses nothing in ALPN, not h2/);
    assert.match(lines[1] as string, /speak HTTP\/2/);
  }));

test.run();
