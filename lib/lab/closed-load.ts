// A load generator for machines without wrk: so many keep-alive connections, each with its next request as
// soon as the last is answered. Checks every answer's status and body.

import { connect, type Socket } from 'node:net';

const CRLF2 = Buffer.from('\r\n\r\n');

/** Runs the generator: `load PORT CONNECTIONS SECONDS BODY`; begins at once and says `{ type: 'done', requests, wrong, seconds }`. */
export async function runClosedLoad([port = '0', connections = '1', seconds = '1', body = '']: readonly string[]): Promise<() => void> {
  const counts = { requests: 0, wrong: 0 };
  const isOver = (): boolean => performance.now() >= endMs;
  const startMs = performance.now();
  const endMs = startMs + Number(seconds) * 1000;
  process.send?.({ type: 'ready' });
  const sockets = Array.from({ length: Number(connections) }, () => open(Number(port), Buffer.from(body), counts, isOver));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  process.send?.({ type: 'done', ...counts, seconds: (performance.now() - startMs) / 1000 });
  process.disconnect?.();
  return () => undefined;
}

function open(port: number, body: Buffer, counts: { requests: number; wrong: number }, isOver: () => boolean): Socket {
  const request = Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let pending = Buffer.alloc(0);
  let isDone = false;
  socket.setTimeout(5000, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('connect', () => socket.write(request));
  socket.on('close', () => {
    if (!isDone) counts.wrong++;
  });
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const headEnd = pending.indexOf(CRLF2);
    if (headEnd < 0) return;
    const head = pending.toString('latin1', 0, headEnd);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    const end = headEnd + CRLF2.length + length;
    if (pending.length < end) return;
    counts.requests++;
    // An answer without a length is none that the host gave.
    if (!head.startsWith('HTTP/1.1 200') || !pending.subarray(headEnd + CRLF2.length, end).equals(body)) counts.wrong++;
    pending = Buffer.alloc(0);
    isDone = isOver();
    if (isDone) socket.end();
    else socket.write(request);
  });
  return socket;
}
