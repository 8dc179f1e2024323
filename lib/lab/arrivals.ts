// An open load in a separate process: each request is sent when it is due, whether or not earlier ones were answered,
// and its latency counts from its due time, however late it was sent. Every response is checked against its request.

import { connect, type Socket } from 'node:net';
import { type DrawnArrivals, CLASSES, drawArrivals } from './scenario.js';
import { percentile } from './statistics.js';
import { readAnswer } from './virtual-host-http.js';

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

/** Runs the role `arrivals`: executes each `turn` message and replies `done`. */
export async function runArrivals(): Promise<() => void> {
  process.on('message', async (turn: ArrivalTurn) => {
    if (turn.type === 'turn') process.send?.(await runTurn(turn));
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}

async function runTurn({
  ports,
  seed,
  perSecond,
  warmUpMs,
  measuredMs,
  graceMs,
  maxConnections = Number.POSITIVE_INFINITY,
}: ArrivalTurn): Promise<TurnDone> {
  const lengthMs = warmUpMs + measuredMs;
  const arrivals = drawArrivals(seed, perSecond, lengthMs, ports.length);
  const load = new OpenLoad(ports, arrivals, Math.ceil(maxConnections / ports.length));
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

  /** @param maxConnections to each port */
  constructor(ports: readonly number[], arrivals: DrawnArrivals, maxConnections: number) {
    const count = arrivals.atMs.length;
    this.#arrivals = arrivals;
    this.#answeredAtMs = new Float64Array(count).fill(Number.NaN);
    this.#lateMs = new Float64Array(count);
    this.#pools = ports.map((port) => new Pool(port, maxConnections, (index, body) => this.#onEnd(index, body)));
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

type OnEnd = (index: number, answer: { readonly status: number; readonly body: string }) => void;

/** Keep-alive connections to one port, in LIFO order; opens a new one if none is idle, up to a limit. */
class Pool {
  readonly #port: number;
  readonly #onEnd: OnEnd;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #maxConnections: number;
  /** Requests that wait for a connection, from `#firstWaiting` on. */
  readonly #waiting: { readonly index: number; readonly path: string }[] = [];
  #firstWaiting = 0;

  constructor(port: number, maxConnections: number, onEnd: OnEnd) {
    this.#port = port;
    this.#maxConnections = maxConnections;
    this.#onEnd = onEnd;
  }

  send(index: number, path: string): void {
    const connection = this.#free.pop() ?? (this.#all.size < this.#maxConnections ? this.#open() : undefined);
    if (connection === undefined) this.#waiting.push({ index, path });
    else connection.send(index, path);
  }

  #open(): Connection {
    const connection = new Connection(
      this.#port,
      this.#onEnd,
      (free) => {
        this.#free.push(free);
        this.#sendWaiting();
      },
      (closed) => {
        this.#forget(closed);
        this.#sendWaiting();
      },
    );
    this.#all.add(connection);
    return connection;
  }

  #sendWaiting(): void {
    const next = this.#waiting[this.#firstWaiting];
    if (next === undefined) return;
    this.#firstWaiting++;
    this.send(next.index, next.path);
  }

  close(): void {
    this.#firstWaiting = this.#waiting.length;
    for (const connection of this.#all) connection.close();
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
  }
}

/** A connection with at most one request in flight. */
class Connection {
  readonly #socket: Socket;
  readonly #onEnd: OnEnd;
  readonly #onFree: (connection: Connection) => void;
  #index = -1;
  #text = '';
  #error = 'the connection was closed';

  constructor(port: number, onEnd: OnEnd, onFree: (connection: Connection) => void, onClosed: (connection: Connection) => void) {
    this.#onEnd = onEnd;
    this.#onFree = onFree;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk) => this.#take(String(chunk)));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    this.#socket.on('close', () => {
      onClosed(this);
      this.#finish({ status: 0, body: this.#error });
    });
  }

  send(index: number, path: string): void {
    this.#index = index;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nX-Request: ${index}\r\n\r\n`);
  }

  /** Closes the connection; its pending request counts as neither answered nor failed. */
  close(): void {
    this.#index = -1;
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const answer = readAnswer(this.#text);
    if (answer === undefined) return;
    this.#text = '';
    this.#finish(answer);
    if (answer.isKept) this.#onFree(this);
    else this.#socket.destroy();
  }

  #finish(answer: { readonly status: number; readonly body: string }): void {
    const index = this.#index;
    this.#index = -1;
    if (index >= 0) this.#onEnd(index, answer);
  }
}
