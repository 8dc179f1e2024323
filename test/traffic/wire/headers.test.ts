// The header rules, as pure functions on raw lists: which headers pass unchanged, which never pass, and which the
// balancer sets itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ClientFacts,
  clientFacts,
  passedTrailers,
  requestHeaders,
  type RequestRules,
  responseHeaders,
} from '../../../lib/traffic/wire/headers.js';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { isRefusal, readRequestHead, type RequestHead } from '../../../lib/traffic/wire/request-head.js';
import type { ResponseHead } from '../../../lib/traffic/wire/response-head.js';

const test = suite('headers');

const CLIENT: ClientFacts = clientFacts('192.0.2.1', 8080, false, false);
const PROXY: ClientFacts = { ...CLIENT, isTrusted: true };
const RULES: RequestRules = { authority: '10.0.0.7:8080', pseudonym: 'meercat-test' };

/** What a balancer adds about where a plain request came from. */
const ORIGIN = [
  'X-Forwarded-For',
  '192.0.2.1',
  'X-Forwarded-Proto',
  'http',
  'X-Forwarded-Host',
  'example.org',
  'X-Forwarded-Port',
  '8080',
  'Forwarded',
  'for=192.0.2.1;host="example.org";proto=http',
  'Via',
  '1.1 meercat-test',
];

/** What a balancer adds to every plain request. */
const OURS = [...ORIGIN, 'Connection', 'keep-alive'];

const HOP_BY_HOP = [
  'Connection',
  'Keep-Alive',
  'Proxy',
  'Proxy-Connection',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];

function buildHead(headers: readonly string[], fields: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    target: '/',
    version: '1.1',
    headers,
    host: 'example.org',
    framing: 'none',
    length: 0,
    upgrade: undefined,
    expectsContinue: false,
    droppedNames: [],
    isKeptAlive: true,
    passedBy: undefined,
    requestId: undefined,
    trace: undefined,
    shared: undefined,
    ...fields,
  };
}

/** The headers that a host gets. */
function toHost(
  headers: readonly string[],
  fields: Partial<RequestHead> = {},
  client = CLIENT,
  rules: Partial<RequestRules> = {},
): string[] {
  return requestHeaders(buildHead(headers, fields), client, { ...RULES, ...rules });
}

/** The headers that a client gets. */
function toClient(headers: readonly string[], fields: Partial<ResponseHead> = {}, passesTrailers = true): string[] {
  return responseHeaders({ headers, status: 200, framing: 'length', ...fields }, passesTrailers);
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string]);
}

const valueOf = (raw: readonly string[], name: string): string | undefined => pairs(raw).find(([each]) => each === name)?.[1];

test("order, case and repetition of a request's headers are kept", () => {
  const raw = ['hOsT', 'example.org', 'X-b', '1', 'x-B', '2', 'Accept', '', 'X-b', '1', 'Cookie', 'a=1; b=2'];
  assert.equal(toHost(raw), [...raw, ...OURS]);
});

test("order, case and repetition of an answer's headers are kept", () => {
  const raw = [
    'set-Cookie',
    'b=2',
    'Content-Length',
    '3',
    'Set-Cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'ETag',
    '"x"',
    'X-Forwarded-For',
    'kept',
    'Via',
    '1.1 other',
  ];
  assert.equal(toClient(raw), raw);
});

test('an empty list gives an empty list, and a host always gets a Host header', () => {
  assert.equal(toClient([]), []);
  assert.equal(toHost([], { host: undefined, version: '1.0' }), [
    'Host',
    '10.0.0.7:8080',
    'X-Forwarded-For',
    '192.0.2.1',
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Port',
    '8080',
    'Forwarded',
    'for=192.0.2.1;proto=http',
    'Via',
    '1.0 meercat-test',
    'Connection',
    'keep-alive',
  ]);
});

for (const name of HOP_BY_HOP) {
  test(`${name} never passes, however it is written`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      assert.equal(toClient(['A', '1', written, 'close', 'B', '2']), ['A', '1', 'B', '2']);
      assert.equal(toHost(['A', '1', written, 'close']), ['A', '1', ...OURS]);
    }
  });
}

test('names that only resemble those pass', () => {
  const raw = [
    'TX',
    '1',
    'Trailers',
    '1',
    'Proxies',
    '1',
    'Upgraded',
    '1',
    'Keep-Alivx',
    '1',
    'Forwardex',
    '1',
    'X-Forward',
    '1',
    'X-Forwardedx',
    '1',
    'Expectx',
    '1',
  ];
  assert.equal(toHost(raw), [...raw, ...OURS]);
  assert.equal(toClient(raw), raw);
});

