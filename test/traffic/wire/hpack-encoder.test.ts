// Blocks that we write mean the same to our decoder and to nghttp2, whatever sizes the table takes in between.

import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { HpackDecoder } from '../../../lib/traffic/wire/hpack-decoder.js';
import { HpackEncoder } from '../../../lib/traffic/wire/hpack-encoder.js';
import { FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { FIELD_OVERHEAD, STATIC_LAST, STATIC_NAMES, STATIC_VALUES } from '../../../lib/traffic/wire/hpack-tables.js';
import { HpackDecoder as ReferenceDecoder } from '../../support/hpack.js';
import { type Frame, headersFrame, withRawHttp2 } from '../../support/http2-frames.js';
import { until } from '../../support/until.js';

const test = suite('hpack-encoder');

/** A copy of the block of some fields. */
function blockOf(encoder: HpackEncoder, fields: readonly string[], sensitive?: readonly string[]): Buffer {
  const { bytes, length } = encoder.encode(fields, sensitive);
  return Buffer.from(bytes.subarray(0, length));
}

const hexOf = (encoder: HpackEncoder, fields: readonly string[], sensitive?: readonly string[]): string =>
  blockOf(encoder, fields, sensitive).toString('hex');

test('the requests of RFC 7541, C.3, but for the path that varies', () => {
  const encoder = new HpackEncoder();
  const first = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
  assert.is(hexOf(encoder, first), '828684410f7777772e6578616d706c652e636f6d');
  assert.is(hexOf(encoder, [...first, 'cache-control', 'no-cache']), '828684be58086e6f2d6361636865');
  const third = [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ...first.slice(6), 'custom-key', 'custom-value'];
  assert.is(hexOf(encoder, third), '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565');
});

test('each static entry with a value is one byte', () => {
  for (let index = 1; index <= STATIC_LAST; index++) {
    const value = STATIC_VALUES[index] as string;
    if (value !== '') assert.is(hexOf(new HpackEncoder(), [STATIC_NAMES[index] as string, value]), (0x80 | index).toString(16));
  }
});

test('secrets are never indexed, values that vary and those that would fill the table are not', () => {
  for (const [fields, first] of [
    [['authorization', 'a'], 0x1f],
    [['cookie', 'a'], 0x1f],
    [['set-cookie', 'a'], 0x1f],
    [['x-api-key', 'a'], 0x10],
    [[':path', '/a'], 0x04],
    [['content-length', '1'], 0x0f],
    [['date', 'a'], 0x0f],
    [['x-request-id', 'a'], 0x00],
    [['grpc-timeout', '1S'], 0x00],
    [['server', 'a'.repeat(2048)], 0x0f],
    [['server', 'a'], 0x76],
    [['a', 'a'], 0x40],
  ] as const) {
    const encoder = new HpackEncoder();
    const { generation } = encoder;
    assert.is(blockOf(encoder, fields)[0], first, fields[0]);
    assert.is(encoder.generation !== generation, first >= 0x40, fields[0]);
  }
});

test('what its sender keeps out of tables stays out, even if it is there already', () => {
  const encoder = new HpackEncoder();
  const fields = ['password', 'secret'];
  encoder.encode(fields);
  assert.is(hexOf(encoder, fields), 'be');
  assert.is(hexOf(encoder, fields, ['password']), `1f2f06${Buffer.from('secret').toString('hex')}`);
  assert.is(hexOf(encoder, [':method', 'GET'], [':method']), '1203474554');
});

test('a list that comes again gives the same block, until the table changes', () => {
  const encoder = new HpackEncoder();
  const [head, trailers] = [
    ['a', '1', ':path', '/long/path'],
    ['b', '2'],
  ];
  for (const list of [head, trailers, head, trailers]) encoder.encode(list);
  const [block, other] = [encoder.encode(head), encoder.encode(trailers)];
  const { generation } = encoder;
  for (let i = 0; i < 3; i++) {
    assert.is(encoder.encode(head), block);
    assert.is(encoder.encode(trailers), other);
  }
  assert.is(encoder.generation, generation);
  assert.is(hexOf(encoder, head).slice(0, 2), 'bf');
  encoder.encode(['c', '3']);
  assert.is.not(encoder.generation, generation);
  assert.is(hexOf(encoder, head).slice(0, 2), 'c0');
});

test('the newest entry of a name is found when an older one of the same name has left', () => {
  const encoder = new HpackEncoder();
  encoder.limitTable(3 * (FIELD_OVERHEAD + 2));
  encoder.encode(['a', '1', 'a', '2', 'b', '1', 'c', '1']);
  assert.is(hexOf(encoder, ['a', '2']), 'c0');
  assert.is(hexOf(encoder, ['a', '1']), '7f010131');
});

test('new sizes stand before the next block: the smallest, and the present one', () => {
  const encoder = new HpackEncoder();
  const list = [':method', 'GET'];
  encoder.limitTable(100_000);
  assert.is(hexOf(encoder, list), '82');
  encoder.limitTable(0);
  encoder.limitTable(100);
  assert.is(hexOf(encoder, list), '203f4582');
  assert.is(hexOf(encoder, list), '82');
  encoder.limitTable(0);
  assert.is(hexOf(encoder, ['a', 'b']), '200001610162');
});

/** Names that may come more than once, and whose values may be any. */
const NAMES: readonly string[] = ['a', 'x-b', 'accept', 'cookie', 'cache-control', 'vary', 'via', 'x-long-name-of-a-field', 'x-request-id'];

/** A list of fields with names and values of a small set, so that they come again. */
function randomFields(random: Random): string[] {
  const fields: string[] = [];
  for (let i = random.below(12); i > 0; i--) {
    const value = random.below(3) === 0 ? String(random.below(1e9)) : 'v'.repeat(1 + random.below(5) * random.below(60));
    fields.push(NAMES[random.below(NAMES.length)] as string, value);
  }
  return fields;
}

test('both decoders read what was encoded, through changes of the size of the table', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const encoder = new HpackEncoder();
    const [decoder, reference] = [new HpackDecoder(1_000_000), new ReferenceDecoder()];
    const lists = Array.from({ length: 5 }, () => randomFields(random));
    for (let round = 0; round < 100; round++) {
      if (random.below(10) === 0) encoder.limitTable(random.below(5000));
      const fields = random.below(2) === 0 ? randomFields(random) : (lists[random.below(lists.length)] as string[]);
      const sensitive = random.below(10) === 0 ? ['accept', 'a'] : undefined;
      const block = blockOf(encoder, fields, sensitive);
      assert.equal(decoder.decode(block, 0, block.length), fields, `seed ${seed}, round ${round}`);
      assert.equal(reference.decode(block).flat(), fields, `seed ${seed}, round ${round}`);
    }
  }
});

