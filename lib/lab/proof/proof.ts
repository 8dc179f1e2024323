// `bench fleet`: whether several balancers beat a single one, with real processes. Measures loads, faults and what the
// simulation adds, one after the other, and hands all figures to the report; or shows an earlier run again.

import { availableParallelism } from 'node:os';
import { MeercatError, messageOf } from '../../errors.js';
import type { BenchContext, BenchFlags } from '../context.js';
import { cpuSecondsOf } from '../process-cpu.js';
import { type BenchReport, checkWritable } from '../report.js';
import { PERIOD_MS } from './cgroups.js';
import { measureFaults } from './faults.js';
import type { FaultFigures } from './figures.js';
import { HOST_COUNT, type LoadRun, runLoads, SIGMA, SLO, SLOW } from './load-run.js';
import { checkDocs, loadProofRun, writeProofPages } from './pages.js';
import { type Part, planProof, type ProofPlan } from './plan.js';
import { chooseQuota, type Quota } from './quota.js';
import { readProofRun } from './read-figures.js';
import { reportProof } from './report.js';
import { setupOf } from './setup.js';
import { measuredUsesOf } from './cost-fit.js';
import { floorLoadsOf, measuredFleetsOf, runSimulationPart, type SimulationInput } from './simulation-part.js';
import { turnMs, turnTimesOf } from './turns.js';

/** Fleets of at most this many balancers meet faults. */
const FAULTS_FLEET = 4;

/** How long the other parts take, about. */
const FAULTS_SECONDS_PER_ROUND = 50;
const SIMULATION_SECONDS = 75;

/** Runs the benchmark. */
export async function runProof(context: BenchContext): Promise<BenchReport> {
  const { flags, say, shutdown } = context;
  if (flags.html !== undefined) checkWritable('--html', flags.html);
  if (flags.docs !== undefined) checkDocs(flags.docs);
  const targets = { html: flags.html ?? null, docs: flags.docs ?? null };
  const write = (json: string): void => writeProofPages(readProofRun(json), targets);
  if (flags.from !== undefined) return { ...showEarlier(flags, flags.from), write };
  const plan = planProof(flags);
  if (plan.cpu > availableParallelism())
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `--cpu: this machine has ${availableParallelism()} cores, and load, hosts and Redis need some of them`,
    );
  if (Number.isNaN(cpuSecondsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench fleet reads CPU times from /proc, which this system has not');
  const quota = await chooseQuota(shutdown, say);
  if (quota.kind === 'taskset' && flags.cpu !== undefined)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--cpu: leave it out: nothing limits CPU on this machine, so that all balancers share one core',
    );
  const has = (part: Part): boolean => plan.parts.includes(part);
  const wrong: string[] = [];
  const leftOut = new Set<string>();
  const later = (has('faults') ? FAULTS_SECONDS_PER_ROUND * plan.rounds : 0) + (has('simulation') ? SIMULATION_SECONDS : 0);
  const loads = has('loads') ? await runLoads(context, plan, quota, later) : null;
  wrong.push(...(loads?.wrong ?? []));
  for (const reason of loads?.leftOut ?? []) leftOut.add(reason);
  const faults = has('faults')
    ? await faultsOf(context, plan, { onLeftOut: (reason) => leftOut.add(reason), onWrong: (what) => wrong.push(what) }).catch((error) => {
        // The loads took long, and are of use without it.
        if (loads === null) throw error;
        say(`the faults are left out: ${messageOf(error)}`);
        leftOut.add(`the faults: ${messageOf(error)}`);
        return [];
      })
    : [];
  const simulation = loads !== null && has('simulation') ? await runSimulationPart(context, simulationInputOf(plan, quota, loads)) : null;
  const contestants = loads?.contestants ?? [];
  const setup = setupOf(plan, { quota: quota.kind, redis: loads?.redis ?? null, leftOut: [...leftOut], contestants, faults });
  const report = reportProof({ setup, contestants, faults, simulation });
  return { ...report, wrong: [...report.wrong, ...wrong], write };
}

/** An earlier run; nothing is measured. */
function showEarlier(flags: BenchFlags, from: string): BenchReport {
  const others = (Object.keys(flags) as (keyof BenchFlags)[]).filter(
    (flag) => !['from', 'html', 'docs'].includes(flag) && flags[flag] !== undefined,
  );
  if (others.length > 0)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--from: nothing is measured again: beside it only --html, --docs and --json are possible',
    );
  const { figures, about } = loadProofRun(from);
  const { version, startedAt, seconds, machine } = about;
  return { ...reportProof(figures), earlier: { version, startedAt, seconds, machine: { cpu: machine } } };
}

function faultsOf(
  context: BenchContext,
  { fleets, peers, rounds, seed }: ProofPlan,
  told: { readonly onLeftOut: (reason: string) => void; readonly onWrong: (what: string) => void },
): Promise<readonly FaultFigures[]> {
  const largest = Math.max(...fleets.filter((balancers) => balancers <= FAULTS_FLEET));
  return measureFaults(context, { rounds, seed, peers, fleets: [...new Set([1, largest])], ...told });
}

function simulationInputOf(
  { seed, seconds, rounds }: ProofPlan,
  { kind }: Quota,
  { contestants, costs, costsFleet }: LoadRun,
): SimulationInput {
  const { warmUpMs, graceMs } = turnTimesOf(seconds);
  return {
    costs,
    measuredAt: { hosts: HOST_COUNT, balancers: costsFleet },
    setup: {
      hosts: HOST_COUNT,
      slow: SLOW,
      sigma: SIGMA,
      seed,
      settleMs: warmUpMs,
      seconds,
      graceMs,
      // The others have their turns meanwhile.
      restMs: contestants.length * turnMs({ seconds }),
      periodMs: kind === 'taskset' ? 0 : PERIOD_MS,
      objective: SLO,
      rounds,
      // All are open before a turn.
      maxConnections: 0,
    },
    measured: measuredFleetsOf(contestants),
    floor: floorLoadsOf(contestants),
    uses: measuredUsesOf(contestants, costs.redisMessageMicros),
  };
}
