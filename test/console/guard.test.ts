// Who may see what on the console, by tables: the token, the Host header on loopback, and what is refused without a
// token elsewhere; and where a token may come from.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../lib/errors.js';
import { buildGuard, isLoopback } from '../../lib/console/guard.js';
import { readConsoleToken } from '../../lib/console/token.js';
import { withTempDir } from '../support/brackets.js';

const test = suite('console guard');

const TOKEN = '0123456789abcdef0123';

test('only addresses that nobody else can reach are loopback', () => {
  for (const address of ['127.0.0.1', '127.1.2.3', '::1']) assert.ok(isLoopback(address), address);
  for (const address of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.0.0',
    '127.evil',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    'localhost',
    '1.127.0.0',
  ])
    assert.not(isLoopback(address), address);
});

test('with a token set only who has it passes, on loopback too', () => {
  for (const address of ['127.0.0.1', '0.0.0.0', '10.0.0.1']) {
    const guard = buildGuard(address, TOKEN);
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN}`])
      assert.is(guard({ host: 'console.example', authorization }), undefined, authorization);
    for (const authorization of [
      undefined,
      '',
      TOKEN,
      'Bearer',
      'Bearer ',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Bearer ${TOKEN.toUpperCase()}`,
      `Bearer ${TOKEN} ${TOKEN}`,
      `Basic ${TOKEN}`,
      `Bearer "${TOKEN}"`,
    ]) {
      const refusal = guard({ host: '127.0.0.1', authorization });
      assert.equal([refusal?.status, refusal?.error], [401, 'MEERCAT_UNAUTHORIZED'], String(authorization));
      assert.match(
        refusal?.challenge as string,
        authorization === undefined ? /^Bearer realm="meercat"$/ : /^Bearer realm="meercat", error="invalid_token"$/,
      );
      assert.not.match(JSON.stringify(refusal), new RegExp(TOKEN));
    }
  }
});

test('without a token nobody passes beyond loopback, and the answer says how to set one', () => {
  for (const address of ['0.0.0.0', '::', '10.0.0.1', '']) {
    const guard = buildGuard(address, '');
    for (const authorization of [undefined, 'Bearer ', 'Bearer x']) {
      const refusal = guard({ host: '127.0.0.1', authorization });
      assert.equal([refusal?.status, refusal?.error, refusal?.challenge], [403, 'MEERCAT_FORBIDDEN', '']);
      assert.match(refusal?.message as string, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
    }
  }
});

test('without a token on loopback a name that could be made to point here does not pass', () => {
  const guard = buildGuard('127.0.0.1', '');
  for (const host of ['127.0.0.1', '127.0.0.1:9080', 'localhost', 'LOCALHOST:9080', 'b1.localhost', '[::1]:9080', '192.0.2.1'])
    assert.is(guard({ host, authorization: undefined }), undefined, host);
  for (const host of [
    undefined,
    '',
    'evil.example',
    'evil.example:9080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'xlocalhost',
    '127.0.0.1:9080@evil.example',
    '[evil]',
    '1.2.3',
    '0x7f.1',
  ]) {
    assert.is(guard({ host, authorization: undefined })?.status, 403, String(host));
  }
});

const none = { consoleToken: '', consoleTokenFile: '' };

test('a token comes from the environment or a file, and the line end that editors add is no part of it', () =>
  withTempDir((dir) => {
    const file = join(dir, 'token');
    writeFileSync(file, `${TOKEN}\n`);
    assert.is(readConsoleToken(none), '');
    assert.is(readConsoleToken({ ...none, consoleToken: TOKEN }), TOKEN);
    assert.is(readConsoleToken({ ...none, consoleTokenFile: file }), TOKEN);
  }));

test('what is no token is refused under the name of its source, without a word of it', () =>
  withTempDir((dir) => {
    const file = join(dir, 'token');
    const refusals: string[] = [];
    const refuse = (given: typeof none): void => {
      try {
        assert.unreachable(readConsoleToken(given));
      } catch (error) {
        assert.instance(error, MeercatError, String(error));
        assert.is((error as MeercatError).code, 'MEERCAT_BAD_CONFIG');
        refusals.push((error as Error).message);
      }
    };
    for (const text of [
      '',
      '\n',
      'secret',
      `${TOKEN} ${TOKEN}`,
      `${TOKEN}\n${TOKEN}`,
      `"${TOKEN}"`,
      'geheim-sésame-ouvre-toi',
      's'.repeat(600),
    ]) {
      writeFileSync(file, text);
      refuse({ ...none, consoleTokenFile: file });
      if (text !== '') refuse({ ...none, consoleToken: text });
    }
    refuse({ ...none, consoleTokenFile: join(dir, 'absent') });
    for (const message of refusals) {
      assert.match(message, /^(--console-token-file \/|MEERCAT_CONSOLE_TOKEN: )/);
      assert.not.match(message, /secret|0123|geheim|sss/);
    }
  }));

test.run();
