// Connections to one Redis over TLS: whom a client trusts, and that no alert harms it.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withRedis, withTempDir } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { logOf, meercat, withMeercat } from '../support/meercat.js';
import { areReady, withClients } from '../support/redis-client.js';
import { reasonFor } from '../support/redis-events.js';

const test = suite('connections to redis over TLS');

/** A Redis that speaks TLS too, with a certificate of its own for 127.0.0.1. */
async function withTlsRedis(fn: (url: string, certificate: string) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'certificate.pem')];
    const self = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=meercat-test',
    ];
    await promisify(execFile)('openssl', [...self, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate]);
    const port = await freePort();
    const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'];
    await withRedis({ args: ['--tls-port', String(port), ...files] }, () => fn(`rediss://127.0.0.1:${port}`, certificate));
  });
}

test('over TLS a balancer joins the fleet if the CA is configured; an unknown CA is rejected', () =>
  withTlsRedis(async (url, certificate) => {
    const trusted = { NODE_EXTRA_CA_CERTS: certificate };
    await withMeercat(
      ['balancer', '--redis', url, '--port', '0', '--bind', '127.0.0.1', '--name', 'b1'],
      async (child) => {
        await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), { timeoutMs: 60_000, what: 'the master' });
        let shown = '';
        await until(
          async () => {
            const { code, stdout, stderr } = await meercat(['status', '--redis', url], trusted);
            shown = stdout + stderr;
            return code === 0 && /1 balancer, 0 hosts; master b1, term \d/.test(stdout);
          },
          { timeoutMs: 60_000, what: () => `the fleet with its master:\n${shown}` },
        );
      },
      trusted,
    );
    const { code, stderr } = await meercat(['status', '--redis', url], { NODE_EXTRA_CA_CERTS: undefined });
    assert.is(code, 1);
    assert.match(
      stderr,
      /^meercat: Redis at rediss:\/\/127\.0\.0\.1:\d+ can't be used: its certificate is not trusted \(self-signed certificate\): name its authority with \?ca=FILE in --redis, or in MEERCAT_REDIS_CA$/,
    );
  }));

test('TLS is never downgraded: a Redis without it is rejected', () =>
  withRedis(async ({ port }) => {
    assert.is.not(await reasonFor(`rediss://127.0.0.1:${port}`, 1000), 'connected');
  }));

test('any number of errors of one socket harm nothing: TLS reports each alert as one', () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const { stream } = client as unknown as { stream: Socket };
      for (let i = 0; i < 3; i++) stream.emit('error', new Error('tlsv1 alert decode error'));
      stream.destroy();
      await until(() => client.status !== 'ready');
      await areReady(client);
    }),
  ));

test('a server whose certificate is refused, and that sends alerts besides, is refused with the reason', () =>
  withCertificates(async (tls) => {
    const { cert, key } = tls.issue('elsewhere', { names: ['redis.example'] });
    const server = createTlsServer({ cert, key }, (socket) => socket.on('error', () => undefined));
    server.on('tlsClientError', () => undefined);
    await withListening(server, (behind) =>
      withListening(withAlerts(behind), async (port) => {
        for (let round = 0; round < 5; round++)
          assert.match(await reasonFor(`rediss://127.0.0.1:${port}?ca=${tls.caFile}`), /^its certificate is for another name/);
      }),
    );
  }));

/** Passes on what a client and the server at this port send, and appends alerts to each piece from the server. */
function withAlerts(port: number): Server {
  const decodeError = Buffer.from([0x15, 3, 3, 0, 2, 2, 50]);
  return createServer((client) => {
    const server = connect({ port, host: '127.0.0.1' });
    client.pipe(server);
    server.on('data', (piece) => client.write(Buffer.concat([piece, decodeError, decodeError, decodeError])));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const)
      socket.on('error', () => undefined).on('close', () => other.destroy());
  });
}

/** Runs `fn` with the port on which the server listens. */
async function withListening(server: Server, fn: (port: number) => Promise<void>): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await fn((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

test.run();
