// The tables of `bench fleet` with what was measured and simulated, for the terminal and the page alike. Pure.

import type { Rows } from '../report.js';
import { atLoad, COMPARISON_NAMES, contestantsOf, FAULT_KINDS, findSide, type LoadStep, loadsOf } from './contests.js';
import type { Calibration, Comparison, ContestantFigures, ProofFigures, SimulationFigures, Spread } from './figures.js';
import type { LoadMetric } from './metric.js';
import { HIGHEST, LOAD_METRICS } from './metrics.js';
import { scalingGroupName, scalingGroups } from './scaling-plots.js';
import { highestName, latencyName } from './simulate.js';
import { exactText, numberText, ratioText, spreadText } from './spread.js';

/** A table with its caption; the first row is the heading, and the first column names the rows. */
export interface ProofTable {
  readonly caption: string;
  readonly rows: Rows;
}

/** A simulated figure within this share of the real one agrees with it. */
export const CALIBRATION_SHARE = 0.15;

/** A metric's name with its unit, as a heading. */
export function headingOf({ name, unit }: Pick<LoadMetric, 'name' | 'unit'>): string {
  return unit === '' ? name : `${name}, ${unit}`;
}

/** The tables of a comparison: the highest loads, then the figures at each load; none if nobody takes part. */
export function comparisonTables(figures: ProofFigures, comparison: Comparison): readonly ProofTable[] {
  if (contestantsOf(figures, comparison).length === 0) return [];
  return [highestTable(figures, comparison), ...loadTables(figures, comparison)];
}

/** The highest load of each contestant of a comparison, beside the ideal one. */
export function highestTable(figures: ProofFigures, comparison: Comparison): ProofTable {
  const all = withFloor(figures, comparison);
  const single = findSide(all, { program: 'meercat', balancers: 1 })?.highestPerSecond.median ?? Number.NaN;
  const idealOf = ({ balancers }: ContestantFigures): number =>
    Math.min(figures.setup.hostsPerSecond, comparison === 'each' ? single * balancers : single);
  return {
    caption: `Highest load within the SLO, ${COMPARISON_NAMES[comparison]}`,
    rows: [
      ['contestant', 'cores each', headingOf(HIGHEST), 'of one meercat', 'of the ideal', 'of the hosts', 'memory, MiB'],
      ...all.map((each) => {
        const { name, program, cpuEach, highestPerSecond, memoryMiB } = each;
        const isFloor = program === 'floor';
        return [
          name,
          cpuEach === null ? '–' : exactText(cpuEach),
          spreadText(highestPerSecond),
          ratioText(highestPerSecond.median / single),
          isFloor ? '–' : percentText(highestPerSecond.median / idealOf(each)),
          percentText(highestPerSecond.median / figures.setup.hostsPerSecond),
          isFloor ? '–' : numberText(memoryMiB),
        ];
      }),
    ],
  };
}

/** Each contestant's figures at each load of a comparison, a table for each load. */
export function loadTables(figures: ProofFigures, comparison: Comparison): readonly ProofTable[] {
  return loadsOf(figures, comparison).map((load) => ({
    caption: `At ${load.percent} % (${numberText(load.perSecond)} requests/s), ${COMPARISON_NAMES[comparison]}`,
    rows: [
      ['contestant', ...LOAD_METRICS.map(headingOf)],
      ...withFloor(figures, comparison).flatMap((contestant) => {
        const own = atLoad(contestant, load);
        if (own === undefined) return [];
        const cell = (metric: LoadMetric): string => {
          const isOfBalancers = ['addedP50Ms', 'cpuMicros', 'coordinationCores', 'messagesPerSecond'].includes(metric.id);
          const isNone = own[metric.id as keyof typeof own] === null || (contestant.program === 'floor' && isOfBalancers);
          return isNone ? '–' : spreadText(metric.of(own), metric.factor);
        };
        return [[nameAt(contestant, load), ...LOAD_METRICS.map(cell)]];
      }),
    ],
  }));
}

/** The contestant's name at a load, which says whether that is more than it served within the SLO in any round. */
function nameAt({ name, highestPerSecond }: ContestantFigures, { perSecond }: LoadStep): string {
  return perSecond > highestPerSecond.most ? `${name} (overloaded)` : name;
}

/** What each fault did to each contestant. */
export function faultTable({ faults }: ProofFigures): ProofTable | null {
  if (faults.length === 0) return null;
  return {
    caption: 'Faults',
    rows: [
      ['fault', 'contestant', 'requests lost', 'recovery, ms', 'clients that notice, %', 'longest wait, ms', 'requests/s', 'rounds'],
      ...FAULT_KINDS.flatMap((kind) =>
        faults
          .filter(({ fault }) => fault === kind)
          .map(({ contestant, lost, recoverMs, clientsNoticing, worstMs, unrecovered = 0, perSecond, rounds }) => [
            kind,
            contestant,
            spreadText(lost),
            `${spreadText(recoverMs)}${unrecovered === 0 ? '' : `, ${unrecovered} of ${rounds} not by the end`}`,
            spreadText(clientsNoticing, 100),
            worstMs === undefined ? '–' : spreadText(worstMs),
            numberText(perSecond),
            numberText(rounds),
          ]),
      ),
    ],
  };
}

