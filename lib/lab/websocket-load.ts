// One connection of a WebSocket load: sends a message of 100 bytes, waits for its echo, sends the next one. Each echo is
// compared byte by byte.

import { connect, type Socket } from 'node:net';
import type { Counts, LoadEnd } from './load-counts.js';
import { acceptOf, encodeFrame, handshakeOf, OPCODE } from './websocket.js';

const KEY = Buffer.from('meercat in a lab').toString('base64');
const MESSAGE_BYTES = 100;
const IDLE_TIMEOUT_MS = 5000;
const EMPTY = Buffer.alloc(0);

/** Opens an upgraded connection and begins; `counts.requests` are echoes. */
export function openWebSocketLoad(port: number, counts: Counts, isOver: LoadEnd): Socket {
  const payload = Buffer.from('m'.repeat(MESSAGE_BYTES));
  // A mask of 0 is valid, and costs the host nothing.
  const message = encodeFrame(OPCODE.text, payload, 0);
  const expected = encodeFrame(OPCODE.text, payload);
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let pending = EMPTY;
  let isUpgraded = false;
  let isDone = false;
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('connect', () => socket.write(handshakeOf('/echo', port, KEY)));
  socket.on('close', () => {
    if (!isDone) counts.wrong++;
  });
  socket.on('data', (chunk) => {
    // After the last echo comes the reply to our close frame.
    if (isDone) return;
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (!isUpgraded) {
      const headEnd = pending.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const head = pending.toString('latin1', 0, headEnd);
      if (!head.startsWith('HTTP/1.1 101') || !head.includes(acceptOf(KEY))) {
        socket.destroy();
        return;
      }
      isUpgraded = true;
      pending = EMPTY;
      socket.write(message);
      return;
    }
    if (pending.length < expected.length) return;
    counts.requests++;
    if (!pending.equals(expected)) counts.wrong++;
    pending = EMPTY;
    isDone = isOver();
    if (isDone) socket.end(encodeFrame(OPCODE.close, EMPTY, 0));
    else socket.write(message);
  });
  return socket;
}
