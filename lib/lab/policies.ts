// Compares balancing quality: the policies of Meercat and the algorithms of HAProxy and nginx, each as a fleet of four
// real processes in front of the same simulated hosts, with the same requests at the same times, in turns. Also measures
// the cost of Meercat's control plane.

import { Agent } from 'node:http';
import { MeercatError } from '../errors.js';
import { parseRedisAddress } from '../redis/address.js';
import { openCommands, untilReady } from '../redis/connect.js';
import type { TurnDone } from './arrivals.js';
import { type Contestant, startContestants } from './contestants.js';
import type { BenchContext } from './context.js';
import { measureControlPlane } from './control-plane.js';
import { get, pause, until } from './health.js';
import { LAB_NAMESPACE, startLabRedis } from './lab-fleet.js';
import { machineCpu } from './machine-cpu.js';
import { reportPolicies, type PolicySample, type Samples } from './policies-report.js';
import { cpuSecondsOf } from './process-cpu.js';
import { type LabChild, startRole } from './processes.js';
import type { BenchReport } from './report.js';
import { CLASSES, rateFor } from './scenario.js';
import { distributionOf, percentile } from './statistics.js';
import type { HostsSeen } from './virtual-hosts.js';

const HOSTS = 8;
const DEFAULT_PERCENT = [70, 90];
const DEFAULT_ROUNDS = 2;
const DEFAULT_SECONDS = 3;
const DEFAULT_CONTROL_HOSTS = [10, 100, 1000];

/** Warm-up of a turn, multiplied by `--slow`: queues reach their steady state, and fresh host reports arrive. */
const WARM_UP_MS = 1500;

/** Requests unanswered this long after the last one was sent count as if they were answered then. */
const GRACE_MS = 2000;

const START_TIMEOUT_MS = 20_000;
const SEED = 20_261_123;

/** Runs the benchmark. */
export async function runPolicies(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  if (Number.isNaN(cpuSecondsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench policies reads CPU times from /proc, which this system has not');
  const setup = {
    percent: flags.percent ?? DEFAULT_PERCENT,
    rounds: flags.rounds ?? DEFAULT_ROUNDS,
    seconds: flags.seconds ?? DEFAULT_SECONDS,
    slow: flags.slow ?? 1,
    hosts: HOSTS,
  };
  const redis = await startLabRedis(entry, shutdown);
  const client = openCommands(parseRedisAddress(redis.url));
  shutdown.add(() => client.disconnect());
  await untilReady(client, START_TIMEOUT_MS);
  const options = { core: null, shutdown };
  const { child: hosts, ready } = await startRole('virtual-hosts', [String(HOSTS), redis.url, LAB_NAMESPACE], options);
  const { child: load } = await startRole('arrivals', [], options);
  const contestants = await startContestants(context, redis.url, client, {
    ports: ready.ports as number[],
    allPort: Number(ready.allPort),
  });
  for (const contestant of contestants) await checkContestant(contestant);
  say(`${contestants.map(({ name }) => name).join(', ')}: every one answers rightly`);

  const wrong: string[] = [];
  const samples: Samples = new Map(
    setup.percent.map((percent) => [percent, new Map<string, PolicySample[]>(contestants.map(({ name }) => [name, []]))]),
  );
  for (let round = 1; round <= setup.rounds; round++) {
    for (const percent of setup.percent) {
      const turn = { percent, seed: SEED + round * 1000 + percent, seconds: setup.seconds, slow: setup.slow };
      for (let i = 0; i < contestants.length; i++) {
        // Rotate the first contestant with each round.
        const contestant = contestants[(i + round - 1) % contestants.length] as Contestant;
        const { sample, faults } = await runTurn(contestant, hosts, load, turn);
        samples.get(percent)?.get(contestant.name)?.push(sample);
        wrong.push(...faults.map((fault) => `${contestant.name}, ${percent} %, round ${round}: ${fault}`));
        const { p50, p99 } = sample.ms;
        say(
          `${percent} %, round ${round}/${setup.rounds}: ${contestant.name}: p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)} ms; machine ${(sample.machineBusy * 100).toFixed(0)} % busy`,
        );
      }
    }
  }
  // The control plane is measured alone.
  for (const { stop } of contestants) await stop();
  await hosts.stop();
  const control = [];
  for (const count of flags.hosts ?? DEFAULT_CONTROL_HOSTS)
    control.push(await measureControlPlane(context, redis.url, client, load, count, setup.seconds));
  return reportPolicies({ ...setup, redis: redis.kind }, contestants, samples, control, wrong);
}

/** Checks that each of its ports answers a request of each class. */
async function checkContestant({ name, ports }: Contestant): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (const port of ports) {
      for (const { path } of CLASSES) {
        await until(`${name} answers ${path} rightly on port ${port}`, START_TIMEOUT_MS, 50, async () => {
          const { status, body } = await get(port, path, agent);
          return status === 200 && new RegExp(`^h\\d+ ${path} \\n$`).test(body);
        });
      }
    }
  } finally {
    agent.destroy();
  }
}

