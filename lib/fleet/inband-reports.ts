// Which of the load reports that a balancer found in answers it publishes. All balancers get answers of all hosts:
// who sees in the table that another one has just told of a host says nothing. Has no clock and does no I/O.

import type { HostRow, HostState, HostTable, InbandReport } from '../model.js';

/** The figures of a host are renewed so often, whoever of the fleet does it: longer where there are many hosts. */
const MIN_EVERY_MS = 200;
const EVERY_MS_PER_HOST = 0.5;

/** Balancers wait for one another: each further one spreads the moments at which they lose patience by this part. */
const SPREAD_PER_BALANCER = 1 / 8;

/** The in-band reports of one balancer, and who of the hosts has an agent. */
export class InbandReports {
  readonly #reportedAt: Float64Array;
  readonly #random: () => number;
  readonly #hosts = new Map<string, { readonly isStatic: boolean; readonly state: HostState }>();
  readonly #sentAtMs = new Map<string, number>();
  /** How many balancers the fleet has, as far as is known. */
  balancers = 1;

  /**
   * @param reportedAt the table's column: when each host last reported, by its slot (process's clock)
   * @param random gives numbers from 0 to 1
   */
  constructor(reportedAt: Float64Array, random: () => number) {
    this.#reportedAt = reportedAt;
    this.#random = random;
  }

  /** Takes a table of the master's: it says who has an agent. */
  onTable({ isFull, hosts, gone }: HostTable): void {
    if (isFull) this.#hosts.clear();
    for (const { name, isStatic, state } of hosts) this.#hosts.set(name, { isStatic, state });
    for (const name of gone) this.#forget(name);
    if (isFull) for (const name of this.#sentAtMs.keys()) if (!this.#hosts.has(name)) this.#sentAtMs.delete(name);
  }

  /** Those of these reports that are to be published now. */
  due(reports: readonly InbandReport[], nowMs: number): InbandReport[] {
    const everyMs = Math.max(MIN_EVERY_MS, this.#hosts.size * EVERY_MS_PER_HOST);
    return reports.filter(({ host, slot }) => {
      const known = this.#hosts.get(host);
      // An agent's figures go before; one that fell silent has none.
      if (known !== undefined && !known.isStatic && known.state === 'up') return false;
      const patienceMs = everyMs * (1 + this.#random() * (this.balancers - 1) * SPREAD_PER_BALANCER);
      // An age that is not known is no reason to wait.
      if (nowMs - (this.#reportedAt[slot] as number) < patienceMs || nowMs - (this.#sentAtMs.get(host) ?? Number.NaN) < everyMs)
        return false;
      this.#sentAtMs.set(host, nowMs);
      return true;
    });
  }

  /** The rows of the shared table, which does not tell figures of agents from others, as the master's tables told of agents. */
  withAgents(rows: readonly HostRow[]): HostRow[] {
    return rows.map((row) => (this.#hosts.get(row.name)?.isStatic === true ? { ...row, isStatic: true } : row));
  }

  #forget(name: string): void {
    this.#hosts.delete(name);
    this.#sentAtMs.delete(name);
  }
}
