// When a balancer's fleet or hosts thread dies, routing continues unaffected, the table is kept, the thread is
// restarted, and the balancer becomes master again.

import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { openTable } from '../../lib/table/layout.js';
import type { FromFleet } from '../../lib/thread-messages.js';
import { type KeepThread, keepThread } from '../../lib/threads.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { deliverUntil, KEYS, publishReport, SLOW_MS, statusCounts, type TestBalancer, withBalancer } from '../support/fleet.js';
import { withLoad } from '../support/http-client.js';
import { inSteps, type Step } from '../support/steps.js';
import { withClients } from '../support/redis-client.js';
import type { Commands } from '../../lib/redis/connect.js';

const test = suite('balancer threads');

interface Stage {
  readonly each: TestBalancer;
  readonly client: Commands;
  /** The threads in the order of their starts: hosts, fleet, then each restart. */
  readonly threads: readonly Worker[];
  /** The thread of this kind that was started last. */
  running(name: ThreadName): Worker;
}

/** A master with a static host, `s`, and one that reports, `r`; `fn` begins once both are known. */
async function withMaster(fn: (stage: Stage) => Promise<void>): Promise<void> {
  const threads: Worker[] = [];
  const running = new Map<ThreadName, Worker>();
  /** What runs in the threads that were started and not announced yet: the event itself does not say it. */
  const starting: ThreadName[] = [];
  const onThread = (thread: Worker): void => {
    threads.push(thread);
    running.set(starting.shift() as ThreadName, thread);
  };
  const keep: KeepThread = (options) =>
    keepThread({
      ...options,
      start(isAgain) {
        starting.push(options.entry.pathname.includes('/hosts/') ? 'hosts' : 'fleet');
        return options.start(isAgain);
      },
    });
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
                  // A thread that dies leaves its lease: the next one waits for its end.
                  { redis: [redis.url], leaseTtlMs: 3000, name: 'b1', statics: [{ name: 's', url: s.url }] },
                  async (each) => {
                    await each.becomes('master');
                    const agent = setInterval(
                      () => void publishReport(client, 'r', r.url, { intervalMs: 250 }).catch(() => undefined),
                      250,
                    );
                    try {
                      await each.knows(2);
                      await fn({ each, client, threads, running: (name) => running.get(name) as Worker });
                    } finally {
                      clearInterval(agent);
                    }
                  },
                  keep,
                ),
              ),
          ),
      ),
    );
  } finally {
    process.off('worker', onThread);
  }
}

/** The threads by name; the one that runs now is the one started last. */
type ThreadName = 'hosts' | 'fleet';

async function recovers({ each }: Stage, applied: number): Promise<void> {
  await until(() => each.counter('tables_applied') > applied + 5, { timeoutMs: SLOW_MS, what: 'new tables to be applied' });
  await each.becomes('master');
}

/** One death of a thread under load. */
const dies = (name: ThreadName): Step<Stage> => [
  `the ${name} thread dies under load: no request fails, the table stays, and the restart is counted`,
  async (stage) => {
    const { each, client, threads, running } = stage;
    await withLoad(each.port, async (load) => {
      const isServed = async (more: number): Promise<void> => {
        const goal = load.served + more;
        await until(() => load.served >= goal, { timeoutMs: SLOW_MS, what: 'the load to go on' });
      };
      const before = {
        term: (await each.health()).term,
        starts: threads.length,
        applied: each.counter('tables_applied'),
        restarts: each.counter(`${name}_thread_restarts`),
      };
      await running(name).terminate();
      // From the death until everything has recovered.
      await isServed(40);
      assert.is((await each.health()).hosts, 2, 'the table is intact');
      await until(() => threads.length > before.starts, { what: 'the thread to be started again' });
      assert.is(threads.length, before.starts + 1, 'one thread for one');
      await recovers(stage, before.applied);
      assert.is((await each.health()).hosts, 2);
      assert.ok((await each.health()).term >= before.term);
      assert.is(each.counter(`${name}_thread_restarts`), before.restarts + 1);
      await isServed(40);
      assert.equal(load.failures, []);
      assert.ok((load.bodies.get('r') ?? 0) > 20 && (load.bodies.get('s') ?? 0) > 20, JSON.stringify([...load.bodies]));
      await statusCounts(client, 'b1', `${name}_thread_restarts`, before.restarts + 1);
    });
    assert.ok(each.lines.some((line) => line.startsWith(`error the ${name} thread died`)));
    await until(
      async () => {
        const fleet = await readFleet(client, KEYS);
        return fleet.master === 'b1' && fleet.hosts.map(({ name: host, state }) => `${host} ${state}`).join() === 'r up,s up';
      },
      { what: 'the whole fleet to be in Redis' },
    );
  },
];

