// The lab's own load generator: so many keep-alive or upgraded connections, each with its next request as
// soon as the last one is answered. It needs nothing installed, and checks every answer.

import type { Socket } from 'node:net';
import type { WorkloadName } from './context.js';
import { getRequest, openHttpLoad, postRequest } from './http-load.js';
import { BLOB_BYTES, buildBlob, receiptOf } from './lab-bodies.js';
import type { Counts, LoadEnd } from './load-counts.js';
import { openWebSocketLoad } from './websocket-load.js';

type Open = (port: number, counts: Counts, isOver: LoadEnd) => Socket;

/** How a connection of each workload is opened; `body` is the host's small one. */
const OPENERS: Readonly<Record<WorkloadName, (body: string, port: number) => Open>> = {
  small: (body, to) => {
    const [request, expected] = [getRequest('/', to), Buffer.from(body)];
    return (port, counts, isOver) => openHttpLoad(port, request, expected, counts, isOver);
  },
  down: (_body, to) => {
    const [request, expected] = [getRequest('/down', to), buildBlob()];
    return (port, counts, isOver) => openHttpLoad(port, request, expected, counts, isOver);
  },
  up: (_body, to) => {
    const [request, expected] = [postRequest('/up', to, buildBlob()), Buffer.from(receiptOf(BLOB_BYTES))];
    return (port, counts, isOver) => openHttpLoad(port, request, expected, counts, isOver);
  },
  websocket: () => openWebSocketLoad,
};

/** One run of the load. */
export interface LoadOrder {
  readonly type: 'run';
  readonly workload: WorkloadName;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
}

/**
 * Runs what it is told by its channel, a {@link LoadOrder} at a time: `load BODY`. It says `ready`, and after each
 * order `{ type: 'done', requests, wrong, seconds }`.
 */
export async function runClosedLoad([body = '']: readonly string[]): Promise<() => void> {
  const run = async ({ workload, port, connections, seconds }: LoadOrder): Promise<void> => {
    const open = OPENERS[workload](body, port);
    const counts: Counts = { requests: 0, wrong: 0 };
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    const sockets = Array.from({ length: connections }, () => open(port, counts, () => performance.now() >= endMs));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    process.send?.({ type: 'done', ...counts, seconds: (performance.now() - startMs) / 1000 });
  };
  process.on('message', (order) => void run(order as LoadOrder));
  process.send?.({ type: 'ready' });
  return () => undefined;
}
