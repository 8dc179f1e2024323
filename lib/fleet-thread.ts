// The composition root of the fleet thread: the fleet's parts, and the console's pages that show and change what they know.

import { fleetPages } from './console/fleet-pages.js';
import { PageDispatcher } from './console/page-dispatcher.js';
import { messageOf } from './errors.js';
import { startFleet } from './fleet/fleet.js';
import type { FleetThreadData, FromFleet, ToFleet } from './thread-messages.js';

/** The running fleet thread. */
export interface FleetThread {
  onMessage(message: ToFleet): void;
  /** Steps down, releases the lease, leaves the fleet, closes the connections. */
  stop(): Promise<void>;
}

/** Starts the thread's parts; works at once, with or without Redis. */
export function startFleetThread(data: FleetThreadData, post: (message: FromFleet) => void): FleetThread {
  const fleet = startFleet(data, post);
  const { pages, close } = fleetPages(fleet.sight);
  const dispatcher = new PageDispatcher({
    pages,
    post,
    onFailure: (path, error) => post({ type: 'log', line: ['error', 'a page of the console failed', { path, reason: messageOf(error) }] }),
  });
  return {
    onMessage(message) {
      switch (message.type) {
        case 'console-request':
        case 'console-closed':
        case 'console-drained':
          dispatcher.onMessage(message);
          break;
        default:
          fleet.onMessage(message);
      }
    },
    async stop() {
      close();
      await fleet.stop();
    },
  };
}
