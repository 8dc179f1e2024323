// The reasons of refusals: a table for each rule, and that no reason reveals a secret or harms a log.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { Random } from '../../../lib/routing/random.js';
import { RequestParser } from '../../../lib/traffic/client/request-parser.js';
import type { AnswerCode } from '../../../lib/traffic/wire/answers.js';
import { MAX_REASON } from '../../../lib/traffic/wire/reason-text.js';
import { whyRefused } from '../../../lib/traffic/wire/refusal-reasons.js';
import type { Refusal } from '../../../lib/traffic/wire/refusals.js';
import type { HeadRules } from '../../../lib/traffic/wire/request-head.js';
import { scaled } from '../../support/scale.js';

const test = suite('refusal reasons');

const RULES: HeadRules = {
  ...TRAFFIC_DEFAULTS,
  oddNames: 'refuse',
  maxHeaderSize: 4096,
  maxUrlSize: 1024,
  maxHeaders: 10,
  maxBodySize: 2048,
};

const head = (...lines: readonly string[]): string => `${['GET / HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`;
const post = (...lines: readonly string[]): string => head(...lines).replace('GET', 'POST');

/** The refusal that increments this counter. */
const refusalOf = (counted: string, code: AnswerCode = 'MEERCAT_BAD_REQUEST') => ({ code, counter: `refused_${counted}` }) as Refusal;

type Row = readonly [counted: string, text: string, reason: string];

