// TLS towards clients, on real sockets: which certificate a client is shown, reloads that are all or nothing, and
// configurations that are refused with a line that names the flag and the file.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../../lib/errors.js';
import { openTlsContexts, type TlsContexts } from '../../../lib/traffic/client/tls-contexts.js';
import { type CertificatePair, withCertificates } from '../../support/certificates.js';

const test = suite('tls contexts');

const open = (...pairs: readonly CertificatePair[]) =>
  openTlsContexts(
    pairs.map(({ certFile }) => certFile),
    pairs.map(({ keyFile }) => keyFile),
  );

/** An echo server with these contexts. */
async function withTlsServer<T>(contexts: TlsContexts, fn: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<TLSSocket>();
  // As the listener takes TLS off.
  const server = createServer((raw) => {
    const { secureContext, SNICallback } = contexts;
    const socket = new TLSSocket(
      raw.on('error', () => undefined),
      { isServer: true, secureContext, SNICallback, ALPNProtocols: ['http/1.1'] },
    );
    sockets.add(socket);
    socket.on('error', () => raw.destroy()).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await fn((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** A client's connection after its handshake. */
async function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** The CN of the certificate that a client who asks for this name is shown. */
async function shown(port: number, servername?: string): Promise<string> {
  const socket = await handshake(port, servername === undefined ? {} : { servername });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN as string;
}

test('it is known when each certificate expires, after a reload of the new one, and of the old one if the new one is refused', () =>
  withCertificates((certificates) => {
    const dayMs = 86_400_000;
    const hoursLeft = (contexts: TlsContexts) =>
      contexts.expiries.map(({ file, notAfterMs }) => [file, Math.round((notAfterMs - Date.now()) / 3_600_000)]);
    const a = certificates.issue('a', { names: ['a.example'], validMs: 2 * dayMs });
    const b = certificates.issue('b', { names: ['b.example'], validMs: 3 * dayMs });
    const contexts = open(a, b);
    assert.equal(hoursLeft(contexts), [
      [a.certFile, 48],
      [b.certFile, 72],
    ]);
    certificates.issue('b', { names: ['b.example'], validMs: 5 * dayMs });
    contexts.reload();
    assert.equal(hoursLeft(contexts)[1], [b.certFile, 120]);
    writeFileSync(b.certFile, 'no certificate');
    assert.throws(() => contexts.reload());
    assert.equal(hoursLeft(contexts)[1], [b.certFile, 120]);
  }));

test('a client is shown the certificate of the name it asks for: exact, then wildcard, else the first', async () => {
  await withCertificates(async ({ issue }) => {
    const contexts = open(
      issue('first', { names: ['first.example', '192.0.2.7'], commonName: 'first' }),
      issue('wild', { names: ['*.example.org', 'example.org'], commonName: 'wild' }),
      issue('exact', { names: ['a.example.org', 'MiXed.example'], commonName: 'exact' }),
      issue('late', { names: ['a.example.org', 'late.example'], commonName: 'late' }),
      issue('old', { names: [], commonName: 'old.example' }),
      issue('named', { names: ['named.example'], commonName: 'unused.example' }),
    );
    const table: readonly [string | undefined, string][] = [
      ['first.example', 'first'],
      ['a.example.org', 'exact'],
      ['A.EXAMPLE.ORG', 'exact'],
      ['b.example.org', 'wild'],
      ['example.org', 'wild'],
      ['a.b.example.org', 'first'],
      ['mixed.example', 'exact'],
      ['late.example', 'late'],
      ['old.example', 'old.example'],
      ['unused.example', 'first'],
      ['nobody.example', 'first'],
      ['x', 'first'],
      [undefined, 'first'],
    ];
    await withTlsServer(contexts, async (port) => {
      for (const [name, expected] of table) assert.is(await shown(port, name), expected, name);
    });
  });
});

test('a client that verifies is content, and resumes its session', async () => {
  await withCertificates(async ({ ca, issue, ...first }) => {
    await withTlsServer(open(first, issue('other', { names: ['other.example'] })), async (port) => {
      for (const servername of ['localhost', 'other.example']) {
        const socket = await handshake(port, { ca, servername, rejectUnauthorized: true, maxVersion: 'TLSv1.2' });
        assert.is(socket.authorized, true);
        const session = socket.getSession();
        socket.destroy();
        const again = await handshake(port, {
          ca,
          servername,
          rejectUnauthorized: true,
          maxVersion: 'TLSv1.2',
          ...(session && { session }),
        });
        assert.is(again.isSessionReused(), true, servername);
        again.destroy();
      }
    });
  });
});

test('TLS 1.3 and 1.2 are spoken, and nothing below; HTTP/1.1 and nothing else', async () => {
  await withCertificates(async (pair) => {
    await withTlsServer(open(pair), async (port) => {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const socket = await handshake(port, { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
        assert.equal([socket.getProtocol(), socket.alpnProtocol], [version, 'http/1.1']);
        socket.destroy();
      }
      const refused: readonly ConnectionOptions[] = [
        { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
        { ALPNProtocols: ['h2'] },
      ];
      for (const options of refused) {
        const error = await handshake(port, options).then(
          () => undefined,
          (thrown: unknown) => thrown as NodeJS.ErrnoException,
        );
        assert.match(String(error?.code), /ALERT/);
      }
    });
  });
});

test('a reload shows the new certificates, by name and by default, and open connections go on', async () => {
  await withCertificates(async ({ issue }) => {
    const first = issue('first', { names: ['first.example'], commonName: 'old first' });
    const second = issue('second', { names: ['second.example'], commonName: 'old second' });
    const contexts = open(first, second);
    await withTlsServer(contexts, async (port) => {
      const kept = await handshake(port, { servername: 'second.example' });
      issue('first', { names: ['first.example'], commonName: 'new first' });
      issue('second', { names: ['moved.example'], commonName: 'new second' });
      assert.is(await shown(port, 'second.example'), 'old second', 'before the reload');
      contexts.reload();
      assert.is(await shown(port), 'new first');
      assert.is(await shown(port, 'moved.example'), 'new second');
      assert.is(await shown(port, 'second.example'), 'new first');
      const socket = connect({
        port,
        host: '127.0.0.1',
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
        rejectUnauthorized: false,
      });
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      assert.match(String(error.code), /ALERT/, 'the rules are kept');
      kept.write('still here');
      const [echo] = (await once(kept, 'data')) as [Buffer];
      assert.is(echo.toString(), 'still here');
      kept.destroy();
    });
  });
});

test('a reload that fails throws and changes nothing', async () => {
  await withCertificates(async ({ issue }) => {
    const first = issue('first', { names: ['first.example'], commonName: 'first' });
    const second = issue('second', { names: ['second.example'], commonName: 'second' });
    const contexts = open(first, second);
    await withTlsServer(contexts, async (port) => {
      issue('first', { names: ['first.example'], commonName: 'new first' });
      writeFileSync(second.keyFile, 'rubbish');
      assert.throws(() => contexts.reload(), isBadConfig(`--tls-key ${second.keyFile}: `));
      assert.is(await shown(port), 'first');
      assert.is(await shown(port, 'second.example'), 'second');
    });
  });
});

const isBadConfig = (start: string) => (thrown: unknown) =>
  thrown instanceof MeercatError &&
  thrown.code === 'MEERCAT_BAD_CONFIG' &&
  thrown.message.startsWith(start) &&
  !thrown.message.includes('\n');

test('what cannot be used is refused by a line that names the flag and the file', async () => {
  await withCertificates(({ dir, issue, ...good }) => {
    const other = issue('other', { names: ['other.example'] });
    const bad = issue('bad', { names: ['bad.example'] });
    const refused = (certFile: string, keyFile: string, start: string) =>
      assert.throws(() => openTlsContexts([good.certFile, certFile], [good.keyFile, keyFile]), isBadConfig(start), start);

    refused(`${dir}/none.pem`, other.keyFile, `--tls-cert ${dir}/none.pem: there is no such file`);
    refused(other.certFile, `${dir}/none.key`, `--tls-key ${dir}/none.key: there is no such file`);
    refused(dir, other.keyFile, `--tls-cert ${dir}: it is a directory, not a file`);
    refused(other.certFile, good.keyFile, `--tls-key ${good.keyFile}: not the key of the first certificate in ${other.certFile}`);
    refused(other.keyFile, other.certFile, `--tls-cert ${other.keyFile}: no certificate`);
    refused(other.certFile, other.certFile, `--tls-key ${other.certFile}: it holds a certificate, and no private key`);
    writeFileSync(bad.certFile, bad.cert.replace(/\n[A-Za-z0-9+/]{4}/, '\n~~~~'));
    refused(bad.certFile, bad.keyFile, `--tls-cert ${bad.certFile}: its certificate is damaged`);
    writeFileSync(bad.certFile, bad.cert.slice(0, -40));
    refused(bad.certFile, bad.keyFile, `--tls-cert ${bad.certFile}: a certificate in it is cut off`);
    writeFileSync(bad.certFile, '');
    refused(bad.certFile, bad.keyFile, `--tls-cert ${bad.certFile}: no certificate`);
    assert.throws(() => openTlsContexts([good.certFile], []), isBadConfig('--tls-cert and --tls-key go in pairs, and there are 1 and 0'));
    assert.throws(() => openTlsContexts([], []), isBadConfig('--tls-cert names no file'));
  });
});

test('a chain is shown whole', async () => {
  await withCertificates(async ({ ca, issue }) => {
    const pair = issue('chained', { names: ['chained.example'] });
    writeFileSync(pair.certFile, `a comment\n${pair.cert}\n${ca}`);
    await withTlsServer(open(pair), async (port) => {
      const socket = await handshake(port, { servername: 'chained.example' });
      assert.is(socket.getPeerCertificate(true).issuerCertificate.subject.CN, 'Meercat test CA');
      socket.destroy();
    });
  });
});

test.run();
