// The header rules, as pure functions on raw lists: what passes as it came, what never passes, and what is
// ours to say.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RequestFacts, requestHeaders, responseHeaders } from '../../lib/traffic/headers.js';

const test = suite('headers');

const FACTS: RequestFacts = {
  clientAddress: '192.0.2.1', isTls: false, host: 'example.org', target: '10.0.0.7:8080', isEmpty: false, isChunked: false, upgrade: undefined,
};

/** What a balancer adds to every plain request. */
const OURS = ['X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'example.org', 'Connection', 'keep-alive'];

const HOP_BY_HOP = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'];

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string]);
}

test('order, case and repetition of a request\'s headers are kept', () => {
  const raw = ['hOsT', 'example.org', 'X-b', '1', 'x-B', '2', 'Accept', '', 'X-b', '1', 'Cookie', 'a=1; b=2'];
  assert.equal(requestHeaders(raw, FACTS), [...raw, ...OURS]);
});

test('order, case and repetition of an answer\'s headers are kept', () => {
  const raw = ['set-Cookie', 'b=2', 'Content-Length', '3', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'ETag', '"x"', 'X-Forwarded-For', 'kept'];
  assert.equal(responseHeaders(raw), raw);
});

test('an empty list gives an empty list, and a host always gets a Host header', () => {
  assert.equal(responseHeaders([]), []);
  assert.equal(requestHeaders([], { ...FACTS, host: undefined }), ['Host', '10.0.0.7:8080', 'X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'http', 'Connection', 'keep-alive']);
});

test('a request without a body says so where its method would have one', () => {
  assert.equal(pairs(requestHeaders([], { ...FACTS, isEmpty: true })).at(-2), ['Content-Length', '0']);
});

for (const name of HOP_BY_HOP) {
  test(`${name} never passes, however it is written`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      assert.equal(responseHeaders(['A', '1', written, 'close', 'B', '2']), ['A', '1', 'B', '2']);
      assert.equal(requestHeaders(['A', '1', written, 'close'], FACTS), ['A', '1', ...OURS]);
    }
  });
}

for (const name of ['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto']) {
  test(`a client's ${name} is dropped`, () => {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) {
      const headers = requestHeaders(['A', '1', written, 'spoofed', written, 'again'], FACTS);
      assert.equal(headers, ['A', '1', ...OURS]);
    }
  });
}

test('what Connection names is dropped, in requests and answers, wherever it stands', () => {
  const raw = ['X-Secret', '1', 'Connection', 'x-secret ,  X-Other', 'X-OTHER', '2', 'X-Kept', '3', 'connection', 'X-Third', 'X-Third', '4'];
  assert.equal(responseHeaders(raw), ['X-Kept', '3']);
  assert.equal(pairs(requestHeaders(raw, FACTS)).slice(0, 1), [['X-Kept', '3']]);
});

test('Content-Length and Host pass although Connection names them', () => {
  const raw = ['Host', 'example.org', 'Content-Length', '5', 'Connection', 'content-length, host, close'];
  assert.equal(responseHeaders(raw), ['Host', 'example.org', 'Content-Length', '5']);
  assert.equal(requestHeaders(raw, FACTS), ['Host', 'example.org', 'Content-Length', '5', ...OURS]);
});

test('odd values of Connection drop nothing else', () => {
  for (const value of ['', ',', ' , ,', 'Close', 'KEEP-ALIVE', 'keep-alive, close', '__proto__', 'constructor']) {
    assert.equal(responseHeaders(['A', '1', 'Connection', value]), ['A', '1'], value);
  }
});

test('a body that came chunked goes on chunked', () => {
  const headers = requestHeaders(['Transfer-Encoding', 'chunked'], { ...FACTS, isChunked: true });
  assert.equal(pairs(headers).filter(([name]) => name === 'Transfer-Encoding'), [['Transfer-Encoding', 'chunked']]);
});

test('Expect is not passed on: it was answered', () => {
  assert.equal(requestHeaders(['Expect', '100-continue'], FACTS), OURS);
});

test('the host is told of TLS, of the client\'s address and of the name it asked for', () => {
  const headers = new Map(pairs(requestHeaders(['Host', 'a:1'], { ...FACTS, isTls: true, clientAddress: '::1', host: 'a:1' })));
  assert.equal([headers.get('X-Forwarded-Proto'), headers.get('X-Forwarded-For'), headers.get('X-Forwarded-Host')], ['https', '::1', 'a:1']);
});

test('an upgrade asks for an upgrade, with the protocol that the client named', () => {
  const raw = ['Upgrade', 'websocket', 'Connection', 'Upgrade, X-Gone', 'X-Gone', '1', 'Sec-WebSocket-Key', 'k'];
  const headers = pairs(requestHeaders(raw, { ...FACTS, upgrade: 'websocket' }));
  assert.equal(headers[0], ['Sec-WebSocket-Key', 'k']);
  assert.equal(headers.slice(-2), [['Connection', 'Upgrade'], ['Upgrade', 'websocket']]);
  assert.is(headers.some(([name]) => name === 'X-Gone'), false);
});

test.run();
