// The cost of forwarding: CPU time and requests per second of Meercat and of other proxies, for small answers (plain,
// over TLS and over HTTP/2), large bodies in both directions, WebSocket messages and gRPC calls. All in one run, in
// turns: only the ratios carry over to other machines.

import { MeercatError } from '../errors.js';
import { type BenchContext, type Protocol, WORKLOADS, type WorkloadName } from './context.js';
import { chooseCores } from './cores.js';
import { reportForward, type ForwardSample, type Setup, type WorkloadSamples } from './forward-report.js';
import { until } from './health.js';
import { createLabCertificate } from './lab-certificate.js';
import { type LabHost, startGrpcHost, startLabHost, startLabRedis } from './lab-fleet.js';
import { type Peer, type PeerWishes, startPeers } from './peers.js';
import { cpuSecondsOf, cpuTimesOf } from './process-cpu.js';
import { type ProxyLoad, startProxyLoad } from './proxy-load.js';
import type { BenchReport } from './report.js';
import { WORKLOAD_OF } from './workloads.js';

const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 3;
const DEFAULT_CONNECTIONS = 32;
const WARM_UP_SECONDS = 2;
const START_TIMEOUT_MS = 10_000;

/** Runs the benchmark. */
export async function runForward(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  if (Number.isNaN(cpuSecondsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench forward reads CPU times from /proc, which this system has not');
  const { rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, connections = DEFAULT_CONNECTIONS, workloads = WORKLOADS } = flags;
  const { proxyCore, loadCore } = chooseCores(say);
  const host = await startLabHost('h1', { core: loadCore, shutdown });
  const grpcHost = workloads.includes('grpc') ? await startGrpcHost('h1', { core: loadCore, shutdown }) : host;
  const load = await startProxyLoad(context, host, loadCore);
  const redis = await startLabRedis(entry, shutdown);
  const certificate = createLabCertificate(shutdown);

  const setup: Setup = {
    rounds,
    seconds,
    connections,
    generator: load.generator,
    http2Generator: load.http2Generator,
    isPinned: proxyCore !== null,
  };
  const wrong: string[] = [];
  const measured: WorkloadSamples[] = [];
  let running: { readonly isTls: boolean; readonly protocol: Protocol; readonly peers: readonly Peer[] } | undefined;
  for (const name of workloads) {
    const { isTls, protocol } = WORKLOAD_OF[name];
    if (running?.isTls !== isTls || running.protocol !== protocol) {
      for (const peer of running?.peers ?? []) await peer.stop();
      const checked = workloads.filter((each) => WORKLOAD_OF[each].isTls === isTls && WORKLOAD_OF[each].protocol === protocol);
      const wishes = { redisUrl: redis.url, core: proxyCore, protocol, certificate: isTls ? certificate : undefined };
      running = { isTls, protocol, peers: await startChecked(context, protocol === 'grpc' ? grpcHost : host, wishes, checked) };
    }
    measured.push({ name, samples: await measure(name, running.peers, load, setup, say, wrong) });
  }
  return reportForward(setup, measured, wrong);
}

/** Starts the proxies and checks that each of them passes these workloads unchanged. */
async function startChecked(context: BenchContext, host: LabHost, wishes: PeerWishes, workloads: readonly WorkloadName[]): Promise<Peer[]> {
  const peers = await startPeers(context, host, wishes);
  for (const peer of peers) await untilAnswering(peer, host, workloads[0]);
  for (const name of workloads) for (const peer of peers) await WORKLOAD_OF[name].check(peer, host);
  context.say(
    `${peers.map(({ name }) => name).join(', ')}: every one answers rightly${wishes.certificate === undefined ? '' : ' over TLS 1.3'}`,
  );
  return peers;
}

/** Waits until a proxy answers a workload: programs that are not ours do not announce that they listen. */
export async function untilAnswering(peer: Peer, host: LabHost, workload: WorkloadName = 'small'): Promise<void> {
  const { check } = WORKLOAD_OF[workload];
  await until(`${peer.name} answers`, START_TIMEOUT_MS, 50, () =>
    check(peer, host).then(
      () => true,
      () => false,
    ),
  );
}

/** All rounds of one workload; every proxy has a turn in each round. */
async function measure(
  workload: WorkloadName,
  peers: readonly Peer[],
  load: ProxyLoad,
  setup: Setup,
  say: BenchContext['say'],
  wrong: string[],
): Promise<ReadonlyMap<string, readonly ForwardSample[]>> {
  const { rounds, seconds } = setup;
  const connections = WORKLOAD_OF[workload].connectionsOf(setup.connections);
  for (const peer of peers) await load.run(workload, peer, connections, Math.min(seconds, WARM_UP_SECONDS));
  const samples = new Map<string, ForwardSample[]>(peers.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      const before = cpuTimesOf(peer.pid);
      const run = await load.run(workload, peer, connections, seconds);
      const after = cpuTimesOf(peer.pid);
      if (run.wrong > 0 || run.requests === 0)
        wrong.push(`${workload}, ${peer.name}: ${run.wrong} of ${run.requests} answers in round ${round}`);
      const [userSeconds, systemSeconds] = [after.userSeconds - before.userSeconds, after.systemSeconds - before.systemSeconds];
      samples.get(peer.name)?.push({
        userMicros: (userSeconds * 1e6) / run.requests,
        systemMicros: (systemSeconds * 1e6) / run.requests,
        perSecond: run.requests / run.seconds,
        busy: (userSeconds + systemSeconds) / run.seconds,
      });
    }
    const latest = [...samples].map(
      ([name, list]) => `${name} ${((list.at(-1)?.userMicros ?? Number.NaN) + (list.at(-1)?.systemMicros ?? Number.NaN)).toFixed(0)} µs`,
    );
    say(`${workload} ${round}/${rounds}: ${latest.join(', ')}`);
  }
  return samples;
}
