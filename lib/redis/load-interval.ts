// How often balancers publish their loads: as often as the fleet can afford. Waking a thread costs more CPU than the
// message itself, so all balancers are synchronized to the master: it publishes a table once per interval, and each
// balancer replies at once with a load message.

/** Bounds of the interval; small fleets use the minimum. */
const MIN_INTERVAL_MS = 13;
const MAX_INTERVAL_MS = 1000;

/** More balancers mean more messages for the master; more hosts make each message longer. */
const MS_PER_BALANCER = 0.2;
const MS_PER_HOST = 0.05;
const PAIRS_PER_MS = 1500;

/** Interval between a balancer's load messages, and between a master's tables that carry only loads: 13 ms in a small fleet, 13 with 64 balancers and 50 hosts, 50 with 1,000 hosts. */
export function loadIntervalMs(balancers: number, hosts: number): number {
  const wished = Math.max(MS_PER_BALANCER * balancers, MS_PER_HOST * hosts, (balancers * hosts) / PAIRS_PER_MS);
  return Math.min(Math.max(wished, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}

/** A balancer replies to a table only if at least this share of the interval has passed since its last message. */
const EARLY = 0.6;

/** Without a table, intervals until the next message: after a normal message, and after a turn with nothing to send. */
const WITHOUT_TABLE = 1.3;
const IDLE = 4;

/** Intervals until the next message if the last one was a reply to a table: the master's next table should come first. */
const TABLE_IS_LATE = 10;

/** Schedules a balancer's load messages. */
export class LoadPace {
  #turnAtMs = Number.NEGATIVE_INFINITY;

  /** Whether to reply to a table received now. */
  answersTable(everyMs: number, nowMs: number): boolean {
    return nowMs - this.#turnAtMs >= EARLY * everyMs;
  }

  /**
   * Records a turn; returns how long to wait for a table before the next turn.
   * @param hasSaid whether there was something to send
   * @param isAnswer whether the turn was a reply to a table
   */
  took(hasSaid: boolean, isAnswer: boolean, everyMs: number, nowMs: number): number {
    this.#turnAtMs = nowMs;
    return everyMs * (!hasSaid ? IDLE : isAnswer ? TABLE_IS_LATE : WITHOUT_TABLE);
  }

  /** Remaining wait after a table that came too early. */
  left(everyMs: number, nowMs: number): number {
    return Math.max(0, this.#turnAtMs + everyMs * WITHOUT_TABLE - nowMs);
  }
}

/** Share of a core that a thread may spend on the fleet's load exchange. */
const BUDGET = 0.03;

/**
 * If the budget is exceeded, the interval grows up to twice its length, or up to the longest one before p99 suffers, in
 * ms. That one shrinks with the number of balancers, since each of them knows less by itself: with an earlier rule,
 * in `meercat simulate default` at 90 % load, p99 with `--exchange 52ms` is 1.04 times the floor's with 2 balancers and 1.31 with 64; with
 * `--exchange 32ms` and 64 balancers it is 1.25.
 */
const BORNE_STRETCH = 2;
const BORNE_MS = 30;
const BORNE_MS_SHARED = 88;

/** Upper limit of the interval, whatever the budget: 52 ms with 4 balancers and few hosts, 31 with 64, 100 with 1,000 hosts. */
export function longestIntervalMs(balancers: number, hosts: number): number {
  return Math.max(BORNE_STRETCH * loadIntervalMs(balancers, hosts), BORNE_MS + BORNE_MS_SHARED / Math.max(1, balancers));
}

/** Factor by which the interval grows per step, the share of the budget below which it shrinks again, and the limit. */
const STEP = 1.15;
const EASY = 0.7;
const MAX_STRETCH = 8;

/**
 * Keeps a thread within its share of a core. The CPU cost of a message differs between machines, mostly with the cost
 * of a wake-up.
 */
export class ExchangeBudget {
  readonly #budget: number;
  #stretch = 1;

  /** @param threads number of threads of the process that share the budget */
  constructor(threads = 1) {
    this.#budget = BUDGET / threads;
  }

  /** The interval to use instead of `waitMs`; at most `mostMs`. */
  stretched(waitMs: number, mostMs: number): number {
    return Math.max(waitMs, Math.min(waitMs * this.#stretch, mostMs));
  }

  /** @param busy share (0..1) of the last seconds in which the thread was busy */
  take(busy: number): void {
    if (busy > this.#budget) this.#stretch = Math.min(MAX_STRETCH, this.#stretch * STEP);
    else if (busy < EASY * this.#budget) this.#stretch = Math.max(1, this.#stretch / STEP);
  }
}
