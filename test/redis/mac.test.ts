// The MAC of messages is HMAC-SHA256, whatever the length of a text or a key, and whatever was hashed just before.

import { createHmac, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hmacSha256, isSameMac, macKeyOf } from '../../lib/redis/mac.js';

const test = suite('mac');

/** RFC 4231, sections 4.2, 4.3, 4.7 and 4.8: those whose data is text. */
const VECTORS: readonly (readonly [key: Buffer, text: string, hmac: string])[] = [
  [Buffer.alloc(20, 0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [Buffer.from('Jefe'), 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  [
    Buffer.alloc(131, 0xaa),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    Buffer.alloc(131, 0xaa),
    'This is a test using a larger than block-size key and a larger than block-size data. ' +
      'The key needs to be hashed before being used by the HMAC algorithm.',
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
];

test('the vectors of RFC 4231 come out, wherever the text is divided', () => {
  for (const [key, text, expected] of VECTORS)
    for (const at of [0, 1, text.length >> 1, text.length])
      assert.is(Buffer.from(hmacSha256(macKeyOf(key), text.slice(0, at), text.slice(at)), 'base64url').toString('hex'), expected);
});

test('it is what createHmac makes of the same text, with several keys in turns', () => {
  const keys = [1, 32, 63, 64, 65, 256].map((bytes) => randomBytes(bytes));
  const prepared = keys.map(macKeyOf);
  fc.assert(
    fc.property(
      fc.nat({ max: 5 }),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }),
      fc.nat({ max: 3 }),
      (index, head, text, times) => {
        // Of any length, about the limit too from which a text is hashed in pieces.
        const long = text.repeat(10 ** times);
        const expected = createHmac('sha256', keys[index] as Buffer)
          .update(head)
          .update(long)
          .digest('base64url');
        assert.is(hmacSha256(prepared[index] as (typeof prepared)[0], head, long), expected);
      },
    ),
    { numRuns: 150 },
  );
});

test('no byte is lost where a text stops fitting into the shared buffer, with one byte a character or three', () => {
  const key = randomBytes(32);
  for (const unit of ['x', '€', '🐈'])
    for (const length of [10_880, 10_900, 10_901, 10_902, 10_903, 32_700, 32_768, 40_000]) {
      const text = unit.repeat(Math.ceil(length / unit.length));
      assert.is(hmacSha256(macKeyOf(key), 'p\n', text), createHmac('sha256', key).update(`p\n${text}`).digest('base64url'), `${length}`);
    }
});

test('a prepared key shares its memory with no other buffer', () => {
  const { inner, outer } = macKeyOf(randomBytes(32));
  assert.equal([inner.buffer.byteLength, outer.buffer.byteLength], [inner.length, outer.length]);
});

test('a MAC is the same as itself, and as no other text', () => {
  const mac = hmacSha256(macKeyOf(randomBytes(32)), 'p\n', '{}');
  assert.ok(isSameMac(mac, `${mac}`));
  for (let at = 0; at < mac.length; at++) {
    const other = mac.slice(0, at) + (mac[at] === 'A' ? 'B' : 'A') + mac.slice(at + 1);
    assert.not.ok(isSameMac(mac, other), other);
  }
  for (const other of ['', mac.slice(1), `${mac}A`]) assert.not.ok(isSameMac(mac, other));
});

test.run();