for (const name of [
  'X-Real-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'Fastly-Client-IP',
  'X-Original-Forwarded-For',
  'X-Envoy-External-Address',
  'X-Azure-ClientIP',
  'Front-End-Https',
  'X-Forwarded',
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Proto',
  'X-Forwarded-Server',
  'X-Forwarded-Prefix',
  'X-Forwarded-Z',
]) {
  test(`a client's ${name} is dropped`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      assert.equal(toHost(['A', '1', written, 'spoofed', written, 'again']), ['A', '1', ...OURS]);
    }
  });
}

test('a claim is dropped however a host behind might read its name', () => {
  for (const name of ['X_Real_IP', 'x.real.ip', 'X-Real_IP', 'X_Forwarded_For', 'X.Forwarded.Host', 'TRUE_CLIENT_IP', 'Forwarded_For']) {
    assert.equal(toHost(['A', '1', name, 'spoofed']), ['A', '1', ...OURS], name);
    assert.equal(passedTrailers(['A', '1', name, 'spoofed']), ['A', '1'], name);
  }
});

test('names of the same length and first letter as a claim pass', () => {
  const names = [
    'X-Real-IQ',
    'X-Seal-IP',
    'True-Client-IQ',
    'Content-Length',
    'X-Original-URN',
    'X-Original-Hose',
    'Cookie',
    'X-Hosu',
    'Xyforwarded-For',
  ];
  for (const name of names) assert.equal(toHost([name, '1']), [name, '1', ...OURS], name);
});

test("the claims of a trusted proxy that are not ours to extend pass, and so do a host's own", () => {
  const raw = ['X-Real-IP', '203.0.113.9', 'true-client-ip', '203.0.113.9', 'X-Original-URL', '/a', 'X-Forwarded-Client-Cert', 'x'];
  assert.equal(toHost(raw, {}, PROXY), [...raw, ...OURS]);
  assert.equal(toClient(raw), raw);
});

test("a trusted proxy's claims are kept and extended", () => {
  const headers = toHost(
    [
      'x-forwarded-for',
      '203.0.113.9',
      'X-Forwarded-For',
      '198.51.100.1',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Proto',
      'ftp',
      'X-Forwarded-Host',
      'shop.example',
      'X-Forwarded-Port',
      '443',
      'Forwarded',
      'for=203.0.113.9',
      'Forwarded',
      'for=198.51.100.1',
      'X-Forwarded-Prefix',
      '/shop',
    ],
    {},
    PROXY,
  );
  assert.equal(headers, [
    'X-Forwarded-Prefix',
    '/shop',
    'X-Forwarded-For',
    '203.0.113.9, 198.51.100.1, 192.0.2.1',
    'X-Forwarded-Proto',
    'https',
    'X-Forwarded-Host',
    'shop.example',
    'X-Forwarded-Port',
    '443',
    'Forwarded',
    'for=203.0.113.9, for=198.51.100.1, for=192.0.2.1;host="example.org";proto=http',
    'Via',
    '1.1 meercat-test',
    'Connection',
    'keep-alive',
  ]);
});

test('a trusted proxy that makes no claims is itself the client', () => {
  assert.equal(toHost([], {}, PROXY), OURS);
});

test('headers that Connection names are dropped, in requests and answers, before it and after it', () => {
  const raw = [
    'X-Secret',
    '1',
    'Connection',
    'x-secret ,  X-Other',
    'X-OTHER',
    '2',
    'X-Kept',
    '3',
    'connection',
    'X-Third',
    'X-Third',
    '4',
  ];
  assert.equal(toClient(raw), ['X-Kept', '3']);
  assert.equal(toHost(raw), ['X-Kept', '3', ...OURS]);
});

test('a claim that Connection names is dropped even from a trusted proxy, and ours are not', () => {
  assert.equal(
    toHost(['X-Forwarded-For', '203.0.113.9', 'Connection', 'X-Forwarded-For, Via, Forwarded', 'Via', '1.1 gone'], {}, PROXY),
    OURS,
  );
});

test('Content-Length and Host pass although Connection names them', () => {
  const raw = ['Host', 'example.org', 'Content-Length', '5', 'Connection', 'content-length, host, close'];
  assert.equal(toClient(raw), ['Host', 'example.org', 'Content-Length', '5']);
  assert.equal(toHost(raw, { framing: 'length', length: 5 }), ['Host', 'example.org', 'Content-Length', '5', ...OURS]);
});

test('odd values of Connection drop nothing else', () => {
  for (const value of ['', ',', ' , ,', 'Close', 'KEEP-ALIVE', 'keep-alive, close', '__proto__', 'constructor']) {
    assert.equal(toClient(['A', '1', 'Connection', value]), ['A', '1'], value);
  }
});

