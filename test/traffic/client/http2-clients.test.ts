// Real clients that speak HTTP/2: Debian's h2load, nghttp, curl and Chromium, each over TLS (ALPN) and, where it can, with
// prior knowledge. The host speaks HTTP/1.1 and is Node's own.

import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRunFolder } from '../../../lib/run-folder.js';
import type { BalancerConfig } from '../../../lib/config/config.js';
import { createLabCertificate } from '../../../lib/lab/lab-certificate.js';
import { grpcMessageOf } from '../../../lib/lab/lab-bodies.js';
import { LabBalancer, startGrpcHost, startLabHost } from '../../../lib/lab/lab-fleet.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { withServer, withTempDir } from '../../support/brackets.js';
import { withBrowser } from '../../support/browser.js';
import { withCertificates } from '../../support/certificates.js';
import { NO_REDIS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ENTRY } from '../../support/meercat.js';
import { type ToolRun, toolRunner } from '../../support/run-tool.js';
import { scaled } from '../../support/scale.js';

const test = suite('HTTP/2 clients');

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** How a client reaches the balancer. */
interface Entrance {
  /** `https://127.0.0.1:PORT` or `http://…`. */
  readonly url: string;
  readonly caFile: string;
  readonly each: TestBalancer;
}

/** One balancer with TLS and one with `--h2c`, each in front of a host with this handler; `fn` runs for each of them. */
async function withEntrances(handler: Handler, fn: (entrance: Entrance) => Promise<void>): Promise<void> {
  await withServer(handler, (host) =>
    withCertificates(async ({ certFile, keyFile, caFile }) => {
      const common: Partial<BalancerConfig> = { statics: [{ name: 'host', url: host.url }], maxConnectionsPerClient: 0 };
      await withBalancer({ ...common, tlsCerts: [certFile], tlsKeys: [keyFile] }, (each) =>
        fn({ url: `https://127.0.0.1:${each.port}`, caFile, each }),
      );
      await withBalancer({ ...common, isH2cAccepted: true }, (each) => fn({ url: `http://127.0.0.1:${each.port}`, caFile, each }));
    }),
  );
}

const isWell = ({ code, stdout, stderr }: ToolRun): void => assert.is(code, 0, `${stdout}\n${stderr}`);

const REQUESTS = scaled(5000, 100_000);

/** Long enough for a machine that stalls: 800 requests come at once. */
const PATIENT = ['--response-timeout', '60s', '--connect-timeout', '30s'];

test(`h2load: ${REQUESTS} requests on 8 connections of 100 streams, and none fails`, async () => {
  const h2load = toolRunner('h2load', 'nghttp2-client');
  if (h2load === null) return;
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  try {
    const { certFile, keyFile } = createLabCertificate(shutdown);
    const options = { core: null, shutdown };
    const [host, grpcHost] = [await startLabHost('h1', options), await startGrpcHost('h2', options)];
    const body = grpcMessageOf(randomBytes(3000));
    const folder = createRunFolder('test');
    shutdown.add(() => folder.remove());
    const bodyFile = join(folder.path, 'body');
    writeFileSync(bodyFile, body);
    for (const [scheme, flags] of [
      ['https', ['--tls-cert', certFile, '--tls-key', keyFile]],
      ['http', ['--h2c']],
    ] as const) {
      for (const [requests, hosts, more, size] of [
        [REQUESTS, [host], ['-H', 'x-a: 1'], host.body.length],
        [REQUESTS / 10, [grpcHost], ['-d', bodyFile, '-H', 'te: trailers'], body.length],
      ] as const) {
        const balancer = await LabBalancer.start(ENTRY, 'b1', NO_REDIS, hosts, options, [...flags, ...PATIENT]);
        await balancer.untilServing(1);
        const { stdout, stderr } = await h2load(
          ...['-n', String(requests), '-c', '8', '-m', '100', ...more, `${scheme}://127.0.0.1:${balancer.port}/`],
        );
        const printed = `${stdout}\n${stderr}`;
        const all = `requests: ${requests} total, ${requests} started, ${requests} done, ${requests} succeeded, 0 failed, 0 errored, 0 timeout`;
        assert.ok(printed.includes(all), printed);
        assert.ok(printed.includes(`status codes: ${requests} 2xx, 0 3xx, 0 4xx, 0 5xx`), printed);
        assert.ok(printed.includes(`(${requests * size}) data`), printed);
        await balancer.process.stop();
      }
    }
  } finally {
    await shutdown.run();
  }
});

