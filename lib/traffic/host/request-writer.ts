// Writes the body of a request of HTTP/1, part by part, and its end. Also decides when host and balancer may disagree
// on where the request ended: the connection is then not reused.

import type { Socket } from 'node:net';
import { writeBytes } from '../wire/buffers.js';
import { chunkedEnd, chunkHead } from '../wire/chunked.js';
import { passedTrailers } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';

/**
 * Methods whose bodies many hosts ignore and then read as the next request (RFC 9110, sections 9.3.1, 9.3.2, 9.3.5).
 * Any letter case: methods are case-sensitive, but not every host treats them so.
 */
const BODIES_IGNORED = /^(?:GET|HEAD|OPTIONS|DELETE)$/i;

/**
 * Sends a part of the body.
 * @param bytes valid until the call returns
 * @returns false when the host must catch up first
 */
export function writeRequestBody(socket: Socket, { framing }: RequestHead, bytes: Buffer): boolean {
  if (framing !== 'chunked') return writeBytes(socket, bytes);
  socket.cork();
  socket.write(chunkHead(bytes.length), 'latin1');
  writeBytes(socket, bytes);
  const hasRoom = socket.write('\r\n', 'latin1');
  socket.uncork();
  return hasRoom;
}

/** Sends the end of the body. */
export function writeRequestEnd(socket: Socket, { framing }: RequestHead, trailers: readonly string[]): void {
  if (framing === 'chunked') socket.write(chunkedEnd(passedTrailers(trailers)), 'latin1');
}

/**
 * Whether this request allows the connection to be reused: not if the host begins its answer before the whole request
 * has left, nor if it may ignore the body, since it may read the rest of the body as the next request.
 * @param isSent whether all of the request was written
 */
export function mayKeepAfter(socket: Socket, { framing, method }: RequestHead, isSent: boolean): boolean {
  return framing === 'none' || (isSent && socket.writableLength === 0 && !BODIES_IGNORED.test(method));
}
