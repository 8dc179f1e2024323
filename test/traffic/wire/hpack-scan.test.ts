// Header blocks are looked through for fields that no message may have, whatever their coding.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scanBlock } from '../../../lib/traffic/wire/hpack-scan.js';
import { encodeFields, hpackIndexed, hpackInteger, hpackLiteral, hpackString } from '../../support/hpack.js';

const test = suite('hpack-scan');

const verdictOf = (block: Buffer): string => scanBlock(block, 0, block.length);

/** Bits as a string of HPACK, with the first bits of the end of the string to fill up. */
function coded(bits: string): Buffer {
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  const bytes = Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  return Buffer.concat([hpackInteger(bytes.length, 7, 0x80), bytes]);
}

/** Codes of RFC 7541, appendix B. */
const CODE = {
  a: '00011',
  b: '100011',
  A: '100001',
  ' ': '010100',
  ':': '1011100',
  '\n': '111111111111111111111111111100',
  '\r': '111111111111111111111111111101',
  '\0': '1111111111000',
  '\x16': '111111111111111111111111111110',
  '\t': '111111111111111111101010',
  '\xff': '11111111111111111111101110',
  end: '111111111111111111111111111111',
} as const;

const literal = (name: Buffer, value: Buffer, first = 0): Buffer => Buffer.concat([Buffer.from([first]), name, value]);

test('fields of requests are good, plain and coded', () => {
  assert.is(
    verdictOf(
      encodeFields([
        [':method', 'GET'],
        ['a', ''],
        ['b', 'x y\t\xe4'],
        ["!#$%&'*+.^_`|~-", '1'],
      ]),
    ),
    'good',
  );
  // The examples of RFC 7541, appendix C.4: www.example.com, no-cache, custom-key: custom-value.
  assert.is(verdictOf(Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex')), 'good');
  assert.is(verdictOf(Buffer.from('828684be5886a8eb10649cbf', 'hex')), 'good');
  assert.is(verdictOf(Buffer.from('828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', 'hex')), 'good');
  assert.is(verdictOf(literal(coded(CODE.a), coded(CODE.a + CODE['\xff'] + CODE['\t'] + CODE.b))), 'good');
});

const BAD_VALUES: readonly (readonly (keyof typeof CODE)[])[] = [
  ['a', '\n', 'b'],
  ['a', '\r'],
  ['\0'],
  ['a', '\x16', 'b'],
  [' ', 'a'],
  ['a', '\t'],
];

test('bad bytes in values are found, plain and coded', () => {
  for (const value of BAD_VALUES) {
    const text = JSON.stringify(value);
    assert.is(verdictOf(hpackLiteral(['a', value.join('')])), 'bad', text);
    assert.is(verdictOf(literal(hpackString('a'), coded(value.map((symbol) => CODE[symbol]).join('')))), 'bad', `${text} coded`);
  }
  assert.is(verdictOf(literal(hpackString('a'), coded(CODE.a + CODE.end))), 'bad', 'the end of the string in a string');
});

test('names that are no names are found, plain and coded', () => {
  for (const name of ['', 'A', 'a b', 'a:b', '::', '\xe4', 'a\r\nb', 'a\0'])
    assert.is(verdictOf(hpackLiteral([name, 'x'])), 'bad', JSON.stringify(name));
  for (const name of [CODE.A, CODE.a + CODE[' '], CODE.a + CODE[':']])
    assert.is(verdictOf(literal(coded(name), hpackString('x'))), 'bad', name);
  assert.is(verdictOf(literal(coded(CODE[':'] + CODE.a), hpackString('x'))), 'good');
});

test('a bad field that enters the dynamic table is told from one that does not', () => {
  assert.is(verdictOf(hpackIndexed(['a', 'b\n'])), 'kept');
  assert.is(verdictOf(literal(Buffer.from([0x45]), hpackString('b\n'), 0x00).subarray(1)), 'kept', 'with a name of the table');
  assert.is(verdictOf(Buffer.concat([hpackLiteral(['a', 'b\n']), hpackIndexed(['c', 'd\n'])])), 'kept');
});

test('blocks that are cut off or malformed end the scan', () => {
  const whole = Buffer.concat([encodeFields([['abc', 'def']]), hpackInteger(1000, 7, 0x80), hpackInteger(4096, 5, 0x20)]);
  for (let end = 0; end <= whole.length; end++) assert.is(scanBlock(whole, 0, end), 'good', String(end));
  assert.is(verdictOf(Buffer.alloc(100, 0xff)), 'good');
});

test.run();
