// A light load on every balancer: a request each 50 ms, whether or not earlier ones were answered, over HTTP/1.1 each on a
// connection of its own, over HTTP/2 on one that is kept. Every answer is checked.

import { Agent, request } from 'node:http';
import type { ChaosBalancer } from './chaos-balancer.js';
import { SLOW_PATH } from './chaos-host.js';
import type { RequestMethod } from './events.js';
import type { History } from './history.js';
import { type Answer, Http2Clients } from './http2-clients.js';
import type { Watch } from './watch.js';

const REQUEST_EVERY_MS = 50;

/** Far above the time that a balancer waits for a host: a client that waits for so long was forgotten. */
const CLIENT_TIMEOUT_MS = 15_000;

/** Of the requests, one of so many must not be repeated, and one of so many takes a while. */
const POST_EVERY = 5;
const SLOW_EVERY = 4;

/** Of so many requests, these go over HTTP/2. No divisor is shared with the other numbers, nor with that of the balancers. */
const HTTP2_OF = 7;
const HTTP2_REQUESTS = 4;

/** Requests that are open to a balancer at most: one that answers nothing gets no more. */
const MAX_OPEN = 400;

const BODY = 'x'.repeat(100);

/** A running load. */
export interface ChaosLoad {
  /** Requests sent so far. */
  readonly sent: number;
  /** Sends no more, and waits for the answers that are owed. */
  stop(): Promise<void>;
}

/** Starts the load. A balancer gets requests while it can answer and knows a host. */
export function startChaosLoad(balancers: readonly ChaosBalancer[], watch: Watch, history: History): ChaosLoad {
  const agent = new Agent({ keepAlive: false });
  const http2 = new Http2Clients(CLIENT_TIMEOUT_MS);
  const open = new Set<Promise<void>>();
  const openOf = new Map<string, number>();
  let sent = 0;
  const send = async (balancer: ChaosBalancer): Promise<void> => {
    sent++;
    const method = sent % POST_EVERY === 0 ? 'POST' : 'GET';
    const path = `${sent % SLOW_EVERY === 0 ? SLOW_PATH : '/r/'}${sent}`;
    const sentMs = history.nowMs();
    openOf.set(balancer.name, (openOf.get(balancer.name) ?? 0) + 1);
    const isHttp2 = sent % HTTP2_OF < HTTP2_REQUESTS;
    const { status, body } = isHttp2
      ? await http2.ask(balancer.port, method, path, method === 'POST' ? BODY : undefined)
      : await askOnce(balancer.port, method, path, agent);
    openOf.set(balancer.name, (openOf.get(balancer.name) ?? 0) - 1);
    const [host = ''] = status === 200 ? body.split(' ', 1) : [];
    const problem = problemOf(status, body, path);
    history.add({
      kind: 'request',
      sentMs,
      atMs: history.nowMs(),
      balancer: balancer.name,
      method,
      isHttp2,
      status,
      host: problem === '' ? host : '',
      problem,
    });
  };
  const timer = setInterval(() => {
    for (const balancer of balancers) {
      const page = watch.pageOf(balancer);
      // A balancer that started on an empty Redis knows no host until their agents report.
      if (page === undefined || page.status !== 'serving' || page.hosts === 0) continue;
      if ((openOf.get(balancer.name) ?? 0) >= MAX_OPEN) continue;
      const sending = send(balancer);
      open.add(sending);
      void sending.then(() => open.delete(sending));
    }
  }, REQUEST_EVERY_MS);
  return {
    get sent() {
      return sent;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      http2.close();
    },
  };
}

/** What is wrong with an answer; '' if it is right. */
export function problemOf(status: number, body: string, path: string): string {
  if (status === 200) return new RegExp(`^h\\d+ ${path}$`).test(body) ? '' : `200 with the body ${JSON.stringify(body.slice(0, 80))}`;
  if (status === 0) return `no answer (${body})`;
  const [, code = body.slice(0, 80)] = /"error":"(\w+)"/.exec(body) ?? [];
  return `${status} ${code}`;
}

/** Sends one request on a connection of its own. Never rejects: status 0 means no answer, and `body` gives the reason. */
function askOnce(port: number, method: RequestMethod, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const headers = method === 'POST' ? { 'Content-Length': BODY.length } : {};
    const asked = request({ port, host: '127.0.0.1', method, path, agent, headers, timeout: CLIENT_TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.complete ? (response.statusCode ?? 0) : 0, body }));
      response.on('error', (error) => resolve({ status: 0, body: error.message }));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve({ status: 0, body: error.code ?? error.message }));
    asked.on('timeout', () => asked.destroy(new Error('timeout')));
    asked.end(method === 'POST' ? BODY : undefined);
  });
}