const bothDie: Step<Stage> = [
  'both threads die at once, not for the first time, and the balancer recovers',
  async (stage) => {
    const { each, threads, running } = stage;
    await withLoad(each.port, async (load) => {
      const [applied, starts] = [each.counter('tables_applied'), threads.length];
      await Promise.all([running('hosts').terminate(), running('fleet').terminate()]);
      await until(() => threads.length === starts + 2, { what: 'both to be started again' });
      await recovers(stage, applied);
      assert.is((await each.health()).hosts, 2);
      assert.equal(load.failures, []);
    });
    assert.equal([each.counter('hosts_thread_restarts'), each.counter('fleet_thread_restarts')], [2, 2]);
  },
];

test('threads die under load, one after the other and together: the balancer serves on and recovers', () =>
  withMaster((stage) => inSteps(stage, [dies('hosts'), dies('fleet'), bothDie])));

const hostLeaves: Step<Stage> = [
  'a host that leaves while the fleet thread is dead is removed after its restart',
  ({ each, client, running }) =>
    withServer(
      (_request, response) => void response.end('t'),
      async ({ url }) => {
        await deliverUntil(each, 3, client, 't', url, { intervalMs: 60_000 });
        await running('fleet').terminate();
        await deliverUntil(each, 2, client, 't', url, { bye: true });
        await each.becomes('master');
        // A released slot is reused, and one in use never is.
        for (let i = 0; i < 3; i++) {
          await deliverUntil(each, 3, client, `u${i}`, url, { intervalMs: 60_000 });
          await deliverUntil(each, 2, client, `u${i}`, url, { bye: true });
        }
        await withLoad(each.port, async (load) => {
          await until(() => load.served > 20);
          assert.equal([...load.bodies.keys()].toSorted(), ['r', 's']);
        });
      },
    ),
];

const slotIsFree: Step<Stage> = [
  'a slot that was free when the fleet thread died can be allocated again',
  async (stage) => {
    const { each, client, running } = stage;
    const { known } = openTable(each.balancer.table);
    const applied = each.counter('tables_applied');
    assert.is(known.lastIndexOf(1), 1, 'the third slot is free');
    await running('fleet').terminate();
    await recovers(stage, applied);
    await deliverUntil(each, 3, client, 'v', 'http://127.0.0.1:1', { intervalMs: 60_000 });
    assert.is(known.lastIndexOf(1), 2, 'the third slot');
    await deliverUntil(each, 2, client, 'v', 'http://127.0.0.1:1', { bye: true });
  },
];

const hostMoves: Step<Stage> = [
  'a host that moves while the fleet thread dies ends up at its new address only',
  (stage) => {
    const { each, client, running } = stage;
    return withServer(
      (_request, response) => void response.end('old'),
      (old) =>
        withServer(
          (_request, response) => void response.end('new'),
          async ({ url }) => {
            await deliverUntil(each, 3, client, 't', old.url, { intervalMs: 60_000 });
            const fleet = running('fleet');
            const restarts = each.counter('fleet_thread_restarts');
            // Before the traffic thread has acknowledged the new address.
            fleet.prependListener('message', (message: FromFleet) => {
              if (message.type === 'hosts' && message.added.length > 0) void fleet.terminate();
            });
            await Promise.all([
              publishReport(client, 't', old.url, { bye: true }),
              publishReport(client, 't', url, { intervalMs: 60_000 }),
            ]);
            await until(() => each.counter('fleet_thread_restarts') === restarts + 1, {
              timeoutMs: SLOW_MS,
              what: 'the death of the thread',
            });
            const applied = each.counter('tables_applied');
            await recovers(stage, applied);
            await each.knows(3);
            await withLoad(each.port, async (load) => {
              await until(() => load.served > 20);
              assert.equal([...load.bodies.keys()].toSorted(), ['new', 'r', 's']);
            });
          },
        ),
    );
  },
];

test('hosts that leave, join and move around the death of the fleet thread end up where they are', () =>
  withMaster((stage) => inSteps(stage, [hostLeaves, slotIsFree, hostMoves])));

test.run();
