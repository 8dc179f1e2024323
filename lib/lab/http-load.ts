// One connection of a load over HTTP: repeats one request, each as soon as the previous one is answered. Every
// answer is compared with the expected body, byte by byte.

import type { Socket } from 'node:net';
import { AnswerReader } from './answer-reader.js';
import { openClientSocket } from './client-socket.js';
import type { Counts, LoadEnd } from './load-counts.js';

const IDLE_TIMEOUT_MS = 5000;

/** A GET of this path. */
export function getRequest(path: string, port: number): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
}

/** A POST of this body to this path. */
export function postRequest(path: string, port: number, body: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);
}

/** Opens a connection, with TLS if there is a `ca`, and starts; a 200 with exactly `expected` is right. */
export function openHttpLoad(
  port: number,
  ca: string | undefined,
  request: Buffer,
  expected: Buffer,
  counts: Counts,
  isOver: LoadEnd,
): Socket {
  const socket = openClientSocket(port, ca, () => socket.write(request));
  const reader = new AnswerReader(expected);
  let isDone = false;
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!isDone) counts.wrong++;
  });
  socket.on('data', (chunk) => {
    const reading = reader.push(chunk);
    if (reading === 'more') return;
    if (reading === 'refused') {
      socket.destroy();
      return;
    }
    counts.requests++;
    if (reading === 'wrong') counts.wrong++;
    isDone = isOver();
    if (isDone) socket.end();
    else socket.write(request);
  });
  return socket;
}
