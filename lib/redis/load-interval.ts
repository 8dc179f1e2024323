// How often balancers say what they have in flight: as often as the fleet can afford. To wake up costs a thread more
// than what it then does, so everyone goes by the same beat: the master gathers for an interval and publishes, and
// whoever gets its table answers it at once with a load message.

/** Where the fleet is small. */
const MIN_INTERVAL_MS = 13;
const MAX_INTERVAL_MS = 1000;

/** More balancers make more messages for the master, more hosts make each of them longer. */
const MS_PER_BALANCER = 0.2;
const MS_PER_HOST = 0.05;
const PAIRS_PER_MS = 1500;

/** How long a balancer waits between two load messages, and a master between two tables that say nothing else. 13 ms in a small fleet, 13 with 64 balancers and 50 hosts, 50 with 1,000 hosts. */
export function loadIntervalMs(balancers: number, hosts: number): number {
  const wished = Math.max(MS_PER_BALANCER * balancers, MS_PER_HOST * hosts, (balancers * hosts) / PAIRS_PER_MS);
  return Math.min(Math.max(wished, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}

/** A table is answered when at least this share of an interval has gone by since the last message; others came too soon. */
const EARLY = 0.6;

/** Without a table the next message is due after so many intervals; after so many where there was nothing to say. */
const WITHOUT_TABLE = 1.3;
const IDLE = 4;

/** And after so many where the last message answered a table: the master will answer it with the next. */
const TABLE_IS_LATE = 10;

/** When a balancer says next what it has in flight. */
export class LoadPace {
  #turnAtMs = Number.NEGATIVE_INFINITY;

  /** Whether a table that came now is to be answered. */
  answersTable(everyMs: number, nowMs: number): boolean {
    return nowMs - this.#turnAtMs >= EARLY * everyMs;
  }

  /**
   * It was a balancer's turn; gives how long it may wait for a table until it is its turn all the same.
   * @param hasSaid whether there was something to say
   * @param isAnswer whether that was because a table came
   */
  took(hasSaid: boolean, isAnswer: boolean, everyMs: number, nowMs: number): number {
    this.#turnAtMs = nowMs;
    return everyMs * (!hasSaid ? IDLE : isAnswer ? TABLE_IS_LATE : WITHOUT_TABLE);
  }

  /** How long to wait when a table came too soon. */
  left(everyMs: number, nowMs: number): number {
    return Math.max(0, this.#turnAtMs + everyMs * WITHOUT_TABLE - nowMs);
  }
}

/** The share of a core that a thread may need for what the fleet exchanges. */
const BUDGET = 0.03;

/**
 * Where that is not enough, the wait becomes up to twice as long, or so many ms, which picks bear: the more balancers
 * there are, the less each knows by itself. In `meercat simulate default --exchange 52ms` p99 is 1.04 times the floor's
 * with 2 balancers, at 90 % load, and 1.31 with 64, with `--exchange 32ms` 1.25.
 */
const BORNE_STRETCH = 2;
const BORNE_MS = 30;
const BORNE_MS_SHARED = 88;

/** How long to wait at most, however little can be afforded: 52 ms with 4 balancers and few hosts, 31 with 64, 100 with 1,000 hosts. */
export function longestIntervalMs(balancers: number, hosts: number): number {
  return Math.max(BORNE_STRETCH * loadIntervalMs(balancers, hosts), BORNE_MS + BORNE_MS_SHARED / Math.max(1, balancers));
}

/** By how much waits become longer each time, below what share of the budget they get shorter again, and up to where. */
const STEP = 1.15;
const EASY = 0.7;
const MAX_STRETCH = 8;

/**
 * Keeps a thread within its share of a core: how much of it a message needs differs from machine to machine, the more
 * where waking up is dear.
 */
export class ExchangeBudget {
  readonly #budget: number;
  #stretch = 1;

  /** @param threads so many threads of the process share what it may need */
  constructor(threads = 1) {
    this.#budget = BUDGET / threads;
  }

  /** How long to wait in place of a wait that the fleet could afford, but no longer than `mostMs`. */
  stretched(waitMs: number, mostMs: number): number {
    return Math.max(waitMs, Math.min(waitMs * this.#stretch, mostMs));
  }

  /** @param busy the share (0..1) of the last seconds in which the thread did not wait */
  take(busy: number): void {
    if (busy > this.#budget) this.#stretch = Math.min(MAX_STRETCH, this.#stretch * STEP);
    else if (busy < EASY * this.#budget) this.#stretch = Math.max(1, this.#stretch / STEP);
  }
}
