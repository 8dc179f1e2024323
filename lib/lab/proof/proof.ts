// `bench fleet`: whether several balancers beat a single one, with real processes. Starts hosts, load, Redis and all
// contestants, has their loads measured, then faults and what the simulation adds, and hands all figures to the report.

import { cpus } from 'node:os';
import { MeercatError } from '../../errors.js';
import type { BenchContext } from '../context.js';
import { cpuSecondsOf } from '../process-cpu.js';
import { startRole } from '../processes.js';
import type { BenchReport } from '../report.js';
import { rateFor } from '../scenario.js';
import { LAB_NAMESPACE } from '../lab-fleet.js';
import { type Contender, type FleetContender, startFleet, startFleetRedis, startPeers } from './contestants.js';
import { measureCosts } from './costs.js';
import type { BalancerCosts, ContestantFigures, ProofFigures, ProofSetup } from './figures.js';
import { type LoadsSeen, measureLoads, type Running } from './loads.js';
import { plannedContestants, planProof, type ProofPlan } from './plan.js';
import { chooseQuota, type Quota } from './quota.js';
import type { Slo } from './samples.js';
import { LADDER } from './search.js';
import { type Rig, runLoadTurn } from './turns.js';

const HOSTS = 8;

/**
 * Factor on the cost of requests: hosts that are four times as fast as those of `bench policies` serve as many requests per
 * second as a balancer with a fraction of a core, so that both limits are seen.
 */
const SLOW = 0.25;

const SLO: Slo = { timesFloor: 5, errors: 0.001, backlog: 0.03 };

/** Code is compiled in this time, at this share of what the hosts can do. */
const WARM_UP_SECONDS = 2.5;
const WARM_UP_SHARE = 0.5;

/** Costs are measured on a fleet of at most this many balancers, at this share of what the hosts can do. */
const COSTS_FLEET = 4;
const COSTS_SHARE = 0.3;
const COSTS_SECONDS = 3;

/** Cores that load, hosts and Redis need. */
const OTHERS_CORES = 0.75;

/** Runs the benchmark. */
export async function runProof(context: BenchContext): Promise<BenchReport> {
  const plan = planProof(context.flags);
  if (Number.isNaN(cpuSecondsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench fleet reads CPU times from /proc, which this system has not');
  const quota = await chooseQuota(context.shutdown, context.say);
  if (quota.kind === 'taskset' && context.flags.cpu !== undefined)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--cpu: leave it out: nothing limits CPU on this machine, so that all balancers share one core',
    );
  const measured = await measureAllLoads(context, plan, quota);
  const figures: ProofFigures = { ...measured, faults: [], simulation: null };
  return { notes: notesOf(measured.setup), tables: [], goals: [], wrong: measured.wrong, figures: { ...figures, costs: measured.costs } };
}

interface Measured {
  readonly setup: ProofSetup & { readonly rungs: readonly number[] };
  readonly contestants: readonly ContestantFigures[];
  readonly costs: BalancerCosts;
  readonly wrong: readonly string[];
}

/** Measures all loads. All that it starts is stopped at its end: what follows is measured alone. */
async function measureAllLoads(context: BenchContext, plan: ProofPlan, quota: Quota): Promise<Measured> {
  const { entry, say, shutdown } = context;
  const hostsPerSecond = rateFor(1, HOSTS, SLOW);
  const redises = [];
  for (const balancers of plan.fleets) redises.push({ balancers, redis: await startFleetRedis(entry, shutdown) });
  const options = { core: quota.loadCore, shutdown };
  const urls = redises.map(({ redis }) => redis.url).join(',');
  const { child: hosts, ready } = await startRole('virtual-hosts', [String(HOSTS), urls, LAB_NAMESPACE], options);
  const { child: load } = await startRole('arrivals', [], options);
  const rig: Rig = { hosts, load, floorPort: Number(ready.allPort), slow: SLOW, seconds: plan.seconds };
  const fleets: FleetContender[] = [];
  for (const { balancers, redis } of redises) fleets.push(await startFleet(entry, balancers, redis, HOSTS, { quota, shutdown }));
  const { contenders: peers, leftOut } = await startPeers(plan, ready.ports as number[], { quota, shutdown });
  for (const reason of leftOut) say(reason);
  const all: readonly Contender[] = [...fleets, ...peers];
  say(`${all.map(({ program, balancers }) => `${program} ${balancers}`).join(', ')}: every one answers rightly`);

  const seconds = Math.min(WARM_UP_SECONDS, 5 * plan.seconds);
  for (const contender of all)
    await runLoadTurn(rig, { contender, cores: null, perSecond: WARM_UP_SHARE * hostsPerSecond, seed: plan.seed, seconds });
  const contestants = plannedContestants(plan, quota.kind).flatMap((each): Running[] => {
    const contender = all.find(({ program, balancers }) => program === each.program && balancers === each.balancers);
    return contender === undefined ? [] : [{ ...each, contender }];
  });
  const seen: LoadsSeen = await measureLoads({ plan, rig, contestants, slo: SLO, hostsPerSecond, say, laterSeconds: 0 });
  // Now that all code is compiled, and the memory of the start released.
  const costs = await measureCosts(costsFleetOf(fleets), rig, {
    hostCount: HOSTS,
    perSecond: COSTS_SHARE * hostsPerSecond,
    seconds: Math.min(COSTS_SECONDS, 5 * plan.seconds),
    seed: plan.seed,
  });
  for (const { stop } of all) await stop();
  for (const child of [hosts, load]) await child.stop();
  return {
    setup: {
      command: commandOf(plan),
      hosts: HOSTS,
      rounds: plan.rounds,
      seconds: plan.seconds,
      seed: plan.seed,
      cpu: quota.kind === 'taskset' ? 1 : plan.cpu,
      cpuEach: quota.kind === 'taskset' ? 1 / COSTS_FLEET : plan.cpuEach,
      quota: quota.kind,
      slo: { timesFloor: SLO.timesFloor, errors: SLO.errors },
      hostsPerSecond,
      redis: redises[0]?.redis.kind ?? 'none',
      leftOut: [...leftOut, ...seen.leftOut],
      rungs: LADDER.map((share) => share * hostsPerSecond),
    },
    contestants: seen.contestants,
    costs,
    wrong: seen.wrong,
  };
}

function costsFleetOf(fleets: readonly FleetContender[]): FleetContender {
  return fleets.findLast(({ balancers }) => balancers <= COSTS_FLEET) as FleetContender;
}

function commandOf({ rounds, seconds, seed, cpu, fleets, peerFleets, peers, parts }: ProofPlan): string {
  const sizes = (all: readonly number[]): string => all.filter((each) => each > 1).join(',') || '1';
  const flags = [
    `--rounds ${rounds}`,
    `--seconds ${seconds}`,
    `--seed ${seed}`,
    `--cpu ${cpu}`,
    `--fleets ${sizes(fleets)}`,
    ...(peers.length === 0 ? [] : [`--peer-fleets ${sizes(peerFleets)}`]),
    `--only ${['meercat', ...peers, ...parts].join(',')}`,
  ];
  return `npm run bench -- fleet ${flags.join(' ')}`;
}

function notesOf({ cpu, cpuEach }: ProofSetup): string[] {
  const cores = cpus().length;
  return [
    `hosts are four times as fast as those of bench policies; a load is served if p99 is within the limit, and the number of waiting requests grows by at most ${SLO.backlog * 100} % of all`,
    `on ${cores} cores, load, hosts and Redis need about ${OTHERS_CORES}: a single balancer has ${cpu} of a core, not a whole one; in the other comparison each has ${cpuEach}`,
  ];
}
