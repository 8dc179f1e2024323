// Formats the figures of all runs as a table for people and as JSON for programs.

import { formatTable, type Rows } from '../report.js';
import { rounded } from '../statistics.js';
import type { SimulationRun } from './matrix.js';
import { hostCountOf, type Scenario } from './scenario.js';

/** The columns relative to the floor, in their order. */
const OVER_FLOOR = [
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['mean', 'mean'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
] as const;

/** The report. */
export interface SimulateReport {
  readonly scenario: Scenario;
  /** The scenario as JSON, with the command line's overrides. */
  readonly scenarioJson: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly version: string;
  /** Real time of all runs. */
  readonly seconds: number;
  readonly runs: readonly SimulationRun[];
  /** Runs that were planned and not done, since somebody ended it. */
  readonly missing: number;
}

/** The table, with a short heading. */
export function formatSimulation({ scenario, seed, seconds, runs, missing }: SimulateReport): string {
  const hasStreams = runs.some(({ streams }) => streams !== null);
  const hasWindows = runs.some(({ windows }) => windows.length > 0);
  const heading = [
    'policy',
    'balancers',
    'load',
    'p50',
    'p90',
    'mean',
    'p99',
    'p99.9',
    ...OVER_FLOOR.map(([, name]) => `${name}/floor`),
    'cpu max/mean',
    ...(hasStreams ? ['streams max/mean'] : []),
    'errors',
    'requests',
    'messages/request',
    ...(hasWindows ? ['back after'] : []),
  ];
  const rows: Rows = [
    heading,
    ...runs.map(({ policy, balancers, load, ms, overFloor, cpu, streams, errors, requests, messagesPerRequest, backAfterMs }) => [
      policy,
      balancers,
      load < 0.1 ? String(load) : load,
      figure(ms.p50),
      figure(ms.p90),
      figure(ms.mean),
      figure(ms.p99),
      figure(ms.p999),
      ...OVER_FLOOR.map(([field]) => figure(overFloor[field], 2)),
      figure(cpu.ratio, 3),
      ...(hasStreams ? [figure(streams?.ratio ?? Number.NaN, 2)] : []),
      errors,
      requests,
      figure(messagesPerRequest, 2),
      ...(hasWindows ? [backAfterMs === null ? 'never' : `${backAfterMs} ms`] : []),
    ]),
  ];
  const requests = runs.reduce((sum, run) => sum + run.requests, 0);
  return [
    `simulate ${scenario.name}: ${scenario.about}`,
    `  ${hostCountOf(scenario)} hosts, seed ${seed}; latencies in ms of the requests after the first ${scenario.warmUpMs / 1000} s; floor: omniscient, on the same requests`,
    `  ${runs.length} runs${missing > 0 ? ` of ${runs.length + missing}, as it was ended early` : ''}, ${requests} requests, ${seconds} s`,
    '',
    formatTable(rows),
    '',
  ].join('\n');
}

/** One line of JSON; its scenario and seed are enough to repeat the simulation. */
export function toJson({ scenario, scenarioJson, seed, version, seconds, runs, missing }: SimulateReport): string {
  return `${JSON.stringify({ simulate: scenario.name, version, seed, seconds, scenario: scenarioJson, missing, runs }, roundNumbers)}\n`;
}

/** Rounds numbers to six decimal places; infinite values and NaN become null in JSON. */
export function roundNumbers(_: string, value: unknown): unknown {
  return typeof value === 'number' && Number.isFinite(value) ? rounded(value, 6) : value;
}

/** Formats a number with this many decimal places; by default one below 100. */
export function figure(value: number, digits?: number): string {
  if (Number.isNaN(value)) return 'n/a';
  return value.toFixed(digits ?? (value >= 100 ? 0 : 1));
}
