// A fleet of one balancer for abuse tests: a master on a real Redis, with a host that keeps reporting. Afterwards it must
// route as before, and no part may have died: a fault in an inner thread ends the test's process. A flood needs real
// threads, so that it delays neither requests nor the test.

import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import type { KeepThread } from '../../lib/threads.js';
import { until, withRedis, withServer, type RedisOptions, type TestRedis } from './brackets.js';
import { KEYS, publishReport, SLOW_MS, type TestBalancer, withBalancer } from './fleet.js';
import { ask } from './http-client.js';
import { keepInnerThread } from './inner-threads.js';
import { withClients } from './redis-client.js';

/** The name under which the victim is in the status. */
export const VICTIM = 'victim';

/** Its lease: longer than most stalls of a machine, and short enough to be waited for. */
export const VICTIM_LEASE_MS = 3000;

/** The fleet under abuse. */
export interface Victim {
  readonly each: TestBalancer;
  readonly client: Commands;
  readonly redis: TestRedis;
  /** Where the host is that reports, under the name `good`. */
  readonly goodUrl: string;
  /** Asserts that each request reaches the host, and nothing else; that it is up, and all threads live. */
  isUnharmed(): Promise<void>;
}

/**
 * Starts the victim, hands it out when it routes, and checks afterwards that it is unharmed.
 * @param keep `keepThread` for threads of its own
 */
export async function withVictim(
  fn: (victim: Victim) => Promise<void>,
  options: RedisOptions = {},
  keep: KeepThread = keepInnerThread,
): Promise<void> {
  await withRedis(options, (redis) =>
    withServer(
      (_request, response) => void response.end('good'),
      ({ url }) =>
        withClients([redis.url, redis.url], (client, agentClient) =>
          withBalancer(
            { redis: [redis.url], leaseTtlMs: VICTIM_LEASE_MS, name: VICTIM },
            async (each) => {
              await each.becomes('master');
              const agent = setInterval(
                () => void publishReport(agentClient, 'good', url, { intervalMs: 250 }).catch(() => undefined),
                250,
              );
              const isUnharmed = async (): Promise<void> => {
                for (let i = 0; i < 4; i++) assert.is((await ask(each.port)).body, 'good');
                assert.equal([(await each.health()).hosts, (await each.health()).httpStatus], [1, 200]);
                for (const counter of ['fleet_thread_restarts', 'hosts_thread_restarts', 'internal_errors', 'requests_failed']) {
                  assert.is(each.counter(counter), 0, `${counter}\n${each.lines.join('\n')}`);
                }
              };
              try {
                await each.knows(1);
                await fn({ each, client, redis, goodUrl: url, isUnharmed });
                await isUnharmed();
              } finally {
                clearInterval(agent);
              }
            },
            keep,
          ),
        ),
    ),
  );
}

/** Resolves when the victim is master and its tables reach itself again. */
export async function worksAgain({ each, client }: Victim): Promise<void> {
  await each.becomes('master');
  const applied = each.counter('tables_applied');
  await until(() => each.counter('tables_applied') > applied + 2, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
  await until(async () => (await client.hget(KEYS.host('good'), 'state')) === 'up', {
    timeoutMs: SLOW_MS,
    what: 'the host to be in Redis',
  });
}
