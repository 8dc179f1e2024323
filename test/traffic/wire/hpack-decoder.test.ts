// Header blocks are decoded as RFC 7541 says, and what is malformed or too large is refused without a loss of step.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { HpackDecoder } from '../../../lib/traffic/wire/hpack-decoder.js';
import { FIELD_OVERHEAD, STATIC_LAST, STATIC_NAMES, STATIC_VALUES } from '../../../lib/traffic/wire/hpack-tables.js';
import { encodeFields, type Field, hpackIndexed, hpackInteger, HpackDecoder as ReferenceDecoder } from '../../support/hpack.js';

const test = suite('hpack-decoder');

const AMPLE = 65_536;

const decode = (decoder: HpackDecoder, block: Buffer): readonly string[] | string => decoder.decode(block, 0, block.length);

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** Decodes a block of its own. */
const fresh = (block: Buffer | string, maxListSize = AMPLE): readonly string[] | string =>
  decode(new HpackDecoder(maxListSize), typeof block === 'string' ? hex(block) : block);

/** Decodes the index of the newest dynamic entry, and the others in order. */
function dynamicOf(decoder: HpackDecoder, entries: number): readonly string[] | string {
  return decode(decoder, Buffer.concat(Array.from({ length: entries }, (_, i) => hpackInteger(STATIC_LAST + 1 + i, 7, 0x80))));
}

