// The matrix of clients: request lines, targets, methods, Host and header lines that are refused before any host
// sees a byte.

import { type ClientInput, get, passedThenRefused, refused } from './client-inputs.js';

const line = (requestLine: string): string => `${requestLine}\r\nHost: x\r\n\r\n`;
const target = (text: string): string => line(`GET ${text} HTTP/1.1`);
const host = (...values: readonly string[]): string => `GET / HTTP/1.1\r\n${values.map((value) => `Host:${value}\r\n`).join('')}\r\n`;
const GOOD = get();
const GOOD_SEEN = 'GET / HTTP/1.1\nHost: x (ours)';

/** Refused for its request line. */
const REQUEST_LINES: readonly ClientInput[] = [
  refused(
    'more empty lines before the request than a head may have bytes',
    `${'\r\n'.repeat((16 << 9) + 1)}${GOOD}`,
    'refused_header_size',
    'MEERCAT_HEAD_TOO_LARGE',
  ),
  refused('a line feed alone before the request', `\n${GOOD}`, 'refused_request_line'),
  refused('a carriage return alone before the request', `\r${GOOD}`, 'refused_request_line'),
  refused('a space before the method', line(' GET / HTTP/1.1'), 'refused_request_line'),
  refused('two spaces after the method', line('GET  / HTTP/1.1'), 'refused_request_line'),
  refused('two spaces before the version', line('GET /  HTTP/1.1'), 'refused_request_line'),
  refused('a tab after the method', line('GET\t/ HTTP/1.1'), 'refused_request_line'),
  refused('a space after the version', line('GET / HTTP/1.1 '), 'refused_request_line'),
  refused('a space within the target', target('/a b'), 'refused_request_line'),
  refused('a bracket within the method', line('GE(T / HTTP/1.1'), 'refused_request_line'),
  refused('no target', line('GET HTTP/1.1'), 'refused_request_line'),
  refused('a method alone', 'GET\r\n\r\n', 'refused_request_line'),
  refused('HTTP/0.9', 'GET /\r\n', 'refused_request_line'),
  refused('HTTP/0.9 with more behind it', `GET /\r\n${GOOD}`, 'refused_request_line'),
  refused('a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'refused_request_line'),
  refused('another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'refused_request_line'),
  refused('a PROXY header that is not accepted', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${GOOD}`, 'refused_request_line'),
  refused('a bare line feed at its end', 'GET / HTTP/1.1\nHost: x\r\n\r\n', 'refused_request_line'),
  refused('a bare carriage return at its end', 'GET / HTTP/1.1\rHost: x\r\n\r\n', 'refused_request_line'),
  refused('a version in small letters', line('GET / http/1.1'), 'refused_request_line'),
  refused('version 1.10', line('GET / HTTP/1.10'), 'refused_version'),
  refused('version 2.0', line('GET / HTTP/2.0'), 'refused_version'),
  refused('version 0.9, spelt out', line('GET / HTTP/0.9'), 'refused_version'),
  refused('a version without a dot', line('GET / HTTP/11'), 'refused_version'),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'refused_version'),
];

/** Refused for its target or method. */
const TARGETS: readonly ClientInput[] = [
  refused('a fragment', target('/a#b'), 'refused_target'),
  refused('a target beyond ASCII', target('/caf\xc3\xa9'), 'refused_target'),
  refused('a target beyond ASCII that looks like a space', target('/\xc3\xa0'), 'refused_target'),
  refused('a control character in the target', target('/a\x01b'), 'refused_target'),
  refused('NUL in the target', target('/a\0b'), 'refused_target'),
  refused('DEL in the target', target('/a\x7fb'), 'refused_target'),
  refused('* for a GET', target('*'), 'refused_target'),
  refused('an authority for a GET', target('x:80'), 'refused_target'),
  refused('a path without a slash', target('a/b'), 'refused_target'),
  refused('another scheme', target('ftp://x/'), 'refused_target'),
  refused('a scheme alone', target('http://'), 'refused_target'),
  refused('an absolute target of a scheme like ours', target('httpx://x/'), 'refused_target'),
  refused('a port in an absolute target that is none', target('http://x:65536/'), 'refused_target'),
  refused('no host in an absolute target', target('http:///a'), 'refused_target'),
  refused('a user in an absolute target', target('http://user@x/'), 'refused_target'),
  refused('a user and a password in an absolute target', target('http://user:word@x/'), 'refused_target'),
  refused('an absolute target that is no address', target('http://[::1/'), 'refused_target'),
  refused('a backslash in an absolute target', target('http://x\\@y/'), 'refused_target'),
  refused('an absolute target that Host disagrees with', target('http://y/'), 'refused_host_header'),
  refused('an absolute target with a port that Host does not have', target('http://x:81/'), 'refused_host_header'),
  refused("an absolute target with another scheme's port", target('http://x:443/'), 'refused_host_header'),
  refused('an absolute target with a dot at the end of the name', target('http://x./'), 'refused_host_header'),
  refused('an absolute target without Host in HTTP/1.1', 'GET http://x/ HTTP/1.1\r\n\r\n', 'refused_host_header'),
  refused('* for another method than OPTIONS', line('options * HTTP/1.1'), 'refused_target'),
  refused('CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', 'refused_method', 'MEERCAT_METHOD_NOT_ALLOWED'),
  refused(
    "CONNECT with the tunnel's first bytes",
    `CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n${GOOD}`,
    'refused_method',
    'MEERCAT_METHOD_NOT_ALLOWED',
  ),
  refused('TRACE', line('TRACE / HTTP/1.1'), 'refused_method', 'MEERCAT_METHOD_NOT_ALLOWED'),
  refused('TRACE in small letters', line('trace / HTTP/1.1'), 'refused_method', 'MEERCAT_METHOD_NOT_ALLOWED'),
  refused('a method that is too long', line(`${'A'.repeat(33)} / HTTP/1.1`), 'refused_method', 'MEERCAT_METHOD_UNKNOWN'),
  refused('a method that is too long and never ends', 'A'.repeat(33), 'refused_method', 'MEERCAT_METHOD_UNKNOWN'),
  refused('a target that is too long', target(`/${'a'.repeat(8192)}`), 'refused_url_size', 'MEERCAT_URL_TOO_LONG'),
  refused('a target that is too long and never ends', `GET /${'a'.repeat(8192)}`, 'refused_url_size', 'MEERCAT_URL_TOO_LONG'),
];

/** Refused for its Host. */
const HOSTS: readonly ClientInput[] = [
  refused('no Host', 'GET / HTTP/1.1\r\n\r\n', 'refused_host_header'),
  refused('the same Host twice', host(' x', ' x'), 'refused_host_header'),
  refused('two Hosts', host(' x', ' y'), 'refused_host_header'),
  refused('two Hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n', 'refused_host_header'),
  refused('an empty Host', host(''), 'refused_host_header'),
  refused('an empty Host with an absolute target', 'GET http://x/ HTTP/1.1\r\nHost:\r\n\r\n', 'refused_host_header'),
  ...[
    ' x y',
    ' x/y',
    ' u@x',
    ' x, y',
    ' x:y',
    ' x:1:2',
    ' x:123456',
    ' x:65536',
    ' x:99999',
    ' [::1',
    ' ::1',
    ' x#y',
    ' x?y',
    ' x\\y',
    ' "x"',
    ' <x>',
    ' caf\xe9',
    ' :80',
  ].map((value) => refused(`Host${value}`, host(value), 'refused_host_header')),
];

/** Refused for a header line. */
const LINES: readonly ClientInput[] = [
  refused('a bare carriage return in a value', get('X-A: a\rb'), 'refused_header_line'),
  refused('a bare line feed at the end of a line', 'GET / HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n', 'refused_header_line'),
  refused('a bare line feed at the end of the head', 'GET / HTTP/1.1\r\nHost: x\r\n\n', 'refused_header_line'),
  refused('a line folded by a space', get('X-A: 1', ' 2'), 'refused_header_line'),
  refused('a line folded by a tab', get('X-A: 1', '\t2'), 'refused_header_line'),
  refused('a coding that is folded', get('Transfer-Encoding: chu', ' nked'), 'refused_header_line'),
  refused('a space before the first name', 'GET / HTTP/1.1\r\n Host: x\r\n\r\n', 'refused_header_line'),
  refused('a space before the colon', get('X-A : 1'), 'refused_header_line'),
  refused('a tab before the colon', get('X-A\t: 1'), 'refused_header_line'),
  refused('a coding with a space before the colon', post('Transfer-Encoding : chunked'), 'refused_header_line'),
  refused('no colon', get('X-A'), 'refused_header_line'),
  refused('no name', get(': 1'), 'refused_header_line'),
  refused('a space within a name', get('X A: 1'), 'refused_header_line'),
  refused('a bracket within a name', get('X(A): 1'), 'refused_header_line'),
  refused('a name beyond ASCII', get('X-\xe9: 1'), 'refused_header_line'),
  refused('NUL in a name', get('X-\0: 1'), 'refused_header_line'),
  ...['\0', '\x01', '\x08', '\x0b', '\x0c', '\x1b', '\x7f'].map((character) =>
    refused(`the control character ${character.charCodeAt(0)} in a value`, get(`X-A: a${character}b`), 'refused_header_line'),
  ),
  refused('an underscore in a name', get('X_A: 1'), 'refused_header_name'),
  refused('an underscore in the name of a coding', post('Transfer_Encoding: chunked'), 'refused_header_name'),
  refused('a dot in the name of a coding', post('Transfer.Encoding: chunked'), 'refused_header_name'),
  refused('another sign in a claim of origin', get('X-Forwarded+For: 6.6.6.6'), 'refused_header_name'),
  refused('101 headers', get(...Array.from({ length: 100 }, (_, i) => `X-${i}: 1`)), 'refused_header_size', 'MEERCAT_HEAD_TOO_LARGE'),
  refused('a head that is too large', get(`X-A: ${'a'.repeat(16 << 10)}`), 'refused_header_size', 'MEERCAT_HEAD_TOO_LARGE'),
  refused(
    'a head that is too large and never ends',
    `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(17 << 10)}`,
    'refused_header_size',
    'MEERCAT_HEAD_TOO_LARGE',
  ),
  refused(
    'many small lines that are too large together',
    get(...Array.from({ length: 99 }, () => `X-A: ${'a'.repeat(170)}`)),
    'refused_header_size',
    'MEERCAT_HEAD_TOO_LARGE',
  ),
];

function post(...lines: readonly string[]): string {
  return `POST / HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n0\r\n\r\n`;
}

/** Refused after others on the same connection that are served. */
const BEHIND_GOOD: readonly ClientInput[] = [
  passedThenRefused('a good request and then garbage', `${GOOD}\x00\x01\x02 / \r\n`, [GOOD_SEEN], 'refused_request_line'),
  passedThenRefused(
    'a good request, a bad one, and another good one',
    `${GOOD}${get('X A: 1')}${GOOD}`,
    [GOOD_SEEN],
    'refused_header_line',
  ),
  passedThenRefused(
    'three good requests and then one without Host',
    `${GOOD}${GOOD}${GOOD}GET / HTTP/1.1\r\n\r\n${GOOD}`,
    [GOOD_SEEN, GOOD_SEEN, GOOD_SEEN],
    'refused_host_header',
  ),
  passedThenRefused('a good request, and the bad one in a piece of its own', [GOOD, 'GET / HTTP/3\r\n'], [GOOD_SEEN], 'refused_version'),
  passedThenRefused(
    'a good request and then a tunnel',
    `${GOOD}CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n`,
    [GOOD_SEEN],
    'refused_method',
    'MEERCAT_METHOD_NOT_ALLOWED',
  ),
];

/** All of them. */
export const HEAD_INPUTS: readonly ClientInput[] = [...REQUEST_LINES, ...TARGETS, ...HOSTS, ...LINES, ...BEHIND_GOOD];
