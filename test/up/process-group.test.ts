// `meercat balancer --processes`: each process is a complete balancer, and all share the port; a dead process is
// restarted, and the others accept its connections meanwhile.

import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { counterField } from '../../lib/redis/fleet-view.js';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { restartPauseMs } from '../../lib/up/group-process.js';
import { until, withRedis } from '../support/brackets.js';
import { startConnectLoad } from '../support/connect-load.js';
import { SLOW_MS } from '../support/fleet.js';
import { isAlive } from '../support/fleet-process.js';
import { healthOf, inFlight, isRefused, type SlowHost, slowHost, type TestGroup, withGroup } from '../support/group-process.js';
import { ended } from '../support/meercat.js';
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
async function requestsOf(client: Commands, names: readonly string[]): Promise<number[]> {
  return await Promise.all(names.map(async (name) => Number((await client.hget(KEYS.balancer(name), counterField('requests'))) ?? 0)));
}

/** The processes of the group. */
const NAMES = ['g-1', 'g-2'];

/** Each has its own name, heartbeat and console, and takes new connections. */
async function areBalancers(group: TestGroup, client: Commands): Promise<void> {
  const beats = await until(
    async () => {
      const found = await Promise.all(NAMES.map((name) => client.hgetall(KEYS.balancer(name))));
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
  assert.equal(Object.keys(consoles).toSorted(), NAMES);
  assert.is.not(consoles['g-1'], consoles['g-2']);
  for (const name of NAMES) assert.is((await healthOf(consoles[name] as string)).name, name);
  // Each process accepts by itself: many new connections are spread over all of them.
  await until(
    async () => {
      assert.equal(await Promise.all(Array.from({ length: 20 }, () => statusAt(group.port))), Array(20).fill(200));
      return (await requestsOf(client, NAMES)).every((count) => count > 0);
    },
    { timeoutMs: SLOW_MS, everyMs: 200, what: 'both to serve' },
  );
  assert.is(group.log('all processes are serving').length, 1);
  assert.equal(group.parent.stdout, []);
}

/** One is frozen, then killed: it delays no new connection, only those that it had accepted are lost, and it is restarted. */
async function losesOne(group: TestGroup, client: Commands): Promise<void> {
  const load = startConnectLoad(group.port, 4);
  try {
    await until(() => load.answered > 50, { timeoutMs: SLOW_MS });
    const pid = Number(await client.hget(KEYS.balancer('g-2'), 'pid'));
    process.kill(pid, 'SIGSTOP');
    const asked = Promise.all(Array.from({ length: 20 }, () => statusAt(group.port)));
    await Promise.race([asked, sleep(3000)]);
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid));
    assert.equal(await Promise.race([asked, sleep(SLOW_MS)]), Array(20).fill(200));
    await until(() => group.log('a process ended and is started again').length === 1, { timeoutMs: SLOW_MS });
    const [lost, before] = [load.failures.length, load.answered];
    assert.ok(
      lost <= 4 && load.failures.every((reason) => reason === 'ECONNRESET' || reason.startsWith('an answer')),
      load.failures.join(),
    );
    await group.served(3);
    assert.ok(load.answered > before, 'the other one serves meanwhile');
    assert.is(load.failures.length, lost, load.failures.join());
    await until(async () => Number(await client.hget(KEYS.balancer('g-2'), 'pid')) !== pid);
  } finally {
    await load.stop();
  }
}

/** All are killed at once: they come back on the same port; the delay is longer for the one that was killed before. */
async function losesAll(group: TestGroup): Promise<void> {
  for (const pid of group.pids()) process.kill(pid, 'SIGKILL');
  await group.served(5);
  await until(async () => (await statusAt(group.port)) === 200);
  const ends = group.log('a process ended and is started again').map(({ process: name, reason, pause }) => [name, reason, pause]);
  assert.equal(ends[0], ['g-2', 'SIGKILL', '100ms']);
  assert.equal(ends.slice(1).toSorted(), [
    ['g-1', 'SIGKILL', '100ms'],
    ['g-2', 'SIGKILL', '200ms'],
  ]);
}

/** A signal to the parent alone: what is in flight is finished, and the parent exits last, with code 0. */
async function drains(group: TestGroup, host: SlowHost): Promise<void> {
  const asked = await inFlight(group, host);
  const pids = group.pids();
  group.parent.kill('SIGTERM');
  await until(() => isRefused(group.port), { timeoutMs: SLOW_MS, what: 'the port to be closed' });
  assert.equal(pids.map(isAlive), [true, true], 'they wait for their requests');
  host.answerAll();
  assert.equal(
    await Promise.all(asked),
    asked.map(() => 'done'),
  );
  assert.equal(await ended(group.parent, SLOW_MS), { code: 0, signal: null });
  assert.equal(pids.map(isAlive), [false, false]);
  assert.is(group.log('stopped by force').length, 0);
}

test('each process is a balancer of its own; one that is frozen and killed costs no other connection; all come back, and drain on SIGTERM', () =>
  withRedis(({ url }) =>
    withClients([url], (client) => {
      const host = slowHost();
      return withGroup({ redis: url, handler: host.handler, env: { MEERCAT_DRAIN_TIMEOUT: '20s' } }, async (group) => {
        await areBalancers(group, client);
        await losesOne(group, client);
        await losesAll(group);
        await drains(group, host);
      });
    }),
  ));

test('the restart delay doubles with each consecutive exit, up to half a minute', () => {
  assert.equal([1, 2, 3, 9, 10, 1000].map(restartPauseMs), [100, 200, 400, 25_600, 30_000, 30_000]);
});

test.run();
