// The console's server on real sockets: which page is found, what is refused, where it listens, and that neither slow,
// large nor many requests keep it from answering.

import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Console, CONSOLE_LIMITS, type ConsoleOptions, type Page, startConsole } from '../../lib/console/server.js';
import { freePort, until, withServer } from '../support/brackets.js';
import { ask, exchangeRaw, RawClient, withRaw } from '../support/http-client.js';

const test = suite('console server');

const TOKEN = '0123456789abcdef0123';
const PAGES: readonly Page[] = [
  { path: '/open', answer: () => ({ status: 200, body: { page: 'open' } }) },
  {
    path: '/broken',
    answer() {
      throw new Error('inner detail');
    },
  },
];

async function withConsole(options: Partial<ConsoleOptions>, fn: (port: number, console: Console) => Promise<void>): Promise<void> {
  const console = await startConsole({ port: 0, bind: '127.0.0.1', token: '', pages: PAGES, ...options });
  try {
    await fn(console.port, console);
  } finally {
    console.close();
  }
}

const statusOf = async (port: number, path: string, headers: Record<string, string> = {}): Promise<number> =>
  (await ask(port, { path, headers })).status;

test('a page is JSON that nobody may keep', () =>
  withConsole({}, async (port) => {
    const { status, headers, body } = await ask(port, { path: '/open?x=1' });
    assert.equal(
      [status, headers['content-type'], headers['cache-control'], JSON.parse(body)],
      [200, 'application/json', 'no-store', { page: 'open' }],
    );
  }));

test('any other path is 404 with a stable code, and says which to try', () =>
  withConsole({}, async (port) => {
    for (const path of ['/', '/health', '/open/', '/../open', '//open', '/OPEN', '/%6fpen', 'http://127.0.0.1/open']) {
      const { status, body } = await ask(port, { path });
      assert.is(status, 404, path);
      assert.equal(JSON.parse(body), { error: 'MEERCAT_NOT_FOUND', message: 'try /open, /broken' });
    }
  }));

test('any other method is 405 and names the two that are allowed', () =>
  withConsole({}, async (port) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, headers, body } = await ask(port, { path: '/open', method, ...(method === 'POST' && { body: 'x' }) });
      assert.equal([status, headers.allow, (JSON.parse(body) as { error: string }).error], [405, 'GET, HEAD', 'MEERCAT_METHOD'], method);
    }
  }));

test('a page that fails costs one answer, which tells nothing of why', () =>
  withConsole({}, async (port) => {
    const { status, body } = await ask(port, { path: '/broken' });
    assert.equal([status, JSON.parse(body)], [500, { error: 'MEERCAT_INTERNAL', message: 'the console failed on this request' }]);
    assert.is(await statusOf(port, '/open'), 200);
  }));

