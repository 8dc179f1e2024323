// How often balancers say what they have in flight: as often as the fleet can afford.

/** Where the fleet is small. */
const MIN_INTERVAL_MS = 20;
const MAX_INTERVAL_MS = 1000;

/** More balancers make more messages for the master, more hosts make each of them longer. */
const MS_PER_BALANCER = 0.35;
const MS_PER_HOST = 0.05;
const PAIRS_PER_MS = 1500;

/** How long a balancer waits between two load messages. 20 ms in a small fleet, 22 with 64 balancers and 50 hosts, 50 with 1,000 hosts. */
export function loadIntervalMs(balancers: number, hosts: number): number {
  const wished = Math.max(MS_PER_BALANCER * balancers, MS_PER_HOST * hosts, (balancers * hosts) / PAIRS_PER_MS);
  return Math.min(Math.max(wished, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}

/** The share of a core that a thread may need for what the fleet exchanges. */
const BUDGET = 0.03;

/** How much longer than wished waits become at most where that is not enough, by how much each time, and below what they get shorter again. */
const MAX_STRETCH = 2;
const STEP = 1.15;
const EASY = 0.7 * BUDGET;

/**
 * Keeps a thread within its share of a core: how much of it a message needs differs from machine to machine, the more
 * where waking up is dear. All waits of the exchange are to be multiplied by `stretch`.
 */
export class ExchangeBudget {
  #stretch = 1;

  /** 1 to 2. */
  get stretch(): number {
    return this.#stretch;
  }

  /** @param busy the share (0..1) of the last seconds in which the thread did not wait */
  take(busy: number): void {
    if (busy > BUDGET) this.#stretch = Math.min(MAX_STRETCH, this.#stretch * STEP);
    else if (busy < EASY) this.#stretch = Math.max(1, this.#stretch / STEP);
  }
}
