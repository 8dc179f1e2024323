// Hosts and clients that send garbage: the process survives, the next request is served, and the client gets an answer
// or a close, never a hang.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withServer } from '../support/brackets.js';
import { type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, exchangeRaw } from '../support/http-client.js';
import { answerWith, withProxy } from '../support/proxy.js';
import { withRawHost } from '../support/raw-host.js';

const test = suite('garbage');

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** An answer without its last chunk, a refusal, or none: each tells the client that it has no whole answer. */
const CUT_OFF = /^(HTTP\/1\.1 200 (?![^]*\r\n0\r\n\r\n$)|HTTP\/1\.1 502 |$)/;

/** What a host may answer to a GET, and what a client may then see. */
const ANSWERS: readonly [string, string, RegExp][] = [
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['a bad status line', 'HTTP/1.1 abc Nope\r\n\r\n', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['another version', 'HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['a status of 099', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['a status of 000', 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['a status of 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 999 Odd[^]*ok$/],
  ['control bytes in the reason', 'HTTP/1.1 200 O\x01K\x7f\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/],
  ['bytes above ASCII in the reason', 'HTTP/1.1 200 d\xe9j\xe0\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 d\xe9j\xe0\r\n[^]*ok$/],
  [
    'a switch of protocols that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nbytes',
    /^HTTP\/1\.1 502 [^]*MEERCAT_BAD_RESPONSE/,
  ],
  ['a switch without the headers for it', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', /^HTTP\/1\.1 502 /],
  ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 502 /],
  ['a header with a control byte', 'HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 502 /],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!', /^HTTP\/1\.1 502 /],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok', /^HTTP\/1\.1 502 /],
  [
    'a length and chunks',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    /^HTTP\/1\.1 502 /,
  ],
  ['a head without an end', `HTTP/1.1 200 OK\r\n${'X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(2000)}`, /^HTTP\/1\.1 502 /],
  ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n', CUT_OFF],
  ['a chunk that is longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n', CUT_OFF],
  ['bytes after the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more', /^(?![^]*more)(HTTP\/1\.1 200 |$)/],
  [
    'a second answer after the first',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad',
    /^(?![^]*bad)(HTTP\/1\.1 200 |$)/,
  ],
  [
    'an early hint and then the answer',
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    /^HTTP\/1\.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP\/1\.1 200 OK[^]*ok$/,
  ],
  [
    'a 100 that nobody waits for',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    /^HTTP\/1\.1 200 OK[^]*ok$/,
  ],
  [
    'trailers that are announced',
    'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
    /^HTTP\/1\.1 200 OK\r\nTrailer: X-T\r\n[^]*ok\r\n0\r\nX-T: 1\r\n\r\n$/,
  ],
  ['a trailer with a length', 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nContent-Length: 2\r\n\r\nok', /^HTTP\/1\.1 200 OK(?![^]*X-T)[^]*ok$/],
];

/** Asserts that the balancer still serves, on a host that behaves. */
async function isAlive({ port, health, counter }: TestBalancer, good: string): Promise<void> {
  // In turn: the first of two may still meet the host that does not behave.
  const statuses = [await ask(port, { path: '/good' }), await ask(port, { path: '/good' })].map(({ body }) => body);
  assert.ok(statuses.includes(good), statuses.join());
  assert.is((await health()).httpStatus, 200);
  assert.is(counter('internal_errors'), 0);
}

test('whatever a host answers, its client gets an answer or a close, and the process survives', () =>
  withRawHost(
    (connection) => {
      // The path of the last request on this connection selects the answer to test.
      const index = Number(
        connection.text
          .match(/ \/(\d+) HTTP/g)
          ?.at(-1)
          ?.slice(2, -5),
      );
      answerWith(ANSWERS[index]?.[1] ?? '')(connection);
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'raw', url }], ejectAfter: 1000 }, async (each) => {
        for (const [index, [what, , expected]] of ANSWERS.entries()) {
          const [first, second, third] = await Promise.all([
            exchangeRaw(each.port, `GET /${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
            exchangeRaw(each.port, `GET /${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
            exchangeRaw(each.port, `POST /${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody`),
          ]);
          assert.match(first, expected, `${what}: ${JSON.stringify(first)}`);
          assert.match(second, expected, `${what}: ${JSON.stringify(second)}`);
          assert.match(third, /^(HTTP\/1\.1 \d{3} |$)/, `${what}, with a body: ${JSON.stringify(third)}`);
          assert.is((await each.health()).httpStatus, 200, what);
        }
        assert.is(each.counter('internal_errors'), 0);
      }),
  ));

test('beside a host that answers garbage, a good one serves as usual', () =>
  withServer(
    (_request, response) => void response.end('good'),
    (good) => {
      let next = 0;
      const hostile = withRawHost(
        (connection) => {
          const [, bytes] = ANSWERS[next++ % ANSWERS.length] as (typeof ANSWERS)[number];
          answerWith(bytes)(connection);
        },
        ({ url }) =>
          withBalancer(
            {
              statics: [
                { name: 'bad', url },
                { name: 'good', url: good.url },
              ],
              ejectAfter: 1000,
            },
            async (each) => {
              const texts = await Promise.all(Array.from({ length: 2 * ANSWERS.length }, () => exchangeRaw(each.port, GET)));
              assert.ok(texts.filter((text) => text.endsWith('good')).length >= ANSWERS.length);
              await isAlive(each, 'good');
            },
          ),
      );
      return hostile;
    },
  ));

/** What a client may send, and whether it may reach the host. */
const REQUESTS: readonly [string, string, RegExp][] = [
  ['an address that is none', 'GET http://[::1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a Trailer that is announced', 'GET / HTTP/1.1\r\nHost: x\r\nTrailer: X-T\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200 /],
  [
    'a Trailer with a length',
    'POST / HTTP/1.1\r\nHost: x\r\nTrailer: X-T\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx',
    /^HTTP\/1\.1 200 /,
  ],
  ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1\.1 400 /],
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy', /^HTTP\/1\.1 400 /],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 400 /,
  ],
  ['an unknown coding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a bad chunk', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', /^HTTP\/1\.1 400 /],
  ['a tunnel', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', /^HTTP\/1\.1 405 /],
  ['a head of 100 kB', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  [
    'an upgrade with a body',
    'POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\nGET ',
    /^HTTP\/1\.1 200 [^]*good$/,
  ],
  [
    'an upgrade with chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    /^HTTP\/1\.1 200 [^]*good$/,
  ],
];

test('whatever a client sends, it gets an answer or a close, and the next one is served', () =>
  withProxy(
    (request, response) => void request.resume().on('end', () => response.end('good')),
    async (each) => {
      for (const [what, bytes, expected] of REQUESTS) {
        for (let i = 0; i < 2; i++) {
          const text = await exchangeRaw(each.port, bytes);
          assert.match(text, expected, `${what}: ${JSON.stringify(text)}`);
        }
        await isAlive(each, 'good');
      }
    },
  ));

test.run();
