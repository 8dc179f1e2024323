// How a connection ends on which the other side may still be sending: closed at once, what it sends would
// make the system throw away our last answer (RFC 9112, section 9.6).

import type { Duplex } from 'node:stream';
import { startTimeout } from '../../timeout.js';

/** How long the other side has to close its half. */
const LINGER_MS = 2000;

/** How many bytes are still read after the end, and thrown away. */
export const LINGER_BYTES = 4 << 20;

/** Ends a connection: what is on its way is sent, what comes is thrown away until the other side closes, for a bounded time. */
export function endSoon(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end();
  socket.resume();
  // A side that has closed already needs only what is on its way.
  socket.once(socket.readableEnded ? 'finish' : 'end', () => socket.destroy());
  const timeout = startTimeout(LINGER_MS, () => socket.destroy());
  socket.once('close', () => timeout.clear());
}
