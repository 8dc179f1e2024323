// The key of a WebSocket's handshake in HTTP/1, which we make up for clients of HTTP/2: over HTTP/2 there is none (RFC 8441,
// section 5). A host that accepts must answer it (RFC 6455, section 4.2.2).

import { randomBytes } from 'node:crypto';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';
import { websocketAcceptOf } from '../wire/websocket-accept.js';

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
  return keys.length === 1 && accepts.length === 1 && accepts[0] === websocketAcceptOf(keys[0] as string);
}

function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}
