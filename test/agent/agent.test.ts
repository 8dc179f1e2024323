// The agent as a real process with a real Redis and a balancer: it registers its host, reports with jitter, sends a
// goodbye, survives the loss of Redis, and exits when the probed process has exited.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, type RunningProcess, type TestRedis, until, withRedis, withServer } from '../support/brackets.js';
import { type TestBalancer, withBalancer } from '../support/fleet.js';
import { ended, logOf, meercat, meercatHere, withDefaults, withMeercat } from '../support/meercat.js';
import { withClients, withListener } from '../support/redis-client.js';

const test = suite('agent process');

const HOST_URL = 'http://127.0.0.1:3000';

interface Heard {
  readonly atMs: number;
  readonly report: Record<string, unknown>;
}

/** All messages on the reports channel, with their times. */
function withReports<T>(redis: TestRedis, fn: (heard: Heard[]) => Promise<T>): Promise<T> {
  const heard: Heard[] = [];
  const onMessage = (_channel: string, text: string): void =>
    void heard.push({ atMs: performance.now(), report: JSON.parse(text) as Record<string, unknown> });
  return withListener(redis.url, ['meercat:reports'], onMessage, () => fn(heard));
}

function withAgent<T>(redis: string, flags: readonly string[], fn: (agent: RunningProcess) => Promise<T>): Promise<T> {
  return withMeercat(['agent', ...withDefaults(flags, { '--redis': redis, '--url': HOST_URL, '--probe': 'machine' })], fn);
}

/** A balancer that is master, in the test's process. */
function withMaster<T>(redis: string, fn: (balancer: TestBalancer) => Promise<T>): Promise<T> {
  return withBalancer({ redis: [redis], namespace: 'meercat', name: 'b1' }, async (balancer) => {
    await balancer.becomes('master');
    return fn(balancer);
  });
}

/** What an agent says of a Redis that it lost; where a machine stalls, at any moment. */
const LOST = 'redis is not reachable; reports go on when it is';

/**
 * Ends an agent and takes the time, with others if the machine stalls meanwhile.
 * @param withRunning starts an agent, hands it out once it runs, and checks it after its end
 */
async function endsWithin(limitMs: number, withRunning: (end: (agent: RunningProcess) => Promise<void>) => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    let tookMs = Infinity;
    await withRunning(async (agent) => {
      const startedMs = performance.now();
      agent.kill();
      assert.equal(await ended(agent), { code: 0, signal: null });
      tookMs = performance.now() - startedMs;
    });
    if (tookMs <= limitMs) return;
    assert.ok(attempt < 5, `five times it took longer than ${limitMs} ms, at last ${tookMs} ms`);
  }
}

/** Warnings and errors, which must not repeat themselves. */
const troubles = (child: RunningProcess): string[] =>
  logOf(child)
    .filter(({ level }) => level === 'warn' || level === 'error')
    .map(({ msg }) => String(msg));

test('a host is in the fleet as soon as its agent reports, with all its figures, and its requests come', () =>
  withRedis(({ url }) =>
    withServer(
      (_request, response) => void response.end('hello'),
      (host) =>
        withMaster(url, (balancer) =>
          withMeercat(
            [
              'agent',
              '--redis',
              url,
              '--url',
              host.url,
              '--name',
              'h1',
              '--interval',
              '200ms',
              '--probe',
              `pid:${process.pid}`,
              '--cores',
              '2',
            ],
            (agent) =>
              withClients([url], async (client) => {
                const hash = await until(
                  async () => {
                    const found = await client.hgetall('meercat:host:h1');
                    return found['cpu'] ? found : null;
                  },
                  { timeoutMs: 10_000, what: 'the figures in Redis' },
                );
                assert.equal([hash['url'], hash['state'], hash['agent'], hash['cores']], [host.url, 'up', 'yes', '2']);
                assert.ok(Number(hash['cpu']) >= 0 && Number(hash['cpu']) <= 1, hash['cpu']);
                assert.ok(Number(hash['memory']) > 0 && Number(hash['memory']) <= 1, hash['memory']);
                const first = Date.parse(hash['reported'] as string);
                assert.ok(Math.abs(Date.now() - first) < 10_000);
                await until(async () => Date.parse((await client.hget('meercat:host:h1', 'reported')) as string) > first, {
                  what: 'a newer report',
                });
                const origin = `http://127.0.0.1:${balancer.port}`;
                assert.is(await (await fetch(origin)).text(), 'hello');

                agent.kill();
                assert.equal(await ended(agent), { code: 0, signal: null });
                // The agent must not exit before the fleet knows.
                assert.equal([await client.zscore('meercat:hosts', 'h1'), await client.exists('meercat:host:h1')], [null, 0]);
                const refused = await until(
                  async () => {
                    const response = await fetch(origin);
                    return response.status === 503 ? response : null;
                  },
                  { what: 'no host to be left' },
                );
                assert.is(((await refused.json()) as { error: string }).error, 'MEERCAT_NO_HOST');
                assert.equal(
                  troubles(agent).filter((msg) => msg !== LOST),
                  [],
                );
              }),
          ),
        ),
    ),
  ));

