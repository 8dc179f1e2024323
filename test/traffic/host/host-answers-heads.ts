// The matrix of hosts: heads that are none, or that two parsers could read in two ways, and heads that break off.

import { bad, entry, type HostAnswer, lost, ok, well } from './host-answers.js';

const HEAD = ok('', 'Content-Length: 5', 'X-A: 1');
const BODY = `Content-Length: 2\r\n\r\nok`;

/** Each place at which an answer's head may break off. */
const PLACES: readonly [string, string][] = [
  ['before the first byte', ''],
  ['after one byte', 'H'],
  ['after the version', 'HTTP/1.1'],
  ['after the status', 'HTTP/1.1 200'],
  ["within the status line's end", 'HTTP/1.1 200 OK\r'],
  ['after the status line', 'HTTP/1.1 200 OK\r\n'],
  ['within a name', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['within a length', 'HTTP/1.1 200 OK\r\nContent-Length: 1'],
  ['within the last line end', HEAD.slice(0, -1)],
  ['before the last line end', HEAD.slice(0, -2)],
];

const BROKEN_HEADS: readonly HostAnswer[] = PLACES.flatMap(([where, bytes]) =>
  (['end', 'reset'] as const).map((how) => lost(`a head that breaks off ${where} (${how})`, bytes === '' ? [how] : [{ bytes }, how])),
);

const STATUS_LINES: readonly HostAnswer[] = [
  bad('another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'),
  bad('HTTP/0.9', '<html>hello</html>'),
  bad('binary bytes', '\x00\x01\x02\xff\xfe'),
  bad('a TLS alert', '\x15\x03\x01\x00\x02\x02\x46'),
  ...[
    'HTTP/1.1 abc OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 -20 OK',
    'HTTP/1.1 200OK',
    'HTTP/2.0 200 OK',
    'HTTP/3.0 200 OK',
    'HTTP/1.x 200 OK',
    'HTTP/1.10 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 200 O\x01K',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\x7fK',
    'HTTP/1.1',
    'HTTP/1.1 ',
  ].map((line) => bad(`the status line ${JSON.stringify(line)}`, `${line}\r\n${BODY}`)),
  bad('an empty line before the status line', `\r\n${ok('ok', 'Content-Length: 2')}`),
  bad('line feeds alone, that never make a head', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  bad('a bare line feed after the status line', `HTTP/1.1 200 OK\n${BODY}`),
  bad('a bare carriage return after the status line', `HTTP/1.1 200 OK\r${BODY}`),
  bad('a switch of protocols that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbytes'),
  bad('a switch of protocols that does not say to which', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'),
  bad('a hundred times 100', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)),
  bad('a hundred times 102', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)}${ok('ok', 'Content-Length: 2')}`),
];

const LINES: readonly HostAnswer[] = [
  ...[
    'X-A: a\nX-B: b',
    'X-A: a\rX-B: b',
    'X-A: 1\r\n 2',
    'X-A: 1\r\n\t2',
    ' X-A: 1',
    'X-A : 1',
    'X-A',
    ': 1',
    'X A: 1',
    'X-A: a\0b',
    'X-A: a\x01b',
    'X-A: a\x7fb',
    'X-\0: 1',
    'X-\xe9: 1',
    'X(A): 1',
    '\n',
  ].map((line) => bad(`the header line ${JSON.stringify(line)}`, ok('ok', line, 'Content-Length: 2'))),
  ...[
    'Content-Length: 2\r\nContent-Length: 3',
    'Content-Length: 2\r\nContent-Length: 02',
    'Content-Length: 2, 3',
    'Content-Length: 02',
    'Content-Length: 9007199254740993',
    'Content-Length: -2',
    'Content-Length: +2',
    'Content-Length: 0x2',
    'Content-Length: 2 2',
    'Content-Length: ',
    'Content-Length: 99999999999999999999',
    'Content-Length: 2.0',
    'Content-Length: two',
  ].map((lines) => bad(`the length ${JSON.stringify(lines)}`, ok('ok', lines))),
  ...[
    'Content-Length: 12\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: chunked\r\nContent-Length: 12',
    'Transfer-Encoding: gzip',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding:',
  ].map((lines) => bad(`the coding ${JSON.stringify(lines)}`, ok('2\r\nok\r\n0\r\n\r\n', lines))),
  bad('chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  bad('a head of 40 kB', ok('ok', `X-A: ${'a'.repeat(40_000)}`, 'Content-Length: 2')),
  bad('a head of 40 kB in small lines', ok('ok', ...Array.from({ length: 2000 }, (_, i) => `X-${i}: 123456789012`), 'Content-Length: 2')),
  bad('a head that never ends', `HTTP/1.1 200 OK\r\n${'X-A: 1234567890\r\n'.repeat(3000)}`),
  bad('a status line that never ends', `HTTP/1.1 200 ${'O'.repeat(40_000)}`),
];

/** A head with exactly one length, in its canonical form. */
const ONE_LENGTH = /^(?![^]*\r\ncontent-length[^]*\r\ncontent-length)[^]*\r\nContent-Length: 2\r\n/i;

const WELL: readonly HostAnswer[] = [
  ...[
    'Content-Length: 2\r\nContent-Length: 2',
    'Content-Length: 2, 2',
    'Content-Length:\t2 \t',
    'Content-Length: 2\r\nX-A: 1\r\ncontent-length: 2,2\r\nX-B: 2\r\nCONTENT-LENGTH: 2',
  ].map((lines) => well(`the length ${JSON.stringify(lines)}`, ok('ok', lines, 'X-C: 3'), 'ok', { head: ONE_LENGTH })),
  well(
    'equal lengths and a load report behind them',
    ok('ok', 'Content-Length: 2', 'Content-Length: 2', 'Endpoint-Load-Metrics: TEXT cpu_utilization=0.5', 'X-C: 3'),
    'ok',
    {
      head: /^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\nX-C: 3\r\n/,
    },
  ),
  well('a later version', 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', { head: /^HTTP\/1\.1 200 OK\r\n/ }),
  well('no reason', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', 'ok'),
  well('neither a reason nor a space', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 'ok'),
  well('a reason beyond ASCII', 'HTTP/1.1 200 d\xe9j\xe0\r\nContent-Length: 2\r\n\r\nok', 'ok', { head: /^HTTP\/1\.1 200 d\xe9j\xe0\r\n/ }),
  well('1000 headers in order', ok('ok', ...Array.from({ length: 1000 }, (_, i) => `X-${i}: 1`), 'Content-Length: 2'), 'ok', {
    head: /\r\nX-998: 1\r\nX-999: 1\r\nContent-Length: 2\r\n/,
  }),
  well('a header of 30 kB', ok('ok', `X-A: ${'a'.repeat(30_000)}`, 'Content-Length: 2'), 'ok'),
  well(
    'headers of one connection',
    ok(
      'ok',
      'Connection: X-A, keep-alive',
      'X-A: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: x',
      'Upgrade: h2c',
      'Trailer: X-T',
      'X-B: 2',
      'Content-Length: 2',
    ),
    'ok',
    {
      head: /^HTTP\/1\.1 200 OK\r\nX-B: 2\r\nContent-Length: 2\r\nX-Request-Id: [0-9a-f]{8}-[0-9a-z]+\r\n(?:Date: [^\r]+\r\n)?Connection: keep-alive$/,
    },
  ),
  well('100 that nobody waits for, and then the answer', `HTTP/1.1 100 Continue\r\n\r\n${ok('ok', 'Content-Length: 2')}`, 'ok', {
    head: /^HTTP\/1\.1 200/,
  }),
  well(
    '103, and then the answer',
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n${ok('ok', 'Content-Length: 2')}`,
    'ok',
  ),
  well('20 times 102, and then the answer', `${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)}${ok('ok', 'Content-Length: 2')}`, 'ok'),
  entry('a status of 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok', { status: 999, body: 'ok' }, { isKept: true }),
  lost('103, and then the end', [{ bytes: 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' }, 'seen', 'end']),
];

/** All of them. */
export const HEAD_ANSWERS: readonly HostAnswer[] = [...BROKEN_HEADS, ...STATUS_LINES, ...LINES, ...WELL];
