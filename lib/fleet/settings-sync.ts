// Acts on what an operator set for the whole fleet: an algorithm, and words about hosts. Each heartbeat brings
// the settings, and an event has them read at once.

import type { Log } from '../log.js';
import type { Algorithm } from '../model.js';
import type { Commands } from '../redis/connect.js';
import type { Keys } from '../redis/keys.js';
import { readSettings, type Settings } from '../redis/settings.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';
import type { TableSync } from './table-sync.js';

/** What the sync is handed. */
export interface SettingsSyncOptions {
  readonly client: Commands;
  readonly keys: Keys;
  readonly table: TableSync;
  readonly count: Count;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
}

/** Keeps this balancer in step with the settings. */
export class SettingsSync {
  readonly #options: SettingsSyncOptions;
  #algorithm: Algorithm | null = null;
  #wrong = 0;
  #isReading = false;
  #isReadDue = false;

  constructor(options: SettingsSyncOptions) {
    this.#options = options;
  }

  /** Acts on what changed since the last time. */
  take({ algorithm, words, wrong }: Settings): void {
    const { keys, table, count, log, post } = this.#options;
    if (wrong > this.#wrong) {
      count('settings_dropped', wrong - this.#wrong);
      log('warn', 'a field of the settings hash is not understood', { key: keys.settings });
    }
    this.#wrong = wrong;
    if (algorithm !== this.#algorithm) {
      this.#algorithm = algorithm;
      post({ type: 'algorithm', algorithm });
    }
    const before = table.writer.words;
    for (const [host, word] of words) if (before.get(host) !== word) log('info', 'an operator took a host out', { host, word });
    for (const host of before.keys()) if (!words.has(host)) log('info', 'an operator let a host in again', { host });
    table.setWords(words);
  }

  /** Reads the settings now; once more should it be asked for meanwhile. What can't be read comes with the next heartbeat. */
  async refresh(): Promise<void> {
    this.#isReadDue = true;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isReadDue) {
        this.#isReadDue = false;
        this.take(await readSettings(this.#options.client, this.#options.keys));
      }
    } catch {
      // The next heartbeat is a second away at most.
    } finally {
      this.#isReading = false;
    }
  }
}
