// The matrix of hosts: bodies that break off or turn out wrong, bodies where there are none, and what comes
// behind an answer.

import { bad, broken, cutOff, entry, type HostAnswer, ok, well } from './host-answers.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const chunks = (body: string): string => ok(body, CHUNKED);

/** Each place at which a body may break off; the first byte of it is there. */
const PLACES: readonly [string, string][] = [
  ['a body with a length, after its first byte', ok('h', 'Content-Length: 5')],
  ['a body with a length, before its last byte', ok('hell', 'Content-Length: 5')],
  ['a body with a huge length', ok('hello', 'Content-Length: 999999999999999')],
  ['chunks, after a chunk', chunks('5\r\nhello\r\n')],
  ['chunks, within a chunk', chunks('5\r\nhel')],
  ['chunks, within the line end of a chunk', chunks('5\r\nhello\r')],
  ['chunks, within a size', chunks('5\r\nhello\r\n1')],
  ['chunks, after a size', chunks('5\r\nhello\r\n5\r\n')],
  ['chunks, within the last chunk', chunks('5\r\nhello\r\n0')],
  ['chunks, after the last size', chunks('5\r\nhello\r\n0\r\n')],
  ['chunks, within the last line end', chunks('5\r\nhello\r\n0\r\n\r')],
  ['chunks, within the trailers', chunks('5\r\nhello\r\n0\r\nX-T: 1\r\n')],
];

const BROKEN: readonly HostAnswer[] = [
  ...PLACES.flatMap(([where, bytes]) => (['end', 'reset'] as const).map((how) => cutOff(`${where} (${how})`, broken(bytes, how)))),
  ...(['end', 'reset'] as const).map((how) =>
    cutOff(`a length and no body, and then ${how}`, [{ bytes: ok('', 'Content-Length: 5') }, how]),
  ),
  cutOff('a body without a length that breaks off', broken(ok('hello'), 'reset')),
  cutOff('a body without a length that breaks off, to a client of HTTP/1.0', broken(ok('hello'), 'reset'), { version: '1.0' }),
  cutOff('chunks that break off, to a client of HTTP/1.0', broken(chunks('5\r\nhello\r\n'), 'end'), { version: '1.0' }),
  cutOff('a body with a length that breaks off, to a client of HTTP/1.0', broken(ok('hell', 'Content-Length: 5'), 'end'), {
    version: '1.0',
  }),
];

/** Chunks that are none, after one that is well. */
const CHUNKS: readonly HostAnswer[] = [
  ...[
    'zz\r\n',
    '\r\n',
    '-1\r\na\r\n',
    '+1\r\na\r\n',
    '0x1\r\na\r\n',
    ' 1\r\na\r\n',
    '1 a\r\na\r\n',
    '1 ;\r\na\r\n',
    '1\x0b\r\na\r\n',
    '1\na\r\n',
    '1;\r\na\r\n',
    '1;a="\r\na\r\n',
    'FFFFFFFFFFFFFF\r\na',
    '00FFFFFFFFFFFFFF\r\na',
    '1\r\nab\r\n',
    '1\r\na\n0\r\n\r\n',
    '1\r\na0\r\n\r\n',
    `1;a=${'b'.repeat(300)}\r\na\r\n`,
    `1${' '.repeat(300)}\r\na\r\n`,
    `${'0'.repeat(300)}\r\n\r\n`,
    '0\r\nX T: 1\r\n\r\n',
    '0\r\nX-T\r\n\r\n',
    '0\r\nX-T: a\0\r\n\r\n',
    '0\r\nX-T: 1\r\n 2\r\n\r\n',
    '0\r\n\n',
    `0\r\nX-T: ${'a'.repeat(9000)}\r\n\r\n`,
  ].map((bytes) => cutOff(`the chunk ${JSON.stringify(bytes.slice(0, 40))}`, [{ bytes: chunks('5\r\nhello\r\n') }, 'seen', { bytes }])),
  bad('a bad chunk right behind the head, of which nothing was passed on', chunks('zz\r\n')),
  bad('a good chunk and a bad one in one write, of which nothing was passed on', chunks('5\r\nhello\r\nzz\r\n')),
  bad('a good chunk and a bad trailer in one write', chunks('5\r\nhello\r\n0\r\nX T: 1\r\n\r\n')),
];

