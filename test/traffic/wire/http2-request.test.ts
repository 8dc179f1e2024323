// Heads of HTTP/2 on one connection: which of them share their fields, and what hosts are told of those that do.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { Http2RequestReader } from '../../../lib/traffic/wire/http2-request.js';
import type { RequestHead } from '../../../lib/traffic/wire/request-head.js';

const test = suite('http2-request');

const pairs = (method: string, path: string, ...more: readonly string[]): string[] => [
  ...[':method', method, ':scheme', 'https', ':authority', 'a.example', ':path', path],
  ...more,
];

/** Reads heads one after the other. */
function readAll(...heads: readonly (readonly [pairs: readonly string[], hasBody: boolean])[]): RequestHead[] {
  const reader = new Http2RequestReader(TRAFFIC_DEFAULTS, () => 'key');
  return heads.map(([each, hasBody]) => reader.read(each, hasBody) as RequestHead);
}

test('heads with the same fields share them, with a body or without, each with its own method and target', () => {
  for (const hasBody of [false, true]) {
    const [one, other] = readAll([pairs('GET', '/a', 'x', '1'), hasBody], [pairs('POST', '/b', 'x', '1'), hasBody]) as [
      RequestHead,
      RequestHead,
    ];
    assert.ok(one.shared !== undefined && one.shared === other.shared);
    assert.equal([other.method, other.target, other.framing], ['POST', '/b', hasBody ? 'chunked' : 'none']);
  }
});

test('heads share nothing where one has a body and the other has none, or a length, or other fields', () => {
  for (const [first, second] of [
    [
      [pairs('POST', '/'), true],
      [pairs('POST', '/'), false],
    ],
    [
      [pairs('POST', '/', 'content-length', '3'), true],
      [pairs('POST', '/', 'content-length', '3'), true],
    ],
    [
      [pairs('POST', '/', 'grpc-timeout', '1S'), true],
      [pairs('POST', '/', 'grpc-timeout', '2S'), true],
    ],
  ] as const) {
    const [one, other] = readAll(first, second) as [RequestHead, RequestHead];
    assert.ok(one.shared === undefined || one.shared !== other.shared, JSON.stringify(first));
    assert.is(other.framing, second[0].includes('content-length') ? 'length' : second[1] ? 'chunked' : 'none');
  }
});

test.run();
