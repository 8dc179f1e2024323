// Hosts that join under traffic: a host may be picked only once the traffic thread knows it. Here messages to the
// traffic thread are delayed, as on a busy machine.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Algorithm } from '../../lib/model.js';
import type { KeepThread, ThreadOptions } from '../../lib/threads.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { deliverReport, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { keepInnerThread } from '../support/inner-threads.js';
import { withClients } from '../support/redis-client.js';

const test = suite('joining hosts');

/** Delay of messages from the fleet thread to the traffic thread. */
const LATE_MS = 100;

/** A fleet thread whose messages arrive late, but in order. */
const keepLate: KeepThread = <To, From extends { readonly type: string }>(options: ThreadOptions<To, From>) => {
  const onMessage = (message: From): void => void setTimeout(() => options.onMessage(message), LATE_MS);
  return keepInnerThread({ ...options, onMessage });
};

/** Sends requests one after the other until this many more hosts have joined, then a few more; returns the failed ones. */
async function load({ port, health }: TestBalancer, joining: number): Promise<string[]> {
  const failed: string[] = [];
  const before = (await health()).hosts;
  for (let left = 50; left > 0; ) {
    const { status, body } = await ask(port);
    if (status !== 200) failed.push(`${status} ${body.trim()}`);
    if ((await health()).hosts === before + joining) left--;
  }
  return failed;
}

for (const algorithm of ['least-request', 'resource', 'adaptive'] as const satisfies readonly Algorithm[]) {
  test(`no request fails while hosts join (${algorithm})`, () =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withServer(
          (_request, response) => response.end('ok'),
          ({ url }) =>
            withBalancer(
              { redis: [redis.url], algorithm },
              async (balancer) => {
                await balancer.becomes('master');
                await deliverReport(client, 'first', url, { intervalMs: 60_000 });
                await until(async () => (await ask(balancer.port)).status === 200);
                const names = Array.from({ length: 20 }, (_, index) => `joining-${index}`);
                const loading = load(balancer, names.length);
                for (const name of names) await deliverReport(client, name, url, { intervalMs: 60_000 });
                assert.equal(await loading, []);
              },
              keepLate,
            ),
        ),
      ),
    ));
}

test.run();
