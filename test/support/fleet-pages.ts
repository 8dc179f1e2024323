// A console whose pages are answered as in the fleet thread: the same messages, copied and later, without a thread.

import type { FromPages, ToPages } from '../../lib/console-messages.js';
import { type BridgeLimits, BRIDGE_LIMITS, PageExchanges } from '../../lib/console/page-bridge.js';
import { PageDispatcher } from '../../lib/console/page-dispatcher.js';
import type { FleetPage } from '../../lib/console/page-request.js';
import { type ConsoleOptions, startConsole } from '../../lib/console/server.js';

/** A running console with pages. */
export interface PagedConsole {
  readonly port: number;
  readonly exchanges: PageExchanges;
  /** What the pages failed with. */
  readonly failures: readonly unknown[];
  /** From now on the pages hear nothing. */
  stopPages(): void;
}

/** Starts a console on loopback with these pages, hands it out and closes it. */
export async function withPages<T>(
  pages: readonly FleetPage[],
  fn: (console: PagedConsole) => T | Promise<T>,
  options: Partial<ConsoleOptions> & { readonly bridgeLimits?: Partial<BridgeLimits> } = {},
): Promise<T> {
  const { bridgeLimits, ...consoleOptions } = options;
  const failures: unknown[] = [];
  let isStopped = false;
  const exchanges = new PageExchanges(
    (message: ToPages) => {
      const copy = structuredClone(message);
      setImmediate(() => void (isStopped || dispatcher.onMessage(copy)));
    },
    { ...BRIDGE_LIMITS, ...bridgeLimits },
  );
  const dispatcher = new PageDispatcher({
    pages,
    post: (message: FromPages) => {
      const copy = structuredClone(message);
      setImmediate(() => void (isStopped || exchanges.onMessage(copy)));
    },
    onFailure: (_path, error) => failures.push(error),
  });
  const console = await startConsole({ port: 0, bind: '127.0.0.1', token: '', pages: [], bridge: exchanges, ...consoleOptions });
  // The message that says which pages there are.
  await new Promise(setImmediate);
  try {
    return await fn({ port: console.port, exchanges, failures, stopPages: () => void (isStopped = true) });
  } finally {
    console.close();
  }
}