test('a body that came chunked goes on chunked, and says which trailers follow', () => {
  assert.equal(toHost(['Transfer-Encoding', 'Chunked', 'Trailer', 'X-T'], { framing: 'chunked' }), [
    'Trailer',
    'X-T',
    ...ORIGIN,
    'Transfer-Encoding',
    'chunked',
    'Connection',
    'keep-alive',
  ]);
  assert.equal(toClient(['Transfer-Encoding', 'chunked', 'Trailer', 'X-T', 'A', '1'], { framing: 'chunked' }), [
    'Trailer',
    'X-T',
    'A',
    '1',
  ]);
  assert.equal(
    toClient(['Transfer-Encoding', 'chunked', 'Trailer', 'X-T', 'A', '1'], { framing: 'chunked' }, false),
    ['A', '1'],
    'no trailers to HTTP/1.0',
  );
});

test('a client that takes trailers says so to the host', () => {
  for (const te of ['trailers', 'gzip, trailers', 'Trailers']) {
    assert.equal(toHost(['TE', te]), [...ORIGIN, 'TE', 'trailers', 'Connection', 'keep-alive, TE'], te);
  }
  assert.equal(toHost(['TE', 'gzip']), OURS);
});

test('Expect passes only if the client waits', () => {
  assert.equal(toHost(['Expect', '100-continue'], { framing: 'length', length: 1, expectsContinue: true }), [
    'Expect',
    '100-continue',
    ...OURS,
  ]);
  assert.equal(toHost(['Expect', '100-continue']), OURS);
});

test('an answer that can have no content loses its Content-Length, and one that could have had some keeps it', () => {
  assert.equal(toClient(['Content-Length', '0', 'A', '1'], { status: 204, framing: 'none' }), ['A', '1']);
  assert.equal(toClient(['Content-Length', '5', 'A', '1'], { status: 103, framing: 'none' }), ['A', '1']);
  assert.equal(toClient(['Content-Length', '5'], { status: 304, framing: 'none' }), ['Content-Length', '5']);
});

test('trailers pass, except fields that belong in a head', () => {
  assert.equal(passedTrailers([]), []);
  const raw = [
    'X-Sum',
    '1',
    'Content-Length',
    '5',
    'HOST',
    'evil',
    'X-Forwarded-For',
    '6.6.6.6',
    'Forwarded',
    'for=6.6.6.6',
    'Transfer-Encoding',
    'chunked',
    'Set-Cookie',
    'a=1',
    'authorization',
    'x',
    'x-sum',
    '2',
  ];
  assert.equal(passedTrailers(raw), ['X-Sum', '1', 'x-sum', '2']);
});

test("the host learns of TLS, the client's address and port, and the name it asked for", () => {
  const headers = toHost(['Host', 'a:1'], { host: 'a:1' }, clientFacts('2001:db8::1', 8443, true, false));
  const told = ['X-Forwarded-Proto', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'Forwarded'].map((name) =>
    valueOf(headers, name),
  );
  assert.equal(told, ['https', '2001:db8::1', 'a:1', '8443', 'for="[2001:db8::1]";host="a:1";proto=https']);
});

test('an upgrade asks for an upgrade, with the protocol that the client named', () => {
  const raw = ['Upgrade', 'websocket', 'Connection', 'Upgrade, X-Gone', 'X-Gone', '1', 'Sec-WebSocket-Key', 'k'];
  const headers = toHost(raw, { upgrade: 'websocket' }, CLIENT);
  assert.equal(headers, ['Sec-WebSocket-Key', 'k', ...ORIGIN, 'Connection', 'Upgrade', 'Upgrade', 'websocket']);
  assert.equal(toHost(raw, { upgrade: undefined }), ['Sec-WebSocket-Key', 'k', ...OURS], 'one that is not passed on');
});

function passedBy(lines: readonly string[]): string | undefined {
  const head = readRequestHead(`GET / HTTP/1.1\r\nHost: x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, TRAFFIC_DEFAULTS);
  return isRefusal(head) ? 'refused' : head.passedBy;
}

test('a loop is found in any of the Via headers', () => {
  for (const via of ['1.1 meercat-test', '1.0 other, 1.1 meercat-test (x)', '1.1 meercat-test, 1.1 other']) {
    assert.is(passedBy(['A: 1', 'via: 1.1 first', `VIA: ${via}`]), `1.1 first, ${via}`);
  }
  assert.is(passedBy(['Via: 1.1 meercat-other', 'X-Via: meercat-test']), '1.1 meercat-other');
  assert.is(passedBy(['X-Via: meercat-test']), undefined);
});

test.run();
