// Files that can't be used: whichever flag or variable names one, the message names both once, says why in words of our
// own, and is one line. Faults of certificates and keys are recognised by the content of the file.

import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConsoleToken } from '../lib/console/token.js';
import type { MeercatError } from '../lib/errors.js';
import { fileReason } from '../lib/file-reason.js';
import { readHostTls } from '../lib/health/host-tls.js';
import { parseRedisAddress } from '../lib/redis/address.js';
import { readRedisTls } from '../lib/redis/tls.js';
import { openTlsContexts } from '../lib/traffic/client/tls-contexts.js';
import { withProcess } from './support/brackets.js';
import { withCertificates } from './support/certificates.js';
import { ended, type Environment, meercatProcess, refusedHere } from './support/meercat.js';

const test = suite('files that cannot be used');

const NO_REDIS = 'redis://127.0.0.1:1';
const BALANCER = ['balancer', '--redis', NO_REDIS, '--bind', '127.0.0.1', '--port', '0'];
const STATUS = ['status', '--redis', 'rediss://127.0.0.1:1'];

interface Case {
  readonly args: readonly string[];
  readonly env?: Environment;
  /** What must be named once: the flag or variable, and the file. */
  readonly names: readonly [string, string];
  readonly reason: string;
}

const times = (text: string, part: string): number => text.split(part).length - 1;

async function areRefused(cases: readonly Case[]): Promise<void> {
  for (const { args, env, names, reason } of cases) {
    const { code, stdout, stderr } = await refusedHere(args, env);
    assert.equal([code, stdout, stderr.split('\n').length], [2, '', 1], stderr);
    assert.ok(stderr.endsWith(`: ${reason}`), `${stderr}\nends with: ${reason}`);
    for (const name of names) assert.is(times(stderr, name), 1, `${name} in: ${stderr}`);
    assert.not.match(stderr, /ENO|EIS|EAC|error:|routines/);
  }
}

test('what is not a regular file, or too large, is refused at once by every flag that names a file to read', () =>
  withCertificates(({ dir, certFile, keyFile }) => {
    const [fifo, large] = [join(dir, 'fifo'), join(dir, 'large')];
    execFileSync('mkfifo', [fifo]);
    writeFileSync(large, '');
    // Sparse: it takes no space.
    truncateSync(large, 1 << 30);
    const readers: readonly (readonly [flag: string, limit: string, read: (file: string) => unknown])[] = [
      ['--console-token-file', '4KiB', (file) => readConsoleToken({ consoleToken: '', consoleTokenFile: file })],
      ['--host-ca', '1MiB', (file) => readHostTls({ hostCa: file, isHostInsecure: false })],
      ['--tls-cert', '1MiB', (file) => openTlsContexts([file], [keyFile])],
      ['--tls-key', '1MiB', (file) => openTlsContexts([certFile], [file])],
      ['--redis', '1MiB', (file) => readRedisTls(parseRedisAddress(`rediss://x?ca=${file}`))],
      ['--redis', '1MiB', (file) => readRedisTls(parseRedisAddress(`rediss://x?cert=${file}&key=${keyFile}`))],
      ['--redis', '1MiB', (file) => readRedisTls(parseRedisAddress(`rediss://x?cert=${certFile}&key=${file}`))],
    ];
    for (const [flag, limit, read] of readers)
      for (const [file, reason] of [
        ['/dev/null', 'it is not a regular file'],
        [fifo, 'it is not a regular file'],
        ['/dev/zero', 'it is not a regular file'],
        [large, `it is larger than ${limit}`],
        [dir, 'it is a directory, not a file'],
      ] as const)
        assert.throws(
          () => read(file),
          (error: MeercatError) =>
            error.code === 'MEERCAT_BAD_CONFIG' && error.message.startsWith(flag) && error.message.endsWith(`${file}: ${reason}`),
          `${flag} ${file}`,
        );
    const folder = join(dir, 'current');
    symlinkSync(dir, folder);
    openTlsContexts([certFile.replace(dir, folder)], [keyFile.replace(dir, folder)]);
  }));

