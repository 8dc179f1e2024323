// Requests through a real balancer to real hosts: messages arrive as they were sent, in both directions, and hop-by-hop
// headers do not pass.

import { randomBytes } from 'node:crypto';
import { Agent, type RequestListener } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withServer } from '../support/brackets.js';
import { withBalancer } from '../support/fleet.js';
import { ask, exchangeRaw, RawClient, withRaw } from '../support/http-client.js';
import { answerWith, withProxy, withRawProxy } from '../support/proxy.js';

const test = suite('proxy');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers with the request's body, framed as it came. */
const echo: RequestListener = (request, response) => {
  const length = request.headers['content-length'];
  if (length !== undefined) response.setHeader('Content-Length', length);
  response.setHeader('X-Framing', `${request.headers['transfer-encoding'] ?? ''} ${length ?? ''}`.trim());
  request.pipe(response);
};

test('a small request and its answer pass', () =>
  withProxy(
    (request, response) => {
      response.writeHead(201, 'Made So', { 'X-Method': request.method, 'X-Path': request.url }).end('hello');
    },
    async ({ port, counter }) => {
      const { status, reason, body, headers } = await ask(port, { method: 'DELETE', path: '/a?b=%20c' });
      assert.equal([status, reason, body, headers['x-method'], headers['x-path']], [201, 'Made So', 'hello', 'DELETE', '/a?b=%20c']);
      assert.equal([counter('requests'), counter('requests_failed')], [1, 0]);
    },
  ));

test('a request reaches the host as it was written: path, order and case', () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    const raw = ['hOST: example.org', 'X-a: 1', 'x-A: 2', 'ACCEPT: */*', 'X-Empty:', 'X-Latin: caf\xe9'];
    for (const path of ['//x//y', '/', '/a/../b/%2e%2e/c;d?e=f?g&&h=[1]', '*', '/' + 'x'.repeat(8000)]) {
      const method = path === '*' ? 'OPTIONS' : 'GET';
      await exchangeRaw(port, `${method} ${path} HTTP/1.1\r\n${raw.join('\r\n')}\r\nConnection: close\r\n\r\n`);
      const seen =
        host.connections
          .map(({ text }) => text)
          .join('')
          .split('\r\n\r\n')
          .at(-2)
          ?.split('\r\n') ?? [];
      assert.is(seen[0], `${method} ${path} HTTP/1.1`);
      assert.equal(
        seen.slice(1, 7),
        raw.map((line) => (line === 'X-Empty:' ? 'X-Empty: ' : line)),
      );
      assert.equal(seen.slice(7, -3), [
        'X-Forwarded-For: 127.0.0.1',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: example.org',
        `X-Forwarded-Port: ${port}`,
        'Forwarded: for=127.0.0.1;host="example.org";proto=http',
      ]);
      assert.match(seen.slice(-3).join('\n'), /^Via: 1\.1 meercat-([0-9a-f]{8})\nConnection: keep-alive\nX-Request-Id: \1-[0-9a-z]+$/);
    }
  }));

test('a body of 1 MB comes back byte for byte, with a length or chunked', () =>
  withProxy(echo, async ({ port }) => {
    const body = randomBytes(1 << 20);
    const known = await ask(port, { method: 'POST', headers: { 'Content-Length': String(body.length) }, body });
    assert.ok(known.bytes.equals(body));
    assert.equal([known.headers['x-framing'], known.headers['content-length']], [String(body.length), String(body.length)]);
    const chunked = await ask(port, { method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' }, body });
    assert.ok(chunked.bytes.equals(body));
    assert.equal([chunked.headers['x-framing'], chunked.headers['transfer-encoding']], ['chunked', 'chunked']);
  }));

test("small bodies of all sizes round a piece's end come back whole", () =>
  withProxy(echo, async ({ port }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const size of [0, 1, 2, 1000, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, (64 << 10) + 7]) {
      const body = randomBytes(size);
      const { bytes } = await ask(port, { method: 'POST', agent, headers: { 'Content-Length': String(size) }, body });
      assert.ok(bytes.equals(body), `${size} bytes`);
    }
    agent.destroy();
  }));

test('a client that reads slowly gets all of a long answer', () =>
  withProxy(
    (_request, response) => {
      response.end(Buffer.alloc(8 << 20, 'abcdefg'));
    },
    ({ port }) =>
      withRaw(port, async (raw) => {
        raw.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        await raw.receives(/abcdefg/);
        raw.socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 100));
        raw.socket.resume();
        const text = await raw.ends();
        assert.is(text.length - text.indexOf('\r\n\r\n') - 4, 8 << 20);
      }),
  ));

