// An open load in a separate process: each request is sent when it is due, whether or not earlier ones were answered,
// and its latency counts from its due time, however late it was sent. Every response is checked against its request.

import { Pool } from './arrival-pool.js';
import { type DrawnArrivals, CLASSES, drawArrivals } from './scenario.js';
import { percentile } from './statistics.js';

/** An order to the load: one turn. */
export interface ArrivalTurn {
  readonly type: 'turn';
  readonly ports: readonly number[];
  readonly seed: number;
  readonly perSecond: number;
  /** Requests in this initial period are not counted. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Requests unanswered this long after the last one was sent count as if they were answered then. */
  readonly graceMs: number;
  /** Connections to all ports together; requests beyond wait for one, which counts as latency. No limit unless set. */
  readonly maxConnections?: number;
}

/** An order to open connections ahead of the next turn, which must be to the same ports. */
export interface ArrivalConnections {
  readonly type: 'connect';
  readonly ports: readonly number[];
  /** To all ports together; each port has as many. The next turn opens no others. */
  readonly connections: number;
}

/** Longest wait for connections that are opened ahead. */
const OPEN_TIMEOUT_MS = 5000;

/** The result of a turn. */
export interface TurnDone {
  readonly type: 'done';
  /** Time from due to answered, for each request that was due in the measured period. */
  readonly latencyMs: Float64Array;
  /** The class of each request, as an index into `CLASSES`. */
  readonly kind: Uint8Array;
  /** Number of requests not answered in time. */
  readonly unfinished: number;
  /** How many more requests waited for an answer at the end of the measured period than at its beginning. */
  readonly grown: number;
  /** Number of all requests, with those of the warm-up. */
  readonly sent: number;
  /** Failures of all requests sent, by kind, with their counts. */
  readonly failed: Readonly<Record<string, number>>;
  /** Examples of wrong responses. */
  readonly wrong: readonly string[];
  /** p99 of the delay with which requests were sent. */
  readonly lateMs: number;
}

