// Hosts whose agents always answer `up 50%` in HAProxy's agent-check protocol, on real sockets and a real Redis: a host
// that was slow and has recovered gets requests again.

import { createServer } from 'node:net';
import { suite } from 'uvu';
import { type Agent, startAgent } from '../../lib/agent/agent.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';

const test = suite('constant weights');

/** Response time of a host while it is slow, and otherwise. */
const SLOW_ANSWER_MS = 100;
const ANSWER_MS = 3;

/** Number of requests sent while the host is slow, and what each host must get after it has recovered. */
const SLOW_REQUESTS = 60;
const EACH = 20;

interface Host {
  readonly name: string;
  isSlow: boolean;
  served: number;
}

/** An agent-check server that always answers the same line. */
async function withAgentCheck<T>(fn: (probe: string) => Promise<T>): Promise<T> {
  const server = createServer((socket) => void socket.on('error', () => undefined).end('up 50%\n'));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  try {
    return await fn(`agent-check://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  } finally {
    server.close();
  }
}

function withHost<T>(redis: string, host: Host, fn: () => Promise<T>): Promise<T> {
  return withServer(
    (_request, response) => {
      host.served++;
      setTimeout(() => response.end('ok'), host.isSlow ? SLOW_ANSWER_MS : ANSWER_MS);
    },
    ({ url }) =>
      withAgentCheck(async (probe) => {
        const agent: Agent = await startAgent(
          { redis, namespace: KEYS.namespace, name: host.name, url, pools: ['default'], intervalMs: 300, probe, onGone: () => undefined },
          () => undefined,
        );
        try {
          return await fn();
        } finally {
          await agent.stop();
        }
      }),
  );
}

for (const algorithm of ['adaptive', 'resource'] as const) {
  test(`${algorithm}: a host that was slow gets requests again, and so does the other one`, () =>
    withRedis((redis) =>
      withBalancer({ redis: [redis.url], algorithm }, async (balancer) => {
        const slow: Host = { name: 'a', isSlow: true, served: 0 };
        const quick: Host = { name: 'b', isSlow: false, served: 0 };
        await balancer.becomes('master');
        await withHost(redis.url, slow, () =>
          withHost(redis.url, quick, async () => {
            await balancer.knows(2);
            for (let i = 0; i < SLOW_REQUESTS; i++) await ask(balancer.port);
            slow.isSlow = false;
            const [slowBefore, quickBefore] = [slow.served, quick.served];
            await until(
              async () => {
                await ask(balancer.port);
                return slow.served >= slowBefore + EACH && quick.served >= quickBefore + EACH;
              },
              {
                timeoutMs: SLOW_MS,
                everyMs: 5,
                what: () =>
                  `requests to both hosts: the one that has recovered got ${slow.served - slowBefore}, the other ${quick.served - quickBefore}`,
              },
            );
          }),
        );
      }),
    ));
}

test.run();
