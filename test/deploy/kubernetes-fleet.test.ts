// The fleet of deploy/kubernetes without a cluster: Redis and Sentinels by the scripts of the ConfigMap, balancers,
// the example application and its agent by the command lines and variables of the manifests. Probes are asked as
// the kubelet would, the master of Redis is killed, and a balancer stops as promised.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { type FleetView, readFleet } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { freePort, type RunningProcess, until, withProcess, withTempDir } from '../support/brackets.js';
import { withSecrets } from '../support/compose-file.js';
import { ask, withLoad } from '../support/http-client.js';
import { areAlive, execProbe, podProcess, type RedisPod, redisPods, withProcesses } from '../support/kube-pods.js';
import { type Container, containerOf, objectOf, type PodFacts } from '../support/kube-objects.js';
import { loadKustomization } from '../support/kustomize.js';
import { ended, meercat } from '../support/meercat.js';
import type { ProcessOptions } from '../support/processes.js';
import { withClients } from '../support/redis-client.js';

const test = suite('kubernetes fleet');

/** Fifteen processes start at once, on a machine that may have two cores and other tests to run. */
const SLOW_MS = 60_000;
const PODS = ['balancer-a', 'balancer-b'];

const podOf = (name: string): PodFacts => ({ name, namespace: 'meercat', ip: '127.0.0.1' });

/** A container's HTTP probe, at the port that its named one is here. */
async function httpProbe(container: Container, kind: 'startupProbe' | 'livenessProbe' | 'readinessProbe', port: string): Promise<number> {
  const probe = container[kind]?.httpGet;
  if (probe === undefined) throw new Error(`${container.name} has no ${kind}`);
  return (await ask(Number(port), { path: probe.path })).status;
}

const complaintsOf = ({ lines }: RunningProcess): string[] =>
  lines.filter((line) => /NOPERM|WRONGPASS|is not known|"level":"error"/.test(line));

/** The address that all Sentinels name as the master's; undefined while they differ. */
async function agreedMaster(sentinels: readonly Commands[]): Promise<string | undefined> {
  const named = (sentinel: Commands) =>
    sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'meercat') as Promise<readonly [string, string]>;
  const [[ip], ...others] = (await Promise.all(sentinels.map(named))) as [readonly [string, string], ...(readonly [string, string])[]];
  return others.every(([other]) => other === ip) ? ip : undefined;
}

/**
 * True when a Sentinel knows both replicas as in step, and both other Sentinels. It asks the master for its replicas every ten
 * seconds only: one that dies before that leaves a Sentinel nothing to fail over to, for ever.
 */
async function canFailOver(sentinel: Commands): Promise<boolean> {
  const replicas = (await sentinel.call('SENTINEL', 'REPLICAS', 'meercat')) as readonly (readonly string[])[];
  const others = (await sentinel.call('SENTINEL', 'SENTINELS', 'meercat')) as readonly unknown[];
  const isLinked = (facts: readonly string[]): boolean => facts[facts.indexOf('master-link-status') + 1] === 'ok';
  return replicas.length === 2 && replicas.every(isLinked) && others.length === 2;
}

const isInStep = async (client: Commands | undefined): Promise<boolean> =>
  String(await client?.info('replication')).includes('master_link_status:up');

/**
 * Kills the master of Redis under load: no request fails, the Sentinels agree on another, the fleet reports there, and
 * the pod that comes back is a replica.
 */
