// The URL probe against a real HTTP server on loopback, and against one that answers raw bytes.

import { createServer as createHttpServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openProbe } from '../../lib/agent/probe.js';
import { figuresOfOrca } from '../../lib/agent/probes/url.js';

const UNKNOWN = { cpu: null, memory: null, cores: null, rps: null };

/** Listens on loopback, on a free port unless one is named, and afterwards closes the server and all its connections. */
async function withServer(server: Server, use: (origin: string) => Promise<void>, port = 0): Promise<void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const withPage = (listener: RequestListener, use: (origin: string) => Promise<void>) => withServer(createHttpServer(listener), use);

/** A server that answers each connection with these bytes and leaves it open. */
const withBytes = (bytes: string, use: (origin: string) => Promise<void>) =>
  withServer(
    createServer((socket) => socket.once('data', () => socket.write(bytes))),
    use,
  );

async function failureOf(url: string, timeoutMs = 10_000): Promise<string> {
  const probe = await openProbe(url, { timeoutMs });
  try {
    return await probe.read().then(
      () => 'none',
      (error: Error) => error.message,
    );
  } finally {
    probe.close();
  }
}

test('a page with ORCA’s names gives all figures, again at each read', async () => {
  let asked = 0;
  const seen: (string | undefined)[] = [];
  await withPage(
    (request, response) => {
      seen.push(request.method, request.url, request.headers.accept);
      asked += 1;
      response.end(
        JSON.stringify({
          cpu_utilization: asked / 4,
          mem_utilization: 0.5,
          rps_fractional: 12.5,
          eps: 1,
          named_metrics: { cores: 1.5, other: 9 },
        }),
      );
    },
    async (origin) => {
      const probe = await openProbe(`${origin}/load?x=1`, { timeoutMs: 10_000 });
      assert.is(probe.kind, 'url');
      assert.is(asked, 0, 'opening does not contact the host');
      assert.equal(await probe.read(), { cpu: 0.25, memory: 0.5, cores: 1.5, rps: 12.5 });
      assert.equal(await probe.read(), { cpu: 0.5, memory: 0.5, cores: 1.5, rps: 12.5 });
      probe.close();
      const limited = await openProbe(`${origin}/`, { timeoutMs: 10_000, coresLimit: 4 });
      assert.is((await limited.read()).cores, 4);
      limited.close();
    },
  );
  assert.equal(seen.slice(0, 3), ['GET', '/load?x=1', 'application/json']);
});

test('application_utilization and rps are used if the usual names are absent', () => {
  assert.equal(figuresOfOrca({ application_utilization: 0.3, rps: 7 }), { ...UNKNOWN, cpu: 0.3, rps: 7 });
  assert.equal(figuresOfOrca({ cpu_utilization: 0.1, application_utilization: 0.3, rps_fractional: 8, rps: 7 }), {
    ...UNKNOWN,
    cpu: 0.1,
    rps: 8,
  });
  assert.equal(figuresOfOrca({ cpu_utilization: null, application_utilization: 0.3 }), { ...UNKNOWN, cpu: 0.3 });
});

test('a CPU above 1, as ORCA allows, is clamped', () => {
  assert.equal(figuresOfOrca({ cpu_utilization: 1.7, mem_utilization: 3 }), { ...UNKNOWN, cpu: 1, memory: 1 });
  assert.equal(figuresOfOrca({ cpu_utilization: 0, mem_utilization: 0, rps_fractional: 0 }), { cpu: 0, memory: 0, cores: null, rps: 0 });
});

test('a figure that is not a number, negative, not finite or absurd is null, and does not affect the others', () => {
  for (const bad of ['0.5', -0.1, NaN, Infinity, -Infinity, true, [], {}, [0.5], '']) {
    const report = { cpu_utilization: bad, mem_utilization: bad, rps_fractional: bad, named_metrics: { cores: bad } };
    assert.equal(figuresOfOrca(report), UNKNOWN, String(bad));
    assert.equal(figuresOfOrca({ ...report, mem_utilization: 0.5 }), { ...UNKNOWN, memory: 0.5 });
  }
  assert.equal(figuresOfOrca({ rps_fractional: 1e300, named_metrics: { cores: 1e300 } }), UNKNOWN);
  assert.equal(figuresOfOrca({ named_metrics: { cores: 0 } }), UNKNOWN);
  for (const metrics of [null, 5, 'cores', ['cores']]) assert.equal(figuresOfOrca({ named_metrics: metrics }), UNKNOWN);
  assert.equal(figuresOfOrca(JSON.parse('{"__proto__": {"cpu_utilization": 0.5}, "constructor": 1}')), UNKNOWN);
  assert.equal(figuresOfOrca(JSON.parse('{"cpu_utilization": 1e999}')), UNKNOWN);
});