test('a host is in each pool that its agent names, and leaves all of them with one goodbye', () =>
  withRedis(({ url }) =>
    withMaster(url, () =>
      withAgent(url, ['--name', 'h1', '--interval', '200ms', '--pool', 'default', '--pool', 'api'], (agent) =>
        withClients([url], async (client) => {
          const fields = (id: string) => client.hmget(`meercat:host:${id}`, 'name', 'pool', 'url', 'agent');
          await until(async () => (await client.exists('meercat:host:h1', 'meercat:host:api/h1')) === 2, {
            what: 'the host in both pools',
          });
          assert.equal(
            [await fields('h1'), await fields('api/h1')],
            [
              ['h1', 'default', HOST_URL, 'yes'],
              ['api/h1', 'api', HOST_URL, 'yes'],
            ],
          );
          const status = await meercatHere(['status', '--json'], { MEERCAT_REDIS: url });
          const { hosts } = JSON.parse(status.stdout) as { hosts: { name: string }[] };
          assert.equal(
            hosts.map(({ name }) => name),
            ['api/h1', 'h1'],
          );
          const drained = await meercatHere(['drain', 'api/h1'], { MEERCAT_REDIS: url });
          assert.equal([drained.code, await client.hget('meercat:settings', 'host:api/h1')], [0, 'drained']);
          agent.kill();
          assert.equal(await ended(agent), { code: 0, signal: null });
          assert.equal(
            [await client.exists('meercat:host:h1', 'meercat:host:api/h1'), await client.zcard('meercat:hosts')],
            [0, 0],
            'the agent ends once the fleet knows',
          );
        }),
      ),
    ),
  ));

test('pools that cannot be are refused at the start', async () => {
  const flags = ['agent', '--url', HOST_URL];
  for (const [pools, message] of [
    [['a/b'], '--pool: "a/b": letters, digits and _ - only, starting with a letter or digit, at most 63'],
    [['api', 'api'], '--pool: 1 to 16 different names: letters, digits and _ - only, starting with a letter or digit, at most 63'],
  ] as const) {
    const { code, stderr } = await meercatHere([...flags, ...pools.flatMap((name) => ['--pool', name])]);
    assert.equal([code, stderr.includes(message)], [2, true], stderr);
  }
});

test('reports come at their interval with jitter, and the host’s default name comes from its URL', () =>
  withRedis((redis) =>
    withReports(redis, (heard) =>
      withAgent(redis.url, ['--interval', '300ms'], async (agent) => {
        await until(() => heard.length >= 15, { timeoutMs: 15_000, what: '15 reports' });
        const gaps = heard.slice(1).map(({ atMs }, index) => atMs - (heard[index] as Heard).atMs);
        const sorted = gaps.toSorted((a, b) => a - b);
        const median = sorted[sorted.length >> 1] as number;
        assert.ok(median > 250 && median < 400, `a median of ${median} ms`);
        // From 270 to 330 ms: without jitter the middle ones would differ by a few ms at most.
        const spread = (sorted.at(-3) as number) - (sorted[2] as number);
        assert.ok(spread > 15, `jitter: the gaps lie ${spread} ms apart`);
        for (const { report } of heard) {
          assert.equal([report['host'], report['url'], report['bye'] ?? false], ['127.0.0.1-3000', HOST_URL, false]);
          for (const figure of ['cpu', 'memory']) {
            const value = report[figure];
            assert.ok(value === null || (typeof value === 'number' && value >= 0 && value <= 1), `${figure} ${String(value)}`);
          }
        }
        assert.ok(heard.some(({ report }) => typeof report['cpu'] === 'number'));
        const instances = new Set(heard.map(({ report }) => report['instance']));
        assert.is(instances.size, 1, 'one process, one instance');
        assert.match(String([...instances][0]), /^[0-9a-f-]{36}$/);
        assert.match(agent.stderr.join('\n'), /"msg":"agent reports"/);
      }),
    ),
  ));