const ROWS: readonly Row[] = [
  ['request_line', 'GET /\r\n', 'request line without a version'],
  ['request_line', 'G(T / HTTP/1.1\r\n', '"(" in the method'],
  ['request_line', 'GET  / HTTP/1.1\r\n', 'two spaces in the request line'],
  ['request_line', 'GET / x HTTP/1.1\r\n', 'request line of more than three words'],
  ['request_line', 'GET / HTTP/1.1\nHost: x', 'bare LF after the request line'],
  ['request_line', 'GET /\x01 HTTP/1.1\r\n', 'byte 0x01 in the request line'],
  ['request_line', '\x16\x03\x01\x02\0\x01\0', 'TLS on a port for plain HTTP'],
  ['request_line', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n', 'PROXY header without --accept-proxy, or from a peer outside --trust'],
  ['request_line', '\r\n\r\n\0\r\nQUIT\n!', 'PROXY header without --accept-proxy, or from a peer outside --trust'],
  ['request_line', 'GET /\r/ HTTP/1.1\r\n', 'bare CR in the request line'],
  ['request_line', '\r\n\r\nGET', 'empty line in place of a request line'],
  ['version', 'GET / HTTP/2.0\r\n', 'version "HTTP/2.0"'],
  ['target', 'GET /a#b HTTP/1.1\r\n', '"#" in the target'],
  ['target', 'GET /\xc3\xa9 HTTP/1.1\r\n', '0xc3 in the target'],
  ['target', 'GET * HTTP/1.1\r\n', 'target * with "GET"'],
  ['target', 'GET ftp://x/ HTTP/1.1\r\n', 'target of scheme "ftp"'],
  ['target', 'GET http://me:secret@x/ HTTP/1.1\r\n', 'target with credentials'],
  ['target', 'GET http://x:y/?secret HTTP/1.1\r\n', 'target of host "x:y"'],
  ['target', 'GET x HTTP/1.1\r\n', 'target that is no path'],
  ['url_size', `GET /${'x'.repeat(1100)}`, 'target above --max-url-size (1 KiB)'],
  ['method', 'TRACE / HTTP/1.1\r\n', 'method "TRACE"'],
  ['method', 'FOO / HTTP/1.1\r\n', 'method "FOO"'],
  ['method', `${'A'.repeat(40)} / HTTP/1.1\r\n`, 'method of more than 32 characters'],
  ['host_header', 'GET / HTTP/1.1\r\nA: b\r\n\r\n', 'no Host header'],
  ['host_header', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'host ""'],
  ['host_header', 'GET / HTTP/1.1\r\nHost: x y\r\n\r\n', 'host "x y"'],
  ['host_header', 'GET / HTTP/1.1\r\nHost: x\r\nhost: z\r\n\r\n', 'host "x" and "z"'],
  ['host_header', 'GET http://a/b HTTP/1.1\r\nHost: b\r\n\r\n', 'host "b" for a target of "a"'],
  ['header_line', head('A : b'), 'space between "A" and its colon'],
  ['header_line', head('A: b', ' c'), 'folded line in the head'],
  ['header_line', head('Cookie: a\nb'), 'bare LF in the head'],
  ['header_line', head('Cookie: a\rb'), 'bare CR in the head'],
  ['header_line', head('Cookie: a\0b'), 'byte 0x00 in the value of "Cookie"'],
  ['header_line', head('secret'), 'line without a colon in the head'],
  ['header_line', head(': secret'), 'header without a name in the head'],
  ['header_line', head('user=secret: x'), '"=" in a header name'],
  ['header_line', 'GET / HTTP/1.1\r\nA: b\n', 'bare LF in the head'],
  ['header_name', head('B: c', 'A_b: c'), 'header name "A_b"'],
  ['header_name', head('C.d: c', 'A_b: c'), 'header name "A_b"'],
  ['header_name', head('C.d: c', 'X.Real.IP: c'), 'header name "X.Real.IP"'],
  ['header_name', head('C.d: c', 'Content.Length: 1'), 'header name "Content.Length"'],
  ['header_size', head(`A: ${'x'.repeat(5000)}`).slice(0, 4097), 'head above --max-header-size (4 KiB)'],
  ['header_size', head(...Array.from({ length: 11 }, () => 'A: b')), 'more than 10 header lines (--max-headers)'],
  // What came behind the head is none of it.
  ['header_size', `${head(...Array.from({ length: 11 }, () => 'A: b'))}${'x'.repeat(5000)}`, 'more than 10 header lines (--max-headers)'],
  ['header_size', '\r\n\r\nGET', 'empty lines above --max-header-size (4 KiB)'],
  ['content_length', post('Content-Length: +1'), 'content-length "+1"'],
  ['content_length', post('Content-Length: 010'), 'content-length "010"'],
  ['content_length', post('Content-Length: 1', 'content-length: 2'), 'content-length "1" and "2"'],
  ['transfer_encoding', post('Transfer-Encoding: gzip, chunked'), 'transfer-encoding "gzip, chunked"'],
  ['transfer_encoding', post('Transfer-Encoding: chunked', 'Transfer-Encoding: x'), 'transfer-encoding "chunked" and "x"'],
  ['transfer_encoding', post('Transfer-Encoding: chunked', 'Content-Length: 1'), 'transfer-encoding with content-length'],
  ['transfer_encoding', post('Transfer-Encoding: chunked').replace('/1.1', '/1.0'), 'transfer-encoding in HTTP/1.0'],
  ['body', 'GET / HTTP/1.0\r\nContent-Length: 1\r\n\r\n', '"GET" with a body in HTTP/1.0'],
  ['expectation', post('Expect: tea'), 'expect "tea"'],
  ['expectation', post('Expect: 100-Continue', 'Expect: tea'), 'expect "tea"'],
  ['body_size', post('Content-Length: 9999'), 'body above --max-body-size (2 KiB)'],
  ['chunk', 'zz\r\n', '"z" in a chunk size, or no CR LF after a chunk'],
  ['chunk', '5\n', 'bare LF in the chunked framing'],
  ['chunk', '\r\n', 'empty chunk size'],
  ['chunk', ' \r\n', 'empty chunk size'],
  ['chunk', ';a\r\n', 'empty chunk size'],
  ['chunk', '5;a\nhello', 'bare LF in the chunked framing'],
  ['chunk', '5\rx', 'bare CR in the chunked framing'],
  ['chunk', '5;a b\r\n', 'chunk extension'],
  ['chunk', `${'1'.repeat(14)}\r\n`, 'chunk size of more than 13 digits'],
  ['trailer', 'A : b\r\n\r\n', 'space between "A" and its colon'],
  ['trailer', 'A_b: c\r\n\r\n', 'trailer name "A_b"'],
  ['trailer', 'A: b\n', 'bare LF in the trailers'],
];

for (const [counted, text, reason] of ROWS) {
  test(`${counted}: ${reason}`, () => assert.is(whyRefused(refusalOf(counted), text, RULES), reason));
}

test('framing that is too large is reported by its kind', () => {
  const tooLarge = refusalOf('chunk', 'MEERCAT_BODY_TOO_LARGE');
  assert.is(whyRefused(tooLarge, `5;${'x'.repeat(300)}`, RULES), 'chunk size and extensions above 256 bytes');
  assert.is(whyRefused(tooLarge, `A: ${'x'.repeat(9000)}`, RULES), 'trailers above 8 KiB');
});

test('the time that a reason takes grows with the bytes, not with their square', () => {
  const before = process.cpuUsage();
  const reason = whyRefused(refusalOf('host_header'), `GET / HTTP/1.1\r\nHost: a${' '.repeat(200_000)}b\r\n\r\n`, RULES);
  assert.match(reason, /^host "a {39}\.\.\."$/);
  assert.ok(process.cpuUsage(before).user < 5_000_000, 'five seconds of CPU');
});

test('a refusal of which nothing more is known is named by its counter', () => {
  assert.is(whyRefused(refusalOf('loop'), '', RULES), 'loop');
});

test('quoted input is cut short and escaped', () => {
  assert.is(
    whyRefused(refusalOf('content_length'), post(`Content-Length: ${'9'.repeat(500)}`), RULES),
    `content-length "${'9'.repeat(40)}..."`,
  );
  assert.is(whyRefused(refusalOf('expectation'), post('Expect: "\x1b[2J\\\x9b'), RULES), 'expect "\\x22\\x1b[2J\\x5c\\x9b"');
});

/** What a parser refuses of these bytes, in words; undefined when it refuses nothing. */
function reasonOf(text: string, rules = RULES): string | undefined {
  const parser = new RequestParser(rules);
  const bytes = Buffer.from(text, 'latin1');
  for (let offset = 0; offset < bytes.length; ) {
    const next = parser.read(bytes, offset);
    if (parser.step === 'refused') return whyRefused(parser.refusal as Refusal, bytes.toString('latin1', next), rules);
    if (parser.step === 'more') return undefined;
    offset = next;
  }
  return undefined;
}

test('a method that is not listed is distinguished from those that are never served', () => {
  const listed: HeadRules = { ...RULES, methods: ['GET'] };
  assert.is(reasonOf('BAN / HTTP/1.1\r\nHost: x\r\n\r\n', listed), 'method "BAN" (--methods)');
  assert.is(reasonOf('TRACE / HTTP/1.1\r\nHost: x\r\n\r\n', listed), 'method "TRACE"');
});

test('where targets in UTF-8 pass, they are not the culprit', () => {
  const passing: HeadRules = { ...RULES, utf8Targets: 'pass' };
  assert.is(reasonOf('GET /caf\xc3\xa9#b HTTP/1.1\r\nHost: x\r\n\r\n', passing), '"#" in the target');
  assert.is(reasonOf('GET x\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n', passing), 'target that is no path');
  assert.is(reasonOf('GET /caf\xc3\xa9\xff HTTP/1.1\r\nHost: x\r\n\r\n', passing), 'target that is no UTF-8');
});

test('whatever is wrong with a request, its reason is short printable ASCII and tells nothing of credentials, queries and bodies', () => {
  const random = new Random(11);
  const rounds = scaled(3000, 20_000);
  const base = [
    'POST /login?token=tok3nsecret HTTP/1.1\r\nHost: example.org\r\nAuthorization: Basic b4s1csecret\r\n',
    'Cookie: session=c00k13secret\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nuser=joe&pw=b0dysecret\r\n0\r\n\r\n',
  ].join('');
  const odd = ['\n', '\r', '\0', ' ', ':', '#', '\xff', '"', '\x1b[2J', '_', '\r\n', '\r\n\r\n', ';', '0', ''];
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const at = random.below(base.length);
    const text = base.slice(0, at) + (odd[random.below(odd.length)] as string) + base.slice(at + random.below(3));
    const reason = reasonOf(text);
    if (reason === undefined) continue;
    refused++;
    assert.match(reason, /^[ -~]+$/, JSON.stringify(text));
    assert.ok(reason.length <= MAX_REASON, reason);
    for (const secret of ['tok3n', 'b4s1c', 'c00k13', 'b0dy', 'joe'])
      assert.not(reason.includes(secret), `${reason} of ${JSON.stringify(text)}`);
  }
  assert.ok(refused > rounds / 10, String(refused));
});

test.run();
