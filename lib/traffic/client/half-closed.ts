// A client that has closed its half and still gets its answer. A FIN does not show whether the client has gone, so it
// is checked periodically.

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Deadlines, Waiting } from '../../deadlines.js';

/** Interval between two checks. */
const EVERY_MS = 350;

/** Calls `look` periodically until the client's connection is closed. */
export function watchHalfClosed(
  socket: Socket,
  { deadlines, clock }: { readonly deadlines: Deadlines; readonly clock: Clock },
  look: () => void,
): void {
  const watch: Waiting = {
    deadlineMs: clock() + EVERY_MS,
    onDeadline: (nowMs) => {
      watch.deadlineMs = nowMs + EVERY_MS;
      look();
    },
  };
  deadlines.add(watch);
  socket.once('close', () => deadlines.remove(watch));
}
