// A host of a chaos run, as a process of its own: it answers every path with its name and the path, and misbehaves when
// it is told to.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';

/** How a host behaves. */
export interface HostBehaviour {
  /** The status of all answers, those to health checks too. */
  readonly status: number;
  /** How long each answer takes. */
  readonly delayMs: number;
  /** Closes each connection this long after an answer, without having said so; null to keep it. */
  readonly closeAfterMs: number | null;
}

/** A host without faults. */
export const WELL_BEHAVED: HostBehaviour = { status: 200, delayMs: 0, closeAfterMs: null };

/** Answers below this path take {@link SLOW_MS}: they are in flight when something dies. */
export const SLOW_PATH = '/slow/';
const SLOW_MS = 200;

/** Runs the role `chaos-host NAME PORT`. It follows the messages `{ type: 'behave', … }` of its parent, and tells it of each POST. */
export async function runChaosHost([name = 'host', port = '0']: readonly string[]): Promise<() => void> {
  let behaviour = WELL_BEHAVED;
  const server = createServer((request, response) => {
    const { status, delayMs, closeAfterMs } = behaviour;
    const path = request.url ?? '/';
    request.resume();
    if (request.method === 'POST') process.send?.({ type: 'posted', path });
    const timer = setTimeout(
      () => {
        const body = `${name} ${path}`;
        response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) });
        response.end(body);
      },
      delayMs + (path.startsWith(SLOW_PATH) ? SLOW_MS : 0),
    );
    response.on('close', () => clearTimeout(timer));
    if (closeAfterMs !== null) response.on('finish', () => void setTimeout(() => request.socket.destroy(), closeAfterMs));
  });
  server.keepAliveTimeout = 60_000;
  process.on('message', (message: { readonly type?: string; readonly behaviour?: HostBehaviour }) => {
    if (message.type === 'behave') behaviour = message.behaviour ?? WELL_BEHAVED;
  });
  await new Promise<void>((resolve) => {
    server.listen(Number(port), '127.0.0.1', resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
