// The check that a proxy must pass before it is measured over TLS, against Node servers that pass and that fail it.

import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLabCertificate, type LabCertificate } from '../../lib/lab/lab-certificate.js';
import type { LabHost } from '../../lib/lab/lab-fleet.js';
import { WORKLOAD_OF } from '../../lib/lab/workloads.js';
import { createShutdown } from '../../lib/shutdown.js';

const test = suite('tls check');

const BODY = 'as the host answers\n';

interface Wishes {
  readonly options?: ServerOptions;
  readonly body?: string;
  readonly isClosing?: boolean;
}

async function withCertificate(fn: (certificate: LabCertificate) => Promise<void>): Promise<LabCertificate> {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  const certificate = createLabCertificate(shutdown);
  try {
    await fn(certificate);
  } finally {
    await shutdown.run();
  }
  return certificate;
}

/** Checks a server with this certificate whose clients trust `ca`. */
async function check(
  { certFile, keyFile }: LabCertificate,
  ca: string,
  { options = {}, body = BODY, isClosing = false }: Wishes = {},
): Promise<void> {
  const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile), ...options }, (_request, response) => {
    response.shouldKeepAlive = !isClosing;
    response.end(body);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const peer = { name: 'it', port: (server.address() as AddressInfo).port, pid: process.pid, ca, stop: () => Promise.resolve() };
  try {
    await WORKLOAD_OF.tls.check(peer, { body: BODY } as LabHost);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
}

async function messageOfFailure(failing: Promise<void>): Promise<string> {
  try {
    await failing;
  } catch (error) {
    return (error as Error).message;
  }
  return 'it passed';
}

test('right answers over TLS 1.3 on a kept connection pass, and the certificate files go afterwards', async () => {
  const { certFile, keyFile, bothFile } = await withCertificate(async (certificate) => {
    await check(certificate, certificate.cert);
    assert.ok(existsSync(certificate.bothFile));
  });
  for (const file of [certFile, keyFile, bothFile]) assert.not(existsSync(file), file);
});

test('another body, an older TLS, a connection that is closed and another certificate do not', async () =>
  void (await withCertificate(async (certificate) => {
    const { cert } = certificate;
    assert.match(
      await messageOfFailure(check(certificate, cert, { body: 'another\n' })),
      /it answers GET \/ over TLS wrongly: status 200, "another/,
    );
    assert.match(
      await messageOfFailure(check(certificate, cert, { options: { maxVersion: 'TLSv1.2' } })),
      /protocol version|EPROTO|unsupported protocol/i,
    );
    assert.match(
      await messageOfFailure(check(certificate, cert, { isClosing: true })),
      /GET \/ on a keep-alive connection wrongly: 50 requests took 50 connections/,
    );
    await withCertificate(async (other) =>
      assert.match(await messageOfFailure(check(certificate, other.cert)), /self-signed certificate|unable to verify/),
    );
  })));

test.run();
