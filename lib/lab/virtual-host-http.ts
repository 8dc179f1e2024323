// The little HTTP that simulated hosts and their clients speak: GETs without a body, answers in plain text with a length.
// Both ends are the benchmark's own, so that nothing is checked.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

const CRLF2 = '\r\n\r\n';

/** A request. */
export interface HostRequest {
  readonly atMs: number;
  readonly socket: Socket;
  readonly path: string;
  readonly id: string;
}

/** A response with this text. */
export function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** A response as a client reads it. */
export interface PlainAnswer {
  readonly status: number;
  readonly body: string;
  /** Whether the connection stays open. */
  readonly isKept: boolean;
}

/** Reads the response that a connection has received so far; undefined while it is incomplete. */
export function readAnswer(text: string): PlainAnswer | undefined {
  const headEnd = text.indexOf(CRLF2);
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd + 2);
  const [, length = '0'] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  const body = text.slice(headEnd + CRLF2.length);
  if (body.length < Number(length)) return undefined;
  return { status: Number(head.split(' ', 2)[1]), body, isKept: !/\r\nconnection: *close/i.test(head) };
}

/** Parses consecutive GETs without a body. */
export function readRequests(socket: Socket, onAsked: (asked: HostRequest) => void): void {
  let pending = '';
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending += String(chunk);
    for (let end = pending.indexOf(CRLF2); end >= 0; end = pending.indexOf(CRLF2)) {
      const head = pending.slice(0, end + 2);
      pending = pending.slice(end + CRLF2.length);
      const [, id = ''] = /\r\nx-request: *(\S+)/i.exec(head) ?? [];
      onAsked({ atMs: performance.now(), socket, path: head.split(' ', 2)[1] ?? '/', id });
    }
  });
}

/** Listens on a loopback port, by default a free one. */
export function listen(onSocket: (socket: Socket) => void, port = 0): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, onSocket);
    server.listen({ port, host: '127.0.0.1', backlog: 1024 }, () => resolve(server));
  });
}

/** The port it listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