test('an answer that is not 200 rejects with its status, and a redirect is not followed', async () => {
  const asked: (string | undefined)[] = [];
  await withPage(
    (request, response) => {
      asked.push(request.url);
      response.writeHead(request.url === '/moved' ? 302 : 503, { location: '/elsewhere' }).end('{"cpu_utilization": 0.5}');
    },
    async (origin) => {
      assert.is(await failureOf(`${origin}/load`), `GET ${origin}/load: the answer is 503, not 200`);
      assert.is(await failureOf(`${origin}/moved`), `GET ${origin}/moved: the answer is 302, not 200`);
    },
  );
  assert.equal(asked, ['/load', '/moved']);
});

test('an answer that is not a JSON object rejects, and its text stays out of the message', async () => {
  let body = '';
  await withPage(
    (_, response) => response.end(body),
    async (origin) => {
      for (body of ['', 'secret', '{"cpu_utilization": NaN}', '{"cpu', '\0', '['.repeat(60_000), '{"a":'.repeat(12_000)]) {
        assert.is(await failureOf(origin), `GET ${origin}/: the answer is not JSON`);
      }
      for (body of ['null', '[]', '5', '"text"', 'true']) {
        assert.is(await failureOf(origin), `GET ${origin}/: the answer is not a JSON object`);
      }
    },
  );
});

test('an answer above 64 kB rejects, one that never ends as well', async () => {
  const tooLarge = /the answer is larger than 65536 bytes/;
  await withPage(
    (_, response) => response.end(`{}${' '.repeat(65_535)}`),
    async (origin) => assert.match(await failureOf(origin), tooLarge),
  );
  await withPage(
    (_, response) => response.end(`{}${' '.repeat(65_534)}`),
    async (origin) => assert.is(await failureOf(origin), 'none'),
  );
  await withPage(
    (_, response) => {
      const pour = () => {
        while (!response.destroyed && response.write(' '.repeat(9000)));
      };
      response.on('drain', pour);
      pour();
    },
    async (origin) => assert.match(await failureOf(origin), tooLarge),
  );
});

test('a read from a host that is silent, stalls or sends slowly times out', async () => {
  const late = /no answer within 100 ms/;
  await withBytes('', async (origin) => assert.match(await failureOf(origin, 100), late));
  await withBytes('HTTP/1.1 200 OK\r\ncontent-le', async (origin) => assert.match(await failureOf(origin, 100), late));
  await withBytes('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{', async (origin) => assert.match(await failureOf(origin, 100), late));
  await withPage(
    (_, response) => {
      const drip = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(drip));
    },
    async (origin) => assert.match(await failureOf(origin, 100), late),
  );
});

test('a response that is not HTTP, an unrequested upgrade, and a malformed body reject at once', async () => {
  const answers = [
    'SSH-2.0-x\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n`,
  ];
  for (const bytes of answers) {
    await withBytes(bytes, async (origin) => assert.not.match(await failureOf(origin), /^none$|no answer within/));
  }
  const hangsUp = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}')));
  await withServer(hangsUp, async (origin) => assert.not.match(await failureOf(origin), /^none$|no answer within/));
});

test('a host that does not listen rejects, and later reads succeed once it does', async () => {
  const server = createHttpServer((_, response) => response.end('{"cpu_utilization": 0.5}'));
  let origin = '';
  await withServer(createServer(), async (free) => {
    origin = free;
  });
  const probe = await openProbe(origin, { timeoutMs: 10_000 });
  const error = await probe.read().then(
    () => null,
    (thrown: Error) => thrown,
  );
  assert.match(error?.message ?? '', /^GET http:\/\/127\.0\.0\.1:\d+\/: .*ECONNREFUSED/);
  await withServer(server, async () => assert.is((await probe.read()).cpu, 0.5), Number(new URL(origin).port));
  probe.close();
});

test('closing ends a read under way, and a closed probe reads no more', async () => {
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  await withPage(
    () => arrived(),
    async (origin) => {
      const probe = await openProbe(origin, { timeoutMs: 10_000 });
      const reading = probe.read().then(
        () => 'none',
        (error: Error) => error.message,
      );
      await arrival;
      probe.close();
      probe.close();
      assert.is(await reading, `GET ${origin}/: closed`);
      assert.match(
        await probe.read().then(
          () => 'none',
          (error: Error) => error.message,
        ),
        /is closed/,
      );
    },
  );
});

test('a user, password and query are sent, and never appear in a message', async () => {
  let credentials: string | undefined;
  await withPage(
    (request, response) => {
      credentials = request.headers.authorization;
      response.writeHead(401).end();
    },
    async (origin) => {
      const message = await failureOf(`${origin.replace('//', '//ann:secret@')}/load?token=secret`);
      assert.is(message, `GET ${origin}/load: the answer is 401, not 200`);
    },
  );
  assert.is(credentials, `Basic ${Buffer.from('ann:secret').toString('base64')}`);
});

test.run();
