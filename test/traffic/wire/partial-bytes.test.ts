// The bytes of an incomplete element: they are kept, grow, and share no memory with their source.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PartialBytes } from '../../../lib/traffic/wire/partial-bytes.js';

const test = suite('partial bytes');

test('kept bytes do not change with the memory that they came from', () => {
  const partial = new PartialBytes();
  const bytes = Buffer.from('abcdef');
  partial.keep(bytes, 2);
  bytes.fill('x');
  assert.is(partial.length, 4);
  assert.is(partial.append(Buffer.from('gh')).toString(), 'cdefgh');
  partial.drop();
  assert.is(partial.length, 0);
  assert.is(partial.append(Buffer.from('i')).toString(), 'i');
});

test('after keeping zero bytes it is empty', () => {
  const partial = new PartialBytes();
  partial.keep(Buffer.from('ab'), 0);
  partial.keep(partial.append(Buffer.from('c')), 3);
  assert.is(partial.length, 0);
});

test('any way of taking from the front and adding at the end gives what a text would', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: 'binary-ascii', maxLength: 40 }), fc.double({ min: 0, max: 1, noNaN: true }))),
      (steps) => {
        const partial = new PartialBytes();
        let text = '';
        for (const [added, share] of steps) {
          const chunk = Buffer.from(added, 'latin1');
          const bytes = partial.length === 0 ? chunk : partial.append(chunk);
          text += added;
          assert.is(bytes.toString('latin1'), text);
          const taken = share < 0.5 ? 0 : Math.floor((share - 0.5) * 2 * text.length);
          partial.keep(bytes, taken);
          chunk.fill(0);
          text = text.slice(taken);
          assert.is(partial.length, text.length);
        }
      },
    ),
    { seed: 14, numRuns: 1000 },
  );
});

test('a megabyte that comes byte by byte is copied a few times, not once for each byte', () => {
  const partial = new PartialBytes();
  const byte = Buffer.from('a');
  const memories = new Set<ArrayBufferLike>();
  partial.keep(byte, 0);
  for (let i = 1; i < 1 << 20; i++) {
    const bytes = partial.append(byte);
    if (bytes.length > 64 << 10) memories.add(bytes.buffer);
    partial.keep(bytes, 0);
  }
  assert.is(partial.length, 1 << 20);
  assert.ok(memories.size < 12, `${memories.size} memories`);
});

test.run();