test('on loopback anybody is told which pages there are, but not under a foreign name', () =>
  withConsole({}, async (port) => {
    assert.equal([await statusOf(port, '/absent'), await statusOf(port, '/absent', { Host: `localhost:${port}` })], [404, 404]);
    assert.is(await statusOf(port, '/absent', { Host: 'evil.example' }), 403);
    assert.is(await statusOf(port, '/open', { Host: 'b1.example' }), 200, 'health checks come with any name');
    assert.match(await exchangeRaw(port, 'GET /open HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /, 'and, in HTTP/1.0, without one');
  }));

test('beyond loopback with a token the public pages need none, and all else does, also what is not there', () =>
  withConsole({ bind: '0.0.0.0', token: TOKEN }, async (port) => {
    assert.is(await statusOf(port, '/open'), 200);
    const { status, headers, body } = await ask(port, { path: '/absent' });
    assert.equal(
      [status, headers['www-authenticate'], (JSON.parse(body) as { error: string }).error],
      [401, 'Bearer realm="meercat"', 'MEERCAT_UNAUTHORIZED'],
    );
    assert.is(await statusOf(port, '/absent', { Authorization: 'Bearer wrong' }), 401);
    assert.is(await statusOf(port, '/absent', { Authorization: `Bearer ${TOKEN}` }), 404);
  }));

test('after ten wrong tokens an address is told to wait, and the health pages answer it all the same', () =>
  withConsole({ token: TOKEN }, async (port) => {
    const guess = { path: '/absent', headers: { Authorization: 'Bearer wrong' } };
    for (let each = 0; each < 10; each++) assert.is((await ask(port, guess)).status, 401);
    const { status, headers, body } = await ask(port, guess);
    assert.equal([status, headers['retry-after'], (JSON.parse(body) as { error: string }).error], [429, '1', 'MEERCAT_TOO_MANY_GUESSES']);
    assert.equal([await statusOf(port, '/open'), await statusOf(port, '/absent')], [200, 404]);
  }));

test('beyond loopback without a token only the public pages are shown', () =>
  withConsole({ bind: '0.0.0.0' }, async (port) => {
    assert.is(await statusOf(port, '/open'), 200);
    const { status, body } = await ask(port, { path: '/absent', headers: { Authorization: 'Bearer ' } });
    assert.is(status, 403);
    assert.match(body, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
  }));

const QUICK = { ...CONSOLE_LIMITS, requestTimeoutMs: 200, idleTimeoutMs: 200 };

test('a request that comes too slowly is ended, and others are answered meanwhile', () =>
  withConsole({ limits: QUICK }, async (port) => {
    await withRaw(port, async (raw) => {
      raw.send('GET /open HTTP/1.1\r\n');
      const drip = setInterval(() => raw.send('X: y\r\n'), 20);
      try {
        assert.is(await statusOf(port, '/open'), 200);
        assert.match(await raw.ends(), /^(HTTP\/1\.1 408 |$)/);
      } finally {
        clearInterval(drip);
      }
    });
    // One that sends nothing at all.
    assert.match(await withRaw(port, (raw) => raw.ends()), /^(HTTP\/1\.1 408 |$)/);
  }));

test('the limits that are in force end a slow request within seconds, not half a minute', () =>
  withConsole({}, (port) =>
    withRaw(port, async (raw) => {
      raw.send('GET /open HTTP/1.1\r\n');
      const drip = setInterval(() => raw.send('X: y\r\n'), 500);
      try {
        // 10 s at most; it takes 5.5 s.
        await raw.ends();
      } finally {
        clearInterval(drip);
      }
    }),
  ));

test('a large head is 431, and a large or endless body is not read', () =>
  withConsole({}, async (port) => {
    assert.match(await exchangeRaw(port, `GET /open HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(9000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    for (const framing of ['Content-Length: 9999999999', 'Transfer-Encoding: chunked']) {
      const text = await exchangeRaw(port, `GET /open HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 413 [^]*Connection: close[^]*"MEERCAT_BODY_TOO_LARGE"/i);
    }
    assert.is(await statusOf(port, '/open'), 200);
  }));

test('when there are too many connections the oldest is closed, and a new one is answered', () =>
  withConsole({ limits: { ...CONSOLE_LIMITS, maxConnections: 8 } }, async (port) => {
    const idle = Array.from({ length: 20 }, () => new RawClient(port));
    try {
      await until(() => idle.filter(({ isClosed, hasEnded }) => isClosed || hasEnded).length === 12, {
        what: 'the twelve oldest to be closed',
      });
      assert.is(await statusOf(port, '/open'), 200);
    } finally {
      for (const { socket } of idle) socket.destroy();
    }
  }));

test('what is no HTTP is answered 400 or cut off, and harms nobody', () =>
  withConsole({}, async (port) => {
    for (const text of [
      '\0\0\0\0\r\n\r\n',
      'GET\r\n\r\n',
      'GET /open HTTP/1.1\r\n\r\n',
      'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      'GET /open HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    ]) {
      assert.match(await exchangeRaw(port, text), /^(HTTP\/1\.1 400 |$)/, text);
    }
    assert.is(await statusOf(port, '/open'), 200);
  }));

test('a taken port and an address of another machine are refused with the flags that change them', () =>
  withServer(
    () => undefined,
    async ({ port }) => {
      const errorOf = (options: Partial<ConsoleOptions>): Promise<readonly [code: string, message: string]> =>
        startConsole({ port, bind: '127.0.0.1', token: '', pages: PAGES, ...options }).then(
          () => ['', ''],
          (error: Error & { code: string }) => [error.code, error.message],
        );
      assert.equal(await errorOf({}), ['MEERCAT_PORT_TAKEN', `the console's port ${port} is taken: choose another with --console-port`]);
      assert.equal(await errorOf({ bind: '192.0.2.1' }), [
        'MEERCAT_START_FAILED',
        `the console can't listen on 192.0.2.1:${port} (EADDRNOTAVAIL): check --console-bind and --console-port`,
      ]);
    },
  ));

test('on loopback it can be reached by loopback only', async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.internal === false && one.family === 'IPv4');
  // Without another address there is nothing from which it could be reached.
  const address = outside?.address ?? '127.0.0.2';
  await withConsole({}, async (port) => {
    const isReached = await new Promise((resolve) => {
      const socket = connect({ port, host: address }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    assert.is(isReached, false);
  });
});

test('closing ends it at once, kept connections included, and frees the port', async () => {
  const port = await freePort();
  for (let round = 0; round < 2; round++) {
    const console = await startConsole({ port, bind: '127.0.0.1', token: '', pages: PAGES });
    const closed = new Promise((resolve) => {
      const idle = connect(port, '127.0.0.1', () => {
        console.close();
      });
      idle.on('error', () => undefined).on('close', resolve);
    });
    await closed;
  }
  const isRefused = await new Promise((resolve) => {
    request({ port, host: '127.0.0.1' })
      .on('error', () => resolve(true))
      .on('response', () => resolve(false))
      .end();
  });
  assert.ok(isRefused);
});

test.run();
