// The pods of deploy/kubernetes as processes of this machine: each container's own command and variables, with what a
// cluster gives replaced: names of pods by loopback addresses, ports by free ones, volumes by folders.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, type RunningProcess, until, withProcess } from './brackets.js';
import { containerProcess, imageCommand, type Replacements } from './container.js';
import {
  type Container,
  containerOf,
  environmentOf,
  expand,
  type KubeObject,
  objectOf,
  type PodFacts,
  type Probe,
} from './kube-objects.js';
import { ended } from './meercat.js';
import type { ProcessOptions } from './processes.js';

/** A fleet's objects, and where its parts are on this machine. */
export interface Cluster {
  readonly objects: readonly KubeObject[];
  readonly dir: string;
  readonly replacements: Replacements;
}

/** One pod of Redis: a server and a Sentinel, each its own process. */
export interface RedisPod {
  readonly name: string;
  readonly ip: string;
  readonly redis: ProcessOptions;
  readonly sentinel: ProcessOptions;
}

const NAMESPACE = 'meercat';
const REDIS_PODS = ['redis-0', 'redis-1', 'redis-2'];

/** The Secrets that pods mount at /keys, each with its one file. */
const KEY_SECRETS = [
  ['meercat-fleet-key', 'fleet.key'],
  ['meercat-agent-key', 'agent.key'],
  ['meercat-operator-key', 'operator.key'],
] as const;

/** Pods have addresses of their own, of which loopback has enough. */
const ipOf = (index: number): string => `127.0.0.${index + 2}`;

/** A container as a process, in a pod. */
export function podProcess(
  { objects, replacements }: Cluster,
  container: Container,
  pod: PodFacts,
  env: Record<string, string> = {},
): ProcessOptions {
  const variables = environmentOf(container, objects, pod);
  const args = container.args?.map((arg) => expand(arg, variables));
  const command = container.command === undefined ? imageCommand(args) : [...container.command, ...(args ?? [])];
  return containerProcess(command, { ...variables, ...env }, replacements);
}

/** Whether a container's probe that runs a command, in the variables of that container, succeeds. */
export function execProbe(probe: Probe | undefined, options: ProcessOptions, replacements: Replacements): Promise<boolean> {
  if (probe?.exec === undefined) throw new Error('the container has no such probe');
  const { command, args = [] } = containerProcess(probe.exec.command, {}, replacements);
  return withProcess({ ...options, command, args }, async (child) => (await ended(child, 20_000)).code === 0);
}

/** Hands out the pods of Redis, as processes that are still to be started, and where they will be. */
export async function redisPods(objects: readonly KubeObject[], dir: string): Promise<{ cluster: Cluster; pods: RedisPod[] }> {
  const [redisPort, sentinelPort] = [String(await freePort()), String(await freePort())];
  const names = Object.fromEntries(REDIS_PODS.map((name, i) => [`${name}.redis.${NAMESPACE}.svc`, ipOf(i)]));
  const scripts = join(dir, 'scripts');
  mkdirSync(scripts);
  for (const [name, text] of Object.entries(objectOf(objects, 'ConfigMap', 'redis-scripts').data ?? {}))
    writeFileSync(join(scripts, name), text);
  const users = join(dir, 'redis.acl');
  writeFileSync(users, objectOf(objects, 'Secret', 'redis-users').data?.['redis.acl'] ?? '');
  const keys: Record<string, string> = {};
  for (const [name, file] of KEY_SECRETS) {
    keys[`/keys/${file}`] = join(dir, file);
    writeFileSync(join(dir, file), objectOf(objects, 'Secret', name).data?.[file] ?? '');
  }
  const replacements: Replacements = {
    ...names,
    ...keys,
    '26379': sentinelPort,
    '6379': redisPort,
    '/scripts': scripts,
    '/users/redis.acl': users,
  };
  const cluster: Cluster = { objects, dir, replacements };
  const set = objectOf(objects, 'StatefulSet', 'redis');
  const pods = REDIS_PODS.map((name, i): RedisPod => {
    const start = (container: 'redis' | 'sentinel'): ProcessOptions => {
      const data = join(dir, `${name}-${container}`);
      mkdirSync(data);
      return podProcess(cluster, containerOf(set, container), { name, namespace: NAMESPACE, ip: ipOf(i) }, { DATA: data });
    };
    return { name, ip: ipOf(i), redis: start('redis'), sentinel: start('sentinel') };
  });
  return { cluster, pods };
}

/** Starts these processes, hands them out, and ends them. */
export function withProcesses<T>(all: readonly ProcessOptions[], fn: (...children: RunningProcess[]) => Promise<T>): Promise<T> {
  // Each process has a listener of its own for the test's exit.
  process.setMaxListeners(Math.max(process.getMaxListeners(), 10 + 2 * all.length));
  const open = (started: readonly RunningProcess[]): Promise<T> => {
    const next = all[started.length];
    return next === undefined ? fn(...started) : withProcess(next, (child) => open([...started, child]));
  };
  return open([]);
}

/** Resolves when a probe of each of these containers succeeds. */
export async function areAlive(
  cluster: Cluster,
  all: readonly { readonly container: Container; readonly options: ProcessOptions }[],
): Promise<void> {
  for (const { container, options } of all)
    await until(() => execProbe(container.livenessProbe, options, cluster.replacements), {
      timeoutMs: 30_000,
      everyMs: 300,
      what: `${container.name} to be alive`,
    });
}
