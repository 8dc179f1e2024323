// What stands in the units of deploy/systemd is started: a balancer and an agent by their command lines and environment
// files, with nothing changed but addresses. They say that they are ready, serve, reload and stop in time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDuration } from '../../lib/config/config.js';
import { type RunningProcess, until, withProcess, withRedis, withServer } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { freePortsInRow } from '../support/fleet-process.js';
import { ended, logOf } from '../support/meercat.js';
import { type NotifyReceiver, withFakeNotify, withRealNotify } from '../support/notify-receiver.js';
import { parseEnvironment, parseSystemdTime, parseUnit, readSystemdFile, serviceProcess } from '../support/unit-file.js';

const test = suite('deploy/systemd runs');

interface Services {
  readonly balancer: RunningProcess;
  readonly agent: RunningProcess;
  readonly port: number;
  /** Whether the console says that requests could be served. */
  isReady(): Promise<boolean>;
}

/** Starts both as systemd would, each with a service manager of its own that listens. */
function withServices<T>(
  [forBalancer, forAgent]: readonly [NotifyReceiver, NotifyReceiver],
  fn: (services: Services) => T | Promise<T>,
): Promise<T> {
  return withRedis((redis) =>
    withServer(
      (request, response) => void response.end(`host ${request.url}`),
      async (host) => {
        const port = await freePortsInRow(1);
        const balancer = serviceProcess(
          'meercat@.service',
          String(port),
          { MEERCAT_REDIS: redis.url, MEERCAT_BIND: '127.0.0.1' },
          forBalancer.env,
        );
        const agent = serviceProcess(
          'meercat-agent@.service',
          String(host.port),
          { MEERCAT_REDIS: redis.url, HOST_ADDRESS: '127.0.0.1' },
          forAgent.env,
        );
        return withProcess(balancer, (startedBalancer) =>
          withProcess(agent, async (startedAgent) => {
            const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port + 1000}/.meercat/ready`)).status === 200;
            return fn({ balancer: startedBalancer, agent: startedAgent, port, isReady });
          }),
        );
      },
    ),
  );
}

const timeoutOf = (unit: string): number => parseSystemdTime(parseUnit(readSystemdFile(unit)).one('Service', 'TimeoutStopSec'));

async function serveAndStop(receivers: readonly [NotifyReceiver, NotifyReceiver]): Promise<void> {
  const [forBalancer, forAgent] = receivers;
  await withServices(receivers, async ({ balancer, agent, port, isReady }) => {
    await forBalancer.heard('READY=1');
    await forBalancer.heard(`STATUS=serving on port ${port}`);
    await forAgent.heard('READY=1');
    await until(isReady, { timeoutMs: SLOW_MS, what: 'the host of the agent' });
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/a`)).text();
    assert.is(await ask(), 'host /a');

    // ExecReload. Node.js ends a process that does not listen for it.
    balancer.kill('SIGHUP');
    assert.is(await ask(), 'host /a');
    await until(() => ask().then((text) => text === 'host /a'));

    // A variable that no command knows would be a setting that is not in force.
    for (const child of [balancer, agent])
      assert.equal(
        logOf(child).filter(({ msg }) => String(msg).includes('variable')),
        [],
      );

    const beganMs = performance.now();
    balancer.kill('SIGTERM');
    await forBalancer.heard('STOPPING=1');
    await until(async () => !(await isReady()), { what: 'not to be ready any more' });
    assert.is(await ask(), 'host /a', 'it serves during the drain delay');
    assert.is((await ended(balancer, timeoutOf('meercat@.service'))).code, 0);
    const delay = parseEnvironment(readSystemdFile('meercat.env'))['MEERCAT_DRAIN_DELAY'] as string;
    assert.ok(performance.now() - beganMs >= parseDuration('MEERCAT_DRAIN_DELAY', delay, 0, 60_000), 'it waited for the drain delay');

    agent.kill('SIGTERM');
    assert.is((await ended(agent, timeoutOf('meercat-agent@.service'))).code, 0);
  });
}

test('a balancer and an agent start by their units, are ready, serve, reload and stop in time', async () => {
  // With a real systemd-notify and a real socket where systemd is installed; what both kinds hear is in service-manager.test.ts.
  const isDone = await withRealNotify((forBalancer) =>
    withRealNotify(async (forAgent) => {
      await serveAndStop([forBalancer, forAgent]);
      return true;
    }),
  );
  if (isDone !== true) await withFakeNotify((forBalancer) => withFakeNotify((forAgent) => serveAndStop([forBalancer, forAgent])));
});

test('an instance whose port is taken ends with a code that systemd starts again, and one with wrong usage with one that it does not', () =>
  withServer(
    (_request, response) => void response.end(),
    async ({ port }) => {
      const [never] = parseUnit(readSystemdFile('meercat@.service')).all('Service', 'RestartPreventExitStatus');
      const codeOf = (changes: Readonly<Record<string, string>>): Promise<number | null> =>
        withProcess(
          serviceProcess('meercat@.service', String(port), { MEERCAT_REDIS: 'redis://127.0.0.1:1', MEERCAT_BIND: '127.0.0.1', ...changes }),
          async (child) => (await ended(child, SLOW_MS)).code,
        );
      assert.not.equal(String(await codeOf({})), never);
      assert.is(String(await codeOf({ MEERCAT_DRAIN_DELAY: 'soon' })), never);
    },
  ));

test.run();
