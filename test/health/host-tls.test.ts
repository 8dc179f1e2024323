// --host-ca: what is read, and what is refused with a message that names the flag; and that the tests' own certificates
// are valid.

import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../lib/errors.js';
import { readHostTls } from '../../lib/health/host-tls.js';
import { parseCertificates } from '../../lib/pem.js';
import { withCertificates } from '../support/certificates.js';

const test = suite('host tls');

test("without a file the system's authorities apply", () => {
  assert.equal(readHostTls({ hostCa: '', isHostInsecure: false }), { ca: undefined, isInsecure: false });
  assert.equal(readHostTls({ hostCa: '', isHostInsecure: true }), { ca: undefined, isInsecure: true });
});

test('a file with one or several certificates is passed on unchanged', async () => {
  await withCertificates(({ dir, caFile, ca, cert }) => {
    assert.equal(readHostTls({ hostCa: caFile, isHostInsecure: false }), { ca, isInsecure: false });
    const both = join(dir, 'both.pem');
    writeFileSync(both, `# ours\n${ca}\r\n${cert}`);
    assert.is(readHostTls({ hostCa: both, isHostInsecure: false }).ca, `# ours\n${ca}\r\n${cert}`);
    assert.is(parseCertificates(ca + cert).length, 2);
  });
});

test('a file that is missing, empty, damaged or of another kind is refused', async () => {
  await withCertificates(({ dir, ca, keyFile }) => {
    const file = join(dir, 'bad.pem');
    const texts = [
      '',
      'rubbish',
      ca.slice(0, -30),
      `${ca}${ca.slice(0, 80)}`,
      ca.replace(/[A-Z]{2}/, '~~'),
      ca.replaceAll(/^[\w+/=]+$/gm, 'AAAA'),
    ];
    for (const hostCa of [
      join(dir, 'none.pem'),
      dir,
      keyFile,
      ...texts.map((text, at) => {
        writeFileSync(`${file}${at}`, text);
        return `${file}${at}`;
      }),
    ]) {
      assert.throws(
        () => readHostTls({ hostCa, isHostInsecure: false }),
        (thrown: unknown) =>
          thrown instanceof MeercatError &&
          thrown.code === 'MEERCAT_BAD_CONFIG' &&
          thrown.message.startsWith(`--host-ca ${hostCa}: `) &&
          !thrown.message.includes('\n'),
        hostCa,
      );
    }
  });
});

test("the tests' certificates contain what they should, and verify against the CA", async () => {
  await withCertificates(({ ca, cert, issue }) => {
    const authority = new X509Certificate(ca);
    const leaf = new X509Certificate(cert);
    assert.is(authority.ca, true);
    assert.is(authority.verify(authority.publicKey), true);
    assert.is(leaf.ca, false);
    assert.is(leaf.verify(authority.publicKey) && leaf.checkIssued(authority), true);
    assert.is(leaf.checkHost('localhost'), 'localhost');
    assert.is(leaf.checkIP('127.0.0.1'), '127.0.0.1');
    assert.is(leaf.checkIP('::1'), '::1');
    assert.is(leaf.checkHost('example.org'), undefined);
    assert.ok(Date.parse(leaf.validFrom) < Date.now() && Date.parse(leaf.validTo) > Date.now());
    assert.ok(Date.parse(new X509Certificate(issue('past', { names: ['x'], validMs: -1000 }).cert).validTo) < Date.now());
  });
});

test.run();
