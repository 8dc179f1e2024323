// One connection of a load over HTTP: the same request again and again, each as soon as the last one is
// answered. Every answer is compared with what is expected, byte by byte, without being kept.

import { connect, type Socket } from 'node:net';
import type { Counts, LoadEnd } from './load-counts.js';

const CRLF2 = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const IDLE_TIMEOUT_MS = 5000;

/** A GET of this path. */
export function getRequest(path: string, port: number): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
}

/** A POST of this body to this path. */
export function postRequest(path: string, port: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
}

/** Opens a connection and begins; a 200 with exactly `expected` is right. */
export function openHttpLoad(port: number, request: Buffer, expected: Buffer, counts: Counts, isOver: LoadEnd): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let pending = EMPTY;
  /** How much of a body came; -1 while its head is not whole. */
  let bodyAt = -1;
  let isRight = true;
  let isDone = false;
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('connect', () => socket.write(request));
  socket.on('close', () => {
    if (!isDone) counts.wrong++;
  });
  socket.on('data', (chunk) => {
    let at = 0;
    let bytes = chunk;
    if (bodyAt < 0) {
      bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const headEnd = bytes.indexOf(CRLF2);
      pending = headEnd < 0 ? bytes : EMPTY;
      if (headEnd < 0) return;
      const head = bytes.toString('latin1', 0, headEnd);
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
      // An answer of another length is none that the host gave; where it ends is not looked for.
      if (!head.startsWith('HTTP/1.1 200') || Number(length) !== expected.length) {
        socket.destroy();
        return;
      }
      at = headEnd + CRLF2.length;
      bodyAt = 0;
    }
    const taken = Math.min(bytes.length - at, expected.length - bodyAt);
    if (bytes.compare(expected, bodyAt, bodyAt + taken, at, at + taken) !== 0) isRight = false;
    bodyAt += taken;
    if (bodyAt < expected.length) return;
    counts.requests++;
    if (!isRight) counts.wrong++;
    bodyAt = -1;
    isRight = true;
    isDone = isOver();
    if (isDone) socket.end();
    else socket.write(request);
  });
  return socket;
}
