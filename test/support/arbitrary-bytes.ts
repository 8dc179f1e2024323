// Arbitrary requests and responses as bytes: generated from the grammar, mixed with known ambiguous constructs, then
// mutated, then split. Texts are latin1, one character per byte.

import * as fc from 'fast-check';
import { scaled } from './scale.js';

/** Bytes significant to a parser, and some that are not. */
const TELLING = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '=',
  '"',
  '\0',
  '\x01',
  '\x0b',
  '\x7f',
  '\xe9',
  '0',
  '5',
  'a',
  'Z',
  '_',
  '-',
  '.',
  '/',
  '#',
  '*',
  '@',
  '[',
  '\\',
];

/** Header names that affect framing, in odd spellings too, and names that do not. */
const NAMES = [
  'Host',
  'host',
  'Content-Length',
  'content-length',
  'Transfer-Encoding',
  'TRANSFER-ENCODING',
  'Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Upgrade',
  'Expect',
  'Proxy-Connection',
  'Proxy-Authorization',
  'Proxy',
  'X-Forwarded-For',
  'x-forwarded-host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Any',
  'Forwarded',
  'Via',
  'X-A',
  'x-a',
  'X-B',
  'Cookie',
  'Set-Cookie',
  'Content_Length',
  'Transfer.Encoding',
  'X_A',
  'Transfer-Encodin',
  'a',
];

const VALUES = [
  '',
  'x',
  'y',
  '0',
  '3',
  '5',
  '05',
  '5, 5',
  '-1',
  '+5',
  '0x5',
  '99999999999999999999',
  'chunked',
  'Chunked',
  'xchunked',
  'gzip, chunked',
  'chunked, chunked',
  'identity',
  'close',
  'keep-alive',
  'Upgrade',
  'upgrade, X-A',
  'X-A, close',
  'content-length, host',
  'transfer-encoding',
  'x-forwarded-for, via',
  'trailers',
  'websocket',
  'h2c',
  '100-continue',
  'x:80',
  '[::1]',
  'u@x',
  'for=6.6.6.6',
  '6.6.6.6',
  '\tx \t',
  'caf\xe9',
  'a\tb',
];

const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019-!#$%&'*+.^_`|~"), minLength: 1, maxLength: 12 });
const fieldValue = fc.string({ unit: fc.constantFrom(...'ab \t:,;="\\\xe9\xff09'), maxLength: 16 });

/** One header as a pair. */
export const header: fc.Arbitrary<[string, string]> = fc.tuple(
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: token }),
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...VALUES) }, { weight: 1, arbitrary: fieldValue }),
);

const payload = fc.string({ unit: fc.constantFrom(...'ab\r\n\0 :0G\xff'), maxLength: 24 });

/** A payload in chunks, with its trailers. */
const chunkedBody = fc
  .tuple(
    fc.array(
      payload.filter((text) => text !== ''),
      { maxLength: 4 },
    ),
    fc.constantFrom('', ';a', ';a=b', ';a="b;c"'),
    fc.array(header, { maxLength: 2 }),
  )
  .map(
    ([parts, extension, trailers]) =>
      `${parts.map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`).join('')}0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
  );

/** A body with the lines that announce it. */
const framedBody: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(['', ''] as const) },
  { weight: 2, arbitrary: payload.map((text) => [`Content-Length: ${text.length}\r\n`, text] as const) },
  { weight: 2, arbitrary: chunkedBody.map((text) => ['Transfer-Encoding: chunked\r\n', text] as const) },
);

const wellLine = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'),
    fc.constantFrom('/', '/a?b', '//x', '/%00', '/a/../b', 'http://x/', '*'),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  )
  .map((words) => words.join(' '));

const oddLine = fc.constantFrom(
  'GET  / HTTP/1.1',
  'GET / HTTP/1.1 ',
  'get / HTTP/1.1',
  'GET / HTTP/1.2',
  'GET /#a HTTP/1.1',
  'GET /',
  'CONNECT x:1 HTTP/1.1',
  'BREW / HTTP/1.1',
  'PRI * HTTP/2.0',
  'GET /\xe9 HTTP/1.1',
  '',
);