async function losesMaster(
  pods: readonly RedisPod[],
  urls: readonly string[],
  children: readonly RunningProcess[],
  port: number,
  lastReport: (redis: Commands) => Promise<string>,
): Promise<void> {
  const sentinelUrls = pods.map(
    ({ ip, sentinel: { env } }) => `redis://sentinel:${env?.['SENTINEL_PASSWORD']}@${ip}:${env?.['SENTINEL_PORT']}`,
  );
  await withClients(urls, (...clients) =>
    withClients(sentinelUrls, async (...sentinels) => {
      const old = await until(() => agreedMaster(sentinels), { timeoutMs: SLOW_MS, what: 'the Sentinels to agree' });
      const index = pods.findIndex(({ ip }) => ip === old);
      const [pod, child] = [pods[index], children[index]];
      if (pod === undefined || child === undefined) throw new Error(`no pod has the address ${old}`);
      for (const [i, client] of clients.entries())
        if (i !== index) await until(() => isInStep(client), { timeoutMs: SLOW_MS, everyMs: 100, what: `${pods[i]?.name} to be in step` });

      for (const sentinel of sentinels)
        await until(() => canFailOver(sentinel), { timeoutMs: SLOW_MS, everyMs: 100, what: 'a Sentinel to know all others' });

      let next: string | undefined;
      await withLoad(port, async (sent) => {
        child.kill('SIGKILL');
        // Sentinels that voted for each other try again after twice the failover timeout.
        next = await until(
          async () => {
            const named = await agreedMaster(sentinels);
            return named !== old && named;
          },
          { timeoutMs: SLOW_MS, everyMs: 100, what: 'the next master' },
        );
        const before = sent.served;
        await until(() => sent.served > before + 20, { what: 'requests that go on' });
        assert.equal(sent.failures, []);
      });
      const lost = new Date().toISOString();
      // Of the two others, the one that was elected: the other may be a replica that is not in step yet.
      const master = clients[pods.findIndex(({ ip }) => ip === next)] as Commands;
      await until(async () => (await lastReport(master)) > lost, { timeoutMs: SLOW_MS, everyMs: 100, what: 'figures in the new master' });

      await withProcess(pod.redis, async (back) => {
        const [, named] = await back.waitForLine(/starts; the master is (\S+)$/);
        assert.is.not(named, old);
        await until(() => isInStep(clients[index]), { timeoutMs: SLOW_MS, what: 'the old master to be a replica in step' });
      });
    }),
  );
}

