// The key of a WebSocket's handshake in HTTP/1, which we make up for clients of HTTP/2: over HTTP/2 there is none (RFC 8441,
// section 5). A host that accepts must answer it (RFC 6455, section 4.2.2).

import { createHash, randomBytes } from 'node:crypto';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';

/** Appended to the key before it is hashed: fixed by RFC 6455, section 1.3. */
const PROTOCOL_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A value for Sec-WebSocket-Key: 16 random bytes. */
export function makeKey(): string {
  return randomBytes(16).toString('base64');
}

/** Whether a host's 101 answers the key that the request has. */
export function isAccepted(
  { headers: asked }: Pick<RequestHead, 'headers'>,
  { headers: answered }: Pick<ResponseHead, 'headers'>,
): boolean {
  const keys = valuesOf(asked, 'sec-websocket-key');
  const accepts = valuesOf(answered, 'sec-websocket-accept');
  const expected = createHash('sha1').update(`${keys[0]}${PROTOCOL_ID}`).digest('base64');
  return keys.length === 1 && accepts.length === 1 && accepts[0] === expected;
}

function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}
