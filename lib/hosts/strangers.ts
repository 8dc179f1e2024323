// Hosts that stand in Redis and are in nobody's table: an earlier master could not take them out. A new master that
// knows less than the balancers must not take their hosts away, so it leaves them the time in which agents report.

import type { Commands } from '../redis/connect.js';
import { readHostNames } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import { KEEP_ORPHANS_MS } from '../table/writer.js';
import type { HostRegistry } from './host-registry.js';

/** Removes the strangers of one mastership. */
export class Strangers {
  readonly #beganAtMs: number;
  #isDue = false;

  constructor(beganAtMs: number) {
    this.#beganAtMs = beganAtMs;
  }

  /** A whole table was published: what it does not name is to be looked for. */
  onWholeTable(): void {
    this.#isDue = true;
  }

  /** Has the strangers taken out once every balancer has given up what the new master does not name. To be called each second. */
  async tick(nowMs: number, client: Commands, keys: Keys, registry: HostRegistry): Promise<void> {
    if (!this.#isDue || nowMs - this.#beganAtMs <= KEEP_ORPHANS_MS) return;
    this.#isDue = false;
    const names = await readHostNames(client, keys).catch(() => []);
    for (const name of names) registry.disown(name);
  }
}
