// The frame tracker: at every cut of every kind of frame it knows whether it is between two frames, and never guesses.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { closeFrame, FrameTracker } from '../../../lib/traffic/request/websocket-frames.js';

const test = suite('websocket frames');

interface FrameShape {
  readonly first: number;
  readonly length: number;
  readonly isMasked: boolean;
  /** Bytes of the length field, if not the shortest form. */
  readonly lengthBytes?: 0 | 2 | 8;
}

function header({ first, length, isMasked, lengthBytes }: FrameShape): Buffer {
  const size = lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const bytes = Buffer.alloc(2 + size);
  bytes[0] = first;
  bytes[1] = (isMasked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) bytes.writeUInt16BE(length, 2);
  if (size === 8) bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

const frame = (shape: FrameShape) => Buffer.concat([header(shape), Buffer.alloc(shape.length + (shape.isMasked ? 4 : 0), 0x88)]);

const FRAMES = [
  { first: 0x81, length: 0, isMasked: false },
  { first: 0x81, length: 0, isMasked: true },
  { first: 0x82, length: 125, isMasked: true },
  { first: 0x01, length: 126, isMasked: false },
  { first: 0x89, length: 0, isMasked: true },
  { first: 0x80, length: 300, isMasked: true },
  { first: 0xc1, length: 3, isMasked: false },
  { first: 0x8a, length: 125, isMasked: false },
  { first: 0x82, length: 65_536, isMasked: true },
].map(frame);

test('between two frames it is at a boundary, within one never, at every byte', () => {
  const tracker = new FrameTracker();
  assert.is(tracker.isAtBoundary, true);
  for (const [index, bytes] of FRAMES.entries()) {
    for (let at = 0; at < bytes.length; at++) {
      tracker.push(bytes.subarray(at, at + 1));
      assert.is(tracker.isAtBoundary, at === bytes.length - 1, `frame ${index}, byte ${at}`);
    }
  }
});

test('a cut anywhere in a sequence of frames changes nothing', () => {
  const row = Buffer.concat(FRAMES.slice(0, 8));
  let end = 0;
  const boundaries = new Set([0, ...FRAMES.slice(0, 8).map((bytes) => (end += bytes.length))]);
  for (let cut = 0; cut <= row.length; cut++) {
    const tracker = new FrameTracker();
    tracker.push(row.subarray(0, cut));
    assert.is(tracker.isAtBoundary, boundaries.has(cut), `cut at ${cut}`);
    tracker.push(row.subarray(cut));
    assert.is(tracker.isAtBoundary, true, `after a cut at ${cut}`);
  }
});

test('a length of 64 bits is skipped in chunks', () => {
  const length = 5 * 2 ** 30 + 3;
  const tracker = new FrameTracker();
  tracker.push(header({ first: 0x82, length, isMasked: true }));
  const chunk = Buffer.alloc(1 << 20);
  for (let left = length + 4; left > 0; left -= chunk.length) {
    assert.is(tracker.isAtBoundary, false);
    tracker.push(left < chunk.length ? chunk.subarray(0, left) : chunk);
  }
  assert.is(tracker.isAtBoundary, true);
});

test('invalid headers are detected at once and for good', () => {
  const broken: readonly [string, Buffer][] = [
    ['a reserved opcode', Buffer.from([0x83])],
    ['a reserved control opcode', Buffer.from([0x8b])],
    ['RSV2', Buffer.from([0xa1])],
    ['RSV3', Buffer.from([0x91])],
    ['a control frame with RSV1', Buffer.from([0xc9])],
    ['a ping in parts', Buffer.from([0x09])],
    ['a ping of 126 bytes', Buffer.from([0x89, 126])],
    ['a close of 127', Buffer.from([0x88, 0xff])],
    ['125 said in two bytes', header({ first: 0x81, length: 125, isMasked: false, lengthBytes: 2 })],
    ['65535 said in eight bytes', header({ first: 0x81, length: 65_535, isMasked: false, lengthBytes: 8 })],
    ['a negative length', Buffer.from([0x82, 127, 0x80])],
  ];
  for (const [name, bytes] of broken) {
    const tracker = new FrameTracker();
    tracker.push(FRAMES[2] as Buffer);
    tracker.push(bytes.subarray(0, -1));
    assert.is(tracker.isBroken, false, name);
    tracker.push(bytes.subarray(-1));
    assert.is(tracker.isBroken, true, name);
    assert.is(tracker.isAtBoundary, false, name);
    for (const good of FRAMES) tracker.push(good);
    assert.is(tracker.isAtBoundary, false, name);
  }
});

test('nothing may follow a close frame', () => {
  for (const bytes of [closeFrame(1000, false), closeFrame(1000, true), frame({ first: 0x88, length: 0, isMasked: false })]) {
    const tracker = new FrameTracker();
    tracker.push(bytes.subarray(0, -1));
    assert.is(tracker.isAtBoundary, false);
    tracker.push(Buffer.concat([bytes.subarray(-1), FRAMES[0] as Buffer]));
    assert.is(tracker.isAtBoundary, false);
    assert.is(tracker.isBroken, false);
  }
});

test('a close frame carries its code, masked towards hosts with a mask that changes', () => {
  assert.equal(closeFrame(1001, false), Buffer.from([0x88, 0x02, 0x03, 0xe9]));
  const masks = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const bytes = closeFrame(1001, true);
    assert.equal(bytes.subarray(0, 2), Buffer.from([0x88, 0x82]));
    assert.is(bytes.length, 8);
    assert.is((bytes[6] as number) ^ (bytes[2] as number), 0x03);
    assert.is((bytes[7] as number) ^ (bytes[3] as number), 0xe9);
    masks.add(bytes.toString('hex', 2, 6));
  }
  assert.ok(masks.size > 15);
});

test('random frames in random chunks are tracked; random garbage never throws (seeded)', () => {
  const random = new Random(11);
  for (let round = 0; round < 300; round++) {
    const tracker = new FrameTracker();
    const sent = Array.from({ length: 1 + random.below(30) }, () =>
      frame({
        first: [0x81, 0x02, 0x00, 0xc2][random.below(4)] as number,
        length: random.below([10, 200, 70_000][random.below(3)] as number),
        isMasked: random.below(2) === 0,
      }),
    );
    const ends = new Set<number>([0]);
    let total = 0;
    for (const bytes of sent) ends.add((total += bytes.length));
    const row = Buffer.concat(sent);
    for (let at = 0; at < row.length; ) {
      const next = Math.min(row.length, at + 1 + random.below(5000));
      tracker.push(row.subarray(at, next));
      at = next;
      assert.is(tracker.isAtBoundary, ends.has(at), `round ${round}, ${at}`);
    }
    const rubbish = new FrameTracker();
    for (let i = 0; i < 20; i++) rubbish.push(Buffer.from(Array.from({ length: random.below(100) }, () => random.below(256))));
    assert.ok(!(rubbish.isBroken && rubbish.isAtBoundary));
  }
});

test.run();