/** A simulated figure as a multiple of the real one; 1 if both are 0. */
export function calibrationRatio({ real, simulated }: Calibration): number {
  return real === 0 && simulated === 0 ? 1 : simulated / real;
}

/** Whether a simulated figure agrees with the real one. */
export function isCalibrated(calibration: Calibration): boolean {
  return Math.abs(calibrationRatio(calibration) - 1) <= CALIBRATION_SHARE;
}

/** What a request costs a simulated balancer, in a sentence. */
export function costsText({ costs: { requestMicros, wakeMicros, coolMs } }: SimulationFigures): string {
  const cold = `${exactText(wakeMicros)} µs more after its thread has not run for long`;
  return `A request costs a simulated balancer ${exactText(requestMicros)} µs of CPU, and ${cold}: then its caches are cold, which they become with a time constant of ${exactText(coolMs)} ms.`;
}

/** What the rounds of real processes showed of a compared figure; undefined if the run does not have it. */
export function realSpreadOf(contestants: readonly ContestantFigures[], { what, balancers }: Calibration): Spread | undefined {
  for (const contestant of contestants) {
    const { program, cpuEach, highestPerSecond, loads } = contestant;
    if (program !== 'meercat' || contestant.balancers !== balancers || cpuEach === null) continue;
    if (what === highestName(cpuEach)) return highestPerSecond;
    const { p50Ms } = loads.find(({ perSecond }) => what === latencyName('p50', perSecond, cpuEach)) ?? {};
    const { p99Ms } = loads.find(({ perSecond }) => what === latencyName('p99', perSecond, cpuEach)) ?? {};
    if (p50Ms !== undefined || p99Ms !== undefined) return p50Ms ?? p99Ms;
  }
  return undefined;
}

/** How far the simulation can be trusted, in a sentence. */
export function calibrationText({ contestants }: ProofFigures, { calibration }: SimulationFigures): string {
  if (calibration.length === 0) return 'The simulation was not compared with real processes: its figures are no more than a shape.';
  const agreeing = calibration.filter(isCalibrated).length;
  const largest = Math.max(...calibration.map(({ balancers }) => balancers));
  const percent = exactText(CALIBRATION_SHARE * 100);
  const counts = `${agreeing} of ${calibration.length} simulated figures agree with real processes within ${percent} %, with up to ${largest} balancers.`;
  const rule = 'Loads that were an overload, real or simulated, are not compared.';
  const isWithinRounds = (each: Calibration): boolean => {
    const { least, most } = realSpreadOf(contestants, each) ?? { least: Number.NaN, most: Number.NaN };
    return each.simulated >= least && each.simulated <= most;
  };
  const within = calibration.filter((each) => !isCalibrated(each) && isWithinRounds(each)).length;
  const rounds =
    within === 0 ? '' : ` Of the others ${within} ${within === 1 ? 'is' : 'are'} between what single rounds of real processes showed.`;
  return agreeing === calibration.length
    ? `${counts} Beyond that the simulation extrapolates. ${rule}`
    : `${counts}${rounds} The simulation does not predict the others: read its figures as a shape, not as a size. ${rule}`;
}

/** Simulated figures beside real ones. */
export function calibrationTable({ contestants }: ProofFigures, { calibration }: SimulationFigures): ProofTable | null {
  if (calibration.length === 0) return null;
  return {
    caption: 'The simulation beside real processes',
    rows: [
      ['figure', 'balancers', 'real', 'simulated', 'simulated/real', 'within 15 %'],
      ...calibration.map((each) => [
        each.what,
        numberText(each.balancers),
        spreadText(realSpreadOf(contestants, each) ?? { median: each.real, least: each.real, most: each.real }),
        numberText(each.simulated),
        ratioText(calibrationRatio(each)),
        Number.isNaN(calibrationRatio(each)) ? '–' : isCalibrated(each) ? 'yes' : 'no',
      ]),
    ],
  };
}

/** The simulated fleets, a table for each number of hosts, CPU and kind of clients. */
export function scalingTables(simulation: SimulationFigures): readonly ProofTable[] {
  return scalingGroups(simulation).map((group) => {
    const [first] = group;
    const perBalancer = (first?.highestPerSecond ?? Number.NaN) / (first?.balancers ?? 1);
    return {
      caption: `Simulated: ${scalingGroupName(group)}`,
      rows: [
        [
          'balancers',
          'requests/s',
          first?.cpu === 'total' ? 'of the smallest' : 'of linear',
          'p50, ms',
          'p99, ms',
          'messages/s',
          'master, cores',
          'Redis, cores',
        ],
        ...group.map((point) => [
          String(point.balancers),
          numberText(point.highestPerSecond),
          percentText(
            point.highestPerSecond / (point.cpu === 'total' ? perBalancer * (first?.balancers ?? 1) : perBalancer * point.balancers),
          ),
          numberText(point.p50Ms),
          numberText(point.p99Ms),
          numberText(point.messagesPerSecond),
          numberText(point.masterCores),
          numberText(point.redisCores),
        ]),
      ],
    };
  });
}

/** A share in percent. */
export function percentText(share: number): string {
  return Number.isFinite(share) ? `${numberText(share * 100)} %` : '–';
}

/** The contestants of a comparison, and the floor. */
function withFloor(figures: ProofFigures, comparison: Comparison): readonly ContestantFigures[] {
  return [...contestantsOf(figures, comparison), ...figures.contestants.filter(({ program }) => program === 'floor')];
}
