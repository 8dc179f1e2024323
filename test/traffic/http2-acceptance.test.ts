// As a new user would: a gRPC service and a web page behind one port with TLS, by the site of docs/grpc.md and the command
// line alone. Browsers' and older clients' HTTP meet gRPC on the same port; everything is a process or a real client.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withServer } from '../support/brackets.js';
import { type TestCertificates, withCertificates } from '../support/certificates.js';
import { NO_REDIS } from '../support/fleet.js';
import { type GrpcClient, type GrpcEnd, withGrpcClient } from '../support/grpc-client.js';
import { type GrpcHost, type GrpcMethods, startGrpcHost } from '../support/grpc-host.js';
import { logOf, withMeercat } from '../support/meercat.js';
import { toolRunner } from '../support/run-tool.js';

const test = suite('HTTP/2 acceptance');

const START_TIMEOUT_MS = 30_000;
const [OK, NOT_FOUND] = [0, 5];

const METHODS: GrpcMethods = {
  unary: ({ request }, reply) => {
    if (request.toString() === 'missing') reply({ code: NOT_FOUND, details: 'no such thing' });
    else reply(null, request);
  },
  serverStream: (call) => {
    for (let i = 0; i < 100; i++) call.write(Buffer.from(`${call.request.toString()} ${i}`));
    call.end();
  },
  clientStream: (call, reply) => {
    let count = 0;
    call.on('data', () => count++);
    call.on('end', () => reply(null, Buffer.from(String(count))));
  },
  bidi: (call) => {
    call.on('data', (message: Buffer) => call.write(message));
    call.on('end', () => call.end());
  },
};

/** What stands on the stage. */
interface Stage {
  readonly port: number;
  readonly caFile: string;
  readonly ca: string;
  readonly greeters: readonly GrpcHost[];
}

async function withGreeters<T>(fn: (greeters: readonly GrpcHost[]) => Promise<T>): Promise<T> {
  const greeters = [await startGrpcHost(METHODS), await startGrpcHost(METHODS)];
  try {
    return await fn(greeters);
  } finally {
    for (const greeter of greeters) greeter.crash();
  }
}

/** Two gRPC servers and a web server behind `meercat balancer` with TLS. */
function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  return withGreeters((greeters) =>
    withServer(
      (request, response) => response.end(`the page ${request.url}\n`),
      (web) =>
        withCertificates(async ({ dir, ca, caFile, certFile, keyFile }: TestCertificates) => {
          const site = join(dir, 'site.yaml');
          writeFileSync(
            site,
            `version: 1
pools:
  greeter:
    protocol: h2
    hosts: [${greeters.map(({ port }) => `http://127.0.0.1:${port}`).join(', ')}]
  web:
    hosts: [${web.url}]
routes:
  - match: { path: /test.Echo }
    to: greeter
  - to: web
`,
          );
          const port = await freePort();
          const flags = ['--redis', NO_REDIS, '--bind', '127.0.0.1', '--port', String(port), '--console-port', '0'];
          const tls = ['--tls-cert', certFile, '--tls-key', keyFile];
          await withMeercat(['balancer', ...flags, ...tls, '--site', site], async (balancer) => {
            await until(() => logOf(balancer).some(({ msg }) => msg === 'serving'), {
              timeoutMs: START_TIMEOUT_MS,
              what: () => `the balancer to serve:\n${balancer.lines.join('\n')}`,
            });
            await fn({ port, ca, caFile, greeters });
          });
        }),
    ),
  );
}

const textOf = ({ replies }: GrpcEnd): string[] => replies.map(String);

async function allKinds(client: GrpcClient): Promise<void> {
  const calls = await Promise.all(Array.from({ length: 100 }, (_, i) => client.unary(`hello ${i}`).end));
  assert.equal(
    calls.map(({ code, details, replies }) => `${code} ${details} ${String(replies[0])}`),
    calls.map((_, i) => `${OK} OK hello ${i}`),
  );
  const missing = await client.unary('missing').end;
  assert.equal([missing.code, missing.details], [NOT_FOUND, 'no such thing']);
  const stream = await client.serverStream('n').end;
  assert.is(stream.code, OK);
  assert.equal(
    textOf(stream),
    Array.from({ length: 100 }, (_, i) => `n ${i}`),
  );
  const upload = client.clientStream();
  for (let i = 0; i < 100; i++) upload.send('x'.repeat(1000));
  upload.finish();
  const uploaded = await upload.end;
  assert.equal([uploaded.code, ...textOf(uploaded)], [OK, '100']);
  const talk = client.bidi();
  for (const word of ['one', 'two', 'three']) {
    talk.send(word);
    await until(() => String(talk.replies.at(-1)) === word, { what: `the reply to ${word}` });
  }
  talk.finish();
  assert.is((await talk.end).code, OK);
}

test('a gRPC service and a web page share a port with TLS: every client is served at the same time', () =>
  withStage(async ({ port, ca, caFile, greeters }) => {
    const curl = toolRunner('curl', 'curl');
    const pageBy = async (version: string): Promise<void> => {
      if (curl === null) return;
      const { stdout, stderr } = await curl(
        ...['-sS', version, '--cacert', caFile, '-w', '%{http_version} %{response_code}', `https://localhost:${port}/index.html`],
      );
      assert.is(stdout, `the page /index.html\n${version === '--http2' ? 2 : '1.1'} 200`, stderr);
    };
    await withGrpcClient(
      port,
      async (client) => {
        await Promise.all([allKinds(client), pageBy('--http2'), pageBy('--http1.1')]);
        const h2load = toolRunner('h2load', 'nghttp2-client');
        if (h2load === null) return;
        const [{ stdout, stderr }] = await Promise.all([
          h2load('-n', '2000', '-c', '8', '-m', '20', `https://127.0.0.1:${port}/`),
          allKinds(client),
          pageBy('--http2'),
        ]);
        assert.match(stdout, /2000 succeeded, 0 failed, 0 errored, 0 timeout/, `${stdout}\n${stderr}`);
      },
      ca,
    );
    // Both hosts have their share, though the client has one connection.
    for (const { calls } of greeters) assert.ok(calls > 50, `${calls} calls`);
  }));

test.run();
