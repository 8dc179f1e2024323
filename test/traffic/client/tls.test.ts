// TLS on both sides of a balancer, end to end: names, reloads, old versions, hosts that are verified or not.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpsServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withServer } from '../../support/brackets.js';
import { type CertificatePair, withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw } from '../../support/http-client.js';

const test = suite('tls');

interface Secure {
  readonly status: number;
  readonly body: string;
  readonly shown: string;
}

function askSecure(port: number, ca: string, servername: string, body?: Buffer): Promise<Secure> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port, ca, servername, agent: false, method: body === undefined ? 'GET' : 'POST' },
      (incoming) => {
        const { subject } = (incoming.socket as TLSSocket).getPeerCertificate();
        let text = '';
        incoming.setEncoding('latin1').on('data', (part: string) => (text += part));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text, shown: subject.CN as string }));
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

/** An https host that answers its name. */
async function withSecureHost<T>({ cert, key }: CertificatePair, fn: (url: string) => Promise<T>): Promise<T> {
  const server = createHttpsServer({ cert, key }, (_request, response) => void response.end('secure'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await fn(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('clients speak TLS, are shown the certificate of the name they ask for, and hosts hear https', () =>
  withCertificates(({ ca, issue }) =>
    withServer(
      (incoming, response) => {
        let bytes = 0;
        incoming.on('data', (part: Buffer) => (bytes += part.length));
        incoming.on('end', () =>
          response.end(`${incoming.headers['x-forwarded-proto']} ${/proto=https/.test(String(incoming.headers.forwarded))} ${bytes}`),
        );
      },
      ({ url }) => {
        const pairs = [issue('a', { names: ['a.example'] }), issue('b', { names: ['b.example'] })];
        const files = { tlsCerts: pairs.map(({ certFile }) => certFile), tlsKeys: pairs.map(({ keyFile }) => keyFile) };
        return withBalancer({ statics: [{ name: 'h', url }], ...files }, async ({ port, counter }) => {
          assert.equal(await askSecure(port, ca, 'a.example'), { status: 200, body: 'https true 0', shown: 'a.example' });
          assert.equal(await askSecure(port, ca, 'b.example', Buffer.alloc(1 << 20)), {
            status: 200,
            body: `https true ${1 << 20}`,
            shown: 'b.example',
          });
          assert.is(await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => ''), '', 'no TLS, no answer');
          await until(() => counter('refused_tls') === 1);
        });
      },
    ),
  ));

test('certificates are reloaded without a connection being dropped; wrong ones leave the old ones in force', () =>
  withCertificates(({ ca, issue }) =>
    withServer(
      (_request, response) => void response.end('ok'),
      ({ url }) => {
        const { certFile, keyFile } = issue('a', { names: ['a.example'], commonName: 'old' });
        return withBalancer({ statics: [{ name: 'h', url }], tlsCerts: [certFile], tlsKeys: [keyFile] }, async ({ port, balancer }) => {
          const kept = connect({ host: '127.0.0.1', port, ca, servername: 'a.example' });
          await once(kept, 'secureConnect');
          issue('a', { names: ['a.example'], commonName: 'new' });
          assert.is((await askSecure(port, ca, 'a.example')).shown, 'old');
          balancer.reloadTls();
          assert.is((await askSecure(port, ca, 'a.example')).shown, 'new');
          let text = '';
          kept.setEncoding('latin1').on('data', (part: string) => (text += part));
          kept.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
          await until(() => text.endsWith('ok'));
          kept.destroy();
          writeFileSync(keyFile, 'rubbish');
          assert.throws(() => balancer.reloadTls(), /--tls-key/);
          assert.is((await askSecure(port, ca, 'a.example')).shown, 'new');
        });
      },
    ),
  ));

test('versions below TLS 1.2 are refused', () =>
  withCertificates(({ certFile, keyFile }) =>
    withBalancer({ tlsCerts: [certFile], tlsKeys: [keyFile] }, async ({ port, counter }) => {
      const old: ConnectionOptions = {
        host: '127.0.0.1',
        port,
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
        rejectUnauthorized: false,
      };
      const [error] = (await once(connect(old), 'error')) as [NodeJS.ErrnoException];
      assert.match(String(error.code), /ALERT|PROTOCOL/);
      await until(() => counter('refused_tls') === 1);
    }),
  ));

test('a client of TLS 1.2 that negotiates anew is refused', () =>
  withCertificates((tls) =>
    withServer(
      (_request, response) => void response.end('well'),
      ({ url }) =>
        withBalancer({ tlsCerts: [tls.certFile], tlsKeys: [tls.keyFile], statics: [{ name: 'h', url }] }, async ({ port }) => {
          const socket = connect({ port, host: '127.0.0.1', ca: tls.ca, servername: 'localhost', maxVersion: 'TLSv1.2' });
          await once(socket, 'secureConnect');
          const outcome = await new Promise<Error | null>((resolve) => {
            socket.on('error', resolve);
            socket.renegotiate({}, resolve);
          });
          assert.match(String(outcome), /no renegotiation/i);
          socket.destroy();
        }),
    ),
  ));

test('a host with https is verified by --host-ca, refused without it, and taken unseen only when that is said', () =>
  withCertificates((certificates) =>
    withSecureHost(certificates, async (url) => {
      const statics = [{ name: 'h', url }];
      await withBalancer({ statics, hostCa: certificates.caFile }, async ({ port }) => assert.is((await ask(port)).body, 'secure'));
      await withBalancer({ statics }, async ({ port, lines }) => {
        assert.is((await ask(port)).status, 502);
        assert.ok(
          lines.some((line) => /^warn host ejected .*(unable to verify|self-signed|UNABLE_TO_VERIFY)/i.test(line)),
          lines.join('\n'),
        );
      });
      await withBalancer({ statics, isHostInsecure: true }, async ({ port, lines }) => {
        assert.is((await ask(port)).body, 'secure');
        assert.ok(
          lines.some((line) => line.startsWith('warn ') && line.includes('--host-insecure')),
          lines.join('\n'),
        );
      });
    }),
  ));

test.run();
