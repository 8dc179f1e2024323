// The verdicts of `bench fleet`: for each metric and comparison, whether a fleet is better, equal or worse than one
// balancer or than as many independent ones, or whether the figures do not show it. Pure: read from the figures alone,
// by the rule in compare.ts. Nothing is left out: a metric that both sides have has a verdict.

import { type ComparisonResult, compareSpreads, type Outcome } from './compare.js';
import {
  atLoad,
  COMPARISONS,
  contestantsOf,
  FAULT_KINDS,
  faultOf,
  findSide,
  fleetsOf,
  type LoadStep,
  loadsOf,
  opponentsOf,
  type Side,
  sideName,
} from './contests.js';
import type { Comparison, ContestantFigures, FaultKind, ProofFigures, Spread } from './figures.js';
import type { Metric } from './metric.js';
import { FAULT_METRICS, HIGHEST, LOAD_METRICS, MEMORY } from './metrics.js';
import { NONE } from './spread.js';

/** A verdict on one fleet in one metric, against one opponent. */
export interface Verdict extends ComparisonResult {
  /** Of the metric: its name for programs, and as shown with load or fault, such as `p99 at 70 %`. */
  readonly metric: string;
  readonly name: string;
  /** Null for faults, which are tried without a limit of CPU. */
  readonly comparison: Comparison | null;
  /** Of the fleet. */
  readonly balancers: number;
  readonly against: Side;
  /** As shown, such as `4 independent haproxy`. */
  readonly opponent: string;
  readonly fleetFigure: Spread;
  readonly opponentFigure: Spread;
  /** How to show the figures: their unit and factor. */
  readonly unit: string;
  readonly factor: number;
  readonly isHigherBetter: boolean;
}

/** All verdicts: those of the comparisons, fleet by fleet and opponent by opponent, then those of the faults. */
export function verdictsOf(figures: ProofFigures): readonly Verdict[] {
  return [...COMPARISONS.flatMap((comparison) => inComparison(figures, comparison)), ...withFaults(figures)];
}

/** The verdicts with this outcome. */
export function countOutcomes(verdicts: readonly Verdict[]): Readonly<Record<Outcome, number>> {
  const counts = { better: 0, equal: 0, worse: 0, 'not shown': 0 };
  for (const { outcome } of verdicts) counts[outcome]++;
  return counts;
}

interface Sides {
  readonly comparison: Comparison | null;
  readonly balancers: number;
  readonly against: Side;
}

function verdictOn(metric: Metric, name: string, sides: Sides, figures: readonly [Spread, Spread], compared: ComparisonResult): Verdict {
  const { id, unit, factor, isHigherBetter } = metric;
  return {
    metric: id,
    name,
    ...sides,
    opponent: sideName(sides.against),
    fleetFigure: figures[0],
    opponentFigure: figures[1],
    unit,
    factor,
    isHigherBetter,
    ...compared,
  };
}

function inComparison(figures: ProofFigures, comparison: Comparison): Verdict[] {
  const contestants = contestantsOf(figures, comparison);
  const loads = loadsOf(figures, comparison);
  return fleetsOf(contestants).flatMap((fleet) =>
    opponentsOf(fleet.balancers).flatMap(({ program, balancers }) => {
      const other = findSide(contestants, { program, balancers });
      if (other === undefined) return [];
      const sides = { comparison, balancers: fleet.balancers, against: { program, balancers } };
      return wholeVerdicts(figures, sides, fleet, other).concat(loads.flatMap((load) => loadVerdicts(figures, sides, load, fleet, other)));
    }),
  );
}

function wholeVerdicts({ setup }: ProofFigures, sides: Sides, fleet: ContestantFigures, other: ContestantFigures): Verdict[] {
  return [HIGHEST, MEMORY].map((metric) => {
    const [own, theirs] = [metric.of(fleet), metric.of(other)];
    const { isHigherBetter, isReadOnce } = metric;
    const rounds = isReadOnce ? Number.POSITIVE_INFINITY : setup.rounds;
    const yardstick = { isHigherBetter, rounds, ...metric.resolution([own.median, theirs.median], setup) };
    const compared = compareSpreads(own, theirs, yardstick);
    return verdictOn(metric, metric.name, sides, [own, theirs], compared);
  });
}

function loadVerdicts(
  { setup }: ProofFigures,
  sides: Sides,
  load: LoadStep,
  fleet: ContestantFigures,
  other: ContestantFigures,
): Verdict[] {
  const [own, theirs] = [atLoad(fleet, load), atLoad(other, load)];
  if (own === undefined || theirs === undefined) return [];
  return LOAD_METRICS.map((metric) => {
    const { isHigherBetter } = metric;
    const yardstick = { isHigherBetter, resolution: metric.resolution(theirs, setup), rounds: setup.rounds };
    const spreads = [metric.of(own), metric.of(theirs)] as const;
    return verdictOn(metric, `${metric.name} at ${load.percent} %`, sides, spreads, compareSpreads(...spreads, yardstick));
  });
}

function withFaults({ faults }: ProofFigures): Verdict[] {
  const sizes = [...new Set(fleetsOf(faults).map(({ balancers }) => balancers))];
  return sizes.flatMap((balancers) =>
    opponentsOf(balancers).flatMap((against) =>
      FAULT_KINDS.flatMap((fault) => faultVerdicts(faults, { comparison: null, balancers, against }, fault)),
    ),
  );
}

function faultVerdicts(faults: ProofFigures['faults'], sides: Sides, fault: FaultKind): Verdict[] {
  const own = faultOf(faults, { program: 'meercat', balancers: sides.balancers }, fault);
  const theirs = faultOf(faults, sides.against, fault);
  if (own === undefined || own === 'has no Redis' || theirs === undefined) return [];
  return FAULT_METRICS.map((metric) => {
    const { isHigherBetter, resolution } = metric;
    const isReal = theirs !== 'has no Redis';
    const spreads = [metric.of(own), isReal ? metric.of(theirs) : NONE] as const;
    const rounds = isReal ? Math.min(own.rounds, theirs.rounds) : own.rounds;
    const compared = compareSpreads(...spreads, { isHigherBetter, resolution, rounds });
    const reason = isReal ? compared.reason : `${compared.reason}; ${sides.against.program} has no Redis to lose`;
    return verdictOn(metric, `${metric.name}, ${fault}`, sides, spreads, { ...compared, reason });
  });
}
