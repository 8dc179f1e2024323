// Who listens to the fleet's events besides the thread's own parts: the console's pages.

import type { FleetEvent } from '../redis/event-message.js';

/** The listeners of one fleet thread. */
export class EventListeners {
  readonly #listeners = new Set<(event: FleetEvent) => void>();

  /** Calls back for each event until the function that it returns is called. */
  readonly add = (listener: (event: FleetEvent) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Passes an event on. */
  pass(event: FleetEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
