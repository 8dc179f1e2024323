// `meercat balancer --processes`: each process is a complete balancer, and all share the port; a dead process is
// restarted, and the others accept its connections meanwhile.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { counterField } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { restartPauseMs } from '../../lib/up/group-process.js';
import { until, withRedis } from '../support/brackets.js';
import { startConnectLoad } from '../support/connect-load.js';
import { SLOW_MS } from '../support/fleet.js';
import { isAlive } from '../support/fleet-process.js';
import { healthOf, withGroup } from '../support/group-process.js';
import { withClients } from '../support/redis-client.js';

const test = suite('process group');

const KEYS = buildKeys('meercat');

/** Sends a request on a new connection; returns its status, or 0 if the connection is refused. */
async function statusAt(port: number): Promise<number> {
  return await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } }).then(
    ({ status }) => status,
    () => 0,
  );
}

/** Requests of each process so far, from the heartbeats. */
async function requestsOf(
  client: { hget(key: string, field: string): Promise<string | null> },
  names: readonly string[],
): Promise<number[]> {
  return await Promise.all(names.map(async (name) => Number((await client.hget(KEYS.balancer(name), counterField('requests'))) ?? 0)));
}

test('each process is a balancer of the fleet with its own name, heartbeat and console, and all serve one free port', () =>
  withRedis(({ url }) =>
    withClients([url], (client) =>
      withGroup({ redis: url }, async (group) => {
        const names = ['g-1', 'g-2'];
        const beats = await until(
          async () => {
            const found = await Promise.all(names.map((name) => client.hgetall(KEYS.balancer(name))));
            return found.every(({ pid }) => pid !== undefined) && found;
          },
          { timeoutMs: SLOW_MS, what: 'both heartbeats' },
        );
        assert.equal(
          beats.map(({ url: where }) => where),
          [`http://127.0.0.1:${group.port}`, `http://127.0.0.1:${group.port}`],
        );
        assert.equal(beats.map(({ pid }) => Number(pid)).toSorted(), group.pids().toSorted());
        const consoles = group.consoles();
        assert.equal(Object.keys(consoles).toSorted(), names);
        assert.is.not(consoles['g-1'], consoles['g-2']);
        for (const name of names) assert.is((await healthOf(consoles[name] as string)).name, name);
        // Each process accepts by itself: many new connections are spread over all of them.
        await until(
          async () => {
            assert.equal(await Promise.all(Array.from({ length: 20 }, () => statusAt(group.port))), Array(20).fill(200));
            return (await requestsOf(client, names)).every((count) => count > 0);
          },
          { timeoutMs: SLOW_MS, what: 'both to serve' },
        );
        assert.is(group.log('all processes are serving').length, 1);
        assert.equal(group.parent.stdout, []);
      }),
    ),
  ));

test('a killed process is restarted while the others accept all connections; the delay grows if it is killed again', () =>
  withRedis(({ url }) =>
    withClients([url], (client) =>
      withGroup({ redis: url }, async (group) => {
        const load = startConnectLoad(group.port, 4);
        const kill = async (): Promise<number> => {
          const pid = Number(await until(() => client.hget(KEYS.balancer('g-2'), 'pid')));
          process.kill(pid, 'SIGKILL');
          await until(() => !isAlive(pid));
          return pid;
        };
        try {
          await until(() => load.answered > 50, { timeoutMs: SLOW_MS });
          const pid = await kill();
          await until(() => group.log('a process ended and is started again').length === 1, { timeoutMs: SLOW_MS });
          // Only connections that it had accepted are lost.
          const [lost, before] = [load.failures.length, load.answered];
          assert.ok(
            lost <= 4 && load.failures.every((reason) => reason === 'ECONNRESET' || reason.startsWith('an answer')),
            load.failures.join(),
          );
          await group.served(3);
          assert.ok(load.answered > before, 'the other one serves meanwhile');
          assert.is(load.failures.length, lost, load.failures.join());
          await until(async () => Number(await client.hget(KEYS.balancer('g-2'), 'pid')) !== pid);
          await kill();
          await group.served(4);
          assert.equal(
            group.log('a process ended and is started again').map(({ process: name, reason, pause }) => [name, reason, pause]),
            [
              ['g-2', 'SIGKILL', '100ms'],
              ['g-2', 'SIGKILL', '200ms'],
            ],
          );
          const soFar = load.answered;
          await until(() => load.answered > soFar + 20, { timeoutMs: SLOW_MS });
        } finally {
          await load.stop();
        }
        assert.ok(load.failures.length <= 8, load.failures.join());
      }),
    ),
  ));

test('a process that is frozen, and then killed, delays no new connections', () =>
  withRedis(({ url }) =>
    withGroup({ redis: url }, async (group) => {
      const pid = group.pids()[0] as number;
      process.kill(pid, 'SIGSTOP');
      const asked = Promise.all(Array.from({ length: 20 }, () => statusAt(group.port)));
      await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 3000))]);
      process.kill(pid, 'SIGKILL');
      const given = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, SLOW_MS))]);
      assert.equal(given, Array(20).fill(200));
    }),
  ));

test('when all are killed at once they come back on the same port', () =>
  withRedis(({ url }) =>
    withGroup({ redis: url }, async (group) => {
      await group.served(2);
      for (const pid of group.pids()) process.kill(pid, 'SIGKILL');
      await group.served(4);
      await until(async () => (await statusAt(group.port)) === 200);
    }),
  ));

test('the restart delay doubles with each consecutive exit, up to half a minute', () => {
  assert.equal([1, 2, 3, 9, 10, 1000].map(restartPauseMs), [100, 200, 400, 25_600, 30_000, 30_000]);
});

test.run();
