// Pages of the fleet thread over real sockets: what they are given, how answers and streams come back, and what becomes of
// them when the thread dies, a page fails, or a client takes nothing.

import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptsGzip } from '../../lib/console/accepts-gzip.js';
import { type FleetPage, type PageReply, type PageRequest, replyJson } from '../../lib/console/page-request.js';
import { until } from '../support/brackets.js';
import { withPages } from '../support/fleet-pages.js';
import { ask, exchangeRaw, withRaw } from '../support/http-client.js';

const test = suite('console pages of the fleet thread');

const TOKEN = '0123456789abcdef0123';

function page(path: string, answer: FleetPage['answer'], rest: Partial<FleetPage> = {}): FleetPage {
  return { path, access: 'read', methods: ['GET'], answer, ...rest };
}

const echo = page('/echo', (request, reply) => replyJson(reply, 200, request), { access: 'act', methods: ['GET', 'POST'] });
const seen = page('/seen', (request, reply) => replyJson(reply, 200, request), { access: 'public' });

/** A page that streams, and its open replies. */
function streaming(replies: PageReply[]): FleetPage {
  return page('/stream', (_request, reply) => {
    reply.head(200, { 'Content-Type': 'text/event-stream' });
    reply.write('retry: 1000\n\n');
    replies.push(reply);
  });
}

test('a page is given the request as it came, and that the right token was', () =>
  withPages(
    [echo],
    async ({ port }) => {
      const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json', Accept: 'a/b' };
      const { status, body } = await ask(port, { path: '/echo?x=1&y', method: 'POST', headers, body: '{"a":"ö"}' });
      const { id, host, ...request } = JSON.parse(Buffer.from(body, 'latin1').toString()) as PageRequest;
      assert.equal([status, typeof id, host], [200, 'number', `127.0.0.1:${port}`]);
      assert.equal(request, {
        method: 'POST',
        path: '/echo',
        query: 'x=1&y',
        accept: 'a/b',
        acceptEncoding: '',
        contentType: 'application/json',
        remoteAddress: '127.0.0.1',
        body: '{"a":"ö"}',
        mayRead: true,
        mayAct: true,
        hasToken: true,
      });
    },
    { token: TOKEN },
  ));

test('a page for who may act is refused without the token, one for everybody is told that the client may not read', () =>
  withPages(
    [echo, seen],
    async ({ port }) => {
      assert.is((await ask(port, { path: '/echo' })).status, 401);
      const { status, body } = await ask(port, { path: '/seen' });
      const { mayRead, mayAct, hasToken } = JSON.parse(body) as PageRequest;
      assert.equal([status, mayRead, mayAct, hasToken], [200, false, false, true]);
    },
    { token: TOKEN, bind: '0.0.0.0' },
  ));

test('methods that a page does not have are 405, and a path without a page is 404', () =>
  withPages([seen], async ({ port }) => {
    const { status, headers } = await ask(port, { path: '/seen', method: 'POST', body: 'x' });
    assert.equal([status, headers.allow], [405, 'GET, HEAD']);
    const { status: absent, body } = await ask(port, { path: '/absent' });
    assert.equal([absent, JSON.parse(body)], [404, { error: 'MEERCAT_NOT_FOUND', message: 'try /seen' }]);
  }));

