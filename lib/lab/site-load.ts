// The clients of `bench site`: an open load over kept connections to all balancers, in a process of its own. Each answer
// must come from a host of the request's pool, in one of the versions that may be in force; each connection that a
// balancer closes is counted.

import { connect, type Socket } from 'node:net';
import { pause } from './health.js';
import { hostsOf, poolOfRoute, requestOf, SITE_ROUTES } from './site-versions.js';

/** The order that begins the load, and those that tell which versions may be in force. */
export type SiteLoadOrder =
  | { readonly type: 'begin'; readonly ports: readonly number[]; readonly perSecond: number; readonly connections: number }
  | { readonly type: 'versions'; readonly from: number; readonly to: number }
  | { readonly type: 'count' }
  | { readonly type: 'end' };

/** The counts so far; the answer to `count` and `end`. */
export interface SiteLoadCounts {
  readonly sent: number;
  readonly right: number;
  /** Requests by how they failed: a status, `lost`, or a host of another pool. */
  readonly failed: Readonly<Record<string, number>>;
  /** Answers of hosts that only versions before name, longer after their end than a balancer should take. */
  readonly late: number;
  /** Connections that a balancer closed. */
  readonly closed: number;
  /** The longest time to an answer, ms. */
  readonly slowestMs: number;
}

/** Runs the role. */
export async function runSiteLoad(): Promise<() => void> {
  let load: SiteLoad | undefined;
  process.on('message', (order: SiteLoadOrder) => {
    if (order.type === 'begin') load = new SiteLoad(order.ports, order.perSecond, order.connections);
    else if (order.type === 'versions') load?.allow(order.from, order.to);
    else if (order.type === 'end') void load?.end().then(() => process.send?.({ type: 'counts', ...load?.counts() }));
    else process.send?.({ type: 'counts', ...load?.counts() });
  });
  process.send?.({ type: 'ready' });
  return () => load?.stop();
}

/** What is said of an answer of a host that no version allows. */
export const OTHER_POOL = 'a host of another pool';

/** Of so many versions before a host is late; of older ones it is wrong. */
const LATE_VERSIONS = 3;

const TICK_MS = 5;

/** After a version is in force, until balancers have taken out the hosts that it names no more: turns of two threads. */
const SETTLE_MS = 250;
const END_WITHIN_MS = 10_000;

class SiteLoad {
  readonly #startMs = performance.now();
  readonly #idle: Client[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #failed: Record<string, number> = {};
  #sent = 0;
  #right = 0;
  #late = 0;
  #closed = 0;
  #slowestMs = 0;
  #from = 1;
  #to = 1;
  #isStopped = false;

  constructor(ports: readonly number[], perSecond: number, connections: number) {
    for (let i = 0; i < connections; i++) this.#idle.push(this.#open(ports[i % ports.length] as number));
    this.#timer = setInterval(() => {
      // Counted from the start, so that a late timer leaves no gap; what finds no connection idle goes with the next tick.
      for (const due = ((performance.now() - this.#startMs) / 1000) * perSecond; this.#sent < due; ) {
        const client = this.#idle.shift();
        if (client === undefined) break;
        client.ask(this.#sent++ % SITE_ROUTES, this.#from);
      }
    }, TICK_MS);
  }

  allow(from: number, to: number): void {
    this.#to = to;
    if (from > this.#from) setTimeout(() => (this.#from = Math.max(this.#from, from)), SETTLE_MS).unref();
  }

  counts(): SiteLoadCounts {
    return {
      sent: this.#sent,
      right: this.#right,
      failed: this.#failed,
      late: this.#late,
      closed: this.#closed,
      slowestMs: this.#slowestMs,
    };
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const client of this.#idle) client.close();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    const isAnswered = (): boolean =>
      this.#right + this.#late + Object.values(this.#failed).reduce((sum, count) => sum + count, 0) >= this.#sent;
    for (const untilMs = performance.now() + END_WITHIN_MS; !isAnswered() && performance.now() < untilMs; ) await pause(TICK_MS);
    this.stop();
  }

  #open(port: number): Client {
    return new Client(port, {
      onAnswer: (client, route, from, status, body, ms) => {
        this.#slowestMs = Math.max(this.#slowestMs, ms);
        if (status !== 200) this.#fail(String(status));
        else if (isOf(route, from, this.#to, body)) this.#right++;
        else if (isOf(route, from - LATE_VERSIONS, this.#to, body)) this.#late++;
        else this.#fail(OTHER_POOL);
        this.#idle.push(client);
      },
      onClosed: (client, isAsked) => {
        if (this.#isStopped) return;
        this.#closed++;
        if (isAsked) this.#fail('lost');
        const at = this.#idle.indexOf(client);
        if (at >= 0) this.#idle.splice(at, 1);
        this.#idle.push(this.#open(port));
      },
    });
  }

  #fail(what: string): void {
    this.#failed[what] = (this.#failed[what] ?? 0) + 1;
  }
}

/**
 * Whether the host of this answer is one of the route's pool, from the version that was in force when it was asked to the
 * one that may be now: while versions change, hosts of the new one serve by the routes of the old one too.
 */
function isOf(route: number, from: number, to: number, body: string): boolean {
  const versions = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return versions.some((routes) => versions.some((hosts) => hostsOf(poolOfRoute(route, routes), hosts).includes(Number(body))));
}

interface ClientEvents {
  onAnswer(client: Client, route: number, from: number, status: number, body: string, ms: number): void;
  onClosed(client: Client, isAsked: boolean): void;
}

/** One kept connection. */
class Client {
  readonly #socket: Socket;
  #asked: { readonly route: number; readonly from: number; readonly atMs: number } | undefined;
  #text = '';

  constructor(port: number, events: ClientEvents) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1');
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => events.onClosed(this, this.#asked !== undefined));
    this.#socket.on('data', (text: string) => {
      this.#text += text;
      const end = this.#text.indexOf('\r\n\r\n');
      const [, length = '0'] = /\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, end + 2)) ?? [];
      if (end < 0 || this.#text.length < end + 4 + Number(length) || this.#asked === undefined) return;
      const [status, body] = [Number(this.#text.slice(9, 12)), this.#text.slice(end + 4)];
      const { route, from, atMs } = this.#asked;
      this.#text = '';
      this.#asked = undefined;
      events.onAnswer(this, route, from, status, body, performance.now() - atMs);
    });
  }

  ask(route: number, from: number): void {
    const { host, path } = requestOf(route);
    this.#asked = { route, from, atMs: performance.now() };
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