test('pods find Redis by its Sentinels, serve through the loss of its master, and stop as the manifests promise', () =>
  withTempDir(async (dir) => {
    const folder = await withSecrets(dir, 'kubernetes', 'base/secrets');
    const objects = [
      ...loadKustomization(join(folder, 'base')),
      ...loadKustomization(join(folder, 'example')),
      ...loadKustomization(join(folder, 'cli')),
    ];
    const { cluster, pods } = await redisPods(objects, dir);
    const set = objectOf(objects, 'StatefulSet', 'redis');
    const [server, watcher] = [containerOf(set, 'redis'), containerOf(set, 'sentinel')];
    const password = readFileSync(join(folder, 'base/secrets/admin-password'), 'utf8').trim();
    const urls = pods.map(({ ip, redis }) => `redis://admin:${password}@${ip}:${redis.env?.['REDIS_PORT']}`);

    const balancer = containerOf(objectOf(objects, 'Deployment', 'meercat'), 'balancer');
    const application = objectOf(objects, 'Deployment', 'example');
    const [app, load, check] = [String(await freePort()), String(await freePort()), String(await freePort())];
    const inApp = { ...cluster, replacements: { ...cluster.replacements, '3000': app, '3001': load, '9777': check } };
    const pod = podOf('example-1');
    const appProcess = podProcess(inApp, containerOf(application, 'application'), pod);
    const agentProcess = podProcess(inApp, containerOf(application, 'agent'), pod);
    assert.is(agentProcess.env?.['MEERCAT_URL'], `http://127.0.0.1:${app}`);
    const starts: { readonly options: ProcessOptions; readonly port: string; readonly console: string }[] = [];
    for (const name of PODS) {
      const [port, console] = [String(await freePort()), String(await freePort())];
      const env = { MEERCAT_PORT: port, MEERCAT_CONSOLE_PORT: console, MEERCAT_BIND: '127.0.0.1', MEERCAT_CONSOLE_BIND: '127.0.0.1' };
      starts.push({ options: podProcess(cluster, balancer, podOf(name), env), port, console });
    }
    const [first, second] = starts as [(typeof starts)[0], (typeof starts)[0]];

    await withProcesses([...pods.map(({ redis }) => redis), ...pods.map(({ sentinel }) => sentinel)], async (...children) => {
      await areAlive(cluster, [
        ...pods.map(({ redis }) => ({ container: server, options: redis })),
        ...pods.map(({ sentinel }) => ({ container: watcher, options: sentinel })),
      ]);
      await withProcesses([first.options, second.options, appProcess, agentProcess], async (one, two, host, agent) => {
        const [b1, b2, h1, a1] = [one, two, host, agent] as [RunningProcess, RunningProcess, RunningProcess, RunningProcess];
        for (const { console, port } of starts) {
          await until(async () => (await httpProbe(balancer, 'readinessProbe', console)) === 200, {
            timeoutMs: SLOW_MS,
            everyMs: 50,
            what: () => `a balancer to be ready:\n${[...b1.lines, ...b2.lines, ...a1.lines].join('\n')}`,
          });
          assert.is(await httpProbe(balancer, 'startupProbe', console), 200);
          assert.is(await httpProbe(balancer, 'livenessProbe', console), 200);
          assert.is((await ask(Number(port))).status, 200);
        }
        await until(() => execProbe(containerOf(application, 'agent').livenessProbe, agentProcess, inApp.replacements), {
          timeoutMs: SLOW_MS,
          everyMs: 200,
          what: 'the agent to be alive',
        });
        assert.is(await httpProbe(containerOf(application, 'application'), 'readinessProbe', app), 200);

        // What `kubectl exec` runs in the pod for operators.
        const operator = podProcess(cluster, containerOf(objectOf(objects, 'Pod', 'cli'), 'cli'), podOf('cli'));
        const run = async (...args: string[]): Promise<FleetView> => {
          const { code, stdout, stderr } = await meercat([...args, '--json'], operator.env);
          assert.is(code, 0, stderr);
          return JSON.parse(stdout) as FleetView;
        };
        // Polls in this process: a command per poll would take a whole core.
        await withClients(urls, async (...clients) => {
          const viewOf = (redis: Commands | undefined): Promise<FleetView> => readFleet(redis as Commands, buildKeys('meercat'));
          const untilView = (what: string, isGood: (view: FleetView) => boolean): Promise<unknown> =>
            until(async () => isGood(await viewOf(clients[0])), { timeoutMs: SLOW_MS, everyMs: 100, what });
          await untilView("the application's own figures", ({ hosts }) => hosts.some(({ cpu, cores }) => cpu !== null && cores === 1));
          assert.equal(
            (await run('status')).hosts.map(({ name, cores }) => [name, cores]),
            [['example-1', 1]],
          );
          for (const [verb, state] of [
            ['drain', 'drained'],
            ['undrain', null],
          ] as const) {
            await run(verb, 'example-1');
            await untilView(verb, ({ hosts }) => (hosts[0]?.operator ?? null) === state);
          }
        });

        await losesMaster(pods, urls, children, Number(first.port), async (redis) => {
          const { hosts } = await readFleet(redis, buildKeys('meercat'));
          return hosts[0]?.reported ?? '';
        });
        assert.is((await run('status')).hosts.length, 1, 'the command finds the new master');

        // The pod has left its Service during preStop; then SIGTERM makes it say so.
        b1.kill();
        await until(async () => (await httpProbe(balancer, 'readinessProbe', first.console)) === 503, { what: 'ready to say 503' });
        assert.is((await ask(Number(first.port))).status, 200, 'still served');
        assert.equal(await ended(b1, 60_000), { code: 0, signal: null });
        assert.is((await ask(Number(second.port))).status, 200);

        // Of the application's pod the agent stops at once, and the application after its preStop.
        a1.kill();
        assert.equal(await ended(a1, SLOW_MS), { code: 0, signal: null });
        await until(async () => (await run('status')).hosts.length === 0, { timeoutMs: SLOW_MS, everyMs: 300, what: 'the host to leave' });
        h1.kill();
        assert.equal(await ended(h1, SLOW_MS), { code: 0, signal: null });
        for (const each of [b1, b2, a1]) assert.equal(complaintsOf(each), []);
      });
    });
  }));

test.run();
