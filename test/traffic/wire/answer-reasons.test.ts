// Why a host's answer could not be read: each reason from a real parser that refused the bytes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { ResponseParser, type ResponseSink } from '../../../lib/traffic/host/response-parser.js';
import { whyBadHead, whyBadSwitch } from '../../../lib/traffic/wire/answer-reasons.js';
import { describeError, MAX_REASON } from '../../../lib/traffic/wire/reason-text.js';
import { scaled } from '../../support/scale.js';

const test = suite('answer reasons');

const SINK: ResponseSink = { onInformational: () => undefined, onHead: () => undefined, onBody: () => undefined, onEnd: () => undefined };

/** What is wrong with these bytes; undefined when they are an answer, or the beginning of one. */
function reasonOf(text: string): string | undefined {
  const parser = new ResponseParser(32 << 10);
  parser.begin('GET');
  return parser.execute(Buffer.from(text, 'latin1'), SINK) < 0 ? parser.reason : undefined;
}

const ok = (...lines: readonly string[]): string => `${['HTTP/1.1 200 OK', ...lines].join('\r\n')}\r\n\r\n`;

const ROWS: readonly (readonly [answer: string, reason: string])[] = [
  ['hello\r\n\r\n', 'no status line'],
  ['\x15\x03\x03\0\x02\x02\x46', 'TLS alert instead of an answer: is the host https://?'],
  ['HTTP/2.0 200 OK\r\n\r\n', 'version "HTTP/2.0"'],
  ['HTTP/1.2 200 OK\r\nContent-Length: 010\r\n\r\n', 'content-length "010"'],
  ['HTTP/1.2 20 OK\r\n\r\n', 'status "20"'],
  ['HTTP/1.1 20 OK\r\n\r\n', 'status "20"'],
  ['HTTP/1.2 20 OK\r\n\r\n', 'status "20"'],
  [ok('A : b').replace('1.1', '1.2'), 'space between "A" and its colon'],
  [ok('Transfer-Encoding: gzip').replace('1.1', '1.9'), 'transfer-encoding "gzip"'],
  ['HTTP/1.1 200 O\0K\r\n\r\n', 'byte 0x00 in the status line'],
  ['HTTP/1.1 200 OK\nA: b\r\n\r\n', 'bare LF in the status line'],
  [ok('A : b'), 'space between "A" and its colon'],
  [ok('A: b', ' c'), 'folded line in the head'],
  [ok('Set-Cookie: a\0b'), 'byte 0x00 in the value of "Set-Cookie"'],
  [ok('Content-Length: +1'), 'content-length "+1"'],
  [ok('Content-Length: 1', 'Content-Length: 2'), 'content-length "1" and "2"'],
  [ok('Transfer-Encoding: gzip'), 'transfer-encoding "gzip"'],
  [ok('Transfer-Encoding: chunked', 'Content-Length: 1'), 'transfer-encoding with content-length'],
  [ok('Transfer-Encoding: chunked').replace('1.1', '1.0'), 'transfer-encoding in HTTP/1.0'],
  [ok(`A: ${'x'.repeat(40_000)}`), 'answer head of 40 KiB (--max-response-header-size)'],
  [ok(`A: ${'x'.repeat(40_000)}`).slice(0, -4), 'answer head of more than 40 KiB (--max-response-header-size)'],
  [`HTTP/1.1 103 Early Hints\r\nA: ${'x'.repeat(40_000)}\r\n\r\n`, 'answer head of 40 KiB (--max-response-header-size)'],
  [`HTTP/1.1 103 Early Hints\r\nA: ${'x'.repeat(9000)}\r\n\r\n`.repeat(30), 'too many informational answers'],
  ['HTTP/1.1 102 Processing\r\n\r\n'.repeat(30), 'too many informational answers'],
  [`${ok('Transfer-Encoding: chunked')}zz\r\n`, '"z" in a chunk size, or no CR LF after a chunk'],
  [`${ok('Transfer-Encoding: chunked')}1\r\naxx`, '"x" in a chunk size, or no CR LF after a chunk'],
  [`${ok('Transfer-Encoding: chunked')}0\r\nA : b\r\n\r\n`, 'space between "A" and its colon'],
];

for (const [answer, reason] of ROWS) test(`an answer: ${reason}`, () => assert.is(reasonOf(answer), reason));

test('lengths that another parser would read differently are the culprit, also beside good lines', () => {
  assert.is(whyBadHead(Buffer.from(ok('A: b', 'Content-Length: 010', 'B: c')), 0, 1024), 'content-length "010"');
});

test('a 101 that opens no tunnel says what was asked for', () => {
  const asked = { upgrade: 'websocket' };
  assert.is(
    whyBadSwitch({ headers: ['Upgrade', 'websocket', 'upgrade', 'x'] }, asked),
    '101 to "websocket" and "x", asked for "websocket"',
  );
  assert.is(whyBadSwitch({ headers: ['A', 'b'] }, asked), '101 without Upgrade, asked for "websocket"');
  assert.is(whyBadSwitch({ headers: ['upgrade', 'x"\n'] }, asked), '101 to "x\\x22\\x0a", asked for "websocket"');
  assert.is(whyBadSwitch({ headers: ['Upgrade', 'h2c'] }, { upgrade: undefined }), '101 to "h2c", asked for none');
});

test('system errors are described with their codes, without pointers and line breaks, and in bounded length', () => {
  const withCode = (message: string, fields: object): Error => Object.assign(new Error(message), fields);
  assert.is(describeError(null), '');
  assert.is(describeError(withCode('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' })), 'connect ECONNREFUSED 127.0.0.1:1');
  assert.is(
    describeError(withCode('self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })),
    'self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)',
  );
  assert.is(
    describeError(
      withCode('C0E7:error:0A00010B:SSL routines:x.c:355:\n', {
        code: 'ERR_SSL_WRONG_VERSION_NUMBER',
        reason: 'wrong version number',
        library: 'SSL routines',
      }),
    ),
    'TLS: wrong version number (ERR_SSL_WRONG_VERSION_NUMBER)',
  );
  // As Node 24 and later have it.
  assert.is(
    describeError(
      withCode('unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca', {
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      }),
    ),
    'unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)',
  );
  assert.match(describeError(withCode('x'.repeat(1000), { code: 'ERR_TLS' })), /^x{110} \(ERR_TLS\)$/);
  assert.is(describeError(new AggregateError([new Error('a\n b'), new Error('c\x1b')])), 'a b; c\\x1b');
  assert.is(describeError(new Error('x'.repeat(1000))).length, MAX_REASON);
  assert.is(describeError('\u009b'), '\\x9b');
});

test('whatever bytes a host sends, a reason is short printable ASCII', () => {
  const random = new Random(5);
  const base = `${ok('Set-Cookie: s3cret', 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nA: b\r\n\r\n`;
  let wrong = 0;
  for (let round = 0; round < scaled(3000, 20_000); round++) {
    const at = random.below(base.length);
    const reason = reasonOf(base.slice(0, at) + String.fromCharCode(random.below(256)) + base.slice(at + random.below(3)));
    if (reason === undefined) continue;
    wrong++;
    assert.match(reason, /^[ -~]+$/);
    assert.ok(reason.length <= MAX_REASON && !reason.includes('s3cret'), reason);
  }
  assert.ok(wrong > 1000, String(wrong));
});

test.run();
