// `meercat up` as users run it, with real processes. However it ends (a signal, SIGKILL, a taken port), no process may
// be left: the bracket withFleet checks that in every test here. local-fleet-given.test.ts has what users give it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FleetView } from '../../lib/redis/fleet-view.js';
import { until, withRedis } from '../support/brackets.js';
import {
  type FleetMember,
  type FleetProcess,
  type FleetProcessOptions,
  freePortsInRow,
  isAlive,
  withFleet,
  withPortTaken,
} from '../support/fleet-process.js';
import { bodyOf, BUSY_MS, isInFlight, untilStatus } from '../support/local-fleet.js';
import { ended, meercat } from '../support/meercat.js';

const test = suite('meercat up');

async function statusOf(redis: string): Promise<FleetView> {
  const { code, stdout, stderr } = await meercat(['status', '--json', '--redis', redis]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as FleetView;
}

test('a whole fleet comes up, serves on every port, repairs itself, and leaves nothing behind when it is killed', async () => {
  const port = await freePortsInRow(2);
  await withFleet(['--balancers', '2', '--hosts', '2', '--port', String(port)], async (fleet) => {
    await fleet.ready();
    const origins = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`];
    assert.is((await fleet.waitForLine(/^balancers +(.*)$/))[1], origins.join('  '));
    const [, redis] = (await fleet.waitForLine(/^redis +(redis:\/\/127\.0\.0\.1:\d+) \((redis|valkey)-server\)$/)) as unknown as [
      string,
      string,
    ];
    assert.is(new URL(redis).port, String(port + 8000), 'a port of its own, not that of a Redis of the user');

    // Once it reports ready, every balancer knows every host.
    for (const origin of origins) {
      const names = new Set<string>();
      await until(async () => names.add(await bodyOf(`${origin}/`)).size === 2, { what: `both hosts from ${origin}` });
      assert.equal([...names].toSorted(), ['h1', 'h2']);
      assert.match(await bodyOf(`${origin}/work?ms=5`), /^h[12]$/);
    }
    const view = await untilStatus(
      redis,
      'the figures of both hosts',
      ({ hosts }) => hosts.length === 2 && hosts.every(({ cpu }) => cpu !== null),
    );
    assert.equal(view.balancers.map(({ name, url }) => [name, url]).toSorted(), [
      ['b1', origins[0]],
      ['b2', origins[1]],
    ]);
    // Where the machine stalls, there may be none for a moment, or the other one.
    await untilStatus(redis, 'a master', ({ master }) => master === 'b1' || master === 'b2');
    assert.equal(
      view.hosts.map(({ name, state, hasAgent }) => [name, state, hasAgent]),
      [
        ['h1', 'up', true],
        ['h2', 'up', true],
      ],
    );
    const told = await statusOf(redis);
    assert.equal([told.balancers.length, told.hosts.length], [2, 2]);

    const before = await untilStatus(redis, 'a master', ({ master }) => master !== null);
    await mendsBalancer(fleet, redis, before, origins);
    await mendsHost(fleet, redis, view, origins);
    await mendsRedis(fleet, redis);

    // Without a terminal: one plain line per balancer, repeated, without control characters.
    await fleet.waitForLine(/^balancer b1 (master|slave) rps=\d+\.\d inflight=\d+$/, 10_000);
    await fleet.waitForLine(/^host h2 up cpu=[\d.]+% memory=[\d.]+% inflight=\d+ rps=\d+\.\d p99=\S+ errors=\S+$/);
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    assert.not.match(fleet.lines.join('\n'), /\u001b/);

    await endsWithMain(fleet, port);
  });
});

/** kill -9 of the master: a new master with a higher term, no failed requests on the other port, and the dead one comes back. */
async function mendsBalancer(fleet: FleetProcess, redis: string, before: FleetView, origins: readonly string[]): Promise<void> {
  const dead = before.master as string;
  const survivor = origins[dead === 'b1' ? 1 : 0] as string;
  const { pid } = await fleet.member(new RegExp(` balancer .*--name ${dead} `));
  process.kill(pid, 'SIGKILL');
  await fleet.waitForLine(new RegExp(`^${dead} ended \\(SIGKILL\\); started again in 1s$`));
  const isMended = untilStatus(
    redis,
    `${dead} to be back under a new master`,
    ({ master, term, balancers }) =>
      master !== null && (term ?? 0) > (before.term ?? 0) && balancers.length === 2 && balancers.every(({ pid: now }) => now !== pid),
  );
  let isOver = false;
  void isMended.finally(() => (isOver = true)).catch(() => undefined);
  await until(async () => (await bodyOf(survivor)) !== '' && isOver, { timeoutMs: BUSY_MS, what: 'the fleet to be mended' });
  await isMended;
  await until(() => bodyOf(origins[dead === 'b1' ? 0 : 1] as string), { what: `${dead} to serve again` });
}

/** kill -9 of a demo host: it comes back on its port, and its agent follows the new process. */
async function mendsHost(fleet: FleetProcess, redis: string, before: FleetView, origins: readonly string[]): Promise<void> {
  const { pid } = await fleet.member(/ demo-host --name h1 /);
  const { pid: agentPid } = await fleet.member(/ agent .*--name h1 /);
  process.kill(pid, 'SIGKILL');
  await fleet.waitForLine(/^h1 ended \(SIGKILL\); started again in 1s$/);
  await fleet.waitForLine(/^agent of h1 ended \(code 1\)/, 10_000);
  const goneAt = new Date().toISOString();
  const view = await untilStatus(redis, 'h1 to report again', ({ hosts }) =>
    hosts.some((host) => host.name === 'h1' && host.state === 'up' && String(host.reported) > goneAt),
  );
  assert.is(view.hosts.find(({ name }) => name === 'h1')?.url, before.hosts.find(({ name }) => name === 'h1')?.url);
  const { pid: newPid } = await fleet.member(/ demo-host --name h1 /);
  const agent = await fleet.member(/ agent .*--name h1 /);
  assert.is.not(newPid, pid);
  assert.is.not(agent.pid, agentPid);
  assert.ok(agent.command.includes(`--probe pid:${newPid} `), agent.command);
  await until(async () => (await bodyOf(origins[0] as string)) === 'h1', { what: 'h1 to serve again' });
}

/** kill -9 of Redis: it is restarted empty on its port, and the fleet rewrites its state. */
async function mendsRedis(fleet: FleetProcess, redis: string): Promise<void> {
  const server = await fleet.member(/(redis|valkey)-server (127|\*)/);
  process.kill(server.pid, 'SIGKILL');
  await fleet.waitForLine(/^redis ended; started again in 1s$/);
  await until(() => fleet.member(/(redis|valkey)-server (127|\*)/).then(({ pid }) => pid !== server.pid), {
    timeoutMs: BUSY_MS,
    what: 'another Redis',
  });
  await untilStatus(
    redis,
    'the fleet in the new Redis',
    ({ master, balancers, hosts }) => master !== null && balancers.length === 2 && hosts.length === 2,
  );
}

/** kill -9 of the main process: all others end, within 2 s where nothing stalls, including Redis and a busy host. */
async function endsWithMain(fleet: FleetProcess, port: number): Promise<void> {
  const working = bodyOf(`http://127.0.0.1:${port}/work?ms=9000`).then(
    () => 'answered',
    () => 'broken off',
  );
  await isInFlight(port);
  const members = fleet.members();
  for (const part of [/ balancer .*b1/, / balancer .*b2/, / demo-host /, / agent /, /^\S*sh /, /redis|valkey/]) {
    assert.ok(
      members.some(({ command }) => part.test(command)),
      `${part} in ${members.map(({ command }) => command).join('\n')}`,
    );
  }
  fleet.kill('SIGKILL');
  const left = (): FleetMember[] => members.filter(({ pid }) => isAlive(pid));
  await until(() => left().length === 0, {
    timeoutMs: 10_000,
    what: () =>
      left()
        .map(({ command }) => command)
        .join(', '),
  });
  assert.is(await working, 'broken off');
}

/** A small fleet on a Redis of the test's own. */
function withSmallFleet<T>(fn: (fleet: FleetProcess) => Promise<T>, options: FleetProcessOptions = {}): Promise<T> {
  return withRedis(async ({ url }) => {
    const port = await freePortsInRow(1);
    return withFleet(['--balancers', '1', '--hosts', '1', '--port', String(port), '--redis', url], fn, options);
  });
}

test('a signal during the start stops everything started so far, also that of a terminal that is closed; those for a reload do nothing', async () => {
  // Who closes the terminal means the whole fleet; a shell may send the signal once more.
  for (const [part, signals] of [
    [/ demo-host /, ['SIGTERM']],
    [/ balancer /, ['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGHUP']],
  ] as const) {
    await withSmallFleet(async (fleet) => {
      await fleet.member(part);
      for (const signal of signals) fleet.kill(signal);
      assert.equal(await ended(fleet, BUSY_MS), { code: 0, signal: null });
      assert.equal(fleet.stdout, []);
      assert.not.match(fleet.lines.join('\n'), /debugger/i);
    });
  }
});

test('SIGKILL during the start leaves no process behind either', () =>
  withSmallFleet(
    async (fleet) => {
      // The demo host runs by then; the agent and the balancer are being started.
      await fleet.member(/ balancer /);
      fleet.kill('SIGKILL');
      await ended(fleet);
    },
    // A child notices only after its own start; on a busy machine that takes a while.
    { leftoverMs: 20_000 },
  ));

test('a taken port is one line and exit code 1, before anything is started', async () => {
  const port = await freePortsInRow(2);
  await withPortTaken(port + 1, () =>
    withFleet(['--balancers', '2', '--hosts', '1', '--port', String(port)], async (fleet) => {
      assert.equal(await ended(fleet, BUSY_MS), { code: 1, signal: null });
      assert.equal(fleet.lines, ['meercat: starting the fleet …', `meercat: port ${port + 1} is taken: choose another with --port`]);
      assert.equal(fleet.members(), []);
    }),
  );
});

test.run();
