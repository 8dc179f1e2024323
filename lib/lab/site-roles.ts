// The hosts and the balancers of `bench site`. All hosts run in one process, each on a port of its own, and answer with
// their number. A balancer says on request what it holds.

import { type AddressInfo, createServer, type Server } from 'node:net';
import { startBalancer } from '../balancer.js';
import { checkRelations, DEFAULTS } from '../config/config.js';
import { createLog } from '../log.js';
import { openTable } from '../table/layout.js';
import { descriptorsOf } from './footprint.js';
import { LAB_NAMESPACE } from './lab-fleet.js';

/** What one balancer holds, after a garbage collection of its main thread. */
export interface Held {
  readonly role: string;
  readonly heapBytes: number;
  /** Of the whole process, with the other threads. */
  readonly residentBytes: number;
  readonly descriptors: number;
  /** Slots of the table that have a host, and the pools that those are in. */
  readonly slots: number;
  readonly pools: number;
  /** The highest slot and index of a pool in use. */
  readonly highestSlot: number;
  readonly highestPool: number;
  /** Timers of the main thread. */
  readonly timers: number;
}

/** Runs the role `site-hosts COUNT`. */
export async function runSiteHosts([count = '1']: readonly string[]): Promise<() => void> {
  const servers = await Promise.all(Array.from({ length: Number(count) }, (_, host) => listen(host)));
  process.send?.({ type: 'ready', ports: servers.map((server) => (server.address() as AddressInfo).port) });
  return () => servers.forEach((server) => server.close());
}

const HEAD_END = '\r\n\r\n';

function listen(host: number): Promise<Server> {
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n${String(host).padStart(4, '0')}`;
  const server = createServer({ noDelay: true }, (socket) => {
    let pending = '';
    socket.setEncoding('latin1').on('error', () => socket.destroy());
    socket.on('data', (text: string) => {
      const heads = (pending + text).split(HEAD_END);
      pending = heads.pop() ?? '';
      if (heads.length > 0) socket.write(answer.repeat(heads.length));
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => resolve(server));
  });
}

/** Runs the role `site-balancer NAME REDIS_URL`; answers `report` with what it holds. Needs `--expose-gc`. */
export async function runSiteBalancer([name = '', redis = '']: readonly string[]): Promise<() => Promise<void>> {
  const config = checkRelations({
    ...DEFAULTS,
    redis: [redis],
    namespace: LAB_NAMESPACE,
    name,
    port: 0,
    consolePort: 0,
    bind: '127.0.0.1',
    statics: [],
    logLevel: 'error',
    // The whole load comes from one address.
    maxConnectionsPerClient: 0,
  });
  const balancer = await startBalancer(config, createLog(config.logLevel, name));
  const columns = openTable(balancer.table);
  process.on('message', ({ type }: { readonly type: string }) => {
    if (type !== 'report') return;
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    const slots = Array.from(columns.known.keys()).filter((slot) => columns.known[slot] === 1);
    const pools = new Set(slots.map((slot) => columns.pool[slot] as number));
    process.send?.({
      type: 'held',
      role: balancer.role,
      heapBytes: heapUsed,
      residentBytes: rss,
      descriptors: descriptorsOf(process.pid),
      slots: slots.length,
      pools: pools.size,
      highestSlot: Math.max(-1, ...slots),
      highestPool: Math.max(-1, ...pools),
      timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
    } satisfies Held & { type: string });
  });
  process.send?.({ type: 'ready', port: balancer.port, consolePort: balancer.consolePort });
  return () => balancer.stop();
}
