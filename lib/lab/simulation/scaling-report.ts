// Formats fleets of different sizes as a table for people and as JSON for programs.

import { formatTable, type Rows } from '../report.js';
import type { ScalingFigure } from './fleet-scaling.js';
import { figure, roundNumbers } from './simulate-report.js';
import type { Scenario } from './scenario.js';

/** The report. */
export interface ScalingReport {
  readonly scenario: Scenario;
  /** The scenario as JSON, with the command line's overrides. */
  readonly scenarioJson: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly version: string;
  /** Real time of all fleets. */
  readonly seconds: number;
  readonly figures: readonly ScalingFigure[];
  readonly limits: readonly string[];
  /** Fleets that were planned and not simulated, since somebody ended it. */
  readonly missing: number;
}

/** The table, with a short heading and what ends the scaling. */
export function formatScaling({ scenario, seed, seconds, figures, limits, missing }: ScalingReport): string {
  const rows: Rows = [
    [
      'balancers',
      'hosts',
      'cpu',
      'clients',
      'requests/s',
      'each',
      'of its CPU',
      'p50',
      'p99',
      'p99/floor',
      'messages/s',
      'master',
      'others',
      'redis',
      'requests max/mean',
    ],
    ...figures.map((each) => [
      each.balancers,
      each.hosts,
      each.cpu,
      each.clients,
      Math.round(each.highestPerSecond),
      Math.round(each.highestPerSecond / each.balancers),
      `${figure((100 * each.highestPerSecond) / each.idealPerSecond, 0)} %`,
      figure(each.p50Ms, 2),
      figure(each.p99Ms, 2),
      figure(each.p99Ms / each.floorP99Ms, 2),
      Math.round(each.messagesPerSecond),
      figure(each.masterCores, 3),
      figure(each.slaveCores, 3),
      figure(each.redisCores, 3),
      figure(each.maxOverMean, 2),
    ]),
  ];
  const fastest = figures.reduce((most, { hostSpeed }) => Math.max(most, hostSpeed), 1);
  const standsFor = figures.reduce((most, each) => Math.max(most, each.standsFor), 1);
  return [
    `simulate ${scenario.name}: ${scenario.about}`,
    `  seed ${seed}; the highest load with p99 at most 5 times the floor's, less than 0.1 % errors, and no queue that grows; ${seconds} s`,
    `  cpu: whole: each balancer has ${scenario.balancerCost?.cores ?? 1} cores, total: all together have; master, others, redis: cores for coordination`,
    `  hosts are up to ${figure(fastest, 0)} times as fast as in the scenario, so that they are not the limit; a simulated request stands for up to ${figure(standsFor, 0)}`,
    ...(missing > 0 ? [`  ended early: ${missing} fleets are missing`] : []),
    '',
    formatTable(rows),
    '',
    ...limits.map((limit) => `- ${limit}`),
    '',
  ].join('\n');
}

/** One line of JSON; its scenario and seed are enough to repeat the simulation. */
export function scalingToJson({ scenario, scenarioJson, seed, version, seconds, figures, limits, missing }: ScalingReport): string {
  return `${JSON.stringify({ simulate: scenario.name, version, seed, seconds, scenario: scenarioJson, missing, scaling: figures, limits }, roundNumbers)}\n`;
}
