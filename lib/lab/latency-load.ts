// The open load of `latency`: sends requests at a fixed rate, whether or not earlier ones were answered, on open
// connections. Latency counts from the moment a request is written, not from when it was due: a timer is up to a
// millisecond late, which is more than the difference that is measured. How late requests were is reported.

import { KeptConnection } from './kept-connection.js';
import { percentile } from './statistics.js';

/** One turn of the load. */
export interface LatencyOrder {
  readonly type: 'run';
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly connections: number;
}

/** The result of a turn. */
export interface LatencyDone {
  readonly type: 'done';
  /** Time from request to complete answer, of all right answers. */
  readonly micros: Float64Array;
  readonly wrong: number;
  /** How long after they were due requests were sent, p99. */
  readonly lateMicros: number;
}

/** Runs it: `latency-load BODY`, where BODY is the host's answer. Sends `ready`, and a {@link LatencyDone} after each {@link LatencyOrder}. */
export async function runLatencyLoad([body = '']: readonly string[]): Promise<() => void> {
  process.on('message', async (order: LatencyOrder) => {
    if (order.type === 'run') process.send?.(await runTurn(order, Buffer.from(body)));
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}

async function runTurn({ port, perSecond, seconds, connections }: LatencyOrder, expected: Buffer): Promise<LatencyDone> {
  const open = (): KeptConnection => new KeptConnection(port, undefined, expected);
  const free = Array.from({ length: connections }, open);
  const all = [...free];
  const first = await Promise.all(free.map((connection) => connection.asked()));
  const micros: number[] = [];
  const late: number[] = [];
  let wrong = first.filter((ending) => ending !== 'right').length;
  const running: Promise<void>[] = [];

  const send = (): Promise<void> => {
    let connection = free.shift();
    if (connection === undefined) {
      connection = open();
      all.push(connection);
    }
    const used = connection;
    const sentMs = performance.now();
    return new Promise((resolve) => {
      used.ask((ending) => {
        if (ending === 'right') micros.push((performance.now() - sentMs) * 1000);
        else wrong++;
        if (used.isOpen) free.push(used);
        resolve();
      });
    });
  };

  const startMs = performance.now();
  const count = Math.max(1, Math.round(perSecond * seconds));
  await new Promise<void>((resolve) => {
    let sent = 0;
    const step = (): void => {
      for (
        let nowMs = performance.now() - startMs;
        sent < count && (sent * 1000) / perSecond <= nowMs;
        nowMs = performance.now() - startMs
      ) {
        late.push((nowMs - (sent * 1000) / perSecond) * 1000);
        sent++;
        running.push(send());
      }
      if (sent === count) resolve();
      else setTimeout(step, Math.ceil((sent * 1000) / perSecond - (performance.now() - startMs)));
    };
    step();
  });
  // Bounded: a connection without an answer closes after a timeout.
  await Promise.all(running);
  for (const connection of all) connection.close();
  return { type: 'done', micros: Float64Array.from(micros), wrong, lateMicros: percentile(Float64Array.from(late).toSorted(), 0.99) };
}
