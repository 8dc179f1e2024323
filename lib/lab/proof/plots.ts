// The plots of `bench fleet`, from its figures: the highest load by number of balancers, latencies by load, what faults
// do, and the simulated fleets. Pure.

import { atLoad, COMPARISON_NAMES, COMPARISONS, contestantsOf, FAULT_KINDS, findSide, loadsOf } from './contests.js';
import type { Comparison, ContestantFigures, FaultFigures, LoadFigures, ProofFigures, Spread } from './figures.js';
import { type Plot, type PlotPoint, type PlotSeries, shownPlot } from './plot.js';
import { scalingPlots } from './scaling-plots.js';

/** All plots that have something to show, in the order of the page. */
export function plotsOf(figures: ProofFigures): readonly Plot[] {
  const all = [
    ...COMPARISONS.map((comparison) => highestPlot(figures, comparison)),
    ...COMPARISONS.flatMap((comparison) => latencyPlots(figures, comparison)),
    faultPlot(figures, 'lost', 'Requests lost', 'requests', ({ lost }) => lost),
    faultPlot(figures, 'recovery', 'Time to recover', 'ms', ({ recoverMs }) => recoverMs),
    ...scalingPlots(figures.simulation),
  ];
  return all.flatMap((plot) => shownPlot(plot) ?? []);
}

const exactly = (value: number): Spread => ({ median: value, least: value, most: value });

/** The highest load by number of balancers, with the ideal line and what the hosts can do. */
export function highestPlot(figures: ProofFigures, comparison: Comparison): Plot {
  const all = contestantsOf(figures, comparison);
  const sizes = [...new Set(all.map(({ balancers }) => balancers))].toSorted((one, other) => one - other);
  const of = (program: ContestantFigures['program'], dash: number, name: string): PlotSeries => ({
    name,
    colour: program,
    dash,
    points: all
      .filter((each) => each.program === program)
      .map(({ balancers, highestPerSecond }): PlotPoint => ({ x: balancers, y: highestPerSecond })),
  });
  const line = (name: string, dash: number, at: (balancers: number) => number): PlotSeries => ({
    name,
    colour: 'reference',
    dash,
    points: sizes.map((x) => ({ x, y: exactly(at(x)) })),
  });
  const single = findSide(all, { program: 'meercat', balancers: 1 })?.highestPerSecond.median ?? Number.NaN;
  const floor = figures.contestants.find(({ program }) => program === 'floor')?.highestPerSecond.median ?? Number.NaN;
  const isEach = comparison === 'each';
  return {
    id: `highest-${comparison}`,
    title: `Highest load within the SLO, ${COMPARISON_NAMES[comparison]}`,
    about: `The highest load that each program serves within the SLO, by the number of its balancers, with the spread over rounds. ${
      isEach
        ? 'The ideal fleet of N serves N times what one Meercat balancer does, until the hosts are busy.'
        : 'The ideal fleet serves as much as one Meercat balancer with all of the CPU.'
    }`,
    x: { label: 'balancers', isLog: true, ticks: sizes.map((at) => ({ at, label: String(at) })) },
    y: { label: 'requests/s', isLog: false },
    series: [
      of('meercat', 0, 'meercat, fleet'),
      of('haproxy', 1, 'haproxy, independent'),
      of('nginx', 3, 'nginx, independent'),
      line('ideal', 2, (balancers) => (isEach ? single * balancers : single)),
      line('omniscient floor', 4, () => floor),
    ],
  };
}

/** Dash of a contestant by its number of balancers, so that lines of one program differ. */
function dashOf(balancers: number): number {
  const size = [1, 4, 2, 8].indexOf(balancers);
  return size === -1 ? 4 : ([2, 0, 1, 3][size] ?? 4);
}

/** The three latencies by load. */
export function latencyPlots(figures: ProofFigures, comparison: Comparison): readonly Plot[] {
  const loads = loadsOf(figures, comparison);
  const all = [...contestantsOf(figures, comparison), ...figures.contestants.filter(({ program }) => program === 'floor')];
  const latencies: readonly (readonly [id: string, name: string, of: (load: LoadFigures) => Spread])[] = [
    ['p50', 'p50', ({ p50Ms }) => p50Ms],
    ['p99', 'p99', ({ p99Ms }) => p99Ms],
    ['p999', 'p99.9', ({ p999Ms }) => p999Ms],
  ];
  return latencies.map(([id, name, of]) => ({
    id: `${id}-${comparison}`,
    title: `${name} by load, ${COMPARISON_NAMES[comparison]}`,
    about: `${name} of each contestant at ${loads.map(({ percent }) => `${percent} %`).join(', ')} of the highest load of one Meercat balancer, with the spread over rounds, on a logarithmic scale. Lower is better.`,
    x: { label: 'requests/s', isLog: false },
    y: { label: 'ms', isLog: true },
    series: all.map((each) => ({
      name: each.name,
      colour: each.program,
      dash: each.program === 'floor' ? 5 : dashOf(each.balancers),
      points: loads.flatMap((load): PlotPoint[] => {
        const found = atLoad(each, load);
        return found === undefined ? [] : [{ x: load.perSecond, y: of(found) }];
      }),
    })),
  }));
}

/** Width of a category that its points take, of the distance to the next one. */
const CATEGORY_WIDTH = 0.7;

function faultPlot({ faults }: ProofFigures, id: string, title: string, label: string, of: (fault: FaultFigures) => Spread): Plot {
  const kinds = FAULT_KINDS.filter((kind) => faults.some(({ fault }) => fault === kind));
  const names = [...new Set(faults.map(({ contestant }) => contestant))];
  const offset = (index: number): number => (names.length < 2 ? 0 : CATEGORY_WIDTH * (index / (names.length - 1) - 0.5));
  return {
    id: `fault-${id}`,
    title: `${title} per fault`,
    about: `${title} with each fault, by contestant, with the spread over rounds. A contestant without a point did not meet that fault. Lower is better.`,
    x: { label: 'fault', isLog: false, isCategories: true, ticks: kinds.map((kind, at) => ({ at, label: kind })) },
    y: { label, isLog: false },
    series: names.map((name, index) => {
      const own = faults.filter(({ contestant }) => contestant === name);
      return {
        name,
        colour: own[0]?.program ?? 'reference',
        dash: dashOf(own[0]?.balancers ?? 1),
        points: own.map((each) => ({ x: kinds.indexOf(each.fault) + offset(index), y: of(each) })),
      };
    }),
  };
}
