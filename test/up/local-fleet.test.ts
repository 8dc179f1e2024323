// `meercat up` as users run it, with real processes. However it ends (a signal, a second one, SIGKILL, a taken port), no
// process may be left: the bracket withFleet checks that in every test here.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FleetView, readFleet } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import {
  type FleetProcess,
  type FleetProcessOptions,
  freePortsInRow,
  isAlive,
  withFleet,
  withPortTaken,
} from '../support/fleet-process.js';
import { ended, meercat, withDefaults } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { hasEmbeddedRedis } from '../support/redis-server.js';

const test = suite('meercat up');

const BUSY_MS = 20_000;

async function bodyOf(url: string): Promise<string> {
  const response = await fetch(url);
  assert.is(response.status, 200, url);
  return (await response.text()).trim();
}

async function statusOf(redis: string, namespace = 'meercat'): Promise<FleetView> {
  const { code, stdout, stderr } = await meercat(['status', '--json', '--redis', redis, '--namespace', namespace]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as FleetView;
}

/** Polls the fleet's state in Redis until it is as expected. */
function untilStatus(redis: string, what: string, isGood: (view: FleetView) => boolean, namespace = 'meercat'): Promise<FleetView> {
  // Polls in this process: running a command per poll would use a whole core.
  return withClients([redis], (client) =>
    until(
      async () => {
        const view = await readFleet(client, buildKeys(namespace));
        return isGood(view) ? view : null;
      },
      { timeoutMs: BUSY_MS, everyMs: 50, what },
    ),
  );
}

test('a whole fleet comes up, serves on every port, repairs itself, and stops in order', async () => {
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
    assert.ok(view.master === 'b1' || view.master === 'b2');
    assert.equal(
      view.hosts.map(({ name, state, hasAgent }) => [name, state, hasAgent]),
      [
        ['h1', 'up', true],
        ['h2', 'up', true],
      ],
    );
    const told = await statusOf(redis);
    assert.equal([told.master, told.balancers.length, told.hosts.length], [view.master, 2, 2]);

    await mendsBalancer(fleet, redis, view, origins);
    await mendsHost(fleet, redis, view, origins);
    await mendsRedis(fleet, redis);

    // Without a terminal: one plain line per balancer, repeated, without control characters.
    await fleet.waitForLine(/^balancer b1 (master|slave) rps=\d+\.\d inflight=\d+$/, 10_000);
    await fleet.waitForLine(/^host h2 up cpu=[\d.]+% memory=[\d.]+% inflight=\d+ rps=\d+\.\d$/);
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    assert.not.match(fleet.lines.join('\n'), /\u001b/);

    fleet.kill('SIGTERM');
    assert.equal(await ended(fleet, 15_000), { code: 0, signal: null });
    assert.is(fleet.stdout.at(-1), 'stopping', 'whoever stops in order has nothing to complain of');
    assert.equal(fleet.members(), []);
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

/** A small fleet on a Redis of the test's own. */
function withSmallFleet<T>(
  fn: (fleet: FleetProcess, port: number, redis: string) => Promise<T>,
  flags: readonly string[] = [],
  options: FleetProcessOptions = {},
): Promise<T> {
  return withRedis(async ({ url }) => {
    const port = await freePortsInRow(2);
    return withFleet(
      // Demo hosts, unless the hosts are named.
      withDefaults(flags, {
        '--balancers': '1',
        ...(!flags.includes('--host') && { '--hosts': '1' }),
        '--port': String(port),
        '--redis': url,
      }),
      (fleet) => fn(fleet, port, url),
      options,
    );
  });
}

test('two SIGINTs at once, as npm sends on Ctrl-C, count as one: everything stops in order', () =>
  withSmallFleet(async (fleet, port) => {
    await fleet.ready();
    // The request in flight completes first.
    const working = bodyOf(`http://127.0.0.1:${port}/work?ms=800`);
    await until(async () => JSON.parse(await bodyOf(`http://127.0.0.1:${port + 1000}/.meercat/health`)).inflight === 1, {
      what: 'the request to be in flight',
    });
    fleet.kill('SIGINT');
    fleet.kill('SIGINT');
    assert.is(await working, 'h1');
    assert.equal(await ended(fleet, 15_000), { code: 0, signal: null });
    assert.is(fleet.stdout.at(-1), 'stopping');
  }));

test('a second signal after 0.4 s forces an immediate exit with code 1', () =>
  withSmallFleet(async (fleet, port) => {
    await fleet.ready();
    const working = fetch(`http://127.0.0.1:${port}/work?ms=8000`).then(
      () => 'answered',
      () => 'broken off',
    );
    await until(async () => JSON.parse(await bodyOf(`http://127.0.0.1:${port + 1000}/.meercat/health`)).inflight === 1, {
      what: 'the request to be in flight',
    });
    fleet.kill('SIGINT');
    await fleet.waitForLine(/^stopping$/);
    // A real delay is needed: within 0.4 s it would count as the same signal.
    await sleep(450);
    const started = performance.now();
    fleet.kill('SIGTERM');
    assert.equal(await ended(fleet), { code: 1, signal: null });
    assert.ok(performance.now() - started < 1500);
    assert.is(await working, 'broken off');
  }));

test('when its main process is killed with SIGKILL, all others end within 2 s, including Redis and a busy host', async () => {
  const port = await freePortsInRow(2);
  await withFleet(['--balancers', '2', '--hosts', '1', '--port', String(port)], async (fleet) => {
    await fleet.ready();
    const working = fetch(`http://127.0.0.1:${port}/work?ms=9000`).then(
      () => 'answered',
      () => 'broken off',
    );
    await until(async () => JSON.parse(await bodyOf(`http://127.0.0.1:${port + 1000}/.meercat/health`)).inflight === 1, {
      what: 'the request to be in flight',
    });
    const members = fleet.members();
    for (const part of [/ balancer .*b1/, / balancer .*b2/, / demo-host /, / agent /, /^\S*sh /, /redis|valkey/]) {
      assert.ok(
        members.some(({ command }) => part.test(command)),
        `${part} in ${members.map(({ command }) => command).join('\n')}`,
      );
    }
    fleet.kill('SIGKILL');
    await until(() => !members.some(({ pid }) => isAlive(pid)), {
      timeoutMs: 2000,
      what: () =>
        members
          .filter(({ pid }) => isAlive(pid))
          .map(({ command }) => command)
          .join(', '),
    });
    assert.is(await working, 'broken off');
  });
});

test('a signal during the start stops everything started so far, and it never reports ready', async () => {
  for (const part of [/ demo-host /, / balancer /]) {
    await withSmallFleet(async (fleet) => {
      await fleet.member(part);
      fleet.kill('SIGTERM');
      assert.equal(await ended(fleet, BUSY_MS), { code: 0, signal: null });
      assert.equal(fleet.stdout, []);
    });
  }
});

test('SIGKILL during the start leaves no process behind either', async () => {
  for (const part of [/ demo-host /, / balancer /]) {
    await withSmallFleet(
      async (fleet) => {
        await fleet.member(part);
        fleet.kill('SIGKILL');
        await ended(fleet);
        // A child notices only after its own start; on a busy machine that takes a while.
      },
      [],
      { leftoverMs: 6000 },
    );
  }
});

test('existing hosts are used instead of demo hosts, and fleet-wide flags reach every balancer', () =>
  withServer(
    (request, response) => void response.end(`one ${request.url}`),
    (one) =>
      withServer(
        (request, response) => void response.end(`two ${request.url}`),
        (two) =>
          withSmallFleet(
            async (fleet, port, redis) => {
              await fleet.ready();
              const bodies = new Set<string>();
              await until(async () => bodies.add(await bodyOf(`http://127.0.0.1:${port}/x`)).size === 2, { what: 'both hosts' });
              assert.equal([...bodies].toSorted(), ['one /x', 'two /x']);
              await untilStatus(redis, 'both hosts', ({ hosts }) => hosts.length === 2, 'other');
              const view = await statusOf(redis, 'other');
              assert.equal(view.hosts.map(({ name, url, hasAgent }) => [name, url, hasAgent]).toSorted(), [
                [`127.0.0.1-${two.port}`, two.url, false],
                ['first', one.url, false],
              ]);
              assert.is(view.balancers.length, 2);
              assert.not(fleet.members().some(({ command }) => / (demo-host|agent) /.test(command)));
              const balancers = fleet.members().filter(({ command }) => / balancer /.test(command));
              assert.ok(balancers.length === 2 && balancers.every(({ command }) => command.includes('--algorithm round-robin')));
            },
            [
              '--balancers',
              '2',
              '--host',
              `${one.url},name=first`,
              '--host',
              two.url,
              '--namespace',
              'other',
              '--algorithm',
              'round-robin',
            ],
          ),
      ),
  ));

test('a Redis password appears on no command line and in no output, and SIGHUP stops everything in order', () =>
  withRedis({ args: ['--requirepass', 'the-secret'] }, async ({ url }) => {
    const port = await freePortsInRow(1);
    const env = { MEERCAT_REDIS: url.replace('//', '//:the-secret@') };
    await withFleet(
      ['--balancers', '1', '--hosts', '1', '--port', String(port)],
      async (fleet) => {
        await fleet.ready();
        for (const { command } of fleet.members()) assert.not.match(command, /secret/);
        await fleet.waitForLine(/^redis +as given by --redis \(running already\)$/);
        assert.not.match(fleet.lines.join('\n'), /secret/);
        assert.not.match(readFileSync(`/proc/${fleet.pid}/cmdline`, 'utf8'), /secret/);

        // Who closes the terminal means the whole fleet; a shell may send the signal once more.
        for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGHUP'] as const) fleet.kill(signal);
        assert.equal(await ended(fleet, BUSY_MS), { code: 0, signal: null });
        assert.not.match(fleet.lines.join('\n'), /debugger/i);
      },
      { env },
    );
  }));

test('a taken port, or one taken for the console, is one line and exit code 1, before anything is started', () =>
  withRedis(async ({ url }) => {
    const port = await freePortsInRow(3);
    for (const [taken, use] of [
      [port + 1, ''],
      [port + 1002, `, for the console of the balancer on ${port + 2},`],
    ] as const) {
      await withPortTaken(taken, () =>
        withFleet(['--balancers', '3', '--hosts', '1', '--port', String(port), '--redis', url], async (fleet) => {
          assert.equal(await ended(fleet, BUSY_MS), { code: 1, signal: null });
          assert.equal(fleet.lines, ['meercat: starting the fleet …', `meercat: port ${taken}${use} is taken: choose another with --port`]);
          assert.equal(fleet.members(), []);
        }),
      );
    }
  }));

if (hasEmbeddedRedis())
  test('without an installed Redis the JavaScript one serves a fleet, and logs that it is for trying out only', async () => {
    const port = await freePortsInRow(2);
    await withFleet(
      ['--balancers', '2', '--hosts', '1', '--port', String(port)],
      async (fleet) => {
        await fleet.ready();
        const [, redis] = (await fleet.waitForLine(
          /^redis +(redis:\/\/\S+) \(js-redis-server, a Redis in JavaScript: for trying out only\)$/,
        )) as unknown as [string, string];
        assert.is(await bodyOf(`http://127.0.0.1:${port}`), 'h1');
        const view = await untilStatus(
          redis,
          'the whole fleet',
          ({ master, balancers, hosts }) => master !== null && balancers.length === 2 && hosts[0]?.state === 'up',
        );
        const dead = view.master as string;
        process.kill((await fleet.member(new RegExp(` balancer .*--name ${dead} `))).pid, 'SIGKILL');
        await untilStatus(redis, 'a new master', ({ master, term }) => master !== null && (term ?? 0) > (view.term ?? 0));
        fleet.kill('SIGKILL');
        await ended(fleet);
      },
      { env: { PATH: '/nowhere' } },
    );
  });

test('on a terminal it shows a table in place, and Ctrl-C restores the screen', () =>
  withRedis(({ url }) =>
    withTempDir(async (dir) => {
      const port = await freePortsInRow(2);
      const keys = join(dir, 'keys');
      await promisify(execFile)('mkfifo', [keys]);
      // Opened read-write, so that neither end blocks.
      const keyboard = await open(keys, 'r+');
      try {
        await withFleet(
          ['--balancers', '1', '--hosts', '1', '--port', String(port), '--redis', url],
          async (fleet) => {
            const shown = (): string => fleet.stdout.join('\n');
            await until(() => /BALANCER +ROLE +URL[^]*b1 +(master|slave)[^]*HOST +STATE +URL[^]*h1 +up/.test(shown()), {
              timeoutMs: BUSY_MS,
              what: () => `the table, not\n${shown()}`,
            });
            assert.ok(shown().includes(`curl 'http://127.0.0.1:${port}/work?ms=5'`) && shown().includes('Ctrl-C'));
            await keyboard.write('\u0003');
            assert.equal(await ended(fleet, 15_000), { code: 0, signal: null });
            const [before = '', after = '', ...more] = shown().split('\u001b[?1049l');
            assert.equal(more, [], 'the screen is given back once');
            assert.is(before.split('\u001b[?1049h').length, 2, 'and taken once');
            assert.ok(before.endsWith('\u001b[?25h'), 'with its cursor');
            assert.is(after.trim(), 'meercat: stopping the fleet …');
          },
          {
            wrap: (command) => [
              '/bin/sh',
              '-c',
              'exec script -qefc "$1" /dev/null <"$2"',
              'sh',
              `stty cols 110 rows 40; exec ${command.join(' ')}`,
              keys,
            ],
          },
        );
      } finally {
        await keyboard.close();
      }
    }),
  ));

test.run();
