// One health check, on real sockets: what counts as healthy, and that it ends in time and closes its connection,
// whatever the host does.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dueChecks } from '../../lib/health/host-checks.js';
import { type ProbeRules, probeHost } from '../../lib/health/probe-host.js';
import { type HostTls, TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { freePort, until, withServer } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { withRawHost } from '../support/raw-host.js';

const test = suite('probe host');

const PLAIN = { ca: undefined, isInsecure: false };
const LONG_MS = 10_000;
const SHORT_MS = 150;

/** One check of a host, by the default rules unless others are given. */
const probe = (url: string, healthPath: string, healthTimeoutMs: number, tls: HostTls, rules: Partial<ProbeRules> = {}): Promise<boolean> =>
  probeHost(url, { ...TRAFFIC_DEFAULTS, ...rules, healthPath, healthTimeoutMs }, tls);

test('with a path it sends one GET, with its own User-Agent and connection, and 2xx and 3xx are good', async () => {
  for (const [status, isGood] of [
    [200, true],
    [204, true],
    [299, true],
    [301, true],
    [304, true],
    [399, true],
    [400, false],
    [404, false],
    [429, false],
    [500, false],
    [503, false],
  ] as const) {
    const asked: string[] = [];
    await withServer(
      (request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers['user-agent']}`);
        response.writeHead(status).end('body');
      },
      async ({ url, port, server }) => {
        assert.is(await probe(url, '/health?deep=1', LONG_MS, PLAIN), isGood, String(status));
        assert.equal(asked, [`GET /health?deep=1 127.0.0.1:${port} meercat-health`]);
        await until(() => new Promise<boolean>((resolve) => server.getConnections((_error, count) => resolve(count === 0))), {
          what: 'the connection to be let go',
        });
      },
    );
  }
});

test('the Host header is the name and port of the URL, as in ordinary requests, or what is configured', async () => {
  const hosts: (string | undefined)[] = [];
  await withServer(
    (request, response) => {
      hosts.push(request.headers.host);
      response.end();
    },
    async ({ url, port }) => {
      const named = url.replace('127.0.0.1', 'localhost');
      for (const healthHost of ['', 'app.example', 'app.example:8443', '[::1]:80'])
        assert.is(await probe(named, '/', LONG_MS, PLAIN, { healthHost }), true);
      assert.equal(hosts, [`localhost:${port}`, 'app.example', 'app.example:8443', '[::1]:80']);
      assert.is(new URL('http://app.example:80').host, 'app.example', 'a default port is not said');
    },
  );
});

test('the good statuses can be configured: these, and no others', () =>
  withServer(
    (request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.end();
    },
    async ({ url }) => {
      const healthExpect = [
        { from: 200, to: 204 },
        { from: 401, to: 401 },
        { from: 599, to: 599 },
      ];
      for (const [status, isGood] of [
        [200, true],
        [204, true],
        [205, false],
        [301, false],
        [400, false],
        [401, true],
        [402, false],
        [503, false],
        [599, true],
        [600, false],
        [999, false],
      ] as const) {
        assert.is(await probe(url, `/${status}`, LONG_MS, PLAIN, { healthExpect }), isGood, String(status));
      }
    },
  ));

test('without a path a TCP connection suffices, and nothing is sent', () =>
  withRawHost(
    () => undefined,
    async ({ url, connections }) => {
      assert.is(await probe(url, '', LONG_MS, PLAIN), true);
      await until(() => connections.length === 1 && connections[0]?.isClosed);
      assert.is(connections[0]?.text, '');
    },
  ));

test('a port without a listener is unhealthy, with a path or without', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  for (const path of ['', '/']) assert.is(await probe(url, path, LONG_MS, PLAIN), false);
  assert.is(await probe('http://no-such-host.invalid:80', '/', LONG_MS, PLAIN), false);
});

const BROKEN: readonly (readonly [what: string, bytes: string, isClosing: boolean])[] = [
  ['nothing', '', false],
  ['nothing, and a close', '', true],
  ['no HTTP', 'hello\r\n\r\n', false],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-', false],
  ['a body that never ends', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', false],
  ['a body cut off', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', true],
  ['a protocol that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', false],
  ['informational answers only', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20), false],
  ['a head without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`, false],
];

for (const [what, bytes, isClosing] of BROKEN) {
  test(`a host that sends ${what} is unhealthy, within the timeout, and its connection is closed`, () =>
    withRawHost(
      ({ text, socket }) => {
        if (!text.includes('\r\n\r\n')) return;
        socket.write(bytes);
        if (isClosing) socket.end();
      },
      async ({ url, connections }) => {
        assert.is(await probe(url, '/health', SHORT_MS, PLAIN), false);
        await until(() => connections[0]?.isClosed, { what: 'the connection to be let go' });
      },
    ));
}

test('a host that trickles is given up at the timeout, not when it falls silent', () =>
  withRawHost(
    ({ text, socket }) => {
      if (!text.includes('\r\n\r\n')) return;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
    },
    async ({ url, connections }) => {
      assert.is(await probe(url, '/health', SHORT_MS, PLAIN), false);
      await until(() => connections[0]?.isClosed);
    },
  ));

test('an endless body is read in part, and then the connection is closed and the host healthy', () =>
  withServer(
    (_request, response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16 << 10)));
      };
      response.on('drain', pour);
      pour();
    },
    async ({ url }) => {
      assert.is(await probe(url, '/health', LONG_MS, PLAIN), true);
    },
  ));