/** Runs the role `arrivals`: replies `connected` to `connect`, executes each `turn` message and replies `done`. */
export async function runArrivals(): Promise<() => void> {
  let opened: Opened = { ports: [], pools: [] };
  process.on('message', async (order: ArrivalTurn | ArrivalConnections) => {
    if (order.type === 'connect') {
      close(opened);
      opened = await connectAll(order);
      process.send?.({ type: 'connected' });
    } else if (order.type === 'turn') {
      const ready = opened;
      opened = { ports: [], pools: [] };
      process.send?.(await runTurn(order, ready));
    }
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}

/** Pools with connections that are open already. */
interface Opened {
  readonly ports: readonly number[];
  readonly pools: readonly Pool[];
}

function close({ pools }: Opened): void {
  for (const pool of pools) pool.close();
}

async function connectAll({ ports, connections }: ArrivalConnections): Promise<Opened> {
  const each = Math.ceil(connections / ports.length);
  const pools = ports.map((port) => new Pool(port, each));
  await Promise.all(pools.map((pool) => pool.open(each, OPEN_TIMEOUT_MS)));
  return { ports, pools };
}

async function runTurn(turn: ArrivalTurn, opened: Opened): Promise<TurnDone> {
  const { ports, seed, perSecond, warmUpMs, measuredMs, graceMs, maxConnections = Number.POSITIVE_INFINITY } = turn;
  const lengthMs = warmUpMs + measuredMs;
  const arrivals = drawArrivals(seed, perSecond, lengthMs, ports.length);
  const isReady = ports.join() === opened.ports.join();
  if (!isReady) close(opened);
  const pools = isReady ? opened.pools : ports.map((port) => new Pool(port, Math.ceil(maxConnections / ports.length)));
  const load = new OpenLoad(pools, arrivals);
  await load.send();
  await load.untilAnswered(graceMs);
  return { type: 'done', ...load.end(warmUpMs, lengthMs) };
}

class OpenLoad {
  readonly #arrivals: DrawnArrivals;
  readonly #pools: readonly Pool[];
  readonly #startMs = performance.now();
  /** When each request was answered; NaN while pending, Infinity if it failed. */
  readonly #answeredAtMs: Float64Array;
  readonly #lateMs: Float64Array;
  readonly #failed: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #sent = 0;
  #ended = 0;

  constructor(pools: readonly Pool[], arrivals: DrawnArrivals) {
    const count = arrivals.atMs.length;
    this.#arrivals = arrivals;
    this.#answeredAtMs = new Float64Array(count).fill(Number.NaN);
    this.#lateMs = new Float64Array(count);
    this.#pools = pools;
    for (const pool of pools) pool.begin((index, answer) => this.#onEnd(index, answer));
  }

  /** Sends all requests at their due times. */
  send(): Promise<void> {
    return new Promise((resolve) => {
      const step = (): void => {
        const { atMs, kind, to } = this.#arrivals;
        const nowMs = this.#nowMs();
        for (; this.#sent < atMs.length && (atMs[this.#sent] as number) <= nowMs; this.#sent++) {
          this.#lateMs[this.#sent] = nowMs - (atMs[this.#sent] as number);
          this.#pools[to[this.#sent] as number]?.send(this.#sent, CLASSES[kind[this.#sent] as number]?.path ?? '/');
        }
        if (this.#sent === atMs.length) resolve();
        else setTimeout(step, Math.ceil((atMs[this.#sent] as number) - this.#nowMs()));
      };
      step();
    });
  }

  async untilAnswered(graceMs: number): Promise<void> {
    const deadlineMs = this.#nowMs() + graceMs;
    while (this.#ended < this.#sent && this.#nowMs() < deadlineMs) {
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  }

  /** Closes all connections; returns the result. */
  end(warmUpMs: number, lengthMs: number): Omit<TurnDone, 'type'> {
    const nowMs = this.#nowMs();
    for (const pool of this.#pools) pool.close();
    const { atMs, kind } = this.#arrivals;
    const measured = [...atMs.keys()].filter(
      (index) => (atMs[index] as number) >= warmUpMs && this.#answeredAtMs[index] !== Number.POSITIVE_INFINITY,
    );
    const unfinished = measured.filter((index) => Number.isNaN(this.#answeredAtMs[index])).length;
    return {
      latencyMs: Float64Array.from(measured, (index) => {
        const answeredAtMs = this.#answeredAtMs[index] as number;
        return (Number.isNaN(answeredAtMs) ? nowMs : answeredAtMs) - (atMs[index] as number);
      }),
      kind: Uint8Array.from(measured, (index) => kind[index] as number),
      unfinished,
      grown: this.#waitingAt(lengthMs) - this.#waitingAt(warmUpMs),
      sent: this.#sent,
      failed: this.#failed,
      wrong: this.#wrong,
      lateMs: percentile(this.#lateMs.toSorted(), 0.99),
    };
  }

  /** Number of requests that were due before this time and not answered by then. */
  #waitingAt(timeMs: number): number {
    let waiting = 0;
    this.#arrivals.atMs.forEach((dueMs, index) => {
      const answeredAtMs = this.#answeredAtMs[index] as number;
      // NaN is never answered; what failed waits no longer.
      if (dueMs < timeMs && answeredAtMs !== Number.POSITIVE_INFINITY && !(answeredAtMs <= timeMs)) waiting++;
    });
    return waiting;
  }

  #nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** @param answer the status and body of the response, or the failure */
  #onEnd(index: number, answer: { readonly status: number; readonly body: string }): void {
    this.#ended++;
    const expected = ` ${CLASSES[this.#arrivals.kind[index] as number]?.path} ${index}\n`;
    if (answer.status === 200 && answer.body.startsWith('h') && answer.body.endsWith(expected)) {
      this.#answeredAtMs[index] = this.#nowMs();
      return;
    }
    this.#answeredAtMs[index] = Number.POSITIVE_INFINITY;
    if (answer.status === 200) {
      if (this.#wrong.length < 5) this.#wrong.push(`${expected.trim()} was answered ${JSON.stringify(answer.body.slice(0, 80))}`);
      return;
    }
    const what = answer.status === 0 ? answer.body : String(answer.status);
    this.#failed[what] = (this.#failed[what] ?? 0) + 1;
  }
}
