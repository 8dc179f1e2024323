// Applies what operators set for the whole fleet: the algorithm, and which hosts are drained or ejected. Each heartbeat
// returns the settings, after a check whether Redis lost its data; an operator's event triggers a heartbeat at once.

import type { Log } from '../log.js';
import type { Keys } from '../redis/keys.js';
import type { RememberedHash } from '../redis/remembered.js';
import { parseSettings, type Settings } from '../redis/settings.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';
import type { TableSync } from './table-sync.js';

/** The dependencies of `SettingsSync`. */
export interface SettingsSyncOptions {
  readonly keys: Keys;
  readonly table: TableSync;
  readonly count: Count;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
  /** The fields the previous thread knew, if it died. */
  readonly known: Readonly<Record<string, string>>;
}

/** Applies the settings to one balancer. */
export class SettingsSync {
  readonly #options: SettingsSyncOptions;
  #wrong: number;
  #fields: ReadonlyMap<string, string>;

  constructor(options: SettingsSyncOptions) {
    this.#options = options;
    // These are in force already: the traffic thread and the shared table outlive this thread.
    const { wrong, fields } = parseSettings(options.known);
    this.#wrong = wrong;
    this.#fields = fields;
  }

  /** What to restore to a Redis that lost its data. */
  get remembered(): readonly RememberedHash[] {
    return [{ key: this.#options.keys.settings, fields: this.#fields }];
  }

  /** Applies what changed since the last call, and remembers it. */
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
    for (const [host, state] of operatorStates) if (before.get(host) !== state) log('info', 'an operator took a host out', { host, state });
    for (const host of before.keys()) if (!operatorStates.has(host)) log('info', 'an operator let a host in again', { host });
    table.setOperatorStates(operatorStates);
  }
}
