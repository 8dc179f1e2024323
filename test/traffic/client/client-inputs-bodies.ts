// The matrix of clients: lengths, codings and chunks that are refused, and requests that ask for what is not given.

import { type ClientInput, cut, cutOff, get, passedThenRefused, post, refused } from './client-inputs.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const NEXT = get();

const lengths = (...values: readonly string[]): string => post(`12345${NEXT}`, ...values.map((value) => `Content-Length:${value}`));
const coding = (...values: readonly string[]): string =>
  post(`5\r\n12345\r\n0\r\n\r\n${NEXT}`, ...values.map((value) => `Transfer-Encoding:${value}`));
const chunks = (body: string): string => post(body, CHUNKED);

/** Refused for its length. */
const LENGTHS: readonly ClientInput[] = [
  refused('two lengths that differ', lengths(' 5', ' 6'), 'refused_content_length'),
  refused('the same length twice', lengths(' 5', ' 5'), 'refused_content_length'),
  ...[
    ' 5, 5',
    ' 5, 6',
    ' 05',
    ' 010',
    ' 0005',
    ' 00',
    ' -1',
    ' -0',
    ' +5',
    ' 0x5',
    ' 5 5',
    ' 5;',
    ' 5.0',
    ' 1e1',
    ' 5_0',
    '',
    ' ',
    ' \xb2',
    ' 5a',
    ' a5',
    ' 99999999999999999999',
    ' 9007199254740993',
  ].map((value) => refused(`the length "${value}"`, lengths(value), 'refused_content_length')),
  refused('a bad length on a GET', get('Content-Length: x'), 'refused_content_length'),
];

