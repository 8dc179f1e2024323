// The lab's own load generator: so many keep-alive or upgraded connections, each with its next request as
// soon as the last one is answered. It needs nothing installed, and checks every answer.

import type { Socket } from 'node:net';
import type { WorkloadName } from './context.js';
import { getRequest, openHttpLoad, postRequest } from './http-load.js';
import { BLOB_BYTES, buildBlob, receiptOf } from './lab-bodies.js';
import { openWebSocketLoad } from './websocket-load.js';

/** What the connections of a load count together. */
export interface Counts {
  requests: number;
  /** Answers that were wrong, and connections that ended before their time. */
  wrong: number;
}

/** Whether the load's time is up. */
export type LoadEnd = () => boolean;

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

/** Runs it: `load WORKLOAD PORT CONNECTIONS SECONDS BODY`; begins at once and says `{ type: 'done', requests, wrong, seconds }`. */
export async function runClosedLoad([workload = 'small', port = '0', connections = '1', seconds = '1', body = '']: readonly string[]): Promise<() => void> {
  const open = OPENERS[workload as WorkloadName](body, Number(port));
  const counts: Counts = { requests: 0, wrong: 0 };
  const startMs = performance.now();
  const endMs = startMs + Number(seconds) * 1000;
  process.send?.({ type: 'ready' });
  const sockets = Array.from({ length: Number(connections) }, () => open(Number(port), counts, () => performance.now() >= endMs));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  process.send?.({ type: 'done', ...counts, seconds: (performance.now() - startMs) / 1000 });
  process.disconnect?.();
  return () => undefined;
}