test('a file that is missing, or a directory, is reported under the flag or variable that names it', () =>
  withCertificates(({ dir, certFile, keyFile }) => {
    const none = join(dir, 'none');
    const missing = 'there is no such file';
    return areRefused([
      { args: [...BALANCER, '--tls-cert', none, '--tls-key', keyFile], names: ['--tls-cert', none], reason: missing },
      { args: [...BALANCER, '--tls-cert', certFile, '--tls-key', none], names: ['--tls-key', none], reason: missing },
      { args: [...BALANCER, '--host-ca', none], names: ['--host-ca', none], reason: missing },
      { args: BALANCER, env: { MEERCAT_HOST_CA: none }, names: ['MEERCAT_HOST_CA', none], reason: missing },
      { args: [...BALANCER, '--console-token-file', none], names: ['--console-token-file', none], reason: missing },
      {
        args: [...BALANCER, '--access-log', 'json', '--access-log-file', join(none, 'log')],
        names: ['--access-log-file', none],
        reason: 'its directory does not exist',
      },
      {
        args: [...BALANCER, '--access-log', 'json', '--access-log-file', dir],
        names: ['--access-log-file', dir],
        reason: 'it is a directory, not a file',
      },
      { args: STATUS, env: { MEERCAT_REDIS_CA: none }, names: ['MEERCAT_REDIS_CA', none], reason: missing },
      {
        args: STATUS,
        env: { MEERCAT_REDIS_CERT: none, MEERCAT_REDIS_KEY: keyFile },
        names: ['MEERCAT_REDIS_CERT', none],
        reason: missing,
      },
      {
        args: ['status', '--redis', `rediss://127.0.0.1:1?cert=${certFile}&key=${none}`],
        names: ['--redis: key=', none],
        reason: missing,
      },
      { args: ['simulate', none], names: ['scenario', none], reason: missing },
      { args: ['simulate', dir], names: ['scenario', dir], reason: 'it is a directory, not a file' },
      { args: ['simulate', '--json', join(none, 'x')], names: ['--json', none], reason: 'its directory does not exist' },
      { args: ['simulate', '--html', dir], names: ['--html', dir], reason: 'it is a directory, not a file' },
    ]);
  }));

test('the message says what is wrong with a key or a certificate', () =>
  withCertificates(({ dir, certFile, keyFile, key, issue }) => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const other = issue('other', { names: ['other.example'] });
    const locked = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    }).privateKey;
    const keys: readonly (readonly [file: string, reason: string])[] = [
      [certFile, 'it holds a certificate, and no private key'],
      [file('empty.key', ''), 'no private key in PEM form'],
      [file('cut.key', key.slice(0, -60)), 'its private key is damaged, or of a kind that Node.js does not know'],
      [file('locked.key', locked), 'the key needs a passphrase: write it without one (openssl pkey -in FILE -out NEW-FILE)'],
      [other.keyFile, `not the key of the first certificate in ${certFile}`],
    ];
    return areRefused([
      ...keys.flatMap(([wrong, reason]): Case[] => [
        // The certificate's own file stands there twice where it is also given as the key.
        { args: [...BALANCER, '--tls-cert', certFile, '--tls-key', wrong], names: ['--tls-key', wrong], reason },
        { args: STATUS, env: { MEERCAT_REDIS_CERT: certFile, MEERCAT_REDIS_KEY: wrong }, names: ['MEERCAT_REDIS_KEY', wrong], reason },
      ]),
      { args: [...BALANCER, '--host-ca', keyFile], names: ['--host-ca', keyFile], reason: 'no certificate in PEM form' },
      { args: STATUS, env: { MEERCAT_REDIS_CA: keyFile }, names: ['MEERCAT_REDIS_CA', keyFile], reason: 'no certificate in PEM form' },
    ]);
  }));

const asNobody = process.getuid?.() === 0 ? test : test.skip;

asNobody('a file that this user may not read is reported with the user', () =>
  withCertificates(({ dir, certFile, keyFile }) => {
    mkdirSync(join(dir, 'sub'));
    for (const each of [dir, certFile]) chmodSync(each, 0o755);
    chmodSync(keyFile, 0o600);
    const args = [...BALANCER, '--tls-cert', certFile, '--tls-key', keyFile];
    return withProcess({ ...meercatProcess(args), uid: 65_534 }, async (child) => {
      assert.is((await ended(child, 20_000)).code, 2);
      assert.equal(child.stderr, [`meercat: --tls-key ${keyFile}: this user (uid 65534) may not read it`]);
    });
  }),
);

test('another error of the system keeps its words, without the call and the file that Node adds', () => {
  const error = Object.assign(new Error("EMFILE: too many open files, open '/a/b'"), { code: 'EMFILE' });
  assert.is(fileReason(error), 'EMFILE: too many open files');
  assert.is(fileReason(new Error('no certificate in PEM form')), 'no certificate in PEM form');
});

test.run();