/** Refused for its coding. */
const CODINGS: readonly ClientInput[] = [
  refused('a length and chunks', post('5\r\n12345\r\n0\r\n\r\n', 'Content-Length: 15', CHUNKED), 'refused_transfer_encoding'),
  refused('chunks and a length', post('5\r\n12345\r\n0\r\n\r\n', CHUNKED, 'Content-Length: 15'), 'refused_transfer_encoding'),
  refused('chunks and a length of 0', post('0\r\n\r\n', CHUNKED, 'Content-Length: 0'), 'refused_transfer_encoding'),
  refused(
    'a length and a coding that is not known',
    post('12345', 'Content-Length: 5', 'Transfer-Encoding: x'),
    'refused_transfer_encoding',
  ),
  refused('chunked in two headers', coding(' chunked', ' chunked'), 'refused_transfer_encoding'),
  refused('chunked and then identity', coding(' chunked', ' identity'), 'refused_transfer_encoding'),
  ...[
    ' gzip',
    ' gzip, chunked',
    ' chunked, chunked',
    ' chunked, gzip',
    ' chunked,',
    ' ,chunked',
    ' xchunked',
    ' chunkedx',
    ' identity',
    ' "chunked"',
    ' chunked;q=1',
    ' chunked chunked',
    '',
    " 'chunked'",
  ].map((value) => refused(`the coding "${value}"`, coding(value), 'refused_transfer_encoding')),
  refused('a coding with a vertical tab', coding(' chunked\x0b'), 'refused_header_line'),
  refused('a coding behind a control character', coding('\x01chunked'), 'refused_header_line'),
  refused('chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'refused_transfer_encoding'),
  ...['GET', 'HEAD', 'DELETE', 'OPTIONS'].map((method) =>
    refused(`a body on a ${method} of HTTP/1.0`, `${method} / HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345`, 'refused_body'),
  ),
];

/** Bodies that turn out wrong. */
const CHUNKS: readonly ClientInput[] = [
  ...[
    'zz\r\n',
    '\r\n',
    '-1\r\n',
    '+1\r\na\r\n',
    '0x1\r\na\r\n',
    ' 1\r\na\r\n',
    '1 1\r\na\r\n',
    '1 a\r\na\r\n',
    '1\x0b;a\r\na\r\n',
    '1\xa0\r\na\r\n',
    '1 ;\r\na\r\n',
    '1; =b\r\na\r\n',
    '1; a = \r\na\r\n',
    '1_\r\na\r\n',
    'FFFFFFFFFFFFFF\r\na',
    '1;\r\na\r\n',
    '1;=b\r\na\r\n',
    '1;a=\r\na\r\n',
    '1;a="b\r\na\r\n',
    '1;a b\r\na\r\n',
    '1;a=\x01\r\na\r\n',
    '1;a\nb\r\na\r\n',
    '1\na\r\n',
    '1\r\ra\r\n',
    'g',
  ].map((body) => cutOff(`the chunk size ${JSON.stringify(body)}`, chunks(`${body}0\r\n\r\n`), 'refused_chunk')),
  cutOff('a chunk that is longer than it says', chunks('1\r\nab\r\n0\r\n\r\n'), 'refused_chunk'),
  cutOff('a chunk that ends with a line feed alone', chunks('1\r\na\n0\r\n\r\n'), 'refused_chunk'),
  cutOff('a chunk that ends with a carriage return alone', chunks('1\r\na\r0\r\n\r\n'), 'refused_chunk'),
  cutOff('a chunk without an end', chunks('1\r\na0\r\n\r\n'), 'refused_chunk'),
  cutOff('a bad size after a good chunk, in pieces', cut(chunks('3\r\nabc\r\n|zz\r\n')), 'refused_chunk'),
  cutOff('an extension that is huge', chunks(`1;a=${'b'.repeat(300)}\r\na\r\n0\r\n\r\n`), 'refused_chunk', 'MEERCAT_BODY_TOO_LARGE'),
  cutOff('an extension that is huge and never ends', chunks(`1;a=${'b'.repeat(300)}`), 'refused_chunk', 'MEERCAT_BODY_TOO_LARGE'),
  cutOff('a size with so many zeros', chunks(`${'0'.repeat(300)}1\r\na\r\n0\r\n\r\n`), 'refused_chunk', 'MEERCAT_BODY_TOO_LARGE'),
  ...[
    'X T: 1\r\n',
    'X-T : 1\r\n',
    'X-T\r\n',
    ': 1\r\n',
    ' X-T: 1\r\n',
    'X-T: 1\r\n 2\r\n',
    'X-T: a\0b\r\n',
    'X-T: a\nX-U: 1\r\n',
    'X-T: a\rb\r\n',
    '\n',
    'X_T: 1\r\n',
    'X.Forwarded.For: 1\r\n',
  ].map((trailers) => cutOff(`the trailers ${JSON.stringify(trailers)}`, chunks(`1\r\na\r\n0\r\n${trailers}\r\n`), 'refused_trailer')),
  cutOff('trailers that are huge', chunks(`0\r\nX-T: ${'a'.repeat(9000)}\r\n\r\n`), 'refused_chunk', 'MEERCAT_BODY_TOO_LARGE'),
  cutOff('trailers that are huge and never end', chunks(`0\r\nX-T: ${'a'.repeat(9000)}`), 'refused_chunk', 'MEERCAT_BODY_TOO_LARGE'),
];

/** Asks for what is not given, or what is ambiguous. */
const OTHERS: readonly ClientInput[] = [
  refused(
    'an expectation that is not known',
    post('a', 'Content-Length: 1', 'Expect: 200-ok'),
    'refused_expectation',
    'MEERCAT_EXPECTATION_FAILED',
  ),
  refused(
    'an expectation in two parts',
    post('a', 'Content-Length: 1', 'Expect: 100-continue, x'),
    'refused_expectation',
    'MEERCAT_EXPECTATION_FAILED',
  ),
  refused('an empty expectation', post('a', 'Content-Length: 1', 'Expect:'), 'refused_expectation', 'MEERCAT_EXPECTATION_FAILED'),
  passedThenRefused(
    'a body that is shorter than what follows it',
    `${post('123(5', 'Content-Length: 3')}${NEXT}`,
    ['POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\n123'],
    'refused_request_line',
  ),
  passedThenRefused(
    'garbage behind the last chunk',
    chunks('1\r\na\r\n0\r\n\r\n/ x\r\n'),
    ['POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\na'],
    'refused_request_line',
  ),
];

/** All of them. */
export const BODY_INPUTS: readonly ClientInput[] = [...LENGTHS, ...CODINGS, ...CHUNKS, ...OTHERS];