const WELL: readonly HostAnswer[] = [
  well('a length of 0', ok('', 'Content-Length: 0'), ''),
  well('no chunk at all', chunks('0\r\n\r\n'), ''),
  well('chunks with extensions and trailers', chunks('0005;a=b;c="d"\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n'), 'hello'),
  ...['5 \t', '00000000000000000005', '5 ; a = b ;c="d\\"e" '].map((size) =>
    well(`the size ${JSON.stringify(size)} of a chunk`, chunks(`${size}\r\nhello\r\n0 \r\n\r\n`), 'hello'),
  ),
  well('chunks to a client of HTTP/1.0', chunks('5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'), 'hello', {
    version: '1.0',
    head: /^(?![^]*chunked)/,
  }),
  entry('the end of the connection ends the body', [{ bytes: ok('hello') }, 'end'], { status: 200, body: 'hello' }),
  entry(
    'the end of the connection ends the body, to a client of HTTP/1.0',
    [{ bytes: ok('hello') }, 'end'],
    { status: 200, body: 'hello' },
    { version: '1.0' },
  ),
  entry('the end of the connection ends an empty body', [{ bytes: ok('') }, 'end'], { status: 200, body: '' }),
  entry('the connection ends with a body that is whole', [{ bytes: ok('hello', 'Content-Length: 5') }, 'end'], {
    status: 200,
    body: 'hello',
  }),
  entry('the connection breaks off after a body that is whole', broken(ok('hello', 'Content-Length: 5'), 'reset'), {
    status: 200,
    body: 'hello',
  }),
  entry('HTTP/1.0 without keep-alive', [{ bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok' }], { status: 200, body: 'ok' }),
  entry('HTTP/1.0 whose body ends with the connection', [{ bytes: 'HTTP/1.0 200 OK\r\n\r\nok' }, 'end'], { status: 200, body: 'ok' }),
  well('HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok', 'ok'),
  entry('Connection: close, and the connection stays open', ok('ok', 'Connection: close', 'Content-Length: 2'), {
    status: 200,
    body: 'ok',
  }),
  entry('Connection: close among others', ok('ok', 'Connection: X-A, CLOSE', 'Content-Length: 2'), { status: 200, body: 'ok' }),
];

/** Bytes where there should be none. */
const EXTRA: readonly HostAnswer[] = [
  entry('204 with bytes', 'HTTP/1.1 204 No Content\r\n\r\nhello', { status: 204, body: '' }),
  entry(
    '204 with a length and bytes',
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello',
    { status: 204, body: '' },
    { head: /^(?![^]*Content-Length)/i },
  ),
  entry(
    '204 with chunks',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    { status: 204, body: '' },
    { head: /^(?![^]*chunked)/ },
  ),
  entry('304 with a length and bytes', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello', { status: 304, body: '' }),
  entry('HEAD with bytes', ok('hello', 'Content-Length: 5'), { status: 200, body: '' }, { method: 'HEAD', head: /\r\nContent-Length: 5/ }),
  entry('HEAD with chunks', chunks('5\r\nhello\r\n0\r\n\r\n'), { status: 200, body: '' }, { method: 'HEAD' }),
  entry('HEAD without a length', ok(''), { status: 200, body: '' }, { method: 'HEAD', isKept: true }),
  entry(
    'HEAD with a length',
    ok('', 'Content-Length: 12345'),
    { status: 200, body: '' },
    { method: 'HEAD', isKept: true, head: /\r\nContent-Length: 12345/ },
  ),
  entry('204', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '' }, { isKept: true }),
  entry(
    '304 with the length of what is not sent',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 12345\r\n\r\n',
    { status: 304, body: '' },
    { isKept: true, head: /\r\nContent-Length: 12345/ },
  ),
  entry('bytes behind a body with a length', ok('ok and more', 'Content-Length: 2'), { status: 200, body: 'ok' }),
  entry('bytes behind the last chunk', chunks('2\r\nok\r\n0\r\n\r\nmore'), { status: 200, body: 'ok' }),
  entry('bytes behind a length of 0', ok('more', 'Content-Length: 0'), { status: 200, body: '' }),
  entry('a second answer behind the first', `${ok('ok', 'Content-Length: 2')}${ok('bad', 'Content-Length: 3')}`, {
    status: 200,
    body: 'ok',
  }),
  entry('a second answer later on', [{ bytes: ok('ok', 'Content-Length: 2') }, 'seen', { bytes: ok('bad', 'Content-Length: 3') }], {
    status: 200,
    body: 'ok',
  }),
  entry(
    'an informational head behind the answer',
    [{ bytes: ok('ok', 'Content-Length: 2') }, 'seen', { bytes: 'HTTP/1.1 103 Early Hints\r\n\r\n' }],
    { status: 200, body: 'ok' },
  ),
];

/** All of them. */
export const BODY_ANSWERS: readonly HostAnswer[] = [...BROKEN, ...CHUNKS, ...WELL, ...EXTRA];
