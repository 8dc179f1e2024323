// Who may see what on the console, by tables: the token, the Host header on loopback, and what is refused without a
// token elsewhere; and where a token may come from.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../lib/errors.js';
import {
  buildGuard,
  type Credentials,
  type Guard,
  type GuardRefusal,
  type GuardReports,
  type GuardVerdict,
  isLoopback,
} from '../../lib/console/guard.js';
import { guardReports } from '../../lib/console/guard-reports.js';
import { readConsoleToken } from '../../lib/console/token.js';
import { TokenGuesses } from '../../lib/console/token-guesses.js';
import { withTempDir } from '../support/brackets.js';

const test = suite('console guard');

const TOKEN = '0123456789abcdef0123';

type Given = Omit<Credentials, 'remoteAddress'> & { readonly from?: string };

let nowMs = 0;
const reported: string[] = [];
const reports: GuardReports = {
  onUnauthorized: (from, isGuess) => reported.push(`${from} ${isGuess ? 'wrong' : 'missing'}`),
  onThrottled: (from) => reported.push(`${from} throttled`),
};

function guardOf(address: string, token: string): Guard {
  return buildGuard(address, token, () => nowMs, reports);
}

/** Each comes a second after the one before, unless it says from where it comes. */
function judged(guard: Guard, { from, ...credentials }: Given, access: 'read' | 'act' = 'read'): GuardVerdict {
  nowMs += from === undefined ? 1000 : 0;
  return guard.judge({ ...credentials, remoteAddress: from ?? '192.0.2.1' }, access);
}

