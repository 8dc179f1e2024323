// The matrix of clients: what passes, and how the host sees it.

import { type ClientInput, cut, get, passed, post } from './client-inputs.js';

const CLOSE = 'Connection: close';
const CHUNKED = 'Transfer-Encoding: chunked';
const SEEN = 'GET / HTTP/1.1\nHost: x (ours)';

const line = (requestLine: string): string => `${requestLine}\r\nHost: x\r\n${CLOSE}\r\n\r\n`;
const isAnswered = (...bodies: readonly string[]): RegExp =>
  new RegExp(
    `^${bodies.map((body) => `HTTP/1\\.1 200 OK\\r\\n(?:[^\\r]+\\r\\n)*\\r\\n<${body.replaceAll(/[.*?+(){}[\]\\^$|]/g, '\\$&')}>`).join('')}$`,
  );

/** Request line and Host as they are sent, and how the host gets both: in origin form, with the target's name in its usual spelling. */
const ABSOLUTE_TARGETS: readonly (readonly [string, string, readonly [string, string]])[] = [
  ['GET http://x/a?b', 'x', ['GET /a?b', 'x']],
  ['GET http://x:80/a', 'x', ['GET /a', 'x']],
  ['GET http://x/a', 'x:80', ['GET /a', 'x']],
  ['GET http://x:/a', 'x', ['GET /a', 'x']],
  ['GET http://x/a', 'x:', ['GET /a', 'x']],
  ['GET http://x:080/a', 'x', ['GET /a', 'x']],
  ['GET http://x:8080/a', 'x:8080', ['GET /a', 'x:8080']],
  ['GET HTTP://X.Example', 'x.eXAMPLE', ['GET /', 'x.example']],
  ['GET http://x?q', 'x', ['GET /?q', 'x']],
  ['GET http://x/?', 'x', ['GET /?', 'x']],
  ['GET http://x//a//b', 'x', ['GET //a//b', 'x']],
  ['GET http://x/http://y/', 'x', ['GET /http://y/', 'x']],
  ['GET http://[2001:DB8::1]:80/a', '[2001:db8::1]', ['GET /a', '[2001:db8::1]']],
  ['GET http://[::1]:81/a', '[0:0:0:0:0:0:0:1]:81', ['GET /a', '[::1]:81']],
  ['GET https://x/a', 'x:443', ['GET /a', 'x']],
  ['GET https://x:80/a', 'x:80', ['GET /a', 'x:80']],
  ['OPTIONS http://x', 'x', ['OPTIONS *', 'x']],
  ['OPTIONS http://x:80', 'x', ['OPTIONS *', 'x']],
  ['OPTIONS http://x/', 'x', ['OPTIONS /', 'x']],
  ['OPTIONS http://x?q', 'x', ['OPTIONS /?q', 'x']],
];

