// Who is compared with whom: each fleet of a comparison with one Meercat balancer, one balancer of each other program,
// and as many independent ones as the fleet has balancers. Pure.

import type { Comparison, ContestantFigures, FaultFigures, FaultKind, LoadFigures, Program, ProofFigures } from './figures.js';

/** The comparisons, as headings. */
export const COMPARISON_NAMES: Readonly<Record<Comparison, string>> = {
  total: 'equal total CPU',
  each: 'equal CPU per balancer',
};

/** Both comparisons, in the order of the report. */
export const COMPARISONS: readonly Comparison[] = ['total', 'each'];

/** The faults, in the order of the report. */
export const FAULT_KINDS: readonly FaultKind[] = [
  'kill a balancer',
  'kill the master',
  'freeze a balancer',
  'cut a balancer off Redis',
  'kill Redis',
  'kill a host',
  'rolling restart',
];

/** What identifies a contestant. */
export interface Side {
  readonly program: Program;
  readonly balancers: number;
}

/** How a side is named in verdicts: `one meercat`, `4 independent haproxy`. */
export function sideName({ program, balancers }: Side): string {
  if (balancers === 1) return `one ${program}`;
  return program === 'meercat' ? `fleet of ${balancers}` : `${balancers} independent ${program}`;
}

/** The sides that a fleet of this size is compared with. */
export function opponentsOf(balancers: number): readonly Side[] {
  return [
    { program: 'meercat', balancers: 1 },
    { program: 'haproxy', balancers: 1 },
    { program: 'haproxy', balancers },
    { program: 'nginx', balancers: 1 },
    { program: 'nginx', balancers },
  ];
}

/** The contestants of a comparison. */
export function contestantsOf({ contestants }: ProofFigures, comparison: Comparison): readonly ContestantFigures[] {
  return contestants.filter((each) => each.comparisons.includes(comparison));
}

/** The fleets among these, the smallest first. */
export function fleetsOf<Of extends Side>(sides: readonly Of[]): readonly Of[] {
  return sides
    .filter(({ program, balancers }) => program === 'meercat' && balancers > 1)
    .toSorted((one, other) => one.balancers - other.balancers);
}

/** The first of these that is such a side. */
export function findSide<Of extends Side>(sides: readonly Of[], { program, balancers }: Side): Of | undefined {
  return sides.find((each) => each.program === program && each.balancers === balancers);
}

/** A load of a comparison. */
export interface LoadStep {
  readonly percent: number;
  readonly perSecond: number;
}

/** The loads of a comparison: those of its single Meercat balancer, or else of the contestant that takes part in nothing else. */
export function loadsOf(figures: ProofFigures, comparison: Comparison): readonly LoadStep[] {
  const all = contestantsOf(figures, comparison);
  const reference =
    findSide(all, { program: 'meercat', balancers: 1 }) ?? all.find(({ comparisons }) => comparisons.length === 1) ?? all[0];
  return (reference?.loads ?? [])
    .map(({ percent, perSecond }) => ({ percent, perSecond }))
    .toSorted((one, other) => one.perSecond - other.perSecond);
}

/** Loads that differ by no more than this share are the same. */
const SAME_LOAD_SHARE = 0.01;

/**
 * The figures of a contestant at a load of a comparison. One that takes part in both has the same percentages twice, so
 * the requests per second decide; undefined if it was not measured there.
 */
export function atLoad({ loads }: ContestantFigures, { perSecond }: LoadStep): LoadFigures | undefined {
  const distance = (load: LoadFigures): number => Math.abs(load.perSecond - perSecond);
  const nearest = loads.toSorted((one, other) => distance(one) - distance(other))[0];
  return nearest !== undefined && distance(nearest) <= SAME_LOAD_SHARE * perSecond ? nearest : undefined;
}

/** The figures of a side with a fault, what stands for them, or undefined if there are none. */
export function faultOf(faults: readonly FaultFigures[], side: Side, fault: FaultKind): FaultFigures | 'has no Redis' | undefined {
  const of = (kind: FaultKind): FaultFigures | undefined =>
    findSide(
      faults.filter((each) => each.fault === kind),
      side,
    );
  const found = of(fault);
  if (found !== undefined) return found;
  // A single balancer is the master, and the others have none.
  if (fault === 'kill the master' && (side.program !== 'meercat' || side.balancers === 1)) return of('kill a balancer');
  if (side.program === 'meercat') return undefined;
  // A program without Redis loses nothing with it; this holds only for one that took part.
  const isPart = findSide(faults, side) !== undefined;
  return isPart && (fault === 'kill Redis' || fault === 'cut a balancer off Redis') ? 'has no Redis' : undefined;
}
