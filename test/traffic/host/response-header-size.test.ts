// --max-response-header-size: the longest head of an answer that is passed on. A longer one is 502, in however many
// pieces it comes, and its connection carries nothing else.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BALANCER_FLAGS } from '../../../bin/balancer-flags.js';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { ResponseParser, type ResponseSink } from '../../../lib/traffic/host/response-parser.js';
import { until } from '../../support/brackets.js';
import { exchangeRaw } from '../../support/http-client.js';
import { hasHead, withRawProxy } from '../../support/proxy.js';
import { scaled } from '../../support/scale.js';

const test = suite('response header size');

const BODY = 'ok';

const BEFORE = 'HTTP/1.1 200 OK\r\nX-Long: ';
const AFTER = `\r\nContent-Length: ${BODY.length}\r\n\r\n`;

/** The length of a value that makes a head of this many bytes. */
const longFor = (headBytes: number): number => headBytes - BEFORE.length - AFTER.length;

/** An answer whose head has exactly this many bytes. */
const answerOf = (headBytes: number): string => `${BEFORE}${'a'.repeat(longFor(headBytes))}${AFTER}${BODY}`;

/** Asks a host that answers with such a head, twice. */
function askFor(headBytes: number, maxResponseHeaderSize: number): Promise<{ status: number; isKept: boolean; badResponses: number }> {
  return withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      connection.socket.write(answerOf(headBytes));
    },
    async ({ port, counter }, host) => {
      // A POST is not sent again after a failure; a GET takes its connection again, however long it was idle.
      const method = headBytes > maxResponseHeaderSize ? 'POST' : 'GET';
      const askOnce = (): Promise<string> =>
        exchangeRaw(port, `${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      const text = await askOnce();
      const status = Number(text.slice(9, 12));
      if (status === 200) {
        assert.is(/\r\nX-Long: (a+)\r\n/.exec(text)?.[1]?.length, longFor(headBytes));
        assert.ok(text.endsWith(`\r\n\r\n${BODY}`));
      } else {
        await until(() => host.connections[0]?.isClosed, { what: 'the end of the connection to the host' });
      }
      await askOnce();
      return { status, isKept: host.connections.length === 1, badResponses: counter('hosts_bad_response') };
    },
    { maxResponseHeaderSize, ejectAfter: 1000, hostKeepAliveTimeoutMs: 60_000 },
  );
}

for (const limit of [1 << 10, TRAFFIC_DEFAULTS.maxResponseHeaderSize]) {
  test(`a head of ${limit} bytes passes where that many are allowed, and its connection is kept`, async () => {
    assert.equal(await askFor(limit, limit), { status: 200, isKept: true, badResponses: 0 });
  });

  test(`a head of ${limit + 1} bytes is 502 there, and its connection is closed`, async () => {
    assert.equal(await askFor(limit + 1, limit), { status: 502, isKept: false, badResponses: 2 });
  });
}

test('the flag takes 1 KiB to 1 MiB, and its default is 32 KiB', () => {
  const flag = BALANCER_FLAGS.flatMap(([, flags]) => flags).find(({ field }) => field === 'maxResponseHeaderSize');
  assert.is(flag?.flags, '--max-response-header-size <size>');
  assert.is(flag?.shown, '32KiB');
  assert.equal(
    ['1k', '1m'].map((text) => flag?.parse?.(text)),
    [1 << 10, 1 << 20],
  );
  for (const text of ['1023', '0', String((1 << 20) + 1), '-1', 'x'])
    assert.throws(() => flag?.parse?.(text), /--max-response-header-size/);
});

/** Reads an answer in pieces of this size; gives the lengths of the head's first value and of the body. */
function readInPieces(text: string, size: number, maxHeadBytes: number): string {
  const parser = new ResponseParser(maxHeadBytes);
  parser.begin('GET');
  const said: string[] = [];
  const sink: ResponseSink = {
    onInformational: () => undefined,
    onHead: ({ headers }) => void said.push(`head ${headers[1]?.length}`),
    onBody: (bytes) => void said.push(bytes.toString('latin1')),
    onEnd: () => void said.push('end'),
  };
  for (let at = 0; at < text.length; at += size) {
    if (parser.execute(Buffer.from(text.slice(at, at + size), 'latin1'), sink) < 0) return `${said.join(' ')}wrong after ${at + size}`;
  }
  return said.join(' ');
}

test('a long head is read in whatever pieces it comes, each byte once', () => {
  const small = scaled(64 << 10, 1 << 20);
  for (const [headBytes, size] of [
    [small, 1],
    [small, 7],
    [1 << 20, 1460],
    [1 << 20, 64 << 10],
  ] as const) {
    // A body in two pieces is reported in two.
    const read = readInPieces(answerOf(headBytes), size, headBytes).replace('o k', 'ok');
    assert.is(read, `head ${longFor(headBytes)} ok end`, `pieces of ${size} bytes`);
  }
});

test('a head that is too long is refused with the first byte beyond, whole or not', () => {
  const text = answerOf(5000);
  for (const size of [1, 10, 1000]) {
    const [, after = 0] = /^wrong after (\d+)$/.exec(readInPieces(text, size, 4000)) ?? [];
    assert.ok(Number(after) > 4000 && Number(after) <= 4000 + size, `after ${after}`);
  }
  assert.is(readInPieces(text, 10_000, 4999), 'wrong after 10000');
});

test('a broken line is found where two pieces of a head meet', () => {
  const head = `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(50)}`;
  for (const broken of ['\nB', '\r\n B', '\rB', 'x\n']) {
    for (const size of [1, 2, 3, 5])
      assert.match(readInPieces(`${head}${broken}${'b'.repeat(50)}`, size, 4000), /^wrong after/, JSON.stringify(broken));
  }
});

test.run();