test('HEAD has the head of GET and no body, also of a stream', () => {
  const replies: PageReply[] = [];
  return withPages([seen, streaming(replies)], async ({ port }) => {
    const raw = await exchangeRaw(port, 'HEAD /seen HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    assert.match(raw, /^HTTP\/1\.1 200 OK\r\n[^]*Content-Length: [1-9]\d*\r\n[^]*\r\n\r\n$/i);
    const { status, headers, body } = await ask(port, { path: '/stream', method: 'HEAD' });
    assert.equal([status, headers['content-type'], body], [200, 'text/event-stream', '']);
    await until(() => replies[0]?.isClosed === true, { what: 'the page to hear that nobody listens' });
  });
});

test('a body over 16 KiB is refused before it is read', () =>
  withPages(
    [echo],
    async ({ port }) => {
      const headers = { Authorization: `Bearer ${TOKEN}` };
      assert.is((await ask(port, { path: '/echo', method: 'POST', headers, body: 'x'.repeat(16_384) })).status, 200);
      const text = await exchangeRaw(
        port,
        `POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 16385\r\n\r\n`,
      );
      assert.match(text, /^HTTP\/1\.1 413 /);
    },
    { token: TOKEN },
  ));

test('a long answer is compressed where the client takes it, a short one and a stream never are', () => {
  const long = 'meercat '.repeat(1000);
  const pages = [
    page('/long', (_request, reply) => {
      reply.head(200, { 'Content-Type': 'text/plain' });
      reply.end(long);
    }),
    seen,
  ];
  return withPages(pages, async ({ port }) => {
    const headers = { 'Accept-Encoding': 'br, gzip' };
    const compressed = await ask(port, { path: '/long', headers });
    assert.equal(
      [compressed.headers['content-encoding'], compressed.headers.vary, gunzipSync(compressed.bytes).toString()],
      ['gzip', 'Accept-Encoding', long],
    );
    assert.ok(compressed.bytes.length < 500);
    const plain = await ask(port, { path: '/long' });
    assert.equal([plain.headers['content-encoding'], plain.headers['content-length'], plain.body], [undefined, '8000', long]);
    assert.is((await ask(port, { path: '/seen', headers })).headers['content-encoding'], undefined);
  });
});

test('gzip is accepted by name or by *, unless it is refused', () => {
  for (const text of ['gzip', 'br, gzip;q=0.5', 'GZIP', '*', 'identity, * ;q=0.1']) assert.ok(acceptsGzip(text), text);
  for (const text of ['', 'br', 'gzip;q=0', 'gzip; q=0.000', '*;q=0', 'gzip;q=0, *', 'xgzip']) assert.not(acceptsGzip(text), text);
});

test('every answer tells browsers to keep nothing, guess nothing and load nothing from elsewhere', () =>
  withPages([seen], async ({ port }) => {
    for (const path of ['/seen', '/absent']) {
      const { headers } = await ask(port, { path });
      assert.equal(
        [headers['cache-control'], headers['x-content-type-options'], headers['referrer-policy']],
        ['no-store', 'nosniff', 'no-referrer'],
      );
      assert.match(headers['content-security-policy'] as string, /^default-src 'none'; .*frame-ancestors 'none'$/);
    }
  }));

test('a page that fails is 500 before its head, and cut off after it', () => {
  const pages = [
    page('/thrown', () => {
      throw new Error('inner detail');
    }),
    page('/rejected', (_request, reply) => {
      reply.head(200, { 'Content-Type': 'text/event-stream' });
      reply.write('one');
      return Promise.reject(new Error('inner detail'));
    }),
  ];
  return withPages(pages, async ({ port, failures }) => {
    const { status, body } = await ask(port, { path: '/thrown' });
    assert.equal([status, JSON.parse(body)], [500, { error: 'MEERCAT_INTERNAL', message: 'the console failed on this request' }]);
    const text = await exchangeRaw(port, 'GET /rejected HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.not.match(text, /\r\n0\r\n\r\n$/);
    assert.is(failures.length, 2);
  });
});

test('a thread that does not answer costs its clients 503 with the time to try again', () =>
  withPages(
    [page('/silent', () => undefined)],
    async ({ port }) => {
      const { status, headers, body } = await ask(port, { path: '/silent' });
      assert.equal(
        [status, headers['retry-after'], (JSON.parse(body) as { error: string }).error],
        [503, '1', 'MEERCAT_CONSOLE_UNAVAILABLE'],
      );
    },
    { bridgeLimits: { answerTimeoutMs: 200 } },
  ));

test('when the thread dies open requests are 503 and streams end; it is 503 until the next thread says its pages', () => {
  const replies: PageReply[] = [];
  return withPages([page('/silent', () => undefined), streaming(replies)], async ({ port, exchanges }) =>
    withRaw(port, async (raw) => {
      raw.send('GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      await raw.receives(/retry: 1000/);
      const waiting = ask(port, { path: '/silent' });
      await until(() => exchanges.openExchanges === 2, { what: 'both requests to be on their way' });
      exchanges.onThreadDeath();
      await raw.ends();
      assert.is((await waiting).status, 503);
      assert.is((await ask(port, { path: '/stream' })).status, 503);
      exchanges.onMessage({ type: 'console-pages', pages: [{ path: '/stream', access: 'read', methods: ['GET'] }] });
      assert.is((await ask(port, { path: '/stream', method: 'HEAD' })).status, 200);
    }),
  );
});

test('a stream outlives the time for answers, and the page hears when its client goes', () => {
  const replies: PageReply[] = [];
  return withPages(
    [streaming(replies)],
    async ({ port }) => {
      await withRaw(port, async (raw) => {
        raw.send('GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
        await raw.receives(/retry: 1000/);
        const [reply] = replies as [PageReply];
        // Longer than any of the limits below.
        const untilMs = performance.now() + 600;
        await until(() => performance.now() > untilMs, { what: 'some time' });
        assert.not(raw.isClosed || raw.hasEnded);
        reply.write('data: late\n\n');
        await raw.receives(/data: late/);
        await until(() => reply.pendingBytes === 0, { what: 'the bytes to be taken' });
      });
      let isTold = false;
      replies[0]?.onClose(() => (isTold = true));
      await until(() => isTold || replies[0]?.isClosed === true, { what: 'the page to hear of it' });
    },
    {
      bridgeLimits: { answerTimeoutMs: 100 },
      limits: {
        requestTimeoutMs: 150,
        idleTimeoutMs: 150,
        maxHeaderBytes: 8192,
        maxBodyBytes: 65_536,
        maxReadBodyBytes: 16_384,
        maxConnections: 256,
      },
    },
  );
});

test('a client that takes nothing of its stream is closed, and the page knows how far behind it was', () => {
  const replies: PageReply[] = [];
  return withPages(
    [streaming(replies)],
    async ({ port }) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'));
      socket.on('error', () => undefined).pause();
      try {
        await until(() => replies.length === 1, { what: 'the stream' });
        const [reply] = replies as [PageReply];
        let mostPending = 0;
        await until(
          () => {
            reply.write('x'.repeat(65_536));
            mostPending = Math.max(mostPending, reply.pendingBytes);
            return reply.isClosed;
          },
          { what: 'the stream to be closed' },
        );
        assert.ok(mostPending > 100_000, String(mostPending));
      } finally {
        socket.destroy();
      }
    },
    { bridgeLimits: { maxPendingBytes: 100_000 } },
  );
});

test('of streams there are so many at most; a further one is told so, and one that ended makes place', () => {
  const replies: PageReply[] = [];
  return withPages(
    [streaming(replies)],
    async ({ port, exchanges }) => {
      const get = 'GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
      await withRaw(port, (one) =>
        withRaw(port, async (two) => {
          await one.send(get).receives(/retry/);
          await two.send(get).receives(/retry/);
          const { status, body } = await ask(port, { path: '/stream' });
          assert.is(status, 503);
          assert.match(body, /2 streams already/);
        }),
      );
      await until(() => exchanges.openExchanges === 0, { what: 'the streams to end' });
      await withRaw(port, (raw) => raw.send(get).receives(/retry/));
    },
    { bridgeLimits: { maxStreams: 2 } },
  );
});

test('streams are not closed to make place for new connections', () => {
  const replies: PageReply[] = [];
  return withPages(
    [streaming(replies), seen],
    ({ port }) =>
      withRaw(port, async (stream) => {
        await stream.send('GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n').receives(/retry/);
        await withRaw(port, (idle) =>
          withRaw(port, async () => {
            assert.is((await ask(port, { path: '/seen' })).status, 200);
            await until(() => idle.isClosed || idle.hasEnded, { what: 'the idle connection to be closed' });
            assert.not(stream.isClosed || stream.hasEnded);
          }),
        );
      }),
    {
      limits: {
        requestTimeoutMs: 5000,
        idleTimeoutMs: 5000,
        maxHeaderBytes: 8192,
        maxBodyBytes: 65_536,
        maxReadBodyBytes: 16_384,
        maxConnections: 3,
      },
    },
  );
});

test('files are served from memory to everybody, and are asked for again only when they change', () =>
  withPages(
    [],
    async ({ port }) => {
      const { status, headers, body } = await ask(port, { path: '/a.js', headers: { Host: 'any.example' } });
      assert.equal(
        [status, headers['content-type'], headers['cache-control'], body],
        [200, 'text/javascript', 'no-cache', 'let a;'.repeat(300)],
      );
      const again = await ask(port, { path: '/a.js', headers: { 'If-None-Match': String(headers.etag) } });
      assert.equal([again.status, again.body], [304, '']);
      const compressed = await ask(port, { path: '/a.js', headers: { 'Accept-Encoding': 'gzip', 'If-None-Match': String(headers.etag) } });
      assert.equal([compressed.status, gunzipSync(compressed.bytes).toString()], [200, body]);
      assert.is.not(compressed.headers.etag, headers.etag);
    },
    { files: [{ path: '/a.js', type: 'text/javascript', content: Buffer.from('let a;'.repeat(300)) }], token: TOKEN, bind: '0.0.0.0' },
  ));

test.run();
