// Active health checks of a balancer without a master. While no table arrives nobody says which hosts are down, so each
// balancer checks its own hosts by the same rules and uses the results until a master's table arrives again.

import type { Clock } from '../clock.js';
import { type HostChecks, startHostChecks } from '../health/host-checks.js';
import type { Log } from '../log.js';
import { afterCheck, type Checked, FALLEN, UNCHECKED } from '../routing/health.js';
import type { Count } from '../table/counters.js';
import type { HealthByPool } from '../config/pool-rules.js';
import type { HostTls } from '../config/traffic-config.js';
import { poolOf } from '../host-id.js';
import type { TableSync } from './table-sync.js';

/** The dependencies of `OwnChecks`. */
export interface OwnChecksOptions {
  readonly table: TableSync;
  /** The rules in force. */
  readonly rules: () => HealthByPool;
  readonly tls: HostTls;
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
}

/** The health checks of one balancer; idle until they begin. */
export class OwnChecks {
  readonly #options: OwnChecksOptions;
  /** By name and address: a host that has moved is checked again. */
  readonly #checked = new Map<string, Checked>();
  #checks: HostChecks | undefined;

  constructor(options: OwnChecksOptions) {
    this.#options = options;
  }

  /**
   * Starts to check all hosts of the table, unless running. A host that was down in the last table stays down until it
   * passes its checks.
   */
  begin(): void {
    if (this.#checks !== undefined) return;
    const { table, rules, tls, clock, count, log } = this.#options;
    this.#checks = startHostChecks({
      rules,
      tls,
      clock,
      hosts: () => table.writer.hosts(),
      onChecked: ({ name, url }, isGood) => {
        if (!isGood) count('own_checks_failed');
        const key = `${name} ${url}`;
        const before = this.#checked.get(key) ?? (table.writer.isDown(name) ? FALLEN : UNCHECKED);
        const after = afterCheck(before, isGood, rules().of(poolOf(name)));
        this.#checked.set(key, after);
        if (after.isDown === before.isDown) return;
        log('info', after.isDown ? 'a host fails its checks: it gets no requests' : 'a host passes its checks again', { host: name });
        table.setOwnDown(name, after.isDown);
      },
    });
  }

  /** Stops the checks and discards their results. */
  end(): void {
    if (this.#checks === undefined) return;
    this.#checks.stop();
    this.#checks = undefined;
    this.#checked.clear();
    this.#options.table.forgetChecks();
  }
}