test('the answer to HEAD has the headers and no body, and the connection goes on', () =>
  withProxy(
    (_request, response) => {
      response.writeHead(200, { 'Content-Length': '12345' }).end();
    },
    async ({ port }) => {
      const text = await exchangeRaw(port, 'HEAD /1 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.is(text.match(/HTTP\/1\.1 200 OK\r\nContent-Length: 12345\r\n/g)?.length, 2, text);
      assert.match(text, /\r\n\r\n$/);
    },
  ));

test('204, and 304 with the length of the omitted body, pass without a body', () =>
  withRawProxy(
    ({ text, socket }) => {
      const status = text.includes('GET /2') ? '304 Not Modified\r\nContent-Length: 999\r\nETag: "x"' : '204 No Content\r\nX-N: 1';
      socket.write(`HTTP/1.1 ${status}\r\n\r\n`);
    },
    async ({ port }) => {
      const text = await exchangeRaw(port, 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const [first = '', second = '', rest] = text.split('\r\n\r\n');
      assert.match(first, /^HTTP\/1\.1 204 No Content\r\nX-N: 1/);
      assert.not.match(first, /Transfer-Encoding|Content-Length/i);
      assert.match(second, /^HTTP\/1\.1 304 Not Modified\r\nContent-Length: 999\r\nETag: "x"/);
      assert.is(rest, '');
    },
  ));

test('repeated headers of an answer keep their order, and names their case', () =>
  withRawProxy(
    answerWith(
      'HTTP/1.1 200 Fine\r\nset-Cookie: b=2; Path=/\r\nX-ODD: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nDate: then\r\nContent-Length: 0\r\n\r\n',
    ),
    async ({ port }) => {
      const { rawHeaders, reason } = await ask(port);
      assert.is(reason, 'Fine');
      assert.equal(rawHeaders.slice(0, 12), [
        'set-Cookie',
        'b=2; Path=/',
        'X-ODD',
        '1',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Date',
        'then',
        'Content-Length',
        '0',
      ]);
    },
  ));

test('connections to a host are reused, whatever the client does with its own', async () => {
  let connections = 0;
  await withServer(
    (_request, response) => void response.end('ok'),
    ({ url, server }) => {
      server.on('connection', () => connections++);
      return withBalancer({ statics: [{ name: 'h', url }] }, async ({ port }) => {
        for (let i = 0; i < 20; i++) assert.is((await ask(port)).body, 'ok');
        assert.is(connections, 1);
        await Promise.all(Array.from({ length: 10 }, () => ask(port, { method: 'POST', body: 'x' })));
        assert.ok(connections <= 10, `${connections} connections`);
      });
    },
  );
});

test("the host learns where a request came from, and a client's own claims are dropped", () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    await ask(port, {
      headers: [
        'Host',
        'shop.example',
        'X-Forwarded-For',
        '6.6.6.6',
        'x-forwarded-proto',
        'https',
        'Forwarded',
        'for=6.6.6.6',
        'X-Forwarded-Port',
        '1',
      ],
    });
    const text = host.connections[0]?.text ?? '';
    assert.not.match(text, /6\.6\.6\.6|https|X-Forwarded-Port: 1\r/im);
    assert.match(text, /X-Forwarded-For: 127\.0\.0\.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: shop\.example\r\n/);
    assert.match(
      text,
      new RegExp(`\\r\\nX-Forwarded-Port: ${port}\\r\\nForwarded: for=127\\.0\\.0\\.1;host="shop\\.example";proto=http\\r\\n`),
    );
  }));

