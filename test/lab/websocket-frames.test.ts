// The lab's WebSocket frames: every length, masked and not, cut anywhere. The handshake's example is the RFC's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptOf, echoFrames, encodeFrame, type WebSocketFrame, FrameReader, OPCODE } from '../../lib/lab/websocket.js';

const test = suite('lab websocket');

test('the accept value of a key is that of RFC 6455, section 1.3', () => {
  assert.is(acceptOf('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('frames are those of RFC 6455, section 5.7', () => {
  assert.is(encodeFrame(OPCODE.text, Buffer.from('Hello')).toString('hex'), '810548656c6c6f');
  assert.is(encodeFrame(OPCODE.text, Buffer.from('Hello'), 0x37fa213d).toString('hex'), '818537fa213d7f9f4d5158');
  assert.is(encodeFrame(OPCODE.binary, Buffer.alloc(256)).toString('hex', 0, 4), '827e0100');
  assert.is(encodeFrame(OPCODE.binary, Buffer.alloc(65_536)).toString('hex', 0, 10), '827f0000000000010000');
});

test('encoded frames are decoded again, however the bytes are split', () => {
  const sizes = [0, 1, 5, 125, 126, 127, 65_535, 65_536];
  for (const mask of [null, 0, 1, 0xdeadbeef]) {
    const whole = Buffer.concat(sizes.map((size) => encodeFrame(OPCODE.binary, Buffer.alloc(size, size & 255), mask)));
    for (const cut of [1, 7, 1000, whole.length]) {
      const reader = new FrameReader();
      const frames: WebSocketFrame[] = [];
      // One byte at a time only as far as heads of every kind go; the rest in one piece.
      const until = cut === 1 ? 600 : whole.length;
      for (let at = 0; at < until; at += cut) frames.push(...reader.push(Buffer.from(whole.subarray(at, at + cut))));
      if (until < whole.length) frames.push(...reader.push(Buffer.from(whole.subarray(until))));
      assert.equal(
        frames.map(({ payload }) => payload.length),
        sizes,
        `mask ${mask}, cut ${cut}`,
      );
      assert.ok(
        frames.every(({ opcode, payload }) => opcode === OPCODE.binary && payload.every((byte) => byte === (payload.length & 255))),
      );
    }
  }
});

test('a host echoes messages, answers a ping, and answers a close frame with a close frame', () => {
  const echo = echoFrames([
    { opcode: OPCODE.text, payload: Buffer.from('a') },
    { opcode: OPCODE.ping, payload: Buffer.from('p') },
    { opcode: OPCODE.pong, payload: Buffer.alloc(0) },
  ]);
  assert.is(echo.isLast, false);
  assert.is(echo.bytes.toString('hex'), '8101618a0170');
  assert.is(echoFrames([{ opcode: OPCODE.close, payload: Buffer.alloc(0) }]).isLast, true);
  assert.is(echoFrames([]).bytes.length, 0);
});

test.run();
