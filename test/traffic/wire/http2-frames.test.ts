// The walker over HTTP/2 frames: it sees the same frames wherever the pieces of a connection's bytes end.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorCodeOf, FLAG, FRAME, FrameWalker, goawayFrame, nameOfError } from '../../../lib/traffic/wire/http2-frames.js';
import {
  dataFrame,
  frame,
  getFields,
  headersFrame,
  pingFrame,
  resetFrame,
  settingsFrame,
  windowFrame,
} from '../../support/http2-frames.js';

const test = suite('wire: HTTP/2 frames');

const FRAMES: readonly Buffer[] = [
  settingsFrame(),
  headersFrame(1, getFields(['a', 'b'.repeat(300)])),
  dataFrame(1, ''),
  dataFrame(1, 'x'),
  dataFrame(3, 'x'.repeat(40)),
  resetFrame(3, 'CANCEL'),
  windowFrame(0, 65_535),
  pingFrame(),
  goawayFrame(7, 11),
  frame(0xf0, 0xff, 0x7fffffff, Buffer.from('unknown')),
  settingsFrame([3, 100], [4, 65_535]),
];

const BYTES = Buffer.concat(FRAMES);

/** All that is seen of the frames when they come in such pieces. */
function seen(pieces: readonly Buffer[]): readonly string[] {
  const list: string[] = [];
  const walker = new FrameWalker((each) => {
    list.push([each.type, each.flags, each.streamId, each.length, each.firstByte, each.word(0), each.word(4)].join(' '));
    return true;
  });
  for (const piece of pieces) assert.ok(walker.walk(piece));
  assert.ok(walker.isBetween);
  return list;
}

const piecesOf = (size: number): Buffer[] =>
  Array.from({ length: Math.ceil(BYTES.length / size) }, (_, i) => BYTES.subarray(i * size, (i + 1) * size));

test('each frame is seen once, with its type, flags, stream, length and the beginning of its payload', () => {
  const list = seen([BYTES]);
  assert.is(list.length, FRAMES.length);
  assert.is(list[3], `0 0 1 1 ${'x'.charCodeAt(0)} 0 0`);
  assert.is(list[5], '3 0 3 4 0 8 0');
  assert.is(list[6], '8 0 0 4 0 65535 0');
  assert.is(list[8], '7 0 0 8 0 7 11');
  assert.is(list[9], `240 255 2147483647 7 ${'u'.charCodeAt(0)} ${Buffer.from('unkn').readUInt32BE()} 0`);
});

test('pieces of any size and cuts at any place show the same', () => {
  const whole = seen([BYTES]);
  for (let size = 1; size <= 40; size++) assert.equal(seen(piecesOf(size)), whole, `pieces of ${size}`);
  for (let cut = 1; cut < BYTES.length; cut++) assert.equal(seen([BYTES.subarray(0, cut), BYTES.subarray(cut)]), whole, `cut at ${cut}`);
});

test('within a frame the walker is not between frames, and the reserved bit of a stream does not count', () => {
  const walker = new FrameWalker(() => true);
  const ping = pingFrame();
  ping[5] = 0x80;
  for (let i = 0; i < ping.length - 1; i++) {
    walker.walk(ping.subarray(i, i + 1));
    assert.not(walker.isBetween, `after ${i + 1} bytes`);
  }
  walker.walk(ping.subarray(-1));
  assert.ok(walker.isBetween);
  assert.is(walker.streamId, 0);
});

test('the walk ends at a frame that is not accepted, in pieces too', () => {
  for (const size of [1, 5, 1000]) {
    let count = 0;
    const walker = new FrameWalker(({ type }) => ++count > 0 && type !== 3);
    assert.not(piecesOf(size).every((piece) => walker.walk(piece)));
    assert.is(count, 6);
  }
});

test('error codes have the numbers of RFC 9113, section 7', () => {
  assert.is(errorCodeOf('PROTOCOL_ERROR'), 1);
  assert.is(errorCodeOf('ENHANCE_YOUR_CALM'), 0xb);
  assert.is(errorCodeOf('HTTP_1_1_REQUIRED'), 0xd);
  assert.is(nameOfError(8), 'CANCEL');
  assert.is(nameOfError(0x10), '0x10');
});

test('a header block is open from its first byte that tells it to the end of its last frame', () => {
  const walker = new FrameWalker(() => true);
  const bytes = Buffer.concat([
    frame(FRAME.headers, 0, 1, Buffer.alloc(3)),
    frame(FRAME.continuation, FLAG.endHeaders, 1, Buffer.alloc(2)),
    dataFrame(1, 'x'),
    headersFrame(3, getFields()),
  ]);
  const open = Array.from(bytes, (_, at) => {
    walker.walk(bytes.subarray(at, at + 1));
    return walker.openBlock;
  }).join('');
  // 12 bytes, 11, 10 of DATA, and the second block.
  assert.match(open, /^0001{19}0{14}2+0$/);
});

test.run();