test('hop-by-hop headers do not pass in either direction', () =>
  withRawProxy(
    answerWith(
      'HTTP/1.1 200 OK\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=1\r\nTrailer: X-T\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
    ),
    async ({ port }, host) => {
      const { body, headers } = await ask(port, {
        headers: [
          'Host',
          'x',
          'Connection',
          'X-Yours',
          'X-Yours',
          '1',
          'TE',
          'trailers',
          'Keep-Alive',
          'timeout=9',
          'Proxy-Connection',
          'x',
        ],
      });
      assert.is(body, 'ok');
      for (const name of ['x-mine', 'trailer', 'upgrade']) assert.is(headers[name], undefined, name);
      assert.equal([headers['x-kept'], headers['keep-alive']], ['1', undefined]);
      assert.not.match(host.connections[0]?.text ?? '', /X-Yours|timeout=9|Proxy-Connection/im);
      assert.match(
        host.connections[0]?.text ?? '',
        /\r\nTE: trailers\r\nConnection: keep-alive, TE\r\n/,
        'the balancer takes trailers itself',
      );
    },
  ));

test('a POST without a body stays one', () =>
  withRawProxy(answerWith(OK), async ({ port }, host) => {
    assert.match(await exchangeRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), /200 OK/);
    assert.not.match(host.connections[0]?.text ?? '', /Transfer-Encoding/i);
    assert.match(host.connections[0]?.text ?? '', /\r\n\r\n$/);
  }));

test('a chunked request arrives with its trailers, except those that belong in a head', () =>
  withRawProxy(
    (connection) => {
      if (connection.text.endsWith('X-T: 1\r\n\r\n')) connection.socket.write(OK);
    },
    async ({ port }, host) => {
      const text = await exchangeRaw(
        port,
        'POST / HTTP/1.1\r\nHost: x\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nHost: y\r\nX-T: 1\r\n\r\n',
      );
      assert.match(text, /^HTTP\/1\.1 200 OK/);
      assert.match(host.connections[0]?.text ?? '', /\r\nTrailer: X-T\r\n/);
      assert.match(host.connections[0]?.text ?? '', /\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n$/);
    },
  ));

test('pipelined requests are answered in order', () =>
  withProxy(
    (request, response) => {
      setTimeout(() => response.end(`<${request.url}>`), request.url === '/1' ? 100 : 0);
    },
    async ({ port }) => {
      const text = await exchangeRaw(
        port,
        [1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n${n === 3 ? 'Connection: close\r\n' : ''}\r\n`).join(''),
      );
      assert.equal(text.match(/<\/\d>/g), ['</1>', '</2>', '</3>']);
    },
  ));

test('a client of HTTP/1.0 is served, with or without a Host header', () =>
  withProxy(
    (request, response) => {
      response.write(`${request.httpVersion} `);
      response.end(typeof request.headers.host);
    },
    async ({ port }) => {
      for (const head of ['GET / HTTP/1.0\r\n\r\n', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n']) {
        const text = await exchangeRaw(port, head);
        assert.match(text, /^HTTP\/1\.1 200 OK/);
        assert.match(text, /\r\n\r\n1\.1 string$/, 'its answer is not chunked and ends with the connection');
      }
    },
  ));

test('a client that closes its half after the request still gets the answer', () =>
  withProxy(
    (_request, response) => {
      setTimeout(() => response.end('late'), 100);
    },
    async ({ port }) => {
      const raw = new RawClient(port);
      raw.socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.match(await raw.receives(/late/).then(() => raw.ends()), /^HTTP\/1\.1 200 OK/);
    },
  ));

test.run();