test('node:http2 reads what we write, and we read what it writes', async () => {
  const seen: string[][] = [];
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    stream.on('error', () => undefined);
    seen.push(rawHeaders);
    // The fields come back as they came.
    stream.respond({ ':status': 200, 'x-echo': rawHeaders.slice(8).map((text) => Buffer.from(text, 'latin1').toString('base64')) });
    stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await withRawHttp2((server.address() as AddressInfo).port, {}, async (client) => {
      const random = new Random(9113);
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(1_000_000);
      const sent = Array.from({ length: 60 }, () => [
        ...[':method', 'GET', ':scheme', 'http', ':path', `/${random.below(4)}`, ':authority', 'x'],
        ...randomFields(random),
      ]);
      client.send(...sent.map((fields, i) => headersFrame(2 * i + 1, blockOf(encoder, fields))));
      const heads = (): readonly Frame[] => client.frames.filter(({ type }) => type === FRAME.headers);
      await until(() => heads().length === sent.length, { what: () => `60 answers; ${heads().length} came` });
      assert.equal(seen, sent);
      for (const { payload, streamId } of heads()) {
        const answer = decoder.decode(payload, 0, payload.length);
        assert.equal(answer.slice(0, 2), [':status', '200']);
        const echoed = (answer as string[]).filter((_, at) => at % 2 === 1 && answer[at - 1] === 'x-echo');
        const fields = (sent[(streamId - 1) / 2] as string[]).slice(8);
        assert.equal(
          echoed,
          fields.map((text) => Buffer.from(text, 'latin1').toString('base64')),
        );
      }
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test.run();
