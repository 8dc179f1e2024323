// Where the CPU time of a request goes inside a balancer: runs Meercat under load with Node's sampling profiler and sums
// the self time of functions up in named groups. A run without the profiler shows what the profiler itself costs.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeercatError } from '../errors.js';
import { createRunFolder } from '../run-folder.js';
import type { BenchContext, WorkloadName } from './context.js';
import { chooseCores } from './cores.js';
import { type CpuProfile, selfTimes } from './cpu-profile.js';
import { machineMs } from './health.js';
import { createLabCertificate, type LabCertificate } from './lab-certificate.js';
import { LabBalancer, type LabHost, startGrpcHost, startLabHost, startLabRedis } from './lab-fleet.js';
import { PEER, type Peer } from './peers.js';
import { cpuSecondsOf, threadsNamed, threadTimesOf } from './process-cpu.js';
import type { Core } from './processes.js';
import { type Profiled, reportProfile } from './profile-report.js';
import { type ProxyLoad, startProxyLoad } from './proxy-load.js';
import type { BenchReport } from './report.js';
import { WORKLOAD_OF } from './workloads.js';

const DEFAULT_SECONDS = 5;
const DEFAULT_CONNECTIONS = 32;
const WARM_UP_SECONDS = 2;
const SAMPLE_EVERY_MICROS = 500;

/** V8's thread that takes the samples; its CPU time is not the balancer's. */
const SAMPLER_THREAD = 'v8:ProfEvntProc';

/** CPU and time of one run. */
interface Load {
  readonly requests: number;
  /** Of the main thread, which handles the requests. */
  readonly mainMicros: number;
  /** Of that, in the kernel. */
  readonly systemMicros: number;
  /** Of all other threads except the profiler's. */
  readonly othersMicros: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Runs the benchmark. */
export async function runProfile(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  const { seconds = DEFAULT_SECONDS, connections = DEFAULT_CONNECTIONS, workloads = ['small'] } = flags;
  if (Number.isNaN(threadTimesOf(process.pid, process.pid).userSeconds))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench profile reads CPU times of threads from /proc, which this system has not');
  const { proxyCore, loadCore } = chooseCores(say);
  const plainHost = await startLabHost('h1', { core: loadCore, shutdown });
  const grpcHost = workloads.includes('grpc') ? await startGrpcHost('h1', { core: loadCore, shutdown }) : plainHost;
  const load = await startProxyLoad(context, plainHost, loadCore);
  const redis = await startLabRedis(entry, shutdown);
  const certificate = createLabCertificate(shutdown);
  const profiled: Profiled[] = [];
  const wrong: string[] = [];
  for (const workload of workloads) {
    const { check, connectionsOf, isTls, protocol } = WORKLOAD_OF[workload];
    const host = protocol === 'grpc' ? grpcHost : plainHost;
    const run = async (nodeFlags: readonly string[]): Promise<Load> => {
      const { peer, stop } = await startOurs(context, redis.url, host, proxyCore, isTls ? certificate : undefined, nodeFlags);
      await check(peer, host);
      const result = await measure(load, workload, peer, connectionsOf(connections), seconds, wrong);
      await stop();
      return result;
    };
    const plain = await run([]);
    const { path: folder, remove } = createRunFolder('bench');
    shutdown.add(remove);
    const sampled = await run(['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', String(SAMPLE_EVERY_MICROS)]);
    profiled.push({
      workload,
      requests: sampled.requests,
      plainMicros: plain.mainMicros / plain.requests,
      mainMicros: sampled.mainMicros / sampled.requests,
      systemMicros: sampled.systemMicros / sampled.requests,
      othersMicros: sampled.othersMicros / sampled.requests,
      times: selfTimes(readProfile(folder), sampled.fromMs * 1000, sampled.toMs * 1000),
    });
    say(
      `${workload}: ${(plain.mainMicros / plain.requests).toFixed(1)} µs per ${WORKLOAD_OF[workload].unit}, ${(sampled.mainMicros / sampled.requests).toFixed(1)} with the profiler`,
    );
  }
  return reportProfile({ seconds, connections, generator: load.generator, sampleEveryMicros: SAMPLE_EVERY_MICROS }, profiled, wrong);
}

/** Starts a balancer with these flags of Node. */
async function startOurs(
  { entry, shutdown }: BenchContext,
  redisUrl: string,
  host: LabHost,
  core: Core,
  certificate: LabCertificate | undefined,
  nodeFlags: readonly string[],
): Promise<{ readonly peer: Peer; readonly stop: () => Promise<void> }> {
  const flags = certificate === undefined ? [] : ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
  const balancer = await LabBalancer.start(entry, 'b1', redisUrl, [host], { core, shutdown, nodeFlags }, flags);
  await balancer.untilServing(1);
  const { process: child, port } = balancer;
  return { peer: { name: PEER.ours, port, pid: child.pid, ca: certificate?.cert, stop: () => child.stop() }, stop: () => child.stop() };
}

async function measure(
  load: ProxyLoad,
  workload: WorkloadName,
  peer: Peer,
  connections: number,
  seconds: number,
  wrong: string[],
): Promise<Load> {
  await load.run(workload, peer, connections, Math.min(seconds, WARM_UP_SECONDS));
  const { pid } = peer;
  const samplers = threadsNamed(pid, SAMPLER_THREAD);
  const secondsOf = (tid: number): number => threadTimesOf(pid, tid).userSeconds + threadTimesOf(pid, tid).systemSeconds;
  const read = (): { readonly main: number; readonly system: number; readonly all: number } => ({
    main: secondsOf(pid),
    system: threadTimesOf(pid, pid).systemSeconds,
    all: cpuSecondsOf(pid) - samplers.reduce((sum, tid) => sum + secondsOf(tid), 0),
  });
  const [before, fromMs] = [read(), machineMs()];
  const { requests, wrong: failed } = await load.run(workload, peer, connections, seconds);
  const [after, toMs] = [read(), machineMs()];
  if (failed > 0 || requests === 0) wrong.push(`${workload}: ${failed} of ${requests} answers`);
  const mainMicros = (after.main - before.main) * 1e6;
  return {
    requests,
    mainMicros,
    systemMicros: (after.system - before.system) * 1e6,
    othersMicros: Math.max(0, (after.all - before.all) * 1e6 - mainMicros),
    fromMs,
    toMs,
  };
}

/** Reads the profile of the main thread (`CPU.DATE.TIME.PID.0.COUNT.cpuprofile`); each thread writes one of its own. */
function readProfile(folder: string): CpuProfile {
  const file = readdirSync(folder).find((name) => /^CPU\.\d+\.\d+\.\d+\.0\.\d+\.cpuprofile$/.test(name));
  if (file === undefined)
    throw new MeercatError('MEERCAT_START_FAILED', 'the balancer wrote no CPU profile: it was killed before it could');
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
}