/** Targets and methods, as they were written. */
const TARGETS: readonly ClientInput[] = [
  ...['/', '//x//y', '/a/../b/./c', '/%2e%2e/%2F%00', '/a?b=c&&d=[1]{2}|3`4"', '/a;b=c?d?e', '/?', '/\\a', '*'].map((target) => {
    const method = target === '*' ? 'OPTIONS' : 'GET';
    return passed(
      `${method} ${target}`,
      line(`${method} ${target} HTTP/1.1`),
      `${method} ${target} HTTP/1.1\nHost: x (ours)`,
      isAnswered(`${method} ${target} `),
    );
  }),
  ...ABSOLUTE_TARGETS.map(([sent, host, seen]) =>
    passed(
      `${sent} with Host ${host}`,
      `${sent} HTTP/1.1\r\nX-A: 1\r\nHost: ${host}\r\nX-B: 2\r\n${CLOSE}\r\n\r\n`,
      `${seen[0]} HTTP/1.1\nX-A: 1\nHost: ${seen[1]}\nX-B: 2 (ours)`,
    ),
  ),
  passed('an absolute target in HTTP/1.0', 'GET http://x:80 HTTP/1.0\r\nHost: X\r\n\r\n', 'GET / HTTP/1.1\nHost: x (ours)'),
  passed(
    'an absolute target in HTTP/1.0 without Host',
    'GET http://y:81/a HTTP/1.0\r\nX-A: 1\r\n\r\n',
    'GET /a HTTP/1.1\nHost: y:81\nX-A: 1 (ours)',
  ),
  passed(
    'absolute targets and paths in turn, with the same lines',
    [
      'GET http://X:80/1 HTTP/1.1\r\nHost: X:80\r\n\r\n',
      'GET /2 HTTP/1.1\r\nHost: X:80\r\n\r\n',
      'GET http://x/3 HTTP/1.1\r\nHost: X:80\r\n\r\n',
      `GET /4 HTTP/1.1\r\nHost: X:80\r\n${CLOSE}\r\n\r\n`,
    ].join(''),
    ['GET /1 HTTP/1.1\nHost: x', 'GET /2 HTTP/1.1\nHost: X:80', 'GET /3 HTTP/1.1\nHost: x', 'GET /4 HTTP/1.1\nHost: X:80'].map(
      (seen) => `${seen} (ours)`,
    ),
    isAnswered('GET /1 ', 'GET /2 ', 'GET /3 ', 'GET /4 '),
  ),
  ...['1.2', '1.9'].map((version) => passed(`version ${version}`, line(`GET / HTTP/${version}`), SEEN)),
  ...[
    'DELETE',
    'OPTIONS',
    'PROPFIND',
    'M-SEARCH',
    'PATCH',
    'LIST',
    'BAN',
    'VERSION-CONTROL',
    'UPDATEREDIRECTREF',
    'BREW',
    'get',
    'Post',
    "!#$%&'*+-.^_`|~9",
    'A'.repeat(32),
  ].map((method) => passed(method, line(`${method} / HTTP/1.1`), `${method} / HTTP/1.1\nHost: x (ours)`)),
  passed(
    'HEAD, with another request behind it',
    `HEAD /1 HTTP/1.1\r\nHost: x\r\n\r\n${line('GET /2 HTTP/1.1')}`,
    ['HEAD /1 HTTP/1.1\nHost: x (ours)', 'GET /2 HTTP/1.1\nHost: x (ours)'],
    /^HTTP\/1\.1 200 OK\r\nContent-Length: 10\r\n(?:[^\r]+\r\n)*\r\nHTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*\r\n<GET \/2 >$/,
  ),
  passed('the longest target', line(`GET /${'a'.repeat(8191)} HTTP/1.1`), `GET /${'a'.repeat(8191)} HTTP/1.1\nHost: x (ours)`),
  ...['x:80', 'x:', '[::1]', '[2001:db8::1]:8080', '192.0.2.1', 'X.Example.', 'x_y', 'x%2dy'].map((host) =>
    passed(`Host ${host}`, `GET / HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}\r\n\r\n`, `GET / HTTP/1.1\nHost: ${host} (ours)`),
  ),
];

