// The faults themselves: each hits one contestant, or the Redis or the host that contestants share, and resolves when what
// was hit is back.

import type { BenchContext } from '../context.js';
import { pause } from '../health.js';
import { startLabRedis } from '../lab-fleet.js';
import { freePort, type LabProcess, type StartOptions, startRole } from '../processes.js';
import { SILENT } from '../tcp-link.js';
import type { FaultBalancer, FaultContestant } from './faults-contestants.js';
import type { FaultKind } from './figures.js';

/** How long a balancer is frozen. */
export const FROZEN_MS = 2000;
/** How long a balancer is cut off Redis. */
export const CUT_MS = 3000;
/** How long Redis is away. */
export const REDIS_AWAY_MS = 2000;
/** How long a host is dead. */
export const HOST_DEAD_MS = 3000;

/** What all contestants share, and how to break it. */
export interface SharedParts {
  readonly redisPort: number;
  readonly hostPorts: readonly number[];
  /** Ends Redis, which forgets all, and starts it again later. */
  killRedis(): Promise<void>;
  /** Kills this host and starts it again later. */
  killHost(index: number): Promise<void>;
}

/** Starts Redis and the hosts, which report to fleets in these namespaces. */
export async function startSharedParts(
  { entry, shutdown }: Pick<BenchContext, 'entry' | 'shutdown'>,
  hosts: number,
  namespaces: readonly string[],
): Promise<SharedParts> {
  const options: StartOptions = { core: null, shutdown };
  let redis = await startLabRedis(entry, shutdown);
  const startHost = async (index: number, port: number): Promise<{ readonly process: LabProcess; readonly port: number }> => {
    const { child, ready } = await startRole('fault-host', [`h${index + 1}`, String(port), redis.url, ...namespaces], options);
    return { process: child, port: Number(ready.port) };
  };
  const running = await Promise.all(Array.from({ length: hosts }, async (_, index) => startHost(index, await freePort())));
  return {
    redisPort: redis.port,
    hostPorts: running.map(({ port }) => port),
    async killRedis() {
      // It persists nothing, so that an orderly end is as sudden for its clients as a kill.
      await redis.stop();
      await pause(REDIS_AWAY_MS);
      redis = await startLabRedis(entry, shutdown, redis.port);
    },
    async killHost(index) {
      const host = running[index];
      if (host === undefined) return;
      host.process.kill('SIGKILL');
      await pause(HOST_DEAD_MS);
      running[index] = await startHost(index, host.port);
    },
  };
}

/** Freezes a balancer for a while. It is thawed too if the benchmark is stopped meanwhile. */
export async function freezeBalancer(balancer: FaultBalancer, { shutdown }: Pick<BenchContext, 'shutdown'>): Promise<void> {
  shutdown.add(() => balancer.signal('SIGCONT'));
  balancer.signal('SIGSTOP');
  await pause(FROZEN_MS);
  balancer.signal('SIGCONT');
}

/** Cuts a balancer off Redis for a while: nothing arrives in either direction, and connections stay open. */
export async function cutOffRedis({ link }: FaultBalancer): Promise<void> {
  link?.become(SILENT);
  await pause(CUT_MS);
  link?.become({});
}

/** Restarts one balancer after the other, each as soon as the one before serves again. */
export async function rollingRestart(members: readonly FaultBalancer[]): Promise<void> {
  for (const balancer of members) await balancer.renew();
}

/** The balancer that a fault hits: the one that is master, or, to kill a balancer, one that is not, if there are several. */
export function victimOf(fault: FaultKind, { members }: FaultContestant, master: FaultBalancer): FaultBalancer {
  if (fault !== 'kill a balancer') return master;
  return members.find((balancer) => balancer !== master) ?? master;
}