/** Headers without effect on framing: most messages must be valid, or nothing would pass. */
const plainHeader: fc.Arbitrary<[string, string]> = fc.tuple(
  fc.constantFrom('X-A', 'x-a', 'Accept', 'Cookie', 'Connection', 'TE', 'X-Forwarded-For', 'Via'),
  fc.constantFrom('', '1', 'close', 'X-A', 'trailers', 'a\tb', 'caf\xe9', 'keep-alive'),
);

const lines = (headers: readonly [string, string][]): string => headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');

const wellRequest = fc
  .tuple(wellLine, fc.array(plainHeader, { maxLength: 5 }), framedBody)
  .map(([line, headers, [framing, body]]) => `${line}\r\nHost: x\r\n${lines(headers)}${framing}\r\n${body}`);

const oddRequest = fc
  .tuple(fc.oneof(wellLine, oddLine), fc.array(header, { maxLength: 6 }), framedBody)
  .map(([line, headers, [framing, body]]) => `${line}\r\nHost: x\r\n${lines(headers)}${framing}\r\n${body}`);

/** One place where bytes are changed. */
const mutation = fc.record({
  kind: fc.constantFrom('insert', 'replace', 'remove', 'double'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 6 }),
  bytes: fc.constantFrom(...TELLING),
});

function mutate(text: string, mutations: readonly { kind: string; at: number; length: number; bytes: string }[]): string {
  let mutated = text;
  for (const { kind, at, length, bytes } of mutations) {
    const from = Math.floor(at * mutated.length);
    const to = kind === 'insert' || kind === 'double' ? from : from + length;
    const inserted = kind === 'remove' ? '' : kind === 'double' ? mutated.slice(from, from + length) : bytes;
    mutated = mutated.slice(0, from) + inserted + mutated.slice(to);
  }
  return mutated;
}

const mutated = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: text },
    {
      weight: 3,
      arbitrary: fc.tuple(text, fc.array(mutation, { minLength: 1, maxLength: 3 })).map(([each, mutations]) => mutate(each, mutations)),
    },
  );

/** Bytes on a client connection. */
export const requestBytes: fc.Arbitrary<string> = mutated(
  fc
    .array(fc.oneof({ weight: 6, arbitrary: wellRequest }, { weight: 1, arbitrary: oddRequest }), { minLength: 1, maxLength: 3 })
    .map((each) => each.join('')),
);

const statusLine = fc.constantFrom(
  'HTTP/1.1 200 OK',
  'HTTP/1.1 404 ',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 204 No',
  'HTTP/1.1 304 Not',
  'HTTP/1.1 103 Early',
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 101 Switch',
  'HTTP/1.1 200',
  'HTTP/2 200 OK',
  'HTTP/1.1 20 OK',
);

const answer = fc
  .tuple(
    statusLine,
    fc.array(fc.oneof({ weight: 4, arbitrary: plainHeader }, { weight: 1, arbitrary: header }), { maxLength: 4 }),
    framedBody,
  )
  .map(([line, headers, [framing, body]]) => `${line}\r\n${lines(headers)}${framing}\r\n${/ (?:1\d\d|204|304) /.test(line) ? '' : body}`);

/** Bytes on a host connection. */
export const answerBytes: fc.Arbitrary<string> = mutated(fc.array(answer, { minLength: 1, maxLength: 3 }).map((each) => each.join('')));

/** Random bytes. */
export const garbage: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(...TELLING),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
    { maxLength: 80 },
  )
  .map((each) => each.join(''));

/** Where a text is cut, as shares of its length. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

/** The pieces of a text that is cut there; `every` cuts after each byte. */
export function cutAt(text: string, shares: readonly number[] | 'every'): string[] {
  if (shares === 'every') return [...text];
  const places = shares.map((share) => Math.floor(share * text.length)).toSorted((a, b) => a - b);
  return [0, ...places].map((from, i) => text.slice(from, places[i] ?? text.length)).filter((piece) => piece !== '');
}

/** Number of runs of each property, with a fixed seed. */
export const RUNS = { seed: 20_261_124, numRuns: scaled(800, 4000) } as const;