/** Headers. */
const HEADERS: readonly ClientInput[] = [
  passed('an empty line before the request', `\r\n${get(CLOSE)}`, SEEN),
  passed('ten empty lines before each request', `${'\r\n'.repeat(10)}${get()}${'\r\n'.repeat(10)}${get(CLOSE)}`, [SEEN, SEEN]),
  passed(
    'a dot and other signs in a name',
    get('X.A: 1', "X!#$%&'*+^`|~: 2", CLOSE),
    "GET / HTTP/1.1\nHost: x\nX.A: 1\nX!#$%&'*+^`|~: 2 (ours)",
  ),
  passed('an empty line before each request', `\r\n${get()}\r\n${get(CLOSE)}`, [SEEN, SEEN]),
  passed(
    'spaces and tabs round values, and values that are empty',
    get('X-A: \t 1 2\t', 'X-B:', 'X-C: ', 'X-D:3', CLOSE),
    'GET / HTTP/1.1\nHost: x\nX-A: 1 2\nX-B: \nX-C: \nX-D: 3 (ours)',
  ),
  passed(
    'order, case and repetition',
    get('x-a: 1', 'X-A: 2', 'ACCEPT: */*', 'x-a: 1', CLOSE),
    'GET / HTTP/1.1\nHost: x\nx-a: 1\nX-A: 2\nACCEPT: */*\nx-a: 1 (ours)',
  ),
  passed(
    'bytes above ASCII, tabs and odd signs in values',
    get('X-A: caf\xe9\t\xff"\\,;', CLOSE),
    'GET / HTTP/1.1\nHost: x\nX-A: caf\xe9\t\xff"\\,; (ours)',
  ),
  passed(
    'a name of one letter, and names like those of objects',
    get('a: 1', 'constructor: 2', 'to-string: 3', CLOSE),
    'GET / HTTP/1.1\nHost: x\na: 1\nconstructor: 2\nto-string: 3 (ours)',
  ),
  passed(
    '100 headers',
    get(...Array.from({ length: 98 }, (_, i) => `X-${i}: 1`), CLOSE),
    `GET / HTTP/1.1\nHost: x\n${Array.from({ length: 98 }, (_, i) => `X-${i}: 1`).join('\n')} (ours)`,
  ),
  passed(
    'the headers of one connection stay behind',
    get(
      'Keep-Alive: timeout=9',
      'Proxy-Connection: x',
      'Proxy-Authorization: x',
      'Proxy: http://evil',
      'Upgrade: x',
      'X-A: 1',
      'Connection: close, X-A, x-b',
      'X-B: 2',
      'X-C: 3',
    ),
    'GET / HTTP/1.1\nHost: x\nX-C: 3 (ours)',
  ),
  passed(
    'claims of where it came from stay behind',
    get('X-Forwarded-For: 6.6.6.6', 'x-forwarded-proto: https', 'Forwarded: for=6.6.6.6', 'X-Forwarded-Server: y', CLOSE),
    SEEN,
  ),
  passed(
    'a length that Connection names stays, and so does Host',
    post('abc', 'Connection: content-length, host, close', 'Content-Length: 3'),
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
  ),
  ...['h2c', 'H2C', 'h2', 'HTTP/2.0', 'TLS/1.0', 'TLS/1.2, HTTP/1.1', '', ',', 'a b', 'h2c, "websocket"'].map((protocol) =>
    passed(
      `an offer of "${protocol}", which is ignored: the connection is kept`,
      `${get('Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__')}${get(CLOSE)}`,
      [SEEN, SEEN],
      isAnswered('GET / ', 'GET / '),
    ),
  ),
  passed('HTTP2-Settings that Connection does not name', get('HTTP2-Settings: AAMAAABkAAQAAP__', CLOSE), SEEN),
  passed('Connection: Upgrade without an Upgrade', `${get('Connection: Upgrade')}${get(CLOSE)}`, [SEEN, SEEN]),
  passed('an offer in HTTP/1.0, which has none', 'GET / HTTP/1.0\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', SEEN),
  passed('an Upgrade that Connection does not name is none', get('Upgrade: websocket', CLOSE), SEEN),
  passed(
    'trailers are welcome if the client says so',
    get('TE: trailers', 'Connection: TE, close'),
    'GET / HTTP/1.1\nHost: x (ours)\nTE: trailers\nConnection: keep-alive, TE',
  ),
];

