// A steady open load on several balancers over keep-alive connections: a fixed rate to each, whether or not earlier
// requests were answered. Every response is checked, every failure recorded.

import { Agent } from 'node:http';
import { get } from './health.js';

/** A failed request. */
export interface FailedRequest {
  readonly port: number;
  /** When the request was sent, and when it failed (`performance.now()`). */
  readonly atMs: number;
  readonly endMs: number;
  /** The status or the error; `wrong body` if the response was not a host's. */
  readonly what: string;
}

/** A request with the right response. */
export type Answered = Omit<FailedRequest, 'what'>;

/** A running load. */
export interface OpenLoad {
  readonly answered: readonly Answered[];
  readonly failures: readonly FailedRequest[];
  /** Stops, and resolves when the last request has ended. */
  stop(): Promise<void>;
}

/** Starts sending `perSecond` requests per second to each port; a response is right if its body is one of `bodies`. */
export function startOpenLoad(ports: readonly number[], perSecond: number, bodies: ReadonlySet<string>): OpenLoad {
  const failures: FailedRequest[] = [];
  const answered: Answered[] = [];
  const running = new Set<Promise<void>>();
  const agents = new Map(ports.map((port) => [port, new Agent({ keepAlive: true, scheduling: 'lifo' })]));
  const startMs = performance.now();
  let sent = 0;

  async function send(port: number): Promise<void> {
    const atMs = performance.now();
    const { status, body } = await get(port, '/', agents.get(port) as Agent, 5000);
    const times = { port, atMs, endMs: performance.now() };
    if (status === 200 && bodies.has(body)) answered.push(times);
    else failures.push({ ...times, what: status === 0 ? body : status === 200 ? 'wrong body' : String(status) });
  }

  const timer = setInterval(() => {
    // Due requests are counted from the start, so a late timer leaves no gap in the load.
    for (const due = ((performance.now() - startMs) / 1000) * perSecond; sent < due; sent++) {
      for (const port of ports) {
        const request: Promise<void> = send(port).finally(() => running.delete(request));
        running.add(request);
      }
    }
  }, 1000 / perSecond);

  return {
    answered,
    failures,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      for (const agent of agents.values()) agent.destroy();
    },
  };
}
