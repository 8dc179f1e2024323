// The contestants of `bench fleet`, all in front of the same simulated hosts: fleets of Meercat, each with a Redis of its
// own, independent balancers of other programs, and the omniscient floor. Each balancer is limited by the kernel, during
// its turns only, so that one that fell behind has caught up by its next turn.

import { messageOf } from '../../errors.js';
import { parseRedisAddress } from '../../redis/address.js';
import { type Commands, openCommands, untilReady } from '../../redis/connect.js';
import type { Shutdown } from '../../shutdown.js';
import { checkContestant } from '../contestants.js';
import { residentBytesOf } from '../footprint.js';
import { until } from '../health.js';
import { startLabRedis } from '../lab-fleet.js';
import { MeteredBalancer } from '../metered-balancer.js';
import { PEER_PROGRAMS, startPeerProgram } from '../peer-programs.js';
import { cpuTimesByProcess, threadSecondsOf } from '../process-cpu.js';
import { findProgram } from '../processes.js';
import { redisCpuSeconds, redisPublished } from '../redis-usage.js';
import type { ProofPlan } from './plan.js';
import type { CpuLimit, Quota } from './quota.js';

const START_TIMEOUT_MS = 30_000;
const MIB = 1024 ** 2;

/** What a contestant has used so far; use the difference of two readings. */
export interface Use {
  /** CPU of all its balancers, in seconds. */
  readonly cpuSeconds: number;
  /** CPU that only coordinates, with that of Redis; null for programs without. */
  readonly coordinationSeconds: number | null;
  /** Messages published through Redis; null for programs without, or if Redis does not count them. */
  readonly messages: number | null;
}

/** Running processes that are compared, with any share of CPU. */
export interface Contender {
  readonly program: 'meercat' | 'haproxy' | 'nginx';
  readonly balancers: number;
  readonly ports: readonly number[];
  /** Limits each balancer to this many cores; null for no limit. */
  limit(cores: number | null): void;
  read(): Promise<Use>;
  /** Resident memory of all its balancers. */
  memoryMiB(): number;
  stop(): Promise<void>;
}

/** A fleet of Meercat. */
export interface FleetContender extends Contender {
  readonly metered: readonly MeteredBalancer[];
  readonly redis: { readonly url: string; readonly kind: string; readonly client: Commands };
}

/** Starts a Redis of its own for a fleet. */
export async function startFleetRedis(entry: string, shutdown: Shutdown): Promise<FleetContender['redis']> {
  const { url, kind } = await startLabRedis(entry, shutdown);
  const client = openCommands(parseRedisAddress(url));
  shutdown.add(() => client.disconnect());
  await untilReady(client, START_TIMEOUT_MS);
  return { url, kind, client };
}

/** Starts a fleet, whose hosts report to its Redis; it has a master and knows all hosts, and its answers are right. */
export async function startFleetContender(
  entry: string,
  balancers: number,
  redis: FleetContender['redis'],
  hosts: number,
  { quota, shutdown }: { readonly quota: Quota; readonly shutdown: Shutdown },
): Promise<FleetContender> {
  const metered = await Promise.all(
    Array.from({ length: balancers }, (_, index) =>
      MeteredBalancer.start(entry, `b${index + 1}`, redis.url, { core: quota.balancerCore, shutdown }),
    ),
  );
  await Promise.all(metered.map(({ balancer }) => balancer.untilServing(hosts, START_TIMEOUT_MS)));
  await until(`a master in the fleet of ${balancers}`, START_TIMEOUT_MS, 50, async () => {
    const pages = await Promise.all(metered.map(({ balancer }) => balancer.health()));
    return pages.some((page) => page?.role === 'master');
  });
  const running = metered.map(({ balancer: { port, process: child } }) => ({ port, pid: child.pid, stop: () => child.stop() }));
  await checkContestant({ name: `meercat, ${balancers}`, ports: running.map(({ port }) => port) });
  const contender = buildContender('meercat', running, quota, shutdown);
  const read = async (): Promise<Use> => {
    const ofThreads = metered.reduce((sum, each) => {
      const { fleet, hosts: ofHosts } = each.read();
      return sum + fleet + ofHosts;
    }, 0);
    const [redisSeconds, messages] = await Promise.all([redisCpuSeconds(redis.client), redisPublished(redis.client)]);
    return {
      ...(await contender.read()),
      coordinationSeconds: ofThreads + (Number.isNaN(redisSeconds) ? 0 : redisSeconds),
      messages: Number.isNaN(messages) ? null : messages,
    };
  };
  return { ...contender, read, metered, redis };
}

/** Starts independent balancers of the other programs, and says why others do not take part. */
export async function startPeerContenders(
  { peers, peerFleets }: ProofPlan,
  hostPorts: readonly number[],
  { quota, shutdown }: { readonly quota: Quota; readonly shutdown: Shutdown },
): Promise<{ readonly contenders: readonly Contender[]; readonly leftOut: readonly string[] }> {
  const contenders: Contender[] = [];
  const leftOut: string[] = [];
  for (const program of peers) {
    const started: Contender[] = [];
    const all: Running[] = [];
    try {
      const [path, builder] = [findProgram(program), PEER_PROGRAMS.find(({ name }) => name === program)];
      if (path === undefined || builder === undefined) throw new Error(`${program} is not installed`);
      const balance = program === 'nginx' ? 'least_conn' : 'leastconn';
      for (const balancers of peerFleets) {
        const running: Running[] = [];
        for (let i = 0; i < balancers; i++) {
          running.push(await startPeerProgram(builder, path, hostPorts, { core: quota.balancerCore, shutdown }, { balance }));
          all.push(running.at(-1) as Running);
        }
        await checkContestant({ name: `${program}, ${balancers}`, ports: running.map(({ port }) => port) });
        started.push(buildContender(program, running, quota, shutdown));
      }
      contenders.push(...started);
    } catch (error) {
      for (const { stop } of all) await stop();
      leftOut.push(`${program} is left out: ${messageOf(error)}`);
    }
  }
  return { contenders, leftOut };
}

interface Running {
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

function buildContender(program: Contender['program'], running: readonly Running[], quota: Quota, shutdown: Shutdown): Contender {
  const limits = running.map(({ pid }, index): CpuLimit => quota.limit(`${program}-${running.length}-${index + 1}`, pid));
  // Not all of a balancer are one process: a master and its workers, for example.
  const pids = running.flatMap(({ pid }) => [...cpuTimesByProcess(pid).keys()]);
  const cpuOf = (pid: number): number => [...threadSecondsOf(pid).values()].reduce((sum, each) => sum + each, 0);
  const limit = (cores: number | null): void => {
    for (const each of limits) each.set(cores);
  };
  // Stops sooner without one.
  shutdown.add(() => limit(null));
  return {
    program,
    balancers: running.length,
    ports: running.map(({ port }) => port),
    limit,
    read: async () => ({ cpuSeconds: pids.reduce((sum, pid) => sum + cpuOf(pid), 0), coordinationSeconds: null, messages: null }),
    memoryMiB: () => pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0) / MIB,
    stop: async () => {
      await Promise.all(running.map(({ stop }) => stop()));
    },
  };
}
