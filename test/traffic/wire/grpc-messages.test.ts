// The messages of a call of gRPC are counted, wherever the parts of its body are cut.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GrpcMessages } from '../../../lib/traffic/wire/grpc-messages.js';

const test = suite('messages of gRPC');

function messageOf(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

test('a message counts from its first byte', () => {
  const messages = new GrpcMessages();
  assert.is(messages.count, 0);
  messages.add(Buffer.alloc(0));
  assert.is(messages.count, 0);
  messages.add(Buffer.alloc(1));
  assert.is(messages.count, 1);
});

test('a length uses all of its four bytes', () => {
  const messages = new GrpcMessages();
  messages.add(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
  for (let i = 0; i < 16; i++) messages.add(Buffer.alloc(1 << 20));
  assert.is(messages.count, 1);
});

test('any messages are counted, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (bodies, steps) => {
        const bytes = Buffer.concat(bodies.map(messageOf));
        const messages = new GrpcMessages();
        let at = 0;
        for (let i = 0; at < bytes.length; i++) {
          const step = steps[i % steps.length] as number;
          messages.add(bytes.subarray(at, at + step));
          at += step;
        }
        assert.is(messages.count, bodies.length);
      },
    ),
  );
});

test.run();
