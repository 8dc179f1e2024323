// What each ablated constant is worth: the figures of the changed run as multiples of those of the unchanged one on the
// same requests, medians over the seeds. Pure. Above 1 the rule earns something; below 1 it costs something.

import type { AblatedFigures } from './ablated-run.js';
import type { Ablation } from './ablations.js';
import type { Rows } from './report.js';
import { median, rounded } from './statistics.js';

/** The figures that are compared. */
export const COMPARED = ['mean', 'p50', 'p90', 'p99', 'p999'] as const;

/** Changed over unchanged, for each compared figure. */
export type Worth = Readonly<Record<(typeof COMPARED)[number], number>>;

/** A rule earns its place in a scenario with this much of its mean or p99. */
export const EARNS = 1.03;

/** The runs of one scenario, by seed; a seed that was not simulated is missing. */
export type BySeed = ReadonlyMap<number, readonly AblatedFigures[]>;

/** One ablation in one scenario, at one load and number of balancers. */
export interface AblationPoint {
  readonly scenario: string;
  readonly balancers: number;
  readonly load: number;
  readonly worth: Worth;
  /** Additional requests that failed; the median of the seeds. */
  readonly errors: number;
}

/** One ablation over all its scenarios. */
export interface AblationSummary {
  readonly ablation: Ablation;
  /** Geometric mean over the scenarios that were simulated with all seeds. */
  readonly worth: Worth;
  readonly errors: number;
  /** Scenarios in which it earns 3 % of mean or p99, and those in which it costs as much. */
  readonly earnsIn: readonly string[];
  readonly costsIn: readonly string[];
  readonly points: readonly AblationPoint[];
}

/** Compares the runs of one scenario; a point for each load and number of balancers. Empty if a seed is missing on either side. */
export function comparePoints(scenario: string, seeds: readonly number[], unchanged: BySeed, changed: BySeed): AblationPoint[] {
  const pairs = seeds.map((seed) => [unchanged.get(seed), changed.get(seed)] as const);
  if (pairs.some((pair) => pair.includes(undefined))) return [];
  return (pairs[0]?.[0] ?? []).map(({ balancers, load }, index) => {
    const runs = pairs.map(([before, after]) => [before?.[index], after?.[index]] as [AblatedFigures, AblatedFigures]);
    return {
      scenario,
      balancers,
      load,
      worth: worthOf((figure) => median(runs.map(([before, after]) => after.ms[figure] / before.ms[figure]))),
      errors: median(runs.map(([before, after]) => after.errors - before.errors)),
    };
  });
}

/** Sums up the points of one ablation. */
export function summarize(ablation: Ablation, points: readonly AblationPoint[]): AblationSummary {
  const scenarios = [...new Set(points.map(({ scenario }) => scenario))];
  const byScenario = scenarios.map((scenario) => [scenario, meanWorth(points.filter((point) => point.scenario === scenario))] as const);
  return {
    ablation,
    worth: meanWorth(byScenario.map(([, worth]) => ({ worth }))),
    errors: points.reduce((sum, { errors }) => sum + errors, 0),
    earnsIn: byScenario.filter(([, { mean, p99 }]) => mean >= EARNS || p99 >= EARNS).map(([scenario]) => scenario),
    costsIn: byScenario.filter(([, { mean, p99 }]) => mean <= 1 / EARNS || p99 <= 1 / EARNS).map(([scenario]) => scenario),
    points,
  };
}

/** A row for each ablation, then a row for each point that shows an effect. */
export function ablationTables(summaries: readonly AblationSummary[]): Rows[] {
  const figures = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'errors'];
  const done = summaries.filter(({ points }) => points.length > 0);
  const rows = done.map(({ ablation, worth, errors, earnsIn, costsIn }) => [
    labelOf(ablation),
    ...cellsOf(worth, errors),
    earnsIn.length,
    costsIn.length,
    ablation.off,
  ]);
  const effects = done.flatMap(({ ablation, points }) =>
    points
      .filter(({ worth: { mean, p99 }, errors }) => [mean, p99].some((each) => each >= EARNS || each <= 1 / EARNS) || errors !== 0)
      .map(({ scenario, balancers, load, worth, errors }) => [labelOf(ablation), scenario, balancers, load].concat(cellsOf(worth, errors))),
  );
  return [
    [['constant', ...figures, 'earns in', 'costs in', 'what the rule does then'], ...rows],
    ...(effects.length === 0 ? [] : [[['constant', 'scenario', 'balancers', 'load', ...figures], ...effects]]),
  ];
}

/** An ablation as the table and progress name it. */
export function labelOf({ file, name, value }: Ablation): string {
  return `${file.slice(file.lastIndexOf('/') + 1)} ${name} = ${value}`;
}

/** The worth with three decimal places, for the JSON. */
export function roundedWorth(worth: Worth): Worth {
  return worthOf((figure) => rounded(worth[figure], 3));
}

function cellsOf(worth: Worth, errors: number): string[] {
  return [...COMPARED.map((figure) => worth[figure].toFixed(3)), errors > 0 ? `+${errors}` : String(errors)];
}

/** The geometric mean: half and twice cancel out. */
function meanWorth(each: readonly { readonly worth: Worth }[]): Worth {
  return worthOf((figure) => Math.exp(each.reduce((sum, { worth }) => sum + Math.log(worth[figure]), 0) / each.length));
}

function worthOf(of: (figure: (typeof COMPARED)[number]) => number): Worth {
  return { mean: of('mean'), p50: of('p50'), p90: of('p90'), p99: of('p99'), p999: of('p999') };
}