test('without a master, the agent still sends a goodbye and exits at once', () =>
  endsWithin(1500, (end) =>
    withRedis((redis) =>
      withReports(redis, (heard) =>
        withAgent(redis.url, ['--interval', '60s'], async (agent) => {
          await until(() => heard.length >= 1, { what: 'the first report, at once' });
          await end(agent);
          await until(() => heard.at(-1)?.report['bye'] === true, { what: 'the goodbye' });
          assert.ok(heard.at(-1)?.report['instance'], 'the goodbye is that of the process that reported');
          assert.is(heard.at(-1)?.report['instance'], heard[0]?.report['instance']);
        }),
      ),
    ),
  ));

test('after Redis goes down and comes back, reports continue; each change is logged once', () =>
  withRedis((redis) =>
    withMaster(redis.url, () =>
      withAgent(redis.url, ['--name', 'h1', '--interval', '100ms', '--log-level', 'info'], async (agent) => {
        const isKnown = (): Promise<unknown> => withClients([redis.url], (client) => client.exists('meercat:host:h1'));
        await until(isKnown, { timeoutMs: 10_000, what: 'the host' });
        for (let round = 1; round <= 2; round++) {
          await redis.kill();
          await until(() => logOf(agent).at(-1)?.['msg'] === LOST, { what: 'the loss in the log' });
          await redis.restart();
          await until(isKnown, { timeoutMs: 10_000, what: 'the host to be known again' });
          await until(() => logOf(agent).at(-1)?.['msg'] === 'redis is reachable', { what: 'the return in the log' });
          assert.ok(troubles(agent).length >= round);
        }
        // Where the machine stalls, Redis is lost and found more often; but never lost twice in a row.
        const said = logOf(agent).map(({ msg }) => msg);
        const expected = ['agent reports', ...said.slice(1).map((_, index) => (index % 2 === 0 ? 'redis is reachable' : LOST))];
        assert.equal(said, expected);
      }),
    ),
  ));

test('without Redis at the start it waits, logs that once, and reports as soon as Redis is up', () =>
  withRedis(async (redis) => {
    await redis.kill();
    await withAgent(redis.url, ['--interval', '100ms'], async (agent) => {
      await until(() => troubles(agent).length > 0, { what: 'the warning' });
      await redis.restart();
      await withReports(redis, (heard) => until(() => heard.length >= 2, { timeoutMs: 10_000, what: 'reports' }));
      // Each further one would be after a return.
      const said = logOf(agent).map(({ msg }) => msg);
      assert.is(
        said.find((msg, index) => msg === LOST && said[index - 1] === LOST),
        undefined,
      );
    });
  }));

/**
 * Preloaded, it sends a process the signals that mean nothing to an agent while it loads its program. Loaders run in
 * the main thread or, in old versions of Node.js, in one of their own.
 */
const EARLY_SIGNALS = `
import * as module from 'node:module';
const send = (url) => {
  if (url.endsWith('/bin/program.js')) for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.kill(process.pid, signal);
};
if (module.registerHooks === undefined)
  module.register('data:text/javascript,' + encodeURIComponent('const send = ' + send + '; export const load = (url, context, next) => (send(url), next(url, context));'));
else module.registerHooks({ load: (url, context, next) => (send(url), next(url, context)) });
`;

test('signals for a reload open no debugger and end nothing, however early they come', async () => {
  const redis = `redis://127.0.0.1:${await freePort()}`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(EARLY_SIGNALS)}` };
  await withMeercat(
    ['agent', '--redis', redis, '--url', HOST_URL, '--probe', 'machine'],
    async (agent) => {
      await agent.waitForLine(/redis is not reachable/, 10_000);
      for (const [signal, line] of [
        ['SIGHUP', /"nothing to reload"/],
        ['SIGUSR1', /"nothing to restart"/],
        ['SIGUSR2', /"nothing to reopen"/],
      ] as const) {
        agent.kill(signal);
        await agent.waitForLine(line);
      }
      agent.kill();
      assert.equal(await ended(agent), { code: 0, signal: null });
      assert.not.match(agent.lines.join('\n'), /debugger/i);
    },
    env,
  );
});

test('without Redis it exits at once on a signal', () =>
  endsWithin(1500, async (end) =>
    withAgent(`redis://127.0.0.1:${await freePort()}`, [], async (agent) => {
      await agent.waitForLine(/redis is not reachable/);
      await end(agent);
    }),
  ));