/** Bodies. */
const BODIES: readonly ClientInput[] = [
  passed(
    'a body with a length',
    post('abc', 'Content-Length: 3', CLOSE),
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
    isAnswered('POST / abc'),
  ),
  ...['h2c', 'websocket', 'x/1', 'TLS/1.0'].map((protocol) =>
    passed(
      `a body with an offer of ${protocol}`,
      post('abc', `Connection: Upgrade, HTTP2-Settings`, `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Content-Length: 3') +
        get(CLOSE),
      ['POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc', SEEN],
      isAnswered('POST / abc', 'GET / '),
    ),
  ),
  passed(
    'chunks with an offer',
    post('3\r\nabc\r\n0\r\n\r\n', 'Connection: Upgrade', 'Upgrade: websocket', CHUNKED) + get(CLOSE),
    ['POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nabc', SEEN],
    isAnswered('POST / abc', 'GET / '),
  ),
  passed(
    'a length with spaces round it',
    post('abc', 'Content-Length: \t3 ', CLOSE),
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
  ),
  passed('a length of 0', post('', 'Content-Length: 0', CLOSE), 'POST / HTTP/1.1\nHost: x\nContent-Length: 0 (ours)'),
  passed('a POST without a body', post('', CLOSE), 'POST / HTTP/1.1\nHost: x (ours)'),
  passed(
    'a GET with a body',
    `GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n${CLOSE}\r\n\r\nabc`,
    'GET / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
  ),
  passed(
    'a DELETE with chunks',
    `DELETE / HTTP/1.1\r\nHost: x\r\n${CHUNKED}\r\n${CLOSE}\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    'DELETE / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\na',
  ),
  passed(
    'chunks with zeros, capitals and extensions',
    post('0003;a=b;c;d="e;\\f"\r\nabc\r\nA\r\n0123456789\r\n000\r\n\r\n'.replace('\\f', 'f'), CHUNKED, CLOSE),
    'POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nabc0123456789',
  ),
  ...['3 ', '3\t \t', '3 ;a', '3; a', '3;a ', '3 ; a = b ; c\t=\t"d e"\t;f ', '03 ;a=b'].map((size) =>
    passed(
      `the chunk size ${JSON.stringify(size)}`,
      post(`${size}\r\nabc\r\n0${size.slice(1).replace(/^3/, '')}\r\n\r\n`, CHUNKED, CLOSE),
      'POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nabc',
      isAnswered('POST / abc'),
    ),
  ),
  passed(
    'a coding in capitals, with spaces round it',
    post('3\r\nabc\r\n0\r\n\r\n', 'Transfer-Encoding: \t CHUNKED ', CLOSE),
    'POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nabc',
  ),
  passed(
    'trailers, but for those that belong into a head',
    post(
      '1\r\na\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nConnection: close\r\nHost: y\r\nX-Forwarded-For: 6.6.6.6\r\nX-U: 2\r\n\r\n',
      CHUNKED,
      'Trailer: X-T, X-U',
      CLOSE,
    ),
    'POST / HTTP/1.1\nHost: x\nTrailer: X-T, X-U (ours)\nTransfer-Encoding: chunked\n\na\n\nX-T: 1\nX-U: 2',
  ),
  passed('no chunk at all', post('0\r\n\r\n', CHUNKED, CLOSE), 'POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked'),
  passed(
    'a body that looks like a request',
    post(get('X-Hidden: 1'), `Content-Length: ${get('X-Hidden: 1').length}`, CLOSE),
    `POST / HTTP/1.1\nHost: x\nContent-Length: 40 (ours)\n\n${get('X-Hidden: 1')}`,
  ),
  passed('an empty body behind an Expect', get('Expect: 100-continue', CLOSE), SEEN),
  passed(
    'a body that is there behind an Expect',
    post('abc', 'Content-Length: 3', 'Expect: 100-Continue', CLOSE),
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3\nExpect: 100-Continue (ours)\n\nabc',
  ),
];

/** Connections, pieces and HTTP/1.0. */
const CONNECTIONS: readonly ClientInput[] = [
  passed(
    'byte by byte',
    [...post('5;a=b\r\nhello\r\n0\r\nX-T: 1\r\n\r\n', CHUNKED), ...get(CLOSE)],
    ['POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nhello\n\nX-T: 1', SEEN],
    isAnswered('POST / hello', 'GET / '),
  ),
  passed('a head cut between its last four bytes', cut(`GET / HTTP/1.1\r\nHost: x\r\n${CLOSE}\r|\n|\r|\n`), SEEN),
  passed('a second request cut in its line', cut(`${get()}GE|T / HTTP/1.1\r\nHo|st: x\r\n${CLOSE}\r\n\r\n`), [SEEN, SEEN]),
  passed(
    'fifty requests at once',
    Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n${i === 49 ? `${CLOSE}\r\n` : ''}\r\n`).join(''),
    Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\nHost: x (ours)`),
    isAnswered(...Array.from({ length: 50 }, (_, i) => `GET /${i} `)),
  ),
  passed(
    'bodies of all kinds at once',
    [post('abc', 'Content-Length: 3'), post('1\r\nd\r\n0\r\n\r\n', CHUNKED), post('', 'Content-Length: 0'), get(CLOSE)].join(''),
    [
      'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
      'POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\nd',
      'POST / HTTP/1.1\nHost: x\nContent-Length: 0 (ours)',
      SEEN,
    ],
    isAnswered('POST / abc', 'POST / d', 'POST / ', 'GET / '),
  ),
  passed('a request behind one that asks for the end is not looked at', `${get(CLOSE)}${get()}`, SEEN, isAnswered('GET / ')),
  passed('garbage behind one that asks for the end is not looked at', `${get(CLOSE)}\0\0\0`, SEEN, isAnswered('GET / ')),
  passed(
    'HTTP/1.0 without Host',
    'GET / HTTP/1.0\r\n\r\n',
    /* the host's own name is put in */ 'GET / HTTP/1.1\nHost: HOST (ours)',
    /^HTTP\/1\.1 200 OK\r\n[^]*\r\nConnection: close\r\n[^]*>$/,
  ),
  passed(
    'HTTP/1.0 with a body',
    'POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc',
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
  ),
  passed(
    'HTTP/1.0 whose client sends a second request all the same',
    'GET / HTTP/1.0\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\nHost: x\r\n\r\n',
    SEEN,
    isAnswered('GET / '),
  ),
  ...['Connectiox: keep-alive', 'User-Agent: keep-alive', 'Keep-Alive: keep-alive', 'Content-Md: keep-alive'].map((header) =>
    passed(
      `HTTP/1.0 with ${header}, which keeps nothing`,
      `GET / HTTP/1.0\r\nHost: x\r\n${header}\r\n\r\nGET / HTTP/1.0\r\nHost: x\r\n\r\n`,
      header.startsWith('Keep') ? SEEN : `GET / HTTP/1.1\nHost: x\n${header} (ours)`,
      /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*Connection: close\r\n(?:[^\r]+\r\n)*\r\n<GET \/ >$/,
    ),
  ),
  ...(['1.0', '1.1'] as const).flatMap((version) =>
    [
      ['close', 'keep-alive'],
      ['keep-alive', 'close'],
      ['Keep-Alive, Close', 'keep-alive'],
    ].map(([one, other]) =>
      passed(
        `HTTP/${version} with Connection: ${one} and then Connection: ${other}: close wins`,
        `GET / HTTP/${version}\r\nHost: x\r\nConnection: ${one}\r\nConnection: ${other}\r\n\r\n${get()}`,
        SEEN,
        /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*Connection: close\r\n(?:[^\r]+\r\n)*\r\n<GET \/ >$/,
      ),
    ),
  ),
  passed(
    'HTTP/1.0 that keeps the connection',
    'GET /1 HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\nHost: x\r\n\r\n',
    ['GET /1 HTTP/1.1\nHost: x (ours)', 'GET /2 HTTP/1.1\nHost: x (ours)'],
    /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*Connection: keep-alive\r\n(?:[^\r]+\r\n)*\r\n<GET \/1 >HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*Connection: close\r\n(?:[^\r]+\r\n)*\r\n<GET \/2 >$/,
  ),
  passed(
    'Expect in HTTP/1.0 is not waited for, and stays behind',
    'POST / HTTP/1.0\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc',
    'POST / HTTP/1.1\nHost: x\nContent-Length: 3 (ours)\n\nabc',
    isAnswered('POST / abc'),
  ),
];

/** All of them. */
export const PASSED_INPUTS: readonly ClientInput[] = [...TARGETS, ...HEADERS, ...BODIES, ...CONNECTIONS];