/** Why a guard refuses; undefined when it lets pass. */
function refusalOf(guard: Guard, given: Given, access: 'read' | 'act' = 'read'): GuardRefusal | undefined {
  return judged(guard, given, access).refusal;
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
    const guard = guardOf(address, TOKEN);
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER  ${TOKEN}`])
      assert.equal(judged(guard, { host: 'console.example', authorization }, 'read'), { hasToken: true }, authorization);
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
    const guard = guardOf(address, '');
    for (const authorization of [undefined, 'Bearer ', 'Bearer x']) {
      const refusal = refusalOf(guard, { host: '127.0.0.1', authorization });
      assert.equal([refusal?.status, refusal?.error, refusal?.challenge], [403, 'MEERCAT_FORBIDDEN', '']);
      assert.match(refusal?.message as string, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
    }
  }
});

test('on loopback reading needs no token, also where one is set', () => {
  for (const token of ['', TOKEN]) {
    const guard = guardOf('127.0.0.1', token);
    assert.equal(judged(guard, { host: '127.0.0.1:9080', authorization: undefined }, 'read'), { hasToken: false });
    assert.is(refusalOf(guard, { host: 'evil.example', authorization: undefined })?.status, 403);
  }
});

test('to act needs the token everywhere, and the answer says how to set one where there is none', () => {
  for (const address of ['127.0.0.1', '10.0.0.1']) {
    const keyed = guardOf(address, TOKEN);
    assert.equal(judged(keyed, { host: 'b1:9080', authorization: `Bearer ${TOKEN}` }, 'act'), { hasToken: true });
    assert.is(refusalOf(keyed, { host: '127.0.0.1', authorization: undefined }, 'act')?.status, 401);
    assert.is(refusalOf(keyed, { host: '127.0.0.1', authorization: 'Bearer wrong' }, 'act')?.status, 401);
    const refusal = refusalOf(guardOf(address, ''), { host: '127.0.0.1', authorization: `Bearer ${TOKEN}` }, 'act');
    assert.is(refusal?.status, 403);
    assert.match(refusal?.message as string, /--console-token-file FILE or MEERCAT_CONSOLE_TOKEN/);
  }
});

test('a page of another origin may not act with the token, as the browser says of it', () => {
  const guard = guardOf('127.0.0.1', TOKEN);
  const judge = (rest: Partial<Given>): number | undefined =>
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
  const guard = guardOf('127.0.0.1', '');
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

const RIGHT = { host: 'b1', authorization: `Bearer ${TOKEN}` };
const WRONG = { host: 'b1', authorization: 'Bearer wrong' };

test('an address may guess ten times and then once a second; until then not even the right token is looked at', () => {
  const guard = guardOf('0.0.0.0', TOKEN);
  const from = '198.51.100.1';
  reported.length = 0;
  for (let guess = 0; guess < 10; guess++) assert.is(refusalOf(guard, { ...WRONG, from })?.status, 401);
  for (const given of [WRONG, RIGHT]) {
    const { status, error, challenge, retryAfterSeconds } = refusalOf(guard, { ...given, from }) as GuardRefusal;
    assert.equal([status, error, challenge, retryAfterSeconds], [429, 'MEERCAT_TOO_MANY_GUESSES', '', 1]);
  }
  assert.equal(reported, [...Array.from({ length: 10 }, () => `${from} wrong`), `${from} throttled`, `${from} throttled`]);
  assert.equal(judged(guard, { ...RIGHT, from: '198.51.100.2' }), { hasToken: true }, 'another address is not locked out');
  nowMs += 1000;
  assert.is(refusalOf(guard, { ...WRONG, from })?.status, 401);
  assert.is(refusalOf(guard, { ...WRONG, from })?.status, 429);
  nowMs += 1000;
  assert.equal(judged(guard, { ...RIGHT, from }), { hasToken: true });
});

test('who gives no token, or the right one, uses up no tries', () => {
  const guard = guardOf('0.0.0.0', TOKEN);
  const from = '198.51.100.1';
  for (let round = 0; round < 50; round++) {
    assert.is(refusalOf(guard, { host: 'b1', authorization: undefined, from })?.status, 401);
    assert.is(refusalOf(guard, { host: 'b1', authorization: 'Basic x', from })?.status, 401);
    assert.is(refusalOf(guard, { ...RIGHT, from }), undefined);
  }
});

test('guesses from many addresses are bounded together, and do not lock out who gave the right token before', () => {
  const guard = guardOf('0.0.0.0', TOKEN);
  const operator = '203.0.113.7';
  assert.is(refusalOf(guard, { ...RIGHT, from: operator }), undefined);
  let looked = 0;
  for (let each = 0; each < 5000; each++) {
    nowMs += 1;
    if (refusalOf(guard, { ...WRONG, from: `10.0.${each >> 8}.${each & 255}` })?.status === 401) looked++;
  }
  assert.ok(looked <= 150, `100 at once and 10 a second, not ${looked}`);
  assert.is(refusalOf(guard, { ...RIGHT, from: operator }), undefined);
  assert.is(refusalOf(guard, { ...RIGHT, from: '203.0.113.8' })?.status, 429);
});

test('an IPv6 network of one machine is one address', () => {
  const guesses = new TokenGuesses(0);
  for (let each = 0; each < 10; each++) guesses.onWrong(`2001:db8:0:1::${each}`, 0);
  for (const same of ['2001:db8:0:1:ffff::1', '2001:db8:0:1:1:2:3:4', '2001:db8:0:1::']) assert.is(guesses.waitMs(same, 0), 1000, same);
  for (const other of ['2001:db8::1', '2001:db8:0:2::1', '::1', '::ffff:192.0.2.1', '192.0.2.1'])
    assert.is(guesses.waitMs(other, 0), 0, other);
});

test('what is remembered of addresses is bounded, however many guess over however long', () => {
  const guesses = new TokenGuesses(0);
  for (let each = 0; each < 100_000; each++) {
    const address = `2001:db8:${(each >> 8).toString(16)}:${(each & 255).toString(16)}::1`;
    if (each % 3 === 0) guesses.onRight(address);
    else if (guesses.waitMs(address, each * 10) === 0) guesses.onWrong(address, each * 10);
  }
  assert.ok(guesses.size <= 400, String(guesses.size));
});

test('guesses are counted one by one, and logged as a line now and then, without the token', () => {
  const counts: string[] = [];
  const lines: unknown[] = [];
  let atMs = 0;
  const { onUnauthorized, onThrottled } = guardReports(
    (name) => counts.push(name),
    (...line) => lines.push(line),
    () => atMs,
  );
  onUnauthorized('192.0.2.1', false);
  for (let each = 0; each < 30; each++) onUnauthorized('192.0.2.1', true);
  for (let each = 0; each < 20; each++) onThrottled('192.0.2.2');
  atMs = 10_000;
  onThrottled('192.0.2.2');
  assert.equal(
    [counts.filter((name) => name === 'console_unauthorized').length, counts.filter((name) => name === 'console_throttled').length],
    [31, 21],
  );
  assert.equal(lines, [
    ['warn', 'a wrong token was given to the console', { from: '192.0.2.1' }],
    ['warn', 'a wrong token was given to the console', { from: '192.0.2.2', guesses: 50 }],
  ]);
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