test('https: healthy if the certificate verifies, or verification is off', () =>
  withCertificates(async ({ ca, cert, key }) => {
    const server = createTlsServer({ cert, key }, (_request, response) => void response.end('ok'));
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      assert.is(await probe(url, '/', LONG_MS, PLAIN), false);
      assert.is(await probe(url, '/', LONG_MS, { ca, isInsecure: false }), true);
      assert.is(await probe(url, '/', LONG_MS, { ca: undefined, isInsecure: true }), true);
      assert.is(await probe(url, '', LONG_MS, PLAIN), true, 'a TCP connection needs no certificate');
      assert.is(await probe(url.replace('https', 'http'), '/', SHORT_MS, PLAIN), false);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }));

test('https: SNI and verification use the address, whatever the Host header says', () =>
  withCertificates(async ({ ca, cert, key, issue }) => {
    const other = issue('other', { names: ['app.example'] });
    const asked: string[] = [];
    const note = (request: IncomingMessage, response: ServerResponse): void => {
      asked.push(`${String((request.socket as TLSSocket).servername)} ${request.headers.host}`);
      response.end();
    };
    const [right, wrong] = [createTlsServer({ cert, key }, note), createTlsServer({ cert: other.cert, key: other.key }, note)];
    const ports: number[] = [];
    for (const server of [right, wrong]) {
      server.on('tlsClientError', () => undefined);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ports.push((server.address() as AddressInfo).port);
    }
    const rules = { healthHost: 'app.example' };
    const tls = { ca, isInsecure: false };
    try {
      assert.is(await probe(`https://localhost:${ports[0]}`, '/', LONG_MS, tls, rules), true);
      assert.is(await probe(`https://127.0.0.1:${ports[0]}`, '/', LONG_MS, tls, rules), true);
      assert.is(await probe(`https://localhost:${ports[1]}`, '/', LONG_MS, tls, rules), false, 'a certificate of another name');
      assert.equal(asked, ['localhost app.example', 'false app.example']);
    } finally {
      for (const server of [right, wrong]) {
        server.closeAllConnections();
        server.close();
      }
    }
  }));

test('https: the name that DNS found an address by is the one that is verified, and asked for', () =>
  withCertificates(async ({ ca, issue }) => {
    const { cert, key } = issue('api', { names: ['api.test'] });
    const asked: string[] = [];
    const server = createTlsServer({ cert, key }, (request, response) => {
      asked.push(`${String((request.socket as TLSSocket).servername)} ${request.headers.host}`);
      response.end();
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const url = `https://127.0.0.1:${port}`;
    const rules = { ...TRAFFIC_DEFAULTS, healthPath: '/', healthTimeoutMs: LONG_MS };
    const tls = { ca, isInsecure: false };
    try {
      assert.is(await probeHost(url, rules, tls, undefined, `api.test:${port}`), true);
      assert.is(await probeHost(url, rules, tls, undefined, `other.test:${port}`), false);
      assert.is(await probeHost(url, rules, tls), false);
      assert.equal(asked, [`api.test api.test:${port}`]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }));

test('checks are spread over the interval: each in the middle of its part, and all before its end', () => {
  const startsOf = (total: number): number[] => {
    const starts: number[] = [];
    for (let ms = 0; ms < 1000; ms++) while (starts.length < dueChecks(total, ms, 1000)) starts.push(ms);
    return starts;
  };
  assert.equal([startsOf(0), startsOf(1), startsOf(2), startsOf(4)], [[], [500], [250, 750], [125, 375, 625, 875]]);
  assert.is(startsOf(333).length, 333);
  assert.is(dueChecks(7, 1e9, 1000), 7, 'also when the process slept');
});

test.run();
