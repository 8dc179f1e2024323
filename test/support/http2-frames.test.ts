// The raw HTTP/2 of the tests against Node's own: what one writes the other reads.

import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG, FRAME } from '../../lib/traffic/wire/http2-frames.js';
import { type Field, HpackDecoder, hpackIndexed, hpackInteger } from './hpack.js';
import { dataFrame, getFields, headersFrame, withRawHttp2, withRawHttp2Host } from './http2-frames.js';

const test = suite('raw HTTP/2');

test('a raw client decodes what Node writes, with its dynamic table and Huffman codes', async () => {
  const ascii = String.fromCharCode(...Array.from({ length: 94 }, (_, i) => 33 + i).filter((code) => code !== 92));
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 299, 'x-ascii': ascii, 'x-path': headers[':path'] }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await withRawHttp2((server.address() as AddressInfo).port, {}, async (client) => {
      for (const streamId of [1, 3, 5]) {
        client.send(headersFrame(streamId, getFields()));
        // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the table fills
        assert.is(await client.status(streamId), 299);
      }
      for (const { fields } of client.frames.filter(({ type }) => type === FRAME.headers)) {
        const named = new Map<string, string>(fields);
        assert.is(named.get('x-ascii'), ascii);
        assert.is(named.get('x-path'), '/');
      }
    });
  } finally {
    server.close();
  }
});

test('a raw host is a host to Node', () =>
  withRawHttp2Host(
    (connection, { type, streamId, flags }) => {
      if (type !== FRAME.headers || (flags & FLAG.endHeaders) === 0) return;
      connection.send(headersFrame(streamId, [[':status', '200']], 0), dataFrame(streamId, 'hello', true));
    },
    async ({ port, connections }) => {
      const client = connect(`http://127.0.0.1:${port}`);
      const stream = client.request({ ':path': '/a?b' });
      let body = '';
      for await (const chunk of stream) body += String(chunk);
      client.close();
      assert.is(body, 'hello');
      const fields = connections[0]?.frames.find(({ type }) => type === FRAME.headers)?.fields;
      assert.is(new Map<string, string>(fields).get(':path'), '/a?b');
    },
  ));

test('the examples of RFC 7541, appendix C', () => {
  assert.equal([...hpackInteger(10, 5)], [10]);
  assert.equal([...hpackInteger(1337, 5)], [31, 154, 10]);
  const decoder = new HpackDecoder();
  const decode = (hex: string): Field[] => decoder.decode(Buffer.from(hex, 'hex'));
  const first: Field[] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ];
  assert.equal(decode('828684418cf1e3c2e5f23a6ba0ab90f4ff'), first);
  assert.equal(decode('828684be5886a8eb10649cbf'), [...first, ['cache-control', 'no-cache']]);
  assert.equal(new HpackDecoder().decode(hpackIndexed(['a', 'b'])), [['a', 'b']]);
});

test.run();
