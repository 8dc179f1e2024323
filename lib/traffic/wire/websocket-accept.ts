// The answer to the key of a WebSocket's handshake in HTTP/1 (RFC 6455, section 4.2.2). Pure.

import { createHash } from 'node:crypto';

/** Appended to the key before it is hashed: fixed by RFC 6455, section 1.3. */
const PROTOCOL_ID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The value of Sec-WebSocket-Accept for a key. */
export function websocketAcceptOf(key: string): string {
  return createHash('sha1').update(`${key}${PROTOCOL_ID}`).digest('base64');
}
