// The plots of the simulated fleets: throughput by number of balancers beside the linear line, and the two resources
// that end linear scaling, Redis and the master's thread. Pure.

import { COMPARISON_NAMES } from './contests.js';
import type { ScalingPoint, SimulationFigures, Spread } from './figures.js';
import type { Plot, PlotSeries } from './plot.js';

const exactly = (value: number): Spread => ({ median: value, least: value, most: value });

/** How the CPU of balancers is named. */
export function cpuName(cpu: ScalingPoint['cpu']): string {
  return cpu === 'whole' ? 'a core for each balancer' : COMPARISON_NAMES[cpu];
}

/** The points with the same hosts, CPU and clients, in the order of their first ones. */
export function scalingGroups({ scaling }: SimulationFigures): readonly (readonly ScalingPoint[])[] {
  const groups = new Map<string, ScalingPoint[]>();
  for (const point of scaling) {
    const key = JSON.stringify([point.hosts, point.cpu, point.clients]);
    const group = groups.get(key) ?? [];
    group.push(point);
    groups.set(key, group);
  }
  return [...groups.values()].map((group) => group.toSorted((one, other) => one.balancers - other.balancers));
}

/** What distinguishes a group. */
export function scalingGroupName([first]: readonly ScalingPoint[]): string {
  return first === undefined ? '' : `${first.hosts} hosts, ${cpuName(first.cpu)}, clients: ${first.clients}`;
}

/** Both plots; none without a simulation. */
export function scalingPlots(simulation: SimulationFigures | null): readonly Plot[] {
  if (simulation === null || simulation.scaling.length === 0) return [];
  const groups = scalingGroups(simulation);
  const sizes = [...new Set(simulation.scaling.map(({ balancers }) => balancers))].toSorted((one, other) => one - other);
  const x = { label: 'balancers', isLog: true, ticks: sizes.map((at) => ({ at, label: String(at) })) };
  return [
    {
      id: 'scaling',
      title: 'Simulated throughput by number of balancers',
      about:
        'Simulated, not measured: the highest load within the SLO, by number of balancers, on logarithmic scales. The linear line starts at the smallest fleet of the first line; where the figures leave it, scaling is no longer linear.',
      x,
      y: { label: 'requests/s', isLog: true },
      series: groups.flatMap((group, index) => [
        seriesOf(scalingGroupName(group), 'meercat', index, group, ({ highestPerSecond }) => highestPerSecond),
        // One linear line for each kind of CPU is enough.
        ...(groups.findIndex(([first]) => first?.cpu === group[0]?.cpu) === index ? linearOf(group, index) : []),
      ]),
    },
    {
      id: 'coordination',
      title: 'Simulated CPU of coordination by number of balancers',
      about:
        "Simulated, not measured: the share of a core that Redis and the master's thread need at the highest load, by number of balancers. At one core, messages queue and tables grow old.",
      x,
      y: { label: 'cores', isLog: true },
      series: [
        ...groups.flatMap((group, index) => [
          seriesOf(`Redis, ${scalingGroupName(group)}`, 'haproxy', index, group, ({ redisCores }) => redisCores),
          seriesOf(`master, ${scalingGroupName(group)}`, 'meercat', index, group, ({ masterCores }) => masterCores),
        ]),
        { name: 'one core', colour: 'reference', dash: 2, points: sizes.map((size) => ({ x: size, y: exactly(1) })) },
      ],
    },
  ];
}

function seriesOf(
  name: string,
  colour: PlotSeries['colour'],
  dash: number,
  group: readonly ScalingPoint[],
  of: (point: ScalingPoint) => number,
): PlotSeries {
  return { name, colour, dash, points: group.map((point) => ({ x: point.balancers, y: exactly(of(point)) })) };
}

/** The linear line; none for equal total CPU, where the ideal fleet serves what one balancer does. */
function linearOf(group: readonly ScalingPoint[], dash: number): readonly PlotSeries[] {
  const [first] = group;
  if (first === undefined || first.cpu === 'total') return [];
  const perBalancer = first.highestPerSecond / first.balancers;
  return [
    {
      name: `linear, ${cpuName(first.cpu)}`,
      colour: 'reference',
      dash,
      points: group.map(({ balancers }) => ({ x: balancers, y: exactly(perBalancer * balancers) })),
    },
  ];
}
