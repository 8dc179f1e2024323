// Hosts that are stored in Redis but in nobody's table, because an earlier master could not remove them. A new master
// that knows less than the balancers must not remove their hosts, so it first gives the agents time to report.

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

  /** A full table was published: look for hosts that it does not contain. */
  onFullTable(): void {
    this.#isDue = true;
  }

  /** Removes the strangers once every balancer has dropped the hosts that the new master does not name. Call once a second. */
  async tick(nowMs: number, client: Commands, keys: Keys, registry: HostRegistry): Promise<void> {
    if (!this.#isDue || nowMs - this.#beganAtMs <= KEEP_ORPHANS_MS) return;
    this.#isDue = false;
    const names = await readHostNames(client, keys).catch(() => []);
    for (const name of names) registry.disown(name);
  }
}
