// An open load in a process of its own: each request is sent when its time has come, whether or not earlier
// ones were answered, and what it waited is counted from then, however late it was sent. Every answer is
// compared with what was asked.

import { connect, type Socket } from 'node:net';
import { type DrawnArrivals, CLASSES, drawArrivals } from './scenario.js';
import { percentile } from './statistics.js';

const CRLF2 = '\r\n\r\n';

/** What the load is told: one turn. */
export interface ArrivalTurn {
  readonly type: 'turn';
  readonly ports: readonly number[];
  readonly seed: number;
  readonly perSecond: number;
  /** What is sent in this time at first is not counted. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** What is not answered so long after the last one was sent counts as if it were then. */
  readonly graceMs: number;
}

/** What came of it. */
export interface TurnDone {
  readonly type: 'done';
  /** From the time at which each request was due to its answer; of those that were due while it was measured. */
  readonly latencyMs: Float64Array;
  /** The class of each, as an index of `CLASSES`. */
  readonly kind: Uint8Array;
  /** How many were not answered in time. */
  readonly unfinished: number;
  /** How they failed, and how often, of all that were sent. */
  readonly failed: Readonly<Record<string, number>>;
  /** Answers that were not of what was asked, such as these. */
  readonly wrong: readonly string[];
  /** How late requests were sent, p99. */
  readonly lateMs: number;
}

/** Runs it: `arrivals`. Understands `turn` and says `done` after each. */
export async function runArrivals(): Promise<() => void> {
  process.on('message', async (turn: ArrivalTurn) => {
    if (turn.type === 'turn') process.send?.(await runTurn(turn));
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}

async function runTurn({ ports, seed, perSecond, warmUpMs, measuredMs, graceMs }: ArrivalTurn): Promise<TurnDone> {
  const lengthMs = warmUpMs + measuredMs;
  const arrivals = drawArrivals(seed, perSecond, lengthMs, ports.length);
  const load = new OpenLoad(ports, arrivals);
  await load.send();
  await load.untilAnswered(graceMs);
  return { type: 'done', ...load.end(warmUpMs) };
}

class OpenLoad {
  readonly #arrivals: DrawnArrivals;
  readonly #pools: readonly Pool[];
  readonly #startMs = performance.now();
  /** When each was answered; NaN while it is not, infinity when it failed. */
  readonly #answeredAtMs: Float64Array;
  readonly #lateMs: Float64Array;
  readonly #failed: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #sent = 0;
  #ended = 0;

  constructor(ports: readonly number[], arrivals: DrawnArrivals) {
    const count = arrivals.atMs.length;
    this.#arrivals = arrivals;
    this.#answeredAtMs = new Float64Array(count).fill(Number.NaN);
    this.#lateMs = new Float64Array(count);
    this.#pools = ports.map((port) => new Pool(port, (index, body) => this.#onEnd(index, body)));
  }

  /** Sends all of them in their time. */
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

  /** Closes all connections; gives what was seen. */
  end(warmUpMs: number): Omit<TurnDone, 'type'> {
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
      failed: this.#failed,
      wrong: this.#wrong,
      lateMs: percentile(this.#lateMs.toSorted(), 0.99),
    };
  }

  #nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** @param answer the status and the body of the answer, or how it failed */
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

/** Kept connections to one port: the one that was used last is used next, and a new one is opened when none is free. */
class Pool {
  readonly #port: number;
  readonly #onEnd: OnEnd;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();

  constructor(port: number, onEnd: OnEnd) {
    this.#port = port;
    this.#onEnd = onEnd;
  }

  send(index: number, path: string): void {
    let connection = this.#free.pop();
    if (connection === undefined) {
      connection = new Connection(
        this.#port,
        this.#onEnd,
        (opened) => this.#free.push(opened),
        (closed) => this.#forget(closed),
      );
      this.#all.add(connection);
    }
    connection.send(index, path);
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
  }
}

/** One connection with at most one request. */
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

  /** Closes it; what it was asked counts as neither answered nor failed. */
  close(): void {
    this.#index = -1;
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const headEnd = this.#text.indexOf(CRLF2);
    if (headEnd < 0) return;
    const head = this.#text.slice(0, headEnd + 2);
    const [, length = '0'] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    const body = this.#text.slice(headEnd + CRLF2.length);
    if (body.length < Number(length)) return;
    this.#text = '';
    const isKept = !/\r\nconnection: *close/i.test(head);
    this.#finish({ status: Number(head.split(' ', 2)[1]), body });
    if (isKept) this.#onFree(this);
    else this.#socket.destroy();
  }

  #finish(answer: { readonly status: number; readonly body: string }): void {
    const index = this.#index;
    this.#index = -1;
    if (index >= 0) this.#onEnd(index, answer);
  }
}
