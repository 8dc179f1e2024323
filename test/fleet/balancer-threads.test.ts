// When a balancer's fleet or hosts thread dies, routing continues unaffected, the table is kept, the thread is
// restarted, and the balancer becomes master again.

import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { openTable } from '../../lib/table/layout.js';
import type { FromFleet } from '../../lib/thread-messages.js';
import { keepThread } from '../../lib/threads.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { deliverReport, KEYS, publishReport, SLOW_MS, statusCounts, type TestBalancer, withBalancer } from '../support/fleet.js';
import { withLoad } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import type { Commands } from '../../lib/redis/connect.js';

const test = suite('balancer threads');

interface Stage {
  readonly each: TestBalancer;
  readonly client: Commands;
  /** The threads in the order of their starts: hosts, fleet, then each restart. */
  readonly threads: readonly Worker[];
}

/** A master with a static host, `s`, and one that reports, `r`; `fn` begins once both are known. */
async function withMaster(fn: (stage: Stage) => Promise<void>): Promise<void> {
  const threads: Worker[] = [];
  const onThread = (thread: Worker): void => void threads.push(thread);
  process.on('worker', onThread);
  try {
    await withRedis((redis) =>
      withServer(
        (_request, response) => void response.end('s'),
        (s) =>
          withServer(
            (_request, response) => void response.end('r'),
            (r) =>
              withClients([redis.url], (client) =>
                withBalancer(
                  { redis: [redis.url], name: 'b1', statics: [{ name: 's', url: s.url }] },
                  async (each) => {
                    await each.becomes('master');
                    const agent = setInterval(
                      () => void publishReport(client, 'r', r.url, { intervalMs: 250 }).catch(() => undefined),
                      250,
                    );
                    try {
                      await each.knows(2);
                      await fn({ each, client, threads });
                    } finally {
                      clearInterval(agent);
                    }
                  },
                  keepThread,
                ),
              ),
          ),
      ),
    );
  } finally {
    process.off('worker', onThread);
  }
}

const THREADS = [
  ['hosts', 0],
  ['fleet', 1],
] as const;

for (const [name, index] of THREADS) {
  test(`the ${name} thread dies under load: no request fails, the table stays, and the restart is counted`, () =>
    withMaster(async ({ each, client, threads }) => {
      await withLoad(each.port, async (load) => {
        const isServed = async (more: number): Promise<void> => {
          const goal = load.served + more;
          await until(() => load.served >= goal, { timeoutMs: SLOW_MS, what: 'the load to go on' });
        };
        for (let death = 1; death <= 2; death++) {
          const before = { term: (await each.health()).term, starts: threads.length, applied: each.counter('tables_applied') };
          await (death === 1 ? threads[index] : threads.at(-1))?.terminate();
          // From the death until everything has recovered.
          await isServed(40);
          assert.is((await each.health()).hosts, 2, 'the table is intact');
          await until(() => threads.length > before.starts, { what: 'the thread to be started again' });
          assert.is(threads.length, before.starts + 1, 'one thread for one');
          await each.becomes('master');
          await until(() => each.counter('tables_applied') > before.applied + 5, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
          assert.is((await each.health()).hosts, 2);
          assert.ok((await each.health()).term >= before.term);
          assert.is(each.counter(`${name}_thread_restarts`), death);
          await isServed(40);
        }
        assert.equal(load.failures, []);
        assert.ok((load.bodies.get('r') ?? 0) > 20 && (load.bodies.get('s') ?? 0) > 20, JSON.stringify([...load.bodies]));
      });
      await statusCounts(client, 'b1', `${name}_thread_restarts`, 2);
      assert.ok(each.lines.some((line) => line.startsWith(`error the ${name} thread died`)));
      await until(
        async () => {
          const fleet = await readFleet(client, KEYS);
          return fleet.master === 'b1' && fleet.hosts.map(({ name: host, state }) => `${host} ${state}`).join() === 'r up,s up';
        },
        { what: 'the whole fleet to be in Redis' },
      );
    }));
}

test('both threads die at once, and the balancer recovers', () =>
  withMaster(async ({ each, threads }) => {
    await withLoad(each.port, async (load) => {
      const applied = each.counter('tables_applied');
      await Promise.all([threads[0]?.terminate(), threads[1]?.terminate()]);
      await until(() => threads.length === 4, { what: 'both to be started again' });
      await until(() => each.counter('tables_applied') > applied + 5, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
      await each.becomes('master');
      assert.is((await each.health()).hosts, 2);
      assert.equal(load.failures, []);
    });
  }));

test('a host that leaves while the fleet thread is dead is removed after its restart', () =>
  withMaster(async ({ each, client, threads }) => {
    await withServer(
      (_request, response) => void response.end('t'),
      async ({ url }) => {
        await deliverReport(client, 't', url, { intervalMs: 60_000 });
        await each.knows(3);
        await threads[1]?.terminate();
        await deliverReport(client, 't', url, { bye: true });
        await each.knows(2);
        await each.becomes('master');
        // A released slot is reused, and one in use never is.
        for (let i = 0; i < 3; i++) {
          await deliverReport(client, `u${i}`, url, { intervalMs: 60_000 });
          await each.knows(3);
          await deliverReport(client, `u${i}`, url, { bye: true });
          await each.knows(2);
        }
        await withLoad(each.port, async (load) => {
          await until(() => load.served > 20);
          assert.equal([...load.bodies.keys()].toSorted(), ['r', 's']);
        });
      },
    );
  }));

test('a slot that was free when the fleet thread died can be allocated again', () =>
  withMaster(async ({ each, client, threads }) => {
    const { known } = openTable(each.balancer.table);
    await withServer(
      (_request, response) => void response.end('t'),
      async ({ url }) => {
        for (let death = 1; death <= 2; death++) {
          await deliverReport(client, `t${death}`, url, { intervalMs: 60_000 });
          await each.knows(3);
          assert.is(known.lastIndexOf(1), 2, 'the third slot');
          await deliverReport(client, `t${death}`, url, { bye: true });
          await each.knows(2);
          const applied = each.counter('tables_applied');
          await threads.at(death === 1 ? 1 : -1)?.terminate();
          await until(() => each.counter('tables_applied') > applied + 5, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
          await each.becomes('master');
        }
      },
    );
  }));

test('a host that moves while the fleet thread dies ends up at its new address only', () =>
  withMaster(({ each, client, threads }) =>
    withServer(
      (_request, response) => void response.end('old'),
      (old) =>
        withServer(
          (_request, response) => void response.end('new'),
          async ({ url }) => {
            await deliverReport(client, 't', old.url, { intervalMs: 60_000 });
            await each.knows(3);
            const fleet = threads[1] as Worker;
            // Before the traffic thread has acknowledged the new address.
            fleet.prependListener('message', (message: FromFleet) => {
              if (message.type === 'hosts' && message.added.length > 0) void fleet.terminate();
            });
            await Promise.all([
              publishReport(client, 't', old.url, { bye: true }),
              publishReport(client, 't', url, { intervalMs: 60_000 }),
            ]);
            await until(() => each.counter('fleet_thread_restarts') === 1, { timeoutMs: SLOW_MS, what: 'the death of the thread' });
            const applied = each.counter('tables_applied');
            await until(() => each.counter('tables_applied') > applied + 5, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
            await each.knows(3);
            await withLoad(each.port, async (load) => {
              await until(() => load.served > 20);
              assert.equal([...load.bodies.keys()].toSorted(), ['new', 'r', 's']);
            });
          },
        ),
    ),
  ));

test.run();
