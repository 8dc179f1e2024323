// What a balancer waits for before it takes the first request: that what can be known of the hosts is known, and that
// no other balancer has its name. Each wait ends by itself.

import { SECOND } from './clock.js';

/** Requests that come at the very start wait so long at most for the fleet thread to know what can be known. */
const OPEN_WITHIN_MS = 3 * SECOND;

/** Where hosts are named on the command line they are known without Redis: only a machine that is short of CPU needs longer. */
const OPEN_WITH_STATICS_WITHIN_MS = 15 * SECOND;

/** Once there are hosts: whether an operator took one of them out is known in a moment, when Redis is well. */
const OPERATOR_WITHIN_MS = 500;

/** The name is checked by a heartbeat, or not at all when Redis can't be reached: only a fleet thread that does not come up takes longer. */
const NAME_WITHIN_MS = 15 * SECOND;

/** The opening of one balancer. */
export class Opening {
  #onKnown: () => void = () => undefined;
  #onName: (holder: string | null) => void = () => undefined;
  readonly #known = new Promise<void>((resolve) => {
    this.#onKnown = resolve;
  });
  readonly #name = new Promise<string | null>((resolve) => {
    this.#onName = resolve;
  });

  /** Hosts came into the table. */
  hostsCame(): void {
    setTimeout(this.#onKnown, OPERATOR_WITHIN_MS).unref();
  }

  /** The table is as full as it can be for now. */
  synced(): void {
    this.#onKnown();
  }

  /** The name is ours, as far as can be known (null), or another balancer's: the one that `holder` describes. */
  nameChecked(holder: string | null): void {
    this.#onName(holder);
  }

  /** Resolves when the balancer may serve, with null; or with who has its name. */
  async wait(hasStatics: boolean): Promise<string | null> {
    const timers = [setTimeout(this.#onKnown, hasStatics ? OPEN_WITH_STATICS_WITHIN_MS : OPEN_WITHIN_MS), setTimeout(this.#onName, NAME_WITHIN_MS, null)];
    const [holder] = await Promise.all([this.#name, this.#known]);
    for (const timer of timers) clearTimeout(timer);
    return holder;
  }
}
