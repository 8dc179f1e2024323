// What it costs to forward: CPU time of the proxy and requests a second, of ours beside others, for small
// answers, large bodies both ways and WebSocket messages. All in one run, in turns: only the ratios mean
// something elsewhere.

import { MeercatError } from '../errors.js';
import type { LoadOrder } from './closed-load.js';
import { type BenchContext, WORKLOADS, type WorkloadName } from './context.js';
import { reportForward, type Sample, type Setup, type WorkloadSamples } from './forward-report.js';
import { until } from './health.js';
import { checkAnswers, type LabHost, startLabHost } from './lab-fleet.js';
import { type Peer, startPeers } from './peers.js';
import { cpuSecondsOf, findProgram, type LabChild, startRole, usableCores } from './processes.js';
import type { BenchReport } from './report.js';
import { WORKLOAD_OF } from './workloads.js';
import { type Run, runWrk } from './wrk.js';

const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 3;
const DEFAULT_CONNECTIONS = 32;
const WARM_UP_SECONDS = 2;
const START_TIMEOUT_MS = 10_000;

type Load = (port: number, seconds: number) => Promise<Run>;

/** Runs the benchmark. */
export async function runForward(context: BenchContext): Promise<BenchReport> {
  const { flags, say, shutdown } = context;
  if (Number.isNaN(cpuSecondsOf(process.pid))) throw new MeercatError('MEERCAT_START_FAILED', 'bench forward reads CPU times from /proc, which this system has not');
  const wrk = flags.load === 'own' ? undefined : findProgram('wrk');
  if (wrk === undefined && flags.load === 'wrk') throw new MeercatError('MEERCAT_START_FAILED', 'wrk is not installed (Debian: apt-get install wrk), or use --load own');
  const workloads = flags.workloads ?? WORKLOADS;
  const [proxyCore, loadCore] = chooseCores(say);
  const host = await startLabHost('h1', { core: loadCore, shutdown });
  const peers = await startPeers(context, host, proxyCore);
  for (const peer of peers) await untilAnswering(peer, host);
  for (const name of workloads) for (const peer of peers) await WORKLOAD_OF[name].check(peer, host);
  say(`${peers.map(({ name }) => name).join(', ')}: every one answers rightly`);

  const setup: Setup = {
    rounds: flags.rounds ?? DEFAULT_ROUNDS,
    seconds: flags.seconds ?? DEFAULT_SECONDS,
    connections: flags.connections ?? DEFAULT_CONNECTIONS,
    generator: wrk === undefined ? 'own' : 'wrk',
    isPinned: proxyCore !== null,
  };
  const { child: generator } = await startRole('load', [host.body], { core: loadCore, shutdown });
  const wrong: string[] = [];
  const measured: WorkloadSamples[] = [];
  for (const name of workloads) {
    const connections = WORKLOAD_OF[name].connectionsOf(setup.connections);
    const load: Load =
      wrk !== undefined && name === 'small'
        ? (port, seconds) => runWrk(wrk, port, connections, seconds, loadCore, shutdown)
        : ownLoad(generator, name, connections);
    measured.push({ name, samples: await measure(name, peers, load, setup, say, wrong) });
  }
  return reportForward(setup, measured, wrong);
}

/** All rounds of one workload: in each, every proxy has its turn. */
async function measure(workload: WorkloadName, peers: readonly Peer[], load: Load, { rounds, seconds }: Setup, say: BenchContext['say'], wrong: string[]): Promise<ReadonlyMap<string, readonly Sample[]>> {
  for (const { port } of peers) await load(port, Math.min(seconds, WARM_UP_SECONDS));
  const samples = new Map<string, Sample[]>(peers.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, port, pid } of peers) {
      const before = cpuSecondsOf(pid);
      const run = await load(port, seconds);
      const used = cpuSecondsOf(pid) - before;
      if (run.wrong > 0 || run.requests === 0) wrong.push(`${workload}, ${name}: ${run.wrong} of ${run.requests} answers in round ${round}`);
      samples.get(name)?.push({ cpuMicros: (used * 1e6) / run.requests, perSecond: run.requests / run.seconds, busy: used / run.seconds });
    }
    say(`${workload} ${round}/${rounds}: ${[...samples].map(([name, list]) => `${name} ${list.at(-1)?.cpuMicros.toFixed(0)} µs`).join(', ')}`);
  }
  return samples;
}

/** The core of the proxies, and the one of load and host; null where they can't be had. */
function chooseCores(say: (line: string) => void): readonly [number | null, number | null] {
  const cores = usableCores();
  const lack = findProgram('taskset') === undefined ? 'taskset is not installed' : cores.length < 2 ? 'there is only one core' : '';
  if (lack === '') return [cores[0] ?? null, cores[1] ?? null];
  say(`${lack}: nothing is bound to a core, and the figures spread more`);
  return [null, null];
}

/** Those that are not ours do not say when they listen. */
async function untilAnswering({ name, port }: Peer, host: LabHost): Promise<void> {
  await until(`${name} answers`, START_TIMEOUT_MS, 50, () => checkAnswers(name, port, new Set([host.body]), 1).then(() => true, () => false));
}

/** A load of our own: one process for all workloads, so that it is as warm for each proxy. */
function ownLoad(generator: LabChild, workload: WorkloadName, connections: number): Load {
  return async (port, seconds) => {
    generator.send({ type: 'run', workload, port, connections, seconds } satisfies LoadOrder);
    const { requests, wrong, seconds: took } = await generator.next('done', seconds * 1000 + START_TIMEOUT_MS);
    return { requests: Number(requests), wrong: Number(wrong), seconds: Number(took) };
  };
}
