// A client that has closed its half and still gets its answer. From outside it looks like one that has gone: so it
// is looked at again and again.

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Deadlines, Waiting } from '../../deadlines.js';

/** How often it is looked at. */
const EVERY_MS = 350;

/** Looks at a client that has closed its half, until its connection is closed. */
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
