// The report of `bench fleet` for the terminal, and its figures for the JSON. Medians with least and most of the rounds.
// Invariant: everything in it is derived from the figures alone, so that an earlier run can be shown again.

import { type BenchReport, type Goal, goalBelow, type Rows } from '../report.js';
import { rounded } from '../statistics.js';
import { answersOf, contestsOf, countTable, highestLoadNotes, HYPOTHESES, ruleOf, verdictTable } from './answer.js';
import { COMPARISONS } from './contests.js';
import type { ProofFigures, ProofSetup } from './figures.js';
import { leadingOutcomes } from './outcomes.js';
import type { SetupWithRungs } from './metric.js';
import { exactText, numberText } from './spread.js';
import {
  CALIBRATION_SHARE,
  calibrationRatio,
  calibrationTable,
  calibrationText,
  costsText,
  faultTable,
  comparisonTables,
  type ProofTable,
  scalingTables,
} from './tables.js';
import { verdictsOf } from './verdicts.js';

/** Builds the report; what was wrong with answers is for the caller to add. */
export function reportProof(figures: ProofFigures): BenchReport {
  const verdicts = verdictsOf(figures);
  const { setup, simulation } = figures;
  const tables = [
    ...COMPARISONS.flatMap((comparison) => comparisonTables(figures, comparison)),
    faultTable(figures),
    ...(simulation === null ? [] : [calibrationTable(figures, simulation), ...scalingTables(simulation)]),
    ...contestsOf(verdicts).map(verdictTable),
    ...(verdicts.length === 0 ? [] : [countTable(verdicts)]),
  ];
  return {
    notes: [
      ...setupNotes(setup),
      HYPOTHESES.zero,
      HYPOTHESES.one,
      ...ruleOf(figures),
      ...(simulation === null ? [] : [costsText(simulation), calibrationText(figures, simulation)]),
      ...(simulation?.limits ?? []).map((limit) => `simulated: ${limit}`),
      ...answersOf(verdicts),
      ...leadingOutcomes(verdicts),
      ...highestLoadNotes(figures),
    ],
    tables: tables.flatMap((table) => (table === null ? [] : [printed(table)])),
    goals: [calibrationGoal(figures)],
    wrong: [],
    figures: { ...figures, verdicts },
  };
}

/** What enforced the limits of CPU, in words. */
export function quotaText(quota: ProofSetup['quota']): string {
  switch (quota) {
    case 'cgroup-v2':
      return "the kernel's CPU quotas (cgroup v2, cpu.max)";
    case 'cgroup-v1':
      return "the kernel's CPU quotas (cgroup v1, cpu.cfs_quota_us)";
    case 'taskset':
      return 'binding all balancers to one core that they share (taskset), without a quota';
  }
}

/** The setup in short sentences. */
export function setupNotes(setup: SetupWithRungs): readonly string[] {
  const { hosts, rounds, seconds, cpu, cpuEach, quota, slo, hostsPerSecond, redis, leftOut, notes = [] } = setup;
  const isScaled = quota !== 'taskset' && cpu !== 1;
  return [
    `${hosts} simulated hosts with real queues, which ${numberText(hostsPerSecond)} requests/s would keep busy; open load, times from when a request was due; ${redis};`,
    `${rounds} round${rounds === 1 ? '' : 's'}, the contestants of each in turn on the same requests, ${exactText(seconds)} s each; median (least–most);`,
    `SLO: p99 at most ${exactText(slo.timesFloor)} times that of the omniscient floor at the same load, errors below ${exactText(slo.errors * 100)} %;`,
    `CPU was limited by ${quotaText(quota)}: equal total CPU: ${coresText(cpu)} for all balancers together; equal CPU per balancer: ${coresText(cpuEach)} for each;`,
    ...(isScaled
      ? [`a "whole core" of a balancer was scaled down to ${coresText(cpu)}, since load, hosts and Redis need the rest of this machine;`]
      : []),
    ...notes.map((each) => `${each};`),
    ...leftOut.map((each) => `left out: ${each};`),
  ];
}

function coresText(cores: number): string {
  return `${exactText(cores)} ${cores === 1 ? 'core' : cores < 1 ? 'of a core' : 'cores'}`;
}

/** For the terminal: the caption heads the first column. */
function printed({ caption, rows: [heading = [], ...rest] }: ProofTable): Rows {
  return [[caption, ...heading.slice(1)], ...rest];
}

/** Simulation and real processes agree: the farthest figure. */
function calibrationGoal({ simulation }: ProofFigures): Goal {
  const what = 'largest difference between simulation and real processes';
  const limit = CALIBRATION_SHARE * 100;
  const differences = (simulation?.calibration ?? []).map((each) => Math.abs(calibrationRatio(each) - 1) * 100);
  const lack =
    simulation === null ? 'the simulation was left out' : differences.length === 0 ? 'no figure that both give' : 'a figure is missing';
  const worst = differences.some(Number.isNaN) ? Number.NaN : Math.max(...differences);
  if (!Number.isFinite(worst)) return { what, goal: `<= ${limit} %`, value: Number.NaN, isReached: null, lack };
  return goalBelow(what, rounded(worst, 1), limit, '%', true);
}
