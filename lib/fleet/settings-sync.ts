// Acts on what operators set for the whole fleet: an algorithm, and which hosts are drained or ejected. Each heartbeat
// brings the settings, after it noticed whether Redis lost its data; an operator's event makes one due at once.

import type { Log } from '../log.js';
import type { Keys } from '../redis/keys.js';
import type { RememberedHash } from '../redis/remembered.js';
import { parseSettings, type Settings } from '../redis/settings.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';
import type { TableSync } from './table-sync.js';

/** What the sync is handed. */
export interface SettingsSyncOptions {
  readonly keys: Keys;
  readonly table: TableSync;
  readonly count: Count;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
  /** The fields that the thread before this one knew, should it have died. */
  readonly known: Readonly<Record<string, string>>;
}

/** Keeps this balancer in step with the settings. */
export class SettingsSync {
  readonly #options: SettingsSyncOptions;
  #wrong: number;
  #fields: ReadonlyMap<string, string>;

  constructor(options: SettingsSyncOptions) {
    this.#options = options;
    // What it says is in force already: the traffic thread and the shared table outlived the thread that took it.
    const { wrong, fields } = parseSettings(options.known);
    this.#wrong = wrong;
    this.#fields = fields;
  }

  /** What a Redis that lost its data gets back. */
  get remembered(): readonly RememberedHash[] {
    return [{ key: this.#options.keys.settings, fields: this.#fields }];
  }

  /** Acts on what changed since the last time, and remembers it. */
  take({ algorithm, operatorStates, wrong, fields }: Settings): void {
    const { keys, table, count, log, post } = this.#options;
    if (fields.size !== this.#fields.size || [...fields].some(([field, value]) => this.#fields.get(field) !== value)) {
      this.#fields = fields;
      post({ type: 'settings', algorithm, fields: Object.fromEntries(fields) });
    }
    if (wrong > this.#wrong) {
      count('settings_dropped', wrong - this.#wrong);
      log('warn', 'a field of the settings hash is not understood', { key: keys.settings });
    }
    this.#wrong = wrong;
    const before = table.writer.operatorStates;
    for (const [host, word] of operatorStates) if (before.get(host) !== word) log('info', 'an operator took a host out', { host, word });
    for (const host of before.keys()) if (!operatorStates.has(host)) log('info', 'an operator let a host in again', { host });
    table.setOperatorStates(operatorStates);
  }
}
