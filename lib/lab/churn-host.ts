// The host of `churn`: the path determines its behaviour. Every response is unique to its request, so that one delivered
// to the wrong client is noticed.
//   GET  /get/ID/SIZE      answers at once          GET /slow/ID/MS    answers after MS
//   GET  /trickle/ID/SIZE  answers in two parts     GET /cut/ID/SIZE   answers a half, and resets
//   POST /echo/ID          answers the body
//   Upgrade /ws/ID         echoes messages          Upgrade /no/ID     refuses with 403 and a body in chunks

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bodyFor, refusalFor } from './churn-mix.js';
import { bodyOf } from './lab-bodies.js';
import { acceptOf, echoFrames, FrameReader } from './websocket.js';

/** Delay between the two parts of a response, and before a reset, so that earlier data has been sent. */
const PART_MS = 15;

/** Runs a host of this name on a free loopback port: `churn-host NAME`. */
export async function runChurnHost([name = 'host']: readonly string[]): Promise<() => void> {
  const upgraded = new Set<Duplex>();
  const server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) => {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    answer(name, request, response);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => upgraded.delete(socket));
    upgrade(request, socket, head);
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => {
    server.close();
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  };
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  const [, what, id = '', figure = '0'] = (request.url ?? '/').split('/');
  const body = what === 'get' || what === 'trickle' || what === 'cut' ? bodyFor(id, Number(figure)) : Buffer.from(bodyOf(name));
  switch (what) {
    case 'echo': {
      const length = request.headers['content-length'];
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', ...(length !== undefined && { 'Content-Length': length }) });
      request.pipe(response);
      break;
    }
    case 'slow': {
      const timer = setTimeout(() => response.end(body), Number(figure));
      response.on('close', () => clearTimeout(timer));
      break;
    }
    case 'trickle':
    case 'cut': {
      const half = body.length >> 1;
      response.writeHead(200, { 'Content-Length': body.length });
      response.write(body.subarray(0, half));
      const timer = setTimeout(() => {
        if (what === 'trickle') response.end(body.subarray(half));
        else (request.socket as Socket).resetAndDestroy();
      }, PART_MS);
      response.on('close', () => clearTimeout(timer));
      break;
    }
    default:
      response.writeHead(200, { 'Content-Length': body.length }).end(body);
  }
}

function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const [, what, id = ''] = (request.url ?? '/').split('/');
  if (what !== 'ws') {
    const text = refusalFor(id);
    socket.end(
      `HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    );
    return;
  }
  const frames = new FrameReader();
  const take = (chunk: Buffer): void => {
    const { bytes, isLast } = echoFrames(frames.push(chunk));
    if (isLast) socket.end(bytes);
    else if (bytes.length > 0) socket.write(bytes);
  };
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(request.headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
  );
  if (head.length > 0) take(head);
  socket.on('data', take);
  // A WebSocket that ends without a close frame is closed too.
  socket.on('end', () => socket.end());
}
