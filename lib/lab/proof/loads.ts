// The loads of `bench fleet`: in each round, every contestant in turn, with the same requests. First the search for the
// highest load that each one serves, then shares of what the single Meercat balancer served, for all of its comparison.

import { percentile } from '../statistics.js';
import type { Comparison, ContestantFigures, LoadFigures, Spread } from './figures.js';
import type { Contender } from './contestants.js';
import type { ContestantPlan, ProofPlan } from './plan.js';
import { TurnProgress } from './progress.js';
import { spreadOf } from './faults-judge.js';
import { breachOf, loadFiguresOf, type Sample, type Slo } from './samples.js';
import { firstRung, FLOOR_RUNGS, floorAt, HighestSearch, LADDER, loadSeed, searchSeed, searchTurns } from './search.js';
import { type Rig, runLoadTurn, turnMs } from './turns.js';

/** Loads that are measured, in percent of the highest load of the single Meercat balancer. */
export const PERCENT: readonly number[] = [50, 70, 90];

/** A contestant with its processes. */
export interface Running extends ContestantPlan {
  readonly contender: Contender;
}

/** All that the loads need. */
export interface LoadsSetup {
  readonly plan: Pick<ProofPlan, 'rounds' | 'seed'>;
  readonly rig: Rig;
  readonly contestants: readonly Running[];
  readonly slo: Slo;
  /** Requests per second that would keep all hosts busy. */
  readonly hostsPerSecond: number;
  readonly say: (line: string) => void;
  /** Estimate of what follows the loads. */
  readonly laterSeconds: number;
}

/** What the loads showed. */
export interface LoadsSeen {
  readonly contestants: readonly ContestantFigures[];
  readonly wrong: readonly string[];
  readonly leftOut: readonly string[];
}

/** Runs all turns. */
export async function measureLoads(setup: LoadsSetup): Promise<LoadsSeen> {
  return new Loads(setup).run();
}

const FLOOR = { name: 'omniscient floor', contender: null, cores: null } as const;

/** Results of one contestant: a rung for each round, and its samples at each load. */
interface Seen {
  readonly rungs: number[];
  readonly loads: { readonly percent: number; readonly perSecond: number; readonly samples: Sample[]; readonly floor: Sample[] }[];
}

class Loads {
  readonly #setup: LoadsSetup;
  readonly #progress: TurnProgress;
  readonly #wrong: string[] = [];
  readonly #seen: ReadonlyMap<Running, Seen>;
  readonly #floor: Seen = { rungs: [], loads: [] };

  constructor(setup: LoadsSetup) {
    const { contestants, plan, rig, say, laterSeconds } = setup;
    this.#setup = setup;
    this.#seen = new Map(contestants.map((each) => [each, { rungs: [], loads: [] }]));
    const searching = searchTurns(1).about + searchTurns(2).about * (plan.rounds - 1);
    const turns = plan.rounds * (FLOOR_RUNGS.length + this.#turnsOfLoads()) + Math.round(contestants.length * searching);
    this.#progress = new TurnProgress(say, turns, turnMs(rig), laterSeconds);
  }

  async run(): Promise<LoadsSeen> {
    const { plan } = this.#setup;
    for (let round = 1; round <= plan.rounds; round++) await this.#search(round);
    this.#progress.expect(plan.rounds * this.#turnsOfLoads());
    const leftOut: string[] = [];
    const loads = this.#comparisons().flatMap((comparison) => {
      const single = this.#of(comparison).find(({ program, balancers }) => program === 'meercat' && balancers === 1) as Running;
      const highest = this.#highestOf(this.#seen.get(single) as Seen).median;
      if (highest > 0) return PERCENT.map((percent) => ({ comparison, percent, perSecond: (highest * percent) / 100 }));
      leftOut.push(`the loads of the comparison "${comparison}": its single Meercat balancer served no load within the SLO`);
      return [];
    });
    for (let round = 1; round <= plan.rounds; round++) for (const load of loads) await this.#measure(round, load);
    return { contestants: this.#figures(), wrong: this.#wrong, leftOut };
  }

