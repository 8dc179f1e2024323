// Who may see what on the console, by tables: the token, the Host header on loopback, and what is refused without a
// token elsewhere; and where a token may come from.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../lib/errors.js';
import { buildGuard, type Credentials, type Guard, type GuardRefusal, isLoopback } from '../../lib/console/guard.js';
import { readConsoleToken } from '../../lib/console/token.js';
import { withTempDir } from '../support/brackets.js';

const test = suite('console guard');

const TOKEN = '0123456789abcdef0123';

/** Why a guard refuses; undefined when it lets pass. */
function refusalOf(guard: Guard, credentials: Credentials, access: 'read' | 'act' = 'read'): GuardRefusal | undefined {
  return guard.judge(credentials, access).refusal;
}

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

test('beyond loopback only who has the token passes, and who gives a wrong one passes nowhere', () => {
  for (const address of ['127.0.0.1', '0.0.0.0', '10.0.0.1']) {
    const guard = buildGuard(address, TOKEN);
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN}`])
      assert.equal(guard.judge({ host: 'console.example', authorization }, 'read'), { hasToken: true }, authorization);
    for (const authorization of [
      ...(address === '127.0.0.1' ? [] : [undefined]),
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
      const refusal = refusalOf(guard, { host: '127.0.0.1', authorization });
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
      const refusal = refusalOf(guard, { host: '127.0.0.1', authorization });
      assert.equal([refusal?.status, refusal?.error, refusal?.challenge], [403, 'MEERCAT_FORBIDDEN', '']);
      assert.match(refusal?.message as string, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
    }
  }
});

test('on loopback reading needs no token, also where one is set', () => {
  for (const token of ['', TOKEN]) {
    const guard = buildGuard('127.0.0.1', token);
    assert.equal(guard.judge({ host: '127.0.0.1:9080', authorization: undefined }, 'read'), { hasToken: false });
    assert.is(refusalOf(guard, { host: 'evil.example', authorization: undefined })?.status, 403);
  }
});

test('to act needs the token everywhere, and the answer says how to set one where there is none', () => {
  for (const address of ['127.0.0.1', '10.0.0.1']) {
    const keyed = buildGuard(address, TOKEN);
    assert.equal(keyed.judge({ host: 'b1:9080', authorization: `Bearer ${TOKEN}` }, 'act'), { hasToken: true });
    assert.is(refusalOf(keyed, { host: '127.0.0.1', authorization: undefined }, 'act')?.status, 401);
    assert.is(refusalOf(keyed, { host: '127.0.0.1', authorization: 'Bearer wrong' }, 'act')?.status, 401);
    const refusal = refusalOf(buildGuard(address, ''), { host: '127.0.0.1', authorization: `Bearer ${TOKEN}` }, 'act');
    assert.is(refusal?.status, 403);
    assert.match(refusal?.message as string, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
  }
});

test('a page of another origin may not act with the token, as the browser says of it', () => {
  const guard = buildGuard('127.0.0.1', TOKEN);
  const judge = (rest: Partial<Credentials>): number | undefined =>
    refusalOf(guard, { host: 'b1.example:9080', authorization: `Bearer ${TOKEN}`, ...rest }, 'act')?.status;
  for (const rest of [
    {},
    { origin: 'http://b1.example:9080' },
    { origin: 'https://B1.example:9080', fetchSite: 'same-origin' },
    { fetchSite: 'none' },
  ])
    assert.is(judge(rest), undefined, JSON.stringify(rest));
  for (const rest of [
    { origin: 'http://evil.example' },
    { origin: 'http://b1.example' },
    { origin: 'http://b1.example:9081' },
    { origin: 'http://b1.example:9080.evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'b1.example:9080' },
    { origin: 'file://b1.example:9080' },
    { origin: 'http://b1.example:9080', fetchSite: 'cross-site' },
    { fetchSite: 'same-site' },
    { fetchSite: 'cross-site' },
    { host: undefined, origin: 'http://b1.example:9080' },
  ])
    assert.is(judge(rest), 403, JSON.stringify(rest));
});

test('without a token on loopback a name that could be made to point here does not pass', () => {
  const guard = buildGuard('127.0.0.1', '');
  for (const host of ['127.0.0.1', '127.0.0.1:9080', 'localhost', 'LOCALHOST:9080', 'b1.localhost', '[::1]:9080', '192.0.2.1'])
    assert.is(refusalOf(guard, { host, authorization: undefined }), undefined, host);
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
    assert.is(refusalOf(guard, { host, authorization: undefined })?.status, 403, String(host));
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
