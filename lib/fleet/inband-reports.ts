// Decides which load reports that a balancer found in responses it publishes. All balancers see responses of all hosts,
// so one skips a report when the table shows that another has just published that host's. Has no clock and does no I/O.

import { SECOND } from '../clock.js';
import { bareNameOf, poolOf } from '../host-id.js';
import type { HostRow, HostState, HostTable, InbandReport, Report } from '../model.js';

/** Interval at which the fleet renews a host's in-band figures, in ms; longer with many hosts. */
const MIN_EVERY_MS = 200;
const EVERY_MS_PER_HOST = 0.5;

/** Balancers defer to one another: each further balancer widens the random delay by this fraction of the interval. */
const SPREAD_PER_BALANCER = 1 / 8;

/** Selects the in-band reports of one balancer, and knows which hosts have an agent. */
export class InbandReports {
  readonly #reportedAt: Float64Array;
  readonly #random: () => number;
  readonly #hosts = new Map<string, { readonly isStatic: boolean; readonly state: HostState }>();
  readonly #sentAtMs = new Map<string, number>();
  /** Size of the fleet, as far as known. */
  balancers = 1;

  /**
   * @param reportedAt the table's column: when each host last reported, by slot (process clock)
   * @param random returns numbers from 0 to 1
   */
  constructor(reportedAt: Float64Array, random: () => number) {
    this.#reportedAt = reportedAt;
    this.#random = random;
  }

  /** Learns from a master's table which hosts have an agent. */
  onTable({ isFull, hosts, gone }: HostTable): void {
    if (isFull) this.#hosts.clear();
    for (const { name, isStatic, state } of hosts) this.#hosts.set(name, { isStatic, state });
    for (const name of gone) this.#forget(name);
    if (isFull) for (const name of this.#sentAtMs.keys()) if (!this.#hosts.has(name)) this.#sentAtMs.delete(name);
  }

  /** The reports that are due for publishing now. */
  due(reports: readonly InbandReport[], nowMs: number): InbandReport[] {
    const everyMs = Math.max(MIN_EVERY_MS, this.#hosts.size * EVERY_MS_PER_HOST);
    return reports.filter(({ host, slot }) => {
      const known = this.#hosts.get(host);
      // An agent's figures take precedence, unless it has fallen silent.
      if (known !== undefined && !known.isStatic && known.state === 'up') return false;
      const patienceMs = everyMs * (1 + this.#random() * (this.balancers - 1) * SPREAD_PER_BALANCER);
      // An unknown age (NaN) is no reason to wait.
      if (nowMs - (this.#reportedAt[slot] as number) < patienceMs || nowMs - (this.#sentAtMs.get(host) ?? Number.NaN) < everyMs)
        return false;
      this.#sentAtMs.set(host, nowMs);
      return true;
    });
  }

  /** Marks the rows whose host has no agent: the shared table does not record it, the master's tables do. */
  withAgents(rows: readonly HostRow[]): HostRow[] {
    return rows.map((row) => (this.#hosts.get(row.name)?.isStatic === true ? { ...row, isStatic: true } : row));
  }

  #forget(name: string): void {
    this.#hosts.delete(name);
    this.#sentAtMs.delete(name);
  }
}

/** As it goes to the fleet: of the host in the one pool whose request was answered. */
export function publishedReport({ slot: _, host, ...figures }: InbandReport): Report {
  return { ...figures, host: bareNameOf(host), pools: [poolOf(host)], intervalMs: SECOND, bye: false, via: 'inband' };
}