const PARTS = ['/a.css', '/b.js', '/c.png'];

const page: Handler = (request, response) => {
  if (PARTS.includes(request.url ?? '')) {
    response.setHeader('Content-Type', request.url === '/a.css' ? 'text/css' : request.url === '/b.js' ? 'text/javascript' : 'image/png');
    response.end(`part ${request.url}`);
    return;
  }
  response.setHeader('Content-Type', 'text/html');
  response.end(
    '<!doctype html><html><head><link rel="stylesheet" href="/a.css"><script src="/b.js"></script></head><body><img src="/c.png"></body></html>',
  );
};

test('nghttp loads a page and its parts on one connection', async () => {
  const nghttp = toolRunner('nghttp', 'nghttp2-client');
  if (nghttp === null) return;
  await withEntrances(page, async ({ url, each }) => {
    const before = each.counter('requests_http2');
    const run = await nghttp('-ans', `${url}/index.html`);
    isWell(run);
    assert.is(each.counter('requests_http2') - before, 1 + PARTS.length);
    for (const path of ['/index.html', ...PARTS]) {
      assert.match(run.stdout, new RegExp(` 200 +\\d+\\S* ${path.replace('.', '\\.')}\n`), `${path}: ${run.stdout}`);
    }
  });
});

test('nghttp uploads a body with trailers, and gets the trailers of the answer', async () => {
  const nghttp = toolRunner('nghttp', 'nghttp2-client');
  if (nghttp === null) return;
  const upload: Handler = (request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => {
      response.writeHead(200, { Trailer: 'X-Hash', 'Content-Type': 'text/plain' });
      response.write(`${request.method} ${String(request.trailers['x-sum'])}\n`);
      response.addTrailers({ 'X-Hash': hash.digest('hex') });
      response.end();
    });
  };
  await withTempDir((dir) =>
    withEntrances(upload, async ({ url }) => {
      const body = randomBytes(1 << 20);
      const file = join(dir, 'body');
      writeFileSync(file, body);
      const run = await nghttp('-v', '--no-content-length', '-d', file, '--trailer', 'x-sum: 1234', '-H', 'te: trailers', `${url}/up`);
      isWell(run);
      assert.match(run.stdout, 'POST 1234\n');
      assert.match(run.stdout, `x-hash: ${createHash('sha256').update(body).digest('hex')}`);
      assert.not.match(run.stdout, 'RST_STREAM');
    }),
  );
});

const echo: Handler = (request, response) => {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  request.on('end', () => response.end(`${request.method} ${request.url} ${length} ${hash.digest('hex')}\n`));
};

