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
