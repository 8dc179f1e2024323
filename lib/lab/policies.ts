// Compares balancing quality: the policies of Meercat and the algorithms of HAProxy and nginx, each as a fleet of four
// real processes in front of the same simulated hosts, with the same requests at the same times, in turns. Also measures
// the cost of Meercat's control plane.

import { MeercatError } from '../errors.js';
import { parseRedisAddress } from '../redis/address.js';
import { type Commands, openCommands, untilReady } from '../redis/connect.js';
import { type Contestant, startContestants } from './contestants.js';
import type { BenchContext } from './context.js';
import { measureControlPlane } from './control-plane.js';
import { startHostAgents } from './host-agents.js';
import { runHostsTurn } from './hosts-turn.js';
import { startLabRedis } from './lab-fleet.js';
import { machineCpu } from './machine-cpu.js';
import { type PoliciesPlan, planPolicies } from './policies-plan.js';
import { type Compared, type PoliciesSetup, type PolicySample, reportPolicies, type Samples } from './policies-report.js';
import { cpuSecondsOf } from './process-cpu.js';
import { type LabChild, startRole } from './processes.js';
import type { BenchReport } from './report.js';
import { rateFor } from './scenario.js';
import { distributionOf, percentile } from './statistics.js';

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
  const { entry, flags, shutdown } = context;
  if (Number.isNaN(cpuSecondsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench policies reads CPU times from /proc, which this system has not');
  const plan = planPolicies(flags);
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
  const { child: load } = await startRole('arrivals', [], { core: null, shutdown });
  const compared =
    plan.algorithms.length + plan.peers.length === 0
      ? { contestants: [], leftOut: [], samples: new Map(), wrong: [] }
      : await compare(context, plan, setup, { redisUrl: redis.url, client, load });
  const control = [];
  for (const count of plan.hasControlPlane ? (flags.hosts ?? DEFAULT_CONTROL_HOSTS) : [])
    control.push(await measureControlPlane(context, redis.url, client, load, count, setup.seconds));
  return reportPolicies({ ...setup, redis: redis.kind, leftOut: compared.leftOut }, compared, control);
}

interface Shared {
  readonly redisUrl: string;
  readonly client: Commands;
  readonly load: LabChild;
}

/** Runs all turns of all contestants. Everything that it starts is stopped at its end: the control plane is measured alone. */
async function compare(
  context: BenchContext,
  plan: PoliciesPlan,
  { percent, rounds, seconds, slow }: Pick<PoliciesSetup, 'percent' | 'rounds' | 'seconds' | 'slow'>,
  { redisUrl, client, load }: Shared,
): Promise<Compared> {
  const { entry, say, shutdown } = context;
  const { child: hosts, ready } = await startRole('virtual-hosts', [String(HOSTS)], { core: null, shutdown });
  const ports = ready.ports as number[];
  const agents = await startHostAgents(entry, redisUrl, ports, shutdown);
  const { contestants, leftOut } = await startContestants(context, plan, redisUrl, client, {
    ports,
    allPort: Number(ready.allPort),
    agents,
  });
  say(`${contestants.map(({ name }) => name).join(', ')}: every one answers rightly`);

  const wrong: string[] = [];
  const samples: Samples = new Map(
    percent.map((each) => [each, new Map<string, PolicySample[]>(contestants.map(({ name }) => [name, []]))]),
  );
  const turns = rounds * percent.length * contestants.length;
  let done = 0;
  for (let round = 1; round <= rounds; round++) {
    for (const each of percent) {
      const turn = { percent: each, seed: SEED + round * 1000 + each, seconds, slow };
      for (let i = 0; i < contestants.length; i++) {
        // Rotate the first contestant with each round.
        const contestant = contestants[(i + round - 1) % contestants.length] as Contestant;
        const { sample, faults } = await runTurn(contestant, hosts, load, turn);
        samples.get(each)?.get(contestant.name)?.push(sample);
        wrong.push(...faults.map((fault) => `${contestant.name}, ${each} %, round ${round}: ${fault}`));
        say(`${++done}/${turns}: ${each} %, round ${round}/${rounds}: ${contestant.name}: ${describe(sample)}`);
      }
    }
  }
  for (const { stop } of contestants) await stop();
  await agents.stop();
  await hosts.stop();
  return { contestants, leftOut, samples, wrong };
}

function describe({ ms, machineBusy, weights }: PolicySample): string {
  const weighted = weights === null ? '' : `; weights from agents ${Math.min(...weights)} to ${Math.max(...weights)} %`;
  return `p50 ${ms.p50.toFixed(0)}, p99 ${ms.p99.toFixed(0)} ms${weighted}; machine ${(machineBusy * 100).toFixed(0)} % busy`;
}

interface TurnOf {
  readonly percent: number;
  readonly seed: number;
  readonly seconds: number;
  readonly slow: number;
}

/** Runs one turn of one contestant; hosts and load are the same for all contestants with the same seed. */
async function runTurn(
  { prepare, ports, pids, readWeights }: Contestant,
  hosts: LabChild,
  load: LabChild,
  { percent, seed, seconds, slow }: TurnOf,
): Promise<{ readonly sample: PolicySample; readonly faults: readonly string[] }> {
  await prepare();
  const measuredMs = seconds * 1000;
  const times = { seed, slow, warmUpMs: Math.min(WARM_UP_MS * slow, measuredMs), measuredMs, graceMs: GRACE_MS * slow };
  const fleetCpu = (): number => [...new Set(pids)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const {
    turn,
    hosts: { hosts: hostsSeen, tookMs, lateMs: hostsLateMs },
    before,
    after,
  } = await runHostsTurn(hosts, load, { ports, perSecond: rateFor(percent / 100, HOSTS, slow), ...times }, async (at) => {
    const used = { fleet: fleetCpu(), machine: machineCpu() };
    return { ...used, weights: at === 'end' ? await readWeights() : null };
  });
  const sorted = turn.latencyMs.toSorted();
  const busy = hostsSeen.map((host) => host.busy);
  const meanOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, each) => sum + each, 0) / values.length;
  const failed = Object.values(turn.failed).reduce((sum, count) => sum + count, 0);
  return {
    sample: {
      ms: { ...distributionOf(turn.latencyMs), mean: meanOf(turn.latencyMs), p999: percentile(sorted, 0.999) },
      inHostMs: tookMs,
      failed,
      failures: turn.failed,
      unfinished: turn.unfinished,
      spread: Math.max(...busy) / meanOf(busy),
      busy: meanOf(busy),
      fleetCores: (after.fleet - before.fleet) / seconds,
      machineBusy: (after.machine.busyMs - before.machine.busyMs) / (after.machine.allMs - before.machine.allMs),
      lateMs: Math.max(turn.lateMs, hostsLateMs),
      weights: after.weights,
    },
    faults: [...turn.wrong, ...(turn.latencyMs.length === 0 ? ['no request was answered'] : [])],
  };
}
