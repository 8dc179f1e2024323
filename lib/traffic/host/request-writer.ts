// Writes a request to a host: its head, its body part by part, its end. Also decides when host and balancer may disagree
// on where the request ended: the connection is then not reused.

import type { RequestHead } from '../wire/request-head.js';
import type { ForwardPlan } from '../wire/forward-plan.js';
import { writeBytes } from '../wire/buffers.js';
import { chunkedEnd, chunkHead } from '../wire/chunked.js';
import { type ClientFacts, passedTrailers, requestText } from '../wire/headers.js';
import type { HostConnection } from './host-connection.js';

/**
 * Methods whose bodies many hosts ignore and then read as the next request (RFC 9110, sections 9.3.1, 9.3.2, 9.3.5).
 * Any letter case: methods are case-sensitive, but not every host treats them so.
 */
const BODIES_IGNORED = /^(?:GET|HEAD|OPTIONS|DELETE)$/i;

/** Sends the head. @param authority the host's name and port @param plan what the route changes @param ownLines for this request alone */
export function writeRequestHead(
  connection: HostConnection,
  head: RequestHead,
  facts: ClientFacts,
  authority: string,
  pseudonym: string,
  plan: ForwardPlan,
  ownLines: string,
): void {
  connection.write(requestText(head, facts, { authority, pseudonym, plan, ownLines }));
}

/**
 * Sends a part of the body.
 * @param bytes valid until the call returns
 * @returns false when the host must catch up first
 */
export function writeRequestBody(connection: HostConnection, { framing }: RequestHead, bytes: Buffer): boolean {
  const { socket } = connection;
  if (framing !== 'chunked') return writeBytes(socket, bytes);
  socket.cork();
  connection.write(chunkHead(bytes.length));
  writeBytes(socket, bytes);
  const hasRoom = connection.write('\r\n');
  socket.uncork();
  return hasRoom;
}

/** Sends the end of the body. */
export function writeRequestEnd(connection: HostConnection, { framing }: RequestHead, trailers: readonly string[]): void {
  if (framing === 'chunked') connection.write(chunkedEnd(passedTrailers(trailers)));
}

/**
 * Whether this request allows the connection to be reused: not if the host begins its answer before the whole request
 * has left, nor if it may ignore the body, since it may read the rest of the body as the next request.
 * @param isSent whether all of the request was written
 */
export function mayKeepAfter(connection: HostConnection, { framing, method }: RequestHead, isSent: boolean): boolean {
  return framing === 'none' || (isSent && connection.socket.writableLength === 0 && !BODIES_IGNORED.test(method));
}