const FIRST = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const SECOND = [...FIRST, 'cache-control', 'no-cache'];
const THIRD = [...FIRST.slice(0, 2), ':scheme', 'https', ':path', '/index.html', ...FIRST.slice(6), 'custom-key', 'custom-value'];
const [EARLY, LATE] = ['Mon, 21 Oct 2013 20:13:21 GMT', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const answer = (status: string, date = EARLY): string[] => [
  ...[':status', status, 'cache-control', 'private', 'date', date, 'location', 'https://www.example.com'],
];
const COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const LAST_ANSWER = [...answer('200', LATE), 'content-encoding', 'gzip', 'set-cookie', COOKIE];

/** The examples of RFC 7541, appendix C: blocks in order, their fields, and the fields of the table behind the last one. */
const EXAMPLES: readonly { name: string; size?: number; blocks: [string, string[]][]; table: string[] }[] = [
  {
    name: 'C.2.1, a literal with indexing',
    blocks: [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header']]],
    table: ['custom-key', 'custom-header'],
  },
  {
    name: 'C.2.2, a literal without indexing',
    blocks: [['040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']]],
    table: [],
  },
  {
    name: 'C.2.3, a literal that is never indexed',
    blocks: [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']]],
    table: [],
  },
  { name: 'C.2.4, an index', blocks: [['82', [':method', 'GET']]], table: [] },
  {
    name: 'C.3, requests without Huffman coding',
    blocks: [
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', FIRST],
      ['8286 84be 5808 6e6f 2d63 6163 6865', SECOND],
      ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', THIRD],
    ],
    table: ['custom-key', 'custom-value', 'cache-control', 'no-cache', ':authority', 'www.example.com'],
  },
  {
    name: 'C.4, requests with Huffman coding',
    blocks: [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', FIRST],
      ['8286 84be 5886 a8eb 1064 9cbf', SECOND],
      ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', THIRD],
    ],
    table: ['custom-key', 'custom-value', 'cache-control', 'no-cache', ':authority', 'www.example.com'],
  },
  {
    name: 'C.5, answers without Huffman coding',
    size: 256,
    blocks: [
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54
         6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d`,
        answer('302'),
      ],
      ['4803 3330 37c1 c0bf', answer('307')],
      [
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
         3630 303b 2076 6572 7369 6f6e 3d31`,
        LAST_ANSWER,
      ],
    ],
    table: ['set-cookie', COOKIE, 'content-encoding', 'gzip', 'date', LATE],
  },
  {
    name: 'C.6, answers with Huffman coding',
    size: 256,
    blocks: [
      [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
         8f0b 97c8 e9ae 82ae 43d3`,
        answer('302'),
      ],
      ['4883 640e ffc1 c0bf', answer('307')],
      [
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
        LAST_ANSWER,
      ],
    ],
    table: ['set-cookie', COOKIE, 'content-encoding', 'gzip', 'date', LATE],
  },
];

for (const { name, size, blocks, table } of EXAMPLES)
  test(`RFC 7541, ${name}`, () => {
    const decoder = new HpackDecoder(AMPLE);
    if (size !== undefined) decode(decoder, hpackInteger(size, 5, 0x20));
    for (const [block, fields] of blocks) assert.equal(decode(decoder, hex(block)), fields);
    assert.equal(dynamicOf(decoder, table.length / 2), table);
    assert.is(decode(decoder, hpackInteger(STATIC_LAST + 1 + table.length / 2, 7, 0x80)), 'COMPRESSION_ERROR');
  });

test('each static entry is there, and index 0 and the one behind the table are not', () => {
  assert.is(STATIC_LAST, 61);
  for (let index = 1; index <= STATIC_LAST; index++)
    assert.equal(fresh(hpackInteger(index, 7, 0x80)), [STATIC_NAMES[index], STATIC_VALUES[index]]);
  // Names as literals refer to them (appendix A), at its ends and in between.
  assert.equal(
    [STATIC_NAMES[1], STATIC_NAMES[16], STATIC_VALUES[16], STATIC_NAMES[38], STATIC_NAMES[61]],
    [...[':authority', 'accept-encoding', 'gzip, deflate', 'host', 'www-authenticate']],
  );
  for (const block of ['80', 'be', '7e0161', '0f2f0161']) assert.is(fresh(block), 'COMPRESSION_ERROR', block);
});

test('malformed blocks are compression errors', () => {
  for (const [block, why] of [
    ['40', 'no name'],
    ['000161', 'no value'],
    ['00026161', 'a value that is cut off by its name'],
    ['0001610261', 'a value that is cut off'],
    ['0f', 'an index that is cut off'],
    ['ff', 'an index that is cut off'],
    ['ff80', 'an index that goes on'],
    ['ff8080808001', 'an index of more than 28 bits'],
    ['00ffffffffff0f', 'a length of more than 28 bits'],
    ['007fffffffff7f', 'a length of more than 28 bits'],
    ['8220', 'a size behind a field'],
    ['3fe21f', 'a size of 4097 bytes'],
    ['3fe21f20', 'a size of 4097 bytes before one of 0'],
    ['3fffffffff7f', 'a size of more than 28 bits'],
    ['0001618118', 'padding with zeros'],
    ['00016182ffff', 'padding of more than 7 bits'],
    ['00016181ff', 'padding of 8 bits'],
    ['00016184ffffffff', 'an end of string'],
    ['000161851fffffffff', 'an end of string behind an a'],
  ] as const)
    assert.is(fresh(block), 'COMPRESSION_ERROR', why);
  assert.equal(fresh(''), []);
  assert.equal(fresh('000161811f'), ['a', 'a']);
  assert.equal(fresh('008080'), ['', '']);
});

test('fields come as they are: empty, in upper case, with control characters and with bytes above ASCII', () => {
  const every = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
  assert.equal(
    fresh(
      encodeFields([
        ['', ''],
        ['A b', '\r\n\0'],
        [every, every],
      ]),
    ),
    ['', '', 'A b', '\r\n\0', every, every],
  );
});

test('a Huffman string may be as long as its block', () => {
  const eight = hex('18c6318c63');
  const coded = Buffer.concat(Array.from({ length: 1000 }, () => eight));
  assert.equal(fresh(Buffer.concat([hex('000161'), hpackInteger(coded.length, 7, 0x80), coded])), ['a', 'a'.repeat(8000)]);
});

test('a list that is too large is said to be, and the next block is decoded in step', () => {
  const decoder = new HpackDecoder(200);
  const entry: Field = ['x', 'y'.repeat(100)];
  assert.equal(decode(decoder, hpackIndexed(entry)), entry);
  const fitting = 200 - 1 - 100 - FIELD_OVERHEAD;
  const second = (more: number): Buffer => encodeFields([['n', 'v'.repeat(fitting - 1 - FIELD_OVERHEAD + more)]]);
  assert.is((decode(decoder, Buffer.concat([hex('be'), second(0)])) as string[]).length, 4);
  assert.is(decode(decoder, Buffer.concat([hex('be'), second(1)])), 'LIST_TOO_LARGE');
  // 16 KiB of one index stand for 2 MiB; what is indexed behind them still enters the table.
  const bomb = Buffer.concat([Buffer.alloc(16_384, 0xbe), hpackIndexed(['late', 'entry'])]);
  assert.is(decode(decoder, bomb), 'LIST_TOO_LARGE');
  assert.equal(decode(decoder, hex('be')), ['late', 'entry']);
  assert.equal(decode(decoder, hex('bf')), entry);
  // What is malformed behind the limit is still an error of the connection.
  assert.is(decode(decoder, Buffer.concat([bomb, hex('80')])), 'COMPRESSION_ERROR');
});

test('sizes of the table: they evict, and follow our SETTINGS', () => {
  const decoder = new HpackDecoder(AMPLE);
  for (const name of ['a', 'b', 'c']) decode(decoder, hpackIndexed([name, '']));
  assert.equal(dynamicOf(decoder, 3), ['c', '', 'b', '', 'a', '']);
  decode(decoder, hpackInteger(2 * (FIELD_OVERHEAD + 1), 5, 0x20));
  assert.is(dynamicOf(decoder, 3), 'COMPRESSION_ERROR');
  assert.equal(dynamicOf(decoder, 2), ['c', '', 'b', '']);
  // An entry that is larger than the table empties it.
  assert.equal(decode(decoder, hpackIndexed(['large', 'x'.repeat(100)])), ['large', 'x'.repeat(100)]);
  assert.is(dynamicOf(decoder, 1), 'COMPRESSION_ERROR');

  const smaller = new HpackDecoder(AMPLE);
  smaller.limitTable(100);
  assert.is(decode(smaller, hex('82')), 'COMPRESSION_ERROR');
  const larger = new HpackDecoder(AMPLE);
  larger.limitTable(8192);
  assert.equal(decode(larger, Buffer.concat([hpackInteger(0, 5, 0x20), hpackInteger(8192, 5, 0x20), hex('82')])), [':method', 'GET']);
  assert.is(decode(larger, hpackInteger(8193, 5, 0x20)), 'COMPRESSION_ERROR');
});

test('a block that comes again gives the same list, until the table changes', () => {
  const decoder = new HpackDecoder(AMPLE);
  decode(decoder, hpackIndexed(['a', '1']));
  const [head, trailers] = [hex('82be'), hex('be')];
  const [fields, others] = [decode(decoder, head), decode(decoder, trailers)];
  for (let i = 0; i < 3; i++) {
    assert.is(decode(decoder, Buffer.concat([head])), fields);
    assert.is(decode(decoder, Buffer.concat([trailers])), others);
  }
  decode(decoder, hpackIndexed(['a', '2']));
  assert.equal(decode(decoder, head), [':method', 'GET', 'a', '2']);
  assert.equal(decode(decoder, trailers), ['a', '2']);
  // A smaller table, which holds no entry any more.
  decode(decoder, hex('20'));
  assert.is(decode(decoder, head), 'COMPRESSION_ERROR');
});

test('a long block that differs in one byte from the last is another one', () => {
  const decoder = new HpackDecoder(AMPLE);
  for (const length of [10, 28, 29, 30, 300])
    for (const place of [0, length - 1]) {
      const value = 'v'.repeat(length);
      const other = `${value.slice(0, place)}w${value.slice(place + 1)}`;
      for (const each of [value, other, value, other]) assert.equal(decode(decoder, encodeFields([['n', each]])), ['n', each]);
    }
});

test('names of fields that must stay out of tables are named with each block', () => {
  const decoder = new HpackDecoder(AMPLE);
  const secret = hex('1008 7061 7373 776f 7264 0673 6563 7265 74');
  for (let i = 0; i < 2; i++) {
    decode(decoder, secret);
    assert.equal(decoder.sensitiveNames, ['password']);
    decode(decoder, hex('82'));
    assert.equal(decoder.sensitiveNames, []);
  }
});

test('damaged blocks give fields or a failure, and sound ones what another decoder reads', () => {
  const random = new Random(7541);
  const sound = EXAMPLES.flatMap(({ blocks }) => blocks.map(([block]) => hex(block)));
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.concat([sound[random.below(sound.length)] as Buffer, sound[random.below(sound.length)] as Buffer]);
    for (let i = random.below(4); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    const block = bytes.subarray(0, 1 + random.below(bytes.length));
    const ours = fresh(block);
    if (typeof ours === 'string') continue;
    assert.is(ours.length % 2, 0);
    // The other one knows Huffman codes of ASCII only.
    if (ours.every((text) => /^[ -[\]-~]*$/.test(text))) assert.equal(ours, new ReferenceDecoder().decode(block).flat());
  }
});

test.run();
