// Applies what operators set for the whole fleet: the algorithm, drained and ejected hosts, pools in maintenance. Each heartbeat
// returns the settings, after a check whether Redis lost its data; an operator's event triggers a heartbeat at once.

import type { Log } from '../log.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import type { RememberedHash } from '../redis/remembered.js';
import { GARBAGE_SETTINGS, parseSettings, type SettingChange, type Settings } from '../redis/settings.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';
import { type SettingFault, SignedSettings } from './signed-settings.js';
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
  readonly gate: MessageGate;
  /** Writes settings to Redis that are in force and that do not stand there as they should. Called once a heartbeat at most. */
  readonly change: (changes: readonly SettingChange[]) => void;
}

/** How each kind of change is logged. */
const FAULTS: Readonly<Record<SettingFault, readonly [level: 'info' | 'warn', message: string]>> = {
  missing: ['warn', 'settings were removed without an operator’s key: they stay in force, and are written back'],
  overwritten: ['warn', 'settings were overwritten with what does not count: they stay in force, and are written back'],
  'old key': ['info', 'settings that are signed with the old fleet key are signed again with the new one'],
};

/** Applies the settings to one balancer. */
export class SettingsSync {
  readonly #options: SettingsSyncOptions;
  readonly #signed: SignedSettings;
  #wrong: number;
  #fields: ReadonlyMap<string, string>;
  /** The pools in maintenance. */
  #maintained: ReadonlySet<string>;
  /** What was wrong at the last heartbeat. */
  #faults: ReadonlySet<SettingFault> = new Set();

  constructor(options: SettingsSyncOptions) {
    this.#options = options;
    // These are in force already: the traffic thread and the shared table outlive this thread.
    const { wrong, fields, maintenance } = parseSettings(options.known);
    this.#maintained = new Set(maintenance.keys());
    this.#wrong = wrong;
    this.#fields = fields;
    this.#signed = new SignedSettings(options.gate, options.keys, fields);
  }

  /** The fields in force. */
  get fields(): ReadonlyMap<string, string> {
    return this.#fields;
  }

  /** What to restore to a Redis that lost its data. */
  get remembered(): readonly RememberedHash[] {
    return [{ key: this.#options.keys.settings, fields: this.#fields }];
  }

  /** Applies what changed since the last call, and remembers it. What is wrong in Redis is corrected, by the master also its keys. */
  take(read: Settings, isMaster: boolean): void {
    const { keys, table, count, log, post, change, gate } = this.#options;
    const inForce = this.#signed.take(read.fields, isMaster);
    const faults = new Set(inForce.changes.map(({ fault }) => fault));
    for (const fault of faults) if (!this.#faults.has(fault)) log(...FAULTS[fault], { key: keys.settings });
    this.#faults = faults;
    if (inForce.changes.length > 0) change(inForce.changes);
    const { algorithm, operatorStates, maintenance, fields, ...parsed } = gate.ring.isKeyed
      ? parseSettings(Object.fromEntries(inForce.fields))
      : read;
    const wrong = parsed.wrong + inForce.refused.length + (gate.ring.isKeyed && read === GARBAGE_SETTINGS ? 1 : 0);
    if (fields.size !== this.#fields.size || [...fields].some(([field, value]) => this.#fields.get(field) !== value)) {
      this.#fields = fields;
      post({ type: 'settings', algorithm, maintenance: [...maintenance], fields: Object.fromEntries(fields) });
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
    for (const pool of maintenance.keys())
      if (!this.#maintained.has(pool)) log('info', 'an operator put a pool into maintenance', { pool });
    for (const pool of this.#maintained) if (!maintenance.has(pool)) log('info', 'an operator ended the maintenance of a pool', { pool });
    this.#maintained = new Set(maintenance.keys());
  }
}