test('a goodbye is repeated while Redis does not answer: nobody may have heard the first', () =>
  withRedis((redis) =>
    withReports(redis, async (heard) => {
      const byes = (): number => heard.filter(({ report }) => report['bye'] === true).length;
      await withAgent(redis.url, ['--name', 'h1'], async (agent) => {
        await until(() => heard.length > 0, { what: 'a report' });
        redis.pause();
        agent.kill();
        assert.equal(await ended(agent), { code: 0, signal: null });
        redis.resume();
        await until(() => byes() > 1, { what: () => `further goodbyes, not ${byes()}` });
      });
    }),
  ));

test('when the probed process exits, it sends a goodbye and exits with code 1 and the reason', () =>
  withRedis((redis) =>
    withReports(redis, async (heard) => {
      const watched = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
      try {
        await withAgent(redis.url, ['--interval', '100ms', '--probe', `pid:${watched.pid}`, '--name', 'h1'], async (agent) => {
          await until(() => heard.length >= 2, { what: 'reports' });
          watched.kill('SIGKILL');
          await once(watched, 'exit');
          assert.equal(await ended(agent), { code: 1, signal: null });
          assert.is(heard.at(-1)?.report['bye'], true);
          const warnings = logOf(agent).filter(({ level }) => level === 'warn' || level === 'error');
          assert.is(warnings.length, 1, agent.lines.join('\n'));
          assert.is(warnings[0]?.['msg'], 'the probed process is gone, and so is its agent');
          assert.match(String(warnings[0]?.['reason']), new RegExp(`${watched.pid}`));
        });
      } finally {
        watched.kill('SIGKILL');
      }
    }),
  ));

test('a host that does not answer its probe is logged once, and is not reported until it does', () =>
  withRedis((redis) =>
    withReports(redis, async (heard) => {
      let isBroken = true;
      let asked = 0;
      await withServer(
        (_request, response) => {
          asked++;
          if (isBroken) response.writeHead(500).end();
          else
            response
              .setHeader('Content-Type', 'application/json')
              .end('{"cpu_utilization":0.5,"mem_utilization":0.25,"rps_fractional":12}');
        },
        (page) =>
          withAgent(redis.url, ['--interval', '100ms', '--probe', `${page.url}/load`], async (agent) => {
            await until(() => asked >= 4, { what: 'four attempts' });
            assert.equal([heard.length, troubles(agent)], [0, ['the probe fails; nothing is reported until it works']]);
            isBroken = false;
            await until(() => heard.length > 0, { what: 'a report' });
            assert.equal([heard[0]?.report['cpu'], heard[0]?.report['memory'], heard[0]?.report['rps']], [0.5, 0.25, 12]);
            await agent.waitForLine(/the probe works again/);
            assert.is(troubles(agent).length, 1);
          }),
      );
    }),
  ));

test('a probe that takes longer than the interval is not started twice', () =>
  withRedis(async (redis) => {
    let open = 0;
    let most = 0;
    let asked = 0;
    await withServer(
      (_request, response) => {
        asked++;
        open++;
        most = Math.max(most, open);
        setTimeout(() => {
          open--;
          response.end('{"cpu_utilization":0.5}');
        }, 350);
      },
      (page) => withAgent(redis.url, ['--interval', '100ms', '--probe', page.url], () => until(() => asked >= 4, { what: 'four probes' })),
    );
    assert.is(most, 1);
  }));

test('errors at the start end it: wrong usage with exit code 2, a missing process with 1', async () => {
  const flags = ['agent', '--redis', 'redis://127.0.0.1:1'];
  const bad = await meercatHere([...flags, '--url', HOST_URL, '--probe', 'cpu']);
  assert.is(bad.code, 2);
  assert.match(bad.stderr, /^meercat: --probe must be auto, machine, cgroup, pid:N, agent-check:\/\/host:port, or the URL.*not "cpu"$/);
  const secret = await meercatHere([...flags, '--url', HOST_URL, '--probe', 'ftp://user:secret@a']);
  assert.is(secret.code, 2);
  assert.not.match(secret.stderr, /secret/);
  const missing = await meercat(flags);
  assert.is(missing.code, 2);
  assert.match(missing.stderr, /^meercat: required option '--url <url>' not specified/);
  const gone = await meercatHere([...flags, '--url', HOST_URL, '--probe', 'pid:4194305']);
  assert.is(gone.code, 1);
  assert.match(gone.stderr, /^meercat: --probe pid:4194305: no process 4194305 is running, or it cannot be seen from here$/);
});

test.run();
