// A steady load on several balancers at once, on keep-alive connections: so many requests a second to
// each, whether or not earlier ones were answered. Every answer is checked, every failure kept.

import { Agent } from 'node:http';
import { get } from './health.js';

/** A request that was not answered as it should have been. */
export interface FailedRequest {
  readonly port: number;
  /** When the request was sent and when it had failed (`performance.now()`). */
  readonly atMs: number;
  readonly endMs: number;
  /** The status or the error; `wrong body` when the answer was not a host's. */
  readonly what: string;
}

/** A request that was answered rightly. */
export type Answered = Omit<FailedRequest, 'what'>;

/** A load that runs. */
export interface OpenLoad {
  readonly answered: readonly Answered[];
  readonly failures: readonly FailedRequest[];
  /** Stops, and resolves when the last request has ended. */
  stop(): Promise<void>;
}

/** Begins to send `perSecond` requests a second to each port; right is an answer whose body is one of `bodies`. */
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
    // What is due is counted from the start: a late timer makes no gap in the load.
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