interface TurnOf {
  readonly percent: number;
  readonly seed: number;
  readonly seconds: number;
  readonly slow: number;
}

/** Runs one turn of one contestant; hosts and load are the same for all contestants with the same seed. */
async function runTurn(
  { prepare, ports, pids }: Contestant,
  hosts: LabChild,
  load: LabChild,
  { percent, seed, seconds, slow }: TurnOf,
): Promise<{ readonly sample: PolicySample; readonly faults: readonly string[] }> {
  await prepare();
  const measuredMs = seconds * 1000;
  const warmUpMs = Math.min(WARM_UP_MS * slow, measuredMs);
  const times = { seed, warmUpMs, measuredMs };
  const begun = hosts.next('begun', START_TIMEOUT_MS);
  const seen = hosts.next('seen', warmUpMs + measuredMs + START_TIMEOUT_MS);
  const done = load.next('done', warmUpMs + measuredMs + GRACE_MS * slow + START_TIMEOUT_MS);
  hosts.send({ type: 'begin', slow, ...times });
  await begun;
  load.send({ type: 'turn', ports, perSecond: rateFor(percent / 100, HOSTS, slow), graceMs: GRACE_MS * slow, ...times });
  await pause(warmUpMs);
  const fleetCpu = (): number => [...new Set(pids)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const [fleetBefore, machineBefore] = [fleetCpu(), machineCpu()];
  const { hosts: hostsSeen, tookMs, lateMs: hostsLateMs } = (await seen) as unknown as HostsSeen;
  const [fleetAfter, machineAfter] = [fleetCpu(), machineCpu()];
  const turn = (await done) as unknown as TurnDone;
  const ended = hosts.next('ended', START_TIMEOUT_MS);
  hosts.send({ type: 'end' });
  await ended;
  const sorted = turn.latencyMs.toSorted();
  const busy = hostsSeen.map((host) => host.busy);
  const failed = Object.values(turn.failed).reduce((sum, count) => sum + count, 0);
  return {
    sample: {
      ms: { ...distributionOf(turn.latencyMs), p999: percentile(sorted, 0.999) },
      inHostMs: tookMs,
      failed,
      failures: turn.failed,
      unfinished: turn.unfinished,
      spread: Math.max(...busy) / (busy.reduce((sum, each) => sum + each, 0) / busy.length),
      busy: busy.reduce((sum, each) => sum + each, 0) / busy.length,
      fleetCores: (fleetAfter - fleetBefore) / seconds,
      machineBusy: (machineAfter.busyMs - machineBefore.busyMs) / (machineAfter.allMs - machineBefore.allMs),
      lateMs: Math.max(turn.lateMs, hostsLateMs),
    },
    faults: [...turn.wrong, ...(turn.latencyMs.length === 0 ? ['no request was answered'] : [])],
  };
}
