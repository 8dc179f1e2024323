// The rhythm of the fleet's exchange. Once per interval the master publishes a table, and every balancer answers it at
// once with its loads, so that a thread wakes up once for both: waking it costs more than the message. The interval grows
// with the fleet, and on a busy machine up to where picks would suffer. Reports don't wait for a long interval: what they
// change is published sooner.

import { SECOND } from '../clock.js';

/**
 * Shortest interval, in ms. In `meercat simulate default` with 64 balancers at 90 % load one of 25 ms costs 4 % of p99; and
 * each ms less costs 6 % more messages.
 */
const MIN_INTERVAL_MS = 12;

/**
 * Longest time in which the master gathers reports into one table, in ms: with the way through Redis twice, a figure is in
 * all tables within 25 ms.
 */
const REPORT_WAIT_MS = 13;

/**
 * Interval per balancer and host, in ms: 1.2 µs, which a table and an answer to it take per host if a third of them have
 * changed, divided by `BUDGET`.
 */
const MS_PER_MEMBER = 0.08;

/** Share of a core that a thread may spend on the exchange before the interval grows. */
const BUDGET = 0.015;

/**
 * Longest interval on a busy machine if all figures come from others, in ms. In `meercat simulate default` at 90 % load it
 * costs 12 % of p99 with 64 balancers; `longestIntervalMs` costs 8 % with two and 9 % with eight.
 */
const FRESH_MS = 37;

/**
 * Share of the interval that must have passed since a balancer's last message before it answers a table at once. Reports
 * make the master publish in between; but the table of this interval may come a few ms early, and to wait for them costs
 * another wake-up.
 */
const EARLY = 0.8;

/** A balancer says something at least this often, in ms; the acknowledgement also proves that the master is alive. */
export const KEEP_ALIVE_MS = SECOND;

/**
 * Minimum interval between two updates of the learned capacities, in ms: ten for each report of an agent. So it is also the
 * delay after which a balancer no longer waits for a table that is due.
 */
export const LEARN_MS = 100;

/** Interval of the exchange on an idle machine, in ms: 12 with up to 150 balancers and hosts, 80 with 1,000, 200 at most. */
export function loadIntervalMs(balancers: number, hosts: number): number {
  // A figure is up to one and a half intervals old: a pick must not find it too old (`OLD_MS` of the adaptive policy).
  return Math.min(Math.max(MIN_INTERVAL_MS, MS_PER_MEMBER * (balancers + hosts)), KEEP_ALIVE_MS / 5);
}

/**
 * How long the master gathers changes before it publishes a table, in ms.
 * @param isLoadAlone whether only loads have changed
 */
export function gatherMs(intervalMs: number, isLoadAlone: boolean): number {
  return isLoadAlone ? intervalMs : Math.min(intervalMs, REPORT_WAIT_MS);
}

/**
 * Upper limit of the interval, in ms: 74 with two balancers and few hosts, 38 with 64. Figures go stale in proportion to
 * the share of them that comes from others.
 */
export function longestIntervalMs(balancers: number, hosts: number): number {
  const others = 1 - 1 / Math.max(2, balancers);
  return Math.max(loadIntervalMs(balancers, hosts), FRESH_MS / others);
}

/**
 * Keeps a thread within its share of a core. What a message costs differs between machines, mostly with the cost of a
 * wake-up.
 */
export class ExchangeBudget {
  #stretch = 1;

  /** The interval that this thread can afford, in ms. */
  intervalMs(balancers: number, hosts: number): number {
    return Math.min(this.#stretch * loadIntervalMs(balancers, hosts), longestIntervalMs(balancers, hosts));
  }

  /**
   * Adapts the interval: half of the way, on a logarithmic scale, to where the budget would be met, as one busy second
   * may be chance.
   * @param busy share (0..1) of the last seconds in which the thread was busy
   */
  take(busy: number): void {
    if (!(busy >= 0)) return;
    const most = longestIntervalMs(1, 0) / MIN_INTERVAL_MS;
    this.#stretch = Math.min(Math.max(1, this.#stretch * Math.sqrt(busy / BUDGET)), most);
  }
}

/** A balancer's turns: when it sends its loads. */
export class LoadTurns {
  #atMs = Number.NEGATIVE_INFINITY;

  /** Takes a turn, whether or not there is something to say; returns how long to wait for a table before the next one, in ms. */
  take(everyMs: number, nowMs: number): number {
    this.#atMs = nowMs;
    return everyMs + LEARN_MS;
  }

  /** How long to wait before answering a table that came now, in ms: until the interval has passed if it came early. */
  answerInMs(everyMs: number, nowMs: number): number {
    const passedMs = nowMs - this.#atMs;
    return passedMs >= EARLY * everyMs ? 0 : everyMs - passedMs;
  }
}
