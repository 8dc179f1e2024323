// Lingering close, for a connection on which the other side may still be sending. If it were closed at once, incoming
// bytes would cause a reset, which can destroy our last answer before it is read (RFC 9112, section 9.6).

import type { Duplex } from 'node:stream';
import { startTimeout } from '../../timeout.js';

/** How long the other side has to close its half. */
export const LINGER_MS = 2000;

/** How many bytes are still read and discarded after our end. */
export const LINGER_BYTES = 4 << 20;

/** Ends a connection: sends what is pending and discards input until the other side closes, for at most `LINGER_MS`. */
export function endSoon(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end();
  socket.resume();
  // If the other side has already closed, only pending output remains.
  socket.once(socket.readableEnded ? 'finish' : 'end', () => socket.destroy());
  const timeout = startTimeout(LINGER_MS, () => socket.destroy());
  socket.once('close', () => timeout.clear());
}