  /** One search of each contestant, all of them step by step. */
  async #search(round: number): Promise<void> {
    const { contestants, plan, slo, hostsPerSecond } = this.#setup;
    const where = `search, round ${round}/${plan.rounds}`;
    const floor: { share: number; p99Ms: number }[] = [];
    let floorRung = -1;
    for (const rung of FLOOR_RUNGS) {
      const share = LADDER[rung] as number;
      const sample = await this.#turn(where, FLOOR, share * hostsPerSecond, searchSeed(round, rung), () => null);
      floor.push({ share, p99Ms: percentile(sample.latencyMs, 0.99) });
      if (breachOf(sample, slo, Number.POSITIVE_INFINITY) === null) floorRung = rung;
    }
    this.#floor.rungs.push(floorRung);
    const { most } = searchTurns(round);
    const searches = contestants.map((each) => ({
      each,
      search: new HighestSearch(LADDER.length, this.#seen.get(each)?.rungs.at(-1) ?? firstRung(each, hostsPerSecond), most),
    }));
    while (searches.some(({ search }) => search.next !== null)) {
      for (const { each, search } of rotated(searches, round - 1)) {
        const rung = search.next;
        if (rung === null) continue;
        const share = LADDER[rung] as number;
        const breach = (sample: Sample): string | null => breachOf(sample, slo, floorAt(floor, share));
        const sample = await this.#turn(where, each, share * hostsPerSecond, searchSeed(round, rung), breach);
        search.record(breach(sample) === null);
      }
    }
    for (const { each, search } of searches) this.#seen.get(each)?.rungs.push(search.result);
  }

  /** One load, for the floor and each contestant of its comparison. */
  async #measure(
    round: number,
    { comparison, percent, perSecond }: { readonly comparison: Comparison; readonly percent: number; readonly perSecond: number },
  ): Promise<void> {
    const where = `${percent} %, ${comparison}, round ${round}/${this.#setup.plan.rounds}`;
    const seed = loadSeed(round, percent);
    const samples = new Map<Running | typeof FLOOR, Sample>();
    for (const each of rotated([FLOOR, ...this.#of(comparison)], round - 1)) {
      samples.set(each, await this.#turn(where, each, perSecond, seed, () => null));
    }
    const floor = samples.get(FLOOR) as Sample;
    for (const [each, sample] of samples) {
      const { loads } = each === FLOOR ? this.#floor : (this.#seen.get(each as Running) as Seen);
      let load = loads.find((known) => known.percent === percent && known.perSecond === perSecond);
      if (load === undefined) loads.push((load = { percent, perSecond, samples: [], floor: [] }));
      load.samples.push(sample);
      load.floor.push(floor);
    }
  }

  async #turn(
    where: string,
    { name, contender, cores }: Pick<Running, 'name'> & { readonly contender: Contender | null; readonly cores: number | null },
    perSecond: number,
    seed: number,
    breach: (sample: Sample) => string | null,
  ): Promise<Sample> {
    this.#progress.begin();
    const sample = await runLoadTurn(this.#setup.rig, { contender, cores, perSecond, seed: this.#setup.plan.seed + seed });
    const p99 = percentile(sample.latencyMs, 0.99).toFixed(1);
    const lack = breach(sample);
    const share = cores === null ? '' : ` at ${Number(cores.toFixed(3))} cores`;
    this.#progress.end(
      `${where}: ${name}${share}: ${Math.round(perSecond)}/s: p50 ${percentile(sample.latencyMs, 0.5).toFixed(1)}, p99 ${p99} ms${lack === null ? '' : `: ${lack}`}`,
    );
    this.#wrong.push(...sample.wrong.map((what) => `${name}, ${where}: ${what}`));
    return sample;
  }

  #turnsOfLoads(): number {
    return this.#comparisons().reduce((sum, comparison) => sum + PERCENT.length * (1 + this.#of(comparison).length), 0);
  }

  #comparisons(): Comparison[] {
    return (['total', 'each'] as const).filter((comparison) => this.#of(comparison).length > 0);
  }

  #of(comparison: Comparison): Running[] {
    return this.#setup.contestants.filter(({ comparisons }) => comparisons.includes(comparison));
  }

  #highestOf({ rungs }: Seen): Spread {
    return spreadOf(rungs.map((rung) => (LADDER[rung] ?? 0) * this.#setup.hostsPerSecond));
  }

  #figures(): ContestantFigures[] {
    const loadsOf = ({ loads }: Seen): LoadFigures[] =>
      loads.map(({ percent, perSecond, samples, floor }) => loadFiguresOf(percent, perSecond, samples, floor));
    const floor: ContestantFigures = {
      name: FLOOR.name,
      program: 'floor',
      balancers: 1,
      comparisons: [],
      cpuEach: null,
      highestPerSecond: this.#highestOf(this.#floor),
      loads: loadsOf(this.#floor),
      memoryMiB: 0,
    };
    const others = [...this.#seen].map(
      ([{ name, program, balancers, comparisons, cores, contender }, seen]): ContestantFigures => ({
        name,
        program,
        balancers,
        comparisons,
        cpuEach: cores,
        highestPerSecond: this.#highestOf(seen),
        loads: loadsOf(seen),
        memoryMiB: contender.memoryMiB(),
      }),
    );
    return [floor, ...others];
  }
}

/** The same, beginning with another one. */
function rotated<Each>(all: readonly Each[], first: number): Each[] {
  const at = first % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}
