// How a balancer scales with its number of processes, in turns under the same load. Load and host need CPU time too:
// on a small machine, requests per second show how the cores are shared, not what the balancer can do. There, capacity
// is computed from CPU time: 1 / (CPU per request x share of the busiest process), since that process is full first.

import { MeercatError, messageOf } from '../errors.js';
import type { BenchContext } from './context.js';
import { usableCores } from './cores.js';
import { untilAnswering } from './forward.js';
import { LAB_NAMESPACE, LabBalancer, type LabHost, startLabHost, startLabRedis } from './lab-fleet.js';
import type { Peer } from './peers.js';
import { cpuTimesByProcess, type CpuTimes } from './process-cpu.js';
import { type Core, findProgram } from './processes.js';
import { type ProxyLoad, startProxyLoad } from './proxy-load.js';
import { reportScaling, type ScalingSample } from './scaling-report.js';
import type { BenchReport } from './report.js';
import { WORKLOAD_OF } from './workloads.js';

/** Numbers of processes that are compared. */
const PROCESSES = [1, 2] as const;

const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 3;
/** Enough for an even distribution if the kernel hashes connections to processes. */
const DEFAULT_CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;

/** From this number of cores on, two are reserved for the balancer. */
const CORES_TO_SPARE = 4;

/** Runs the benchmark. */
export async function runScaling(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  const { rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, connections = DEFAULT_CONNECTIONS } = flags;
  if (cpuTimesByProcess(process.pid).size === 0)
    throw new MeercatError('MEERCAT_START_FAILED', 'bench processes reads CPU times from /proc, which this system has not');
  const cores = usableCores();
  const isApart = cores.length >= CORES_TO_SPARE && findProgram('taskset') !== undefined;
  const [proxyCores, loadCores]: readonly [Core, Core] = isApart ? [cores.slice(0, 2), cores.slice(2)] : [null, null];
  const host = await startLabHost('h1', { core: loadCores, shutdown });
  const load = await startProxyLoad(context, host, loadCores);
  const redis = await startLabRedis(entry, shutdown);
  const balancers: { readonly processes: number; readonly peer: Peer }[] = [];
  for (const processes of PROCESSES)
    balancers.push({ processes, peer: await startBalancer(context, redis.url, host, processes, proxyCores) });
  say('both balancers answer rightly');

  for (const { peer } of balancers) await load.run('small', peer, connections, Math.min(seconds, WARM_UP_SECONDS));
  const samples = new Map<number, ScalingSample[]>(PROCESSES.map((processes) => [processes, []]));
  const wrong: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const { processes, peer } of balancers)
      samples.get(processes)?.push(await measure(load, peer, connections, seconds, `${peer.name}, round ${round}`, wrong));
    say(
      `${round}/${rounds}: ${[...samples].map(([processes, list]) => `${processes}: ${list.at(-1)?.perSecond.toFixed(0)}/s at ${list.at(-1)?.cpuMicros.toFixed(0)} µs`).join(', ')}`,
    );
  }
  return reportScaling({ rounds, seconds, connections, generator: load.generator, cores: cores.length, isApart }, samples, wrong);
}

/** Starts a balancer with this number of processes. If it exits instead, rejects with its messages. */
async function startBalancer(
  { entry, shutdown }: BenchContext,
  redisUrl: string,
  host: LabHost,
  processes: number,
  core: Core,
): Promise<Peer> {
  const said: string[] = [];
  const onStderr = (text: string): void => void said.push(text.trim());
  const flags = ['--namespace', `${LAB_NAMESPACE}-${processes}`, ...(processes === 1 ? [] : ['--processes', String(processes)])];
  const balancer = await LabBalancer.start(entry, `b${processes}`, redisUrl, [host], { core, shutdown, onStderr }, flags);
  const { process: child, port } = balancer;
  const peer: Peer = {
    name: `${processes} process${processes === 1 ? '' : 'es'}`,
    port,
    pid: child.pid,
    ca: undefined,
    stop: () => child.stop(),
  };
  const ended = child.exited.then(() => {
    const why = messageOf(said.join(' ')) || 'without a message';
    const isUnknown = /unknown option '--processes'/.test(why);
    throw new MeercatError(
      'MEERCAT_START_FAILED',
      isUnknown
        ? '`meercat balancer` of this version has no flag --processes: nothing to measure'
        : `meercat balancer ${flags.join(' ')} exited: ${why}`,
    );
  });
  await Promise.race([ended, untilAnswering(peer, host).then(() => WORKLOAD_OF.small.check(peer, host))]);
  return peer;
}

async function measure(
  load: ProxyLoad,
  peer: Peer,
  connections: number,
  seconds: number,
  where: string,
  wrong: string[],
): Promise<ScalingSample> {
  const before = cpuTimesByProcess(peer.pid);
  const run = await load.run('small', peer, connections, seconds);
  const after = cpuTimesByProcess(peer.pid);
  if (run.wrong > 0 || run.requests === 0) wrong.push(`${where}: ${run.wrong} of ${run.requests} answers`);
  const usedBy = (of: (times: CpuTimes) => number): number[] =>
    [...after].map(([pid, times]) => of(times) - of(before.get(pid) ?? { userSeconds: 0, systemSeconds: 0 }));
  const [user, system] = [usedBy(({ userSeconds }) => userSeconds), usedBy(({ systemSeconds }) => systemSeconds)];
  const each = user.map((seconds_, index) => seconds_ + (system[index] ?? 0));
  const total = sum(each);
  return {
    perSecond: run.requests / run.seconds,
    cpuMicros: (total * 1e6) / run.requests,
    userMicros: (sum(user) * 1e6) / run.requests,
    systemMicros: (sum(system) * 1e6) / run.requests,
    busyCores: total / run.seconds,
    busiestShare: Math.max(...each) / total,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
