// The reader that remembers a connection's last header lines gives the same results as the one without memory, for any
// input in any order.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { isRefusal, readRequestHead, RequestHeadReader } from '../../../lib/traffic/wire/request-head.js';
import { header, RUNS } from '../../support/arbitrary-bytes.js';

const test = suite('request head reader');

const FIELDS = [
  'method',
  'target',
  'version',
  'headers',
  'host',
  'framing',
  'length',
  'upgrade',
  'expectsContinue',
  'isKeptAlive',
  'passedBy',
  'droppedNames',
] as const;

const RULES = { ...TRAFFIC_DEFAULTS, maxUrlSize: 40, maxHeaderSize: 300 };

const requestLine = fc.constantFrom(
  'GET / HTTP/1.1',
  'GET /other HTTP/1.1',
  'HEAD / HTTP/1.1',
  'POST / HTTP/1.1',
  'GET / HTTP/1.0',
  'DELETE /x HTTP/1.0',
  'CONNECT x:1 HTTP/1.1',
  'GETX / HTTP/1.1',
  'get / HTTP/1.1',
  'GET http://x/ HTTP/1.1',
  'GET http://y/ HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'GET * HTTP/1.1',
  'GET /a b HTTP/1.1',
  'GET  HTTP/1.1',
  ' / HTTP/1.1',
  `GET /${'a'.repeat(50)} HTTP/1.1`,
  'GET / HTTP/1.1 HTTP/1.1',
  'GET /\u00e9 HTTP/1.1',
  'GET / HTTP/1.2',
  'G\rET / HTTP/1.1',
);

/** Few, so that they repeat. */
const block = fc.constantFrom(
  'Host: x\r\n',
  'Host: x\r\nConnection: close\r\n',
  'Host: x\r\nContent-Length: 5\r\n',
  'Host: x\r\nTransfer-Encoding: chunked\r\n',
  'Host: x\r\nConnection: upgrade\r\nUpgrade: y\r\n',
  '',
  'Host: x\r\nVia: 1.1 someone\r\n',
  'Host: x\r\nHost: x\r\n',
  `Host: x\r\nA: ${'a'.repeat(200)}\r\n`,
  'Host: x\r\nContent-Length: 0\r\n',
  'Host: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n',
);
const arbitraryBlock = fc
  .array(header, { maxLength: 3 })
  .map((list) => `Host: x\r\n${list.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`);

test('heads read one after the other are read as if each came alone', () => {
  let repeated = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(requestLine, fc.oneof({ weight: 4, arbitrary: block }, { weight: 1, arbitrary: arbitraryBlock })), {
        minLength: 2,
        maxLength: 12,
      }),
      (heads) => {
        const reader = new RequestHeadReader(RULES);
        let last: unknown;
        for (const [line, lines] of heads) {
          const text = `${line}\r\n${lines}\r\n`;
          const [got, alone] = [reader.read(text), readRequestHead(text, RULES)];
          if (isRefusal(got) || isRefusal(alone)) {
            assert.equal(got, alone, text);
            continue;
          }
          for (const field of FIELDS) assert.equal(got[field], alone[field], `${field} of ${text}`);
          if (got.shared !== undefined && got.shared === last) repeated++;
          last = got.shared;
        }
      },
    ),
    RUNS,
  );
  assert.ok(repeated > 0, 'some heads were shared');
});

test('heads with the same lines share their fields; a head with other lines in between ends that', () => {
  const reader = new RequestHeadReader(RULES);
  const sharedOf = (text: string): unknown => {
    const head = reader.read(text);
    return isRefusal(head) ? 'refused' : head.shared;
  };
  const first = sharedOf('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.ok(first !== undefined);
  assert.is(sharedOf('GET /b HTTP/1.1\r\nHost: x\r\n\r\n'), first);
  assert.is.not(sharedOf('GET /b HTTP/1.1\r\nHost: x \r\n\r\n'), first);
  assert.is.not(sharedOf('GET /b HTTP/1.0\r\nHost: x\r\n\r\n'), first, 'another version');
  assert.is(sharedOf('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n'), undefined, 'one with a body');
});

test.run();
