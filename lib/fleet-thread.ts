// The composition root of the fleet thread: the fleet's parts, the console's pages that show and change what they know,
// and the export of spans.

import { fleetPages } from './console/fleet-pages.js';
import { PageDispatcher } from './console/page-dispatcher.js';
import { messageOf } from './errors.js';
import { startFleet } from './fleet/fleet.js';
import { SpanExporter } from './otlp/exporter.js';
import { counterOf } from './table/counters.js';
import { openTable } from './table/layout.js';
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
  const { otlp } = data.config;
  const exporter =
    otlp === null
      ? undefined
      : new SpanExporter({
          target: otlp,
          source: data.config,
          count: counterOf(openTable(data.table).counters),
          log: (...line) => post({ type: 'log', line }),
        });
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
        case 'traces':
          exporter?.take(message.records, message.dropped);
          break;
        default:
          fleet.onMessage(message);
      }
    },
    async stop() {
      close();
      await Promise.all([fleet.stop(), exporter?.stop()]);
    },
  };
}
