// The lab's own load generator: a number of keep-alive or upgraded connections, each of which sends its next request as
// soon as the last one is answered. It needs no installed program, and checks every response.

import { STREAMS_PER_CONNECTION, type WorkloadName } from './context.js';
import { http2RequestOf, openHttp2Load } from './http2-load.js';
import { getRequest, openHttpLoad, postRequest } from './http-load.js';
import { BLOB_BYTES, buildBlob, receiptOf } from './lab-bodies.js';
import type { Counts, LoadEnd } from './load-counts.js';
import { openWebSocketLoad } from './websocket-load.js';

/** A connection, as far as a load waits for its end. */
interface LoadConnection {
  once(event: 'close', listener: () => void): unknown;
}

type Open = (counts: Counts, isOver: LoadEnd) => LoadConnection;

/** Request and expected body of each workload over HTTP/1.1; `body` is the host's small one. */
const REQUESTS: Readonly<
  Record<Exclude<WorkloadName, 'websocket' | 'h2' | 'grpc'>, (body: string, port: number) => readonly [Buffer, Buffer]>
> = {
  small: (body, port) => [getRequest('/', port), Buffer.from(body)],
  tls: (body, port) => [getRequest('/', port), Buffer.from(body)],
  down: (_body, port) => [getRequest('/down', port), buildBlob()],
  up: (_body, port) => [postRequest('/up', port, buildBlob()), Buffer.from(receiptOf(BLOB_BYTES))],
};

/** Returns the function that opens one connection of a workload. */
function openerOf({ workload, port, ca }: LoadOrder, body: string): Open {
  if (workload === 'websocket') return (counts, isOver) => openWebSocketLoad(port, counts, isOver);
  if (workload === 'h2' || workload === 'grpc') {
    const repeated = http2RequestOf(workload, Buffer.from(body));
    return (counts, isOver) => openHttp2Load(port, ca, repeated, STREAMS_PER_CONNECTION, counts, isOver);
  }
  const [request, expected] = REQUESTS[workload](body, port);
  return (counts, isOver) => openHttpLoad(port, ca, request, expected, counts, isOver);
}

/** One run of the load. */
export interface LoadOrder {
  readonly type: 'run';
  readonly workload: WorkloadName;
  readonly port: number;
  /** Trusted certificate (PEM) of a proxy that uses TLS; undefined for plain HTTP. */
  readonly ca: string | undefined;
  readonly connections: number;
  readonly seconds: number;
}

/**
 * Runs the role `load BODY`: executes one {@link LoadOrder} of its channel at a time. It sends `ready`, and
 * `{ type: 'done', requests, wrong, seconds }` after each order.
 */
export async function runClosedLoad([body = '']: readonly string[]): Promise<() => void> {
  const run = async (order: LoadOrder): Promise<void> => {
    const { connections, seconds } = order;
    const open = openerOf(order, body);
    const counts: Counts = { requests: 0, wrong: 0 };
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    const sockets = Array.from({ length: connections }, () => open(counts, () => performance.now() >= endMs));
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.once('close', resolve))));
    process.send?.({ type: 'done', ...counts, seconds: (performance.now() - startMs) / 1000 });
  };
  process.on('message', (order) => void run(order as LoadOrder));
  process.send?.({ type: 'ready' });
  return () => undefined;
}
