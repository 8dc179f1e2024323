// RFC 7541 on raw connections: header blocks that a client may send, and those that end its connection.

import { suite } from 'uvu';
import { type Field, encodeFields, hpackIndexed, hpackInteger, hpackString } from '../../support/hpack.js';
import { getFields, headersFrame } from '../../support/http2-frames.js';
import { runCases, type SpecCase } from '../../support/http2-spec.js';

const test = suite('RFC 7541: HPACK');

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** GET / of x, by indexes of the static table where it can be. */
const INDEXED = Buffer.concat([bytes('828684'), bytes('410178')]);

/** A request whose block is a whole GET and more. */
const more = (block: Buffer): Buffer[] => [headersFrame(1, Buffer.concat([encodeFields(getFields()), block]))];

const passes = (name: string, block: Buffer): SpecCase => ({ name, send: more(block), status: 200 });

const fails = (name: string, block: Buffer): SpecCase => ({ name, send: more(block), goaway: 'COMPRESSION_ERROR' });

/** A block that begins with more, and then is a GET. */
const before = (name: string, block: Buffer): SpecCase => ({
  name,
  send: headersFrame(1, Buffer.concat([block, encodeFields(getFields())])),
  status: 200,
});

test('section 2.3.3: indexes', () =>
  runCases([
    { name: 'the static table', send: headersFrame(1, INDEXED), status: 200 },
    fails('an index above both tables', bytes('be')),
    fails('a name with an index above both tables', Buffer.concat([bytes('7f00'), hpackString('x')])),
    fails('an index of several bytes above both tables', hpackInteger(100_000, 7, 0x80)),
    passes('an entry of the dynamic table', Buffer.concat([hpackIndexed(['a', 'b']), bytes('be')])),
    passes('a name of the dynamic table', Buffer.concat([hpackIndexed(['a', 'b']), bytes('7e'), hpackString('c')])),
  ]));

test('section 4: the dynamic table', () =>
  runCases([
    before('a new size at the beginning of a block', bytes('20')),
    before('two new sizes at the beginning of a block', Buffer.concat([bytes('20'), hpackInteger(4096, 5, 0x20)])),
    before('a size of 4096, which SETTINGS allow', hpackInteger(4096, 5, 0x20)),
    {
      name: 'a size above the one in SETTINGS',
      send: headersFrame(1, Buffer.concat([hpackInteger(4097, 5, 0x20), encodeFields(getFields())])),
      goaway: 'COMPRESSION_ERROR',
    },
    fails('a new size at the end of a block', bytes('20')),
    {
      name: 'an entry that was evicted',
      send: headersFrame(1, Buffer.concat([bytes('20'), encodeFields(getFields()), hpackIndexed(['a', 'b']), bytes('be')])),
      goaway: 'COMPRESSION_ERROR',
    },
    passes('an entry that is larger than the table empties it', Buffer.concat([hpackIndexed(['a', 'b'.repeat(5000)])])),
    fails(
      'an entry after the table was emptied',
      Buffer.concat([hpackIndexed(['a', 'b']), hpackIndexed(['c', 'd'.repeat(5000)]), bytes('be')]),
    ),
  ]));

test('section 5: integers and strings', () =>
  runCases([
    fails('an integer above 2^32', bytes('ffffffffffff7f')),
    fails('an integer without end', bytes('ffffffffff')),
    fails('a name that is cut off', bytes('000561')),
    fails('a value that is cut off', bytes('000161057a')),
    fails('a length above the block', Buffer.concat([bytes('00'), hpackInteger(1_000_000, 7)])),
    passes('a value in Huffman code', bytes('000161811f')),
    fails('Huffman: padding of a whole byte', bytes('000161821fff')),
    fails('Huffman: padding of zeros', bytes('0001618118')),
    fails('Huffman: the end of string', bytes('00016184ffffffff')),
    fails('Huffman: the end of string in a value', bytes('000161851fffffffff')),
  ]));

const literal = (pattern: string, [name, value]: Field): Buffer => Buffer.concat([bytes(pattern), hpackString(name), hpackString(value)]);

test('section 6: representations', () =>
  runCases([
    fails('index 0', bytes('80')),
    passes('a literal that enters the table', literal('40', ['a', 'b'])),
    passes('a literal that enters the table, with a name of the static table', Buffer.concat([bytes('7a'), hpackString('agent')])),
    passes('a literal without indexing', literal('00', ['a', 'b'])),
    passes('a literal without indexing, with a name of the static table', Buffer.concat([bytes('0f2b'), hpackString('agent')])),
    passes('a literal that is never indexed', literal('10', ['a', 'b'])),
    passes('a literal that is never indexed, with a name of the static table', Buffer.concat([bytes('1f2b'), hpackString('agent')])),
  ]));

test.run();