test('curl: GET, HEAD, POST, a body of 10 MB, and one that waits for 100 (Continue)', async () => {
  const curl = toolRunner('curl', 'curl');
  if (curl === null) return;
  await withTempDir((dir) =>
    withEntrances(echo, async ({ url, caFile }) => {
      const body = randomBytes(10 << 20);
      const sum = createHash('sha256').update(body).digest('hex');
      const [bodyFile, got] = [join(dir, 'body'), join(dir, 'got')];
      writeFileSync(bodyFile, body);
      const version = url.startsWith('https') ? ['--http2', '--cacert', caFile] : ['--http2-prior-knowledge'];
      const ask = async (path: string, ...args: readonly string[]): Promise<string> => {
        const run = await curl('-sS', ...version, '-w', '\n%{http_version} %{response_code}', ...args, `${url}${path}`);
        isWell(run);
        return run.stdout;
      };
      const empty = createHash('sha256').digest('hex');
      assert.is(await ask('/a?b=c'), `GET /a?b=c 0 ${empty}\n\n2 200`);
      assert.match(await ask('/head', '-I'), /^HTTP\/2 200 [^]*x-request-id: [^]*\n2 200$/);
      assert.is(await ask('/p', '-d', 'abc'), `POST /p 3 ${createHash('sha256').update('abc').digest('hex')}\n\n2 200`);
      assert.is(await ask('/up', '-T', bodyFile), `PUT /up ${body.length} ${sum}\n\n2 200`);
      assert.is(await ask('/chunks', '-X', 'POST', '-H', 'Content-Length:', '-T', bodyFile), `POST /chunks ${body.length} ${sum}\n\n2 200`);
      assert.is(
        await ask('/wait', '-T', bodyFile, '-H', 'Expect: 100-continue', '--expect100-timeout', '60'),
        `PUT /wait ${body.length} ${sum}\n\n2 200`,
      );
      // Three at once on one connection; with prior knowledge curl 7.88 fails at that, whatever the server.
      if (!url.startsWith('https')) return;
      const three = await curl('-sS', ...version, '-Z', '-o', got, `${url}/1`, '-o', got, `${url}/2`, '-o', got, `${url}/3`);
      isWell(three);
    }),
  );
});

test('a client that knows HTTP/1.1 alone is served on the same port', async () => {
  const curl = toolRunner('curl', 'curl');
  if (curl === null) return;
  await withEntrances(echo, async ({ url, caFile, each }) => {
    const run = await curl('-sS', '--http1.1', '--cacert', caFile, '-w', '\n%{http_version} %{response_code}', `${url}/a`);
    isWell(run);
    assert.match(run.stdout, /^GET \/a 0 \w+\n\n1\.1 200$/);
    assert.is(each.counter('requests_http2'), 0);
  });
});

const FILES = 200;

/** A page that loads many files, one of five each of another kind. */
const manyFiles: Handler = (request, response) => {
  const [, index] = /^\/file\/(\d+)$/.exec(request.url ?? '') ?? [];
  if (index !== undefined) {
    response.setHeader('Content-Type', 'text/javascript');
    response.end(`window.loaded = (window.loaded ?? 0) + ${Number(index) + 1};\n// ${'x'.repeat(Number(index) * 7)}\n`);
    return;
  }
  response.setHeader('Content-Type', 'text/html');
  const scripts = Array.from({ length: FILES }, (_, i) => `<script src="/file/${i}"></script>`);
  response.end(
    `<!doctype html><html><head><title>many</title><link rel="icon" href="data:,"></head><body>${scripts.join('')}</body></html>`,
  );
};

test('Chromium loads a page of 200 small files on one connection, all of them over h2', () =>
  withBrowser((browser) =>
    withServer(manyFiles, (host) =>
      withCertificates(({ certFile, keyFile }) =>
        withBalancer({ statics: [{ name: 'host', url: host.url }], tlsCerts: [certFile], tlsKeys: [keyFile] }, async (each) => {
          await browser.send('Security.setIgnoreCertificateErrors', { ignore: true });
          await browser.goTo(`https://127.0.0.1:${each.port}/`);
          assert.is(await browser.evaluate('window.loaded'), (FILES * (FILES + 1)) / 2);
          const { responses } = browser;
          assert.is(responses.length, FILES + 1);
          assert.equal([...new Set(responses.map(({ protocol, status }) => `${protocol} ${status}`))], ['h2 200']);
          assert.is(new Set(responses.map(({ connectionId }) => connectionId)).size, 1);
          assert.is(each.counter('requests_http2'), FILES + 1);
          assert.equal(browser.complaints, []);
        }),
      ),
    ),
  ));

test.run();
