// The cheapest host there is: a socket that answers the same 100 bytes to every request, so that what is
// measured is the way to it. It understands requests without a body, one after the other, and no more.

import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** The length of a body. */
const BODY_BYTES = 100;

/** The body of every answer of the host with this name. */
export function bodyOf(name: string): string {
  return `${name} `.padEnd(BODY_BYTES - 1, '.').concat('\n');
}

/** Runs a host of this name on a free port of loopback: `host NAME`. */
export async function runRawHost([name = 'host']: readonly string[]): Promise<() => void> {
  const body = bodyOf(name);
  const answer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const server = createServer({ noDelay: true }, (socket) => serve(socket, answer));
  await new Promise<void>((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => void server.close();
}

/** The end of a request's head, told byte by byte: it may be cut anywhere. */
function serve(socket: Socket, answer: Buffer): void {
  let matched = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    let requests = 0;
    for (const byte of chunk) {
      const isReturn = byte === 13;
      if (isReturn || byte === 10) matched = isReturn === (matched % 2 === 0) ? matched + 1 : Number(isReturn);
      else matched = 0;
      if (matched === 4) {
        matched = 0;
        requests++;
      }
    }
    for (; requests > 0; requests--) socket.write(answer);
  });
}
