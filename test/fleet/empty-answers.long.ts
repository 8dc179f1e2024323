// A host that answers at once with an empty response looks idle. No algorithm may give it more than its share, with or
// without a master: on real balancers, with hosts that take time to answer.

import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import { withRedis, withServer } from '../support/brackets.js';
import { type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';

const test = suite('empty answers');

/** Far above the delays of a busy machine, so that the empty responses are early on any. */
const WORK_MS = 200;
const CLIENTS = 24;

/** In the first seconds nothing is known of any host: answers of that time do not count. */
const LEARNING_MS = 3000;
const MAX_LEARNING_REQUESTS = 50_000;
const COUNTED_REQUESTS = 400;

/** Sends this many requests from all clients; fewer when it is over before. */
async function askBy(port: number, requests: number, isOver: () => boolean): Promise<void> {
  let left = requests;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (left-- > 0 && !isOver()) assert.is((await ask(port)).status, 200);
    }),
  );
}

/** Four hosts, of which the first answers at once with an empty response; returns its share of the later requests. */
async function shareOfEmpty(options: Partial<BalancerConfig>, isReady: (balancer: TestBalancer) => Promise<unknown>): Promise<number> {
  const seen = [0, 0, 0, 0];
  const withHosts = (urls: readonly string[], fn: (urls: readonly string[]) => Promise<void>): Promise<void> => {
    const place = urls.length;
    if (place === seen.length) return fn(urls);
    return withServer(
      (_request, response) => {
        seen[place] = (seen[place] as number) + 1;
        if (place === 0) response.end();
        else setTimeout(() => response.end('done'), WORK_MS);
      },
      ({ url }) => withHosts([...urls, url], fn),
    );
  };
  await withHosts([], (urls) =>
    withBalancer({ ...options, statics: urls.map((url, i) => ({ name: `h${i}`, url })) }, async (balancer) => {
      await isReady(balancer);
      const learnedMs = performance.now() + LEARNING_MS;
      await askBy(balancer.port, MAX_LEARNING_REQUESTS, () => performance.now() >= learnedMs);
      seen.fill(0);
      await askBy(balancer.port, COUNTED_REQUESTS, () => false);
      assert.ok(balancer.counter('answers_too_quick') > 0, 'it is counted');
    }),
  );
  return (seen[0] as number) / seen.reduce((all, each) => all + each, 0);
}

for (const algorithm of ['adaptive', 'least-request'] as const) {
  test(`${algorithm}, with a master: about a quarter, as every other host gets`, () =>
    withRedis(async (redis) => {
      const share = await shareOfEmpty({ algorithm, redis: [redis.url] }, (balancer) => balancer.becomes('master'));
      assert.ok(share < 0.36, `${share}`);
    }));

  test(`${algorithm}, without Redis: the same`, async () => {
    const share = await shareOfEmpty({ algorithm, redis: ['redis://127.0.0.1:1'] }, () => pause(200));
    assert.ok(share < 0.36, `${share}`);
  });
}

test.run();
