// The meaning of header lines: only exact names have one, however similar others look, and of two contradicting lines the
// stricter one wins.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { clientFacts, requestHeaders } from '../../../lib/traffic/wire/headers.js';
import { isRefusal, readRequestHead, type RequestHead } from '../../../lib/traffic/wire/request-head.js';
import { RUNS } from '../../support/arbitrary-bytes.js';

const test = suite('request fields');

/** All names with a meaning for parsing or forwarding a request, in lower case. */
const MEANT = [
  'te',
  'via',
  'host',
  'proxy',
  'expect',
  'upgrade',
  'trailer',
  'forwarded',
  'keep-alive',
  'connection',
  'content-length',
  'http2-settings',
  'x-forwarded-for',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authorization',
];

/** The values with most effect, if their name were one of those. */
const VALUES = [
  'keep-alive',
  'close',
  'upgrade',
  'websocket',
  'chunked',
  '5',
  '05',
  'x',
  '100-continue',
  'trailers',
  '1.1 other',
  'tea',
  'h2c',
];

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-';

/** A name as long as one with a meaning: any, or that one with one letter changed. */
const lookalike = fc
  .constantFrom(...MEANT)
  .chain((meant) =>
    fc.oneof(
      fc.string({ unit: fc.constantFrom(...LETTERS), minLength: meant.length, maxLength: meant.length }),
      fc
        .tuple(fc.nat({ max: meant.length - 1 }), fc.constantFrom(...LETTERS))
        .map(([at, letter]) => `${meant.slice(0, at)}${letter}${meant.slice(at + 1)}`),
    ),
  )
  .filter((name) => !MEANT.includes(name.toLowerCase()) && !name.toLowerCase().startsWith('x-forwarded-'));

const REST = ['Host: x\r\n', 'Host: x\r\nConnection: close\r\n', 'Host: x\r\nConnection: Upgrade\r\n', 'Host: x\r\nContent-Length: 3\r\n'];

function read(lines: string, minorVersion: 0 | 1, method = 'POST'): RequestHead {
  const head = readRequestHead(`${method} / HTTP/1.${minorVersion}\r\n${lines}\r\n`, TRAFFIC_DEFAULTS);
  if (isRefusal(head)) throw new Error(`${JSON.stringify(lines)} is refused: ${head.counter}`);
  return head;
}

const meaningOf = ({ host, framing, length, upgrade, expectsContinue, isKeptAlive, passedBy, droppedNames }: RequestHead): unknown => ({
  host,
  framing,
  length,
  upgrade,
  expectsContinue,
  isKeptAlive,
  passedBy,
  droppedNames,
});

const CLIENT = clientFacts('192.0.2.1', 8080, false, false);
const RULES = { authority: 'h:1', pseudonym: 'me', isUpgrade: true };

test('a header whose name only resembles one with a meaning has none, and passes unchanged', () => {
  fc.assert(
    fc.property(lookalike, fc.constantFrom(...VALUES), fc.constantFrom(...REST), fc.constantFrom(0, 1), (name, value, rest, minor) => {
      const version = minor as 0 | 1;
      const without = read(rest, version);
      for (const lines of [`${name}: ${value}\r\n${rest}`, `${rest}${name}: ${value}\r\n`]) {
        const head = read(lines, version);
        assert.equal(meaningOf(head), meaningOf(without), lines);
        const passed = requestHeaders(head, CLIENT, RULES);
        const at = passed.indexOf(name);
        assert.equal([at % 2, passed[at + 1]], [0, value], lines);
        assert.equal([...passed.slice(0, at), ...passed.slice(at + 2)], requestHeaders(without, CLIENT, RULES), lines);
      }
    }),
    RUNS,
  );
});

test('HTTP/1.0 is kept alive only by a Connection header, and not if that also says close', () => {
  const isKept = (...lines: readonly string[]): boolean => read(lines.map((line) => `${line}\r\n`).join(''), 0).isKeptAlive;
  assert.is(isKept('Connection: keep-alive'), true);
  assert.is(isKept('CONNECTION: x, Keep-Alive'), true);
  for (const name of ['Connectiox', 'User-Agent', 'Keep-Alive', 'Set-Cookie']) assert.is(isKept(`${name}: keep-alive`), false, name);
  assert.is(isKept('Connection: close', 'Connection: keep-alive'), false);
  assert.is(isKept('Connection: keep-alive', 'Connection: close'), false);
  assert.is(isKept('Connection: keep-alive', 'User-Agent: keep-alive', 'Connection: close'), false);
  assert.is(isKept(), false);
});

test('a Content-Length is decimal digits without a leading zero, and appears once', () => {
  const counterOf = (...values: readonly string[]): string => {
    const lines = values.map((value) => `Content-Length: ${value}\r\n`).join('');
    const head = readRequestHead(`POST / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`, TRAFFIC_DEFAULTS);
    return isRefusal(head) ? head.counter : `${head.framing} ${head.length}`;
  };
  assert.is(counterOf('0'), 'none 0');
  assert.is(counterOf('10'), 'length 10');
  assert.is(counterOf('999999999999999'), 'length 999999999999999');
  for (const value of ['010', '00', '08', '0x8', '1_0', '1e1', '+8', '-0', '8.', '1000000000000000', '8,8', '\xb2'])
    assert.is(counterOf(value), 'refused_content_length', value);
  assert.is(counterOf('8', '8'), 'refused_content_length');
});

test('an unknown expectation is refused, whatever else is there', () => {
  const head = readRequestHead('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n', TRAFFIC_DEFAULTS);
  assert.is(isRefusal(head) && head.counter, 'refused_expectation');
});

test.run();
