// The report of a chaos run: a table of faults, and each violation with its history. Pure.

import type { BenchReport, Rows } from '../report.js';
import { distributionOf } from '../statistics.js';
import { ALL_FAULTS } from './all-faults.js';
import { violationLine, violationText } from './event-text.js';
import type { ChaosEvent, Violation } from './events.js';
import type { ChaosReport, RoundOutcome } from './run.js';

/** Violations of a rule that are printed with their history: later ones often have the same cause. */
const WITH_HISTORY = 3;

/** The report of a run. */
export function reportChaos(report: ChaosReport): BenchReport {
  const { seed, outcomes, requests, masterships, violations, events } = report;
  const lost = outcomes.reduce((sum, each) => sum + each.lost, 0);
  const [wellAfterMs, uncountedMs] = [sumOf(outcomes, 'wellAfterMs'), sumOf(outcomes, 'uncountedMs')];
  return {
    notes: [
      `three balancers, four hosts (one drained) and Redis with the users of deploy/redis; seed ${seed}, ${outcomes.length} rounds`,
      `${masterships} mastership${masterships === 1 ? '' : 's'}, ${requests} requests, of which ${lost} were lost: each where a fault allows it, or it is a violation`,
      `${violations.length} violations; ${seconds(uncountedMs)} s of ${seconds(wellAfterMs)} s of recovery did not count, since the machine was short of CPU`,
    ],
    tables: [tableOf(outcomes)],
    goals: [],
    wrong: violationTexts(violations, events),
    wrongName: 'VIOLATION',
    figures: { seed, rounds: outcomes.length, requests, lost, masterships, violations, outcomes },
  };
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

function sumOf(outcomes: readonly RoundOutcome[], field: 'wellAfterMs' | 'uncountedMs'): number {
  return outcomes.reduce((sum, each) => sum + each[field], 0);
}

/** The violations: the first ones of each rule with their histories. */
export function violationTexts(violations: readonly Violation[], events: readonly ChaosEvent[]): string[] {
  const counts = new Map<string, number>();
  return violations.map((violation) => {
    const count = (counts.get(violation.rule) ?? 0) + 1;
    counts.set(violation.rule, count);
    return count <= WITH_HISTORY ? violationText(events, violation) : violationLine(violation);
  });
}

/** One row for each fault and what it hit, in the order of the faults. */
export function tableOf(outcomes: readonly RoundOutcome[]): Rows {
  const order = Object.keys(ALL_FAULTS);
  const groups = new Map<string, RoundOutcome[]>();
  for (const each of outcomes.toSorted((a, b) => order.indexOf(a.fault) - order.indexOf(b.fault) || a.hit.localeCompare(b.hit))) {
    const key = `${each.fault}\n${each.hit}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [
    [
      'fault',
      'what it hit',
      'rounds',
      'longest without a table, ms',
      'well after, ms: median',
      'most',
      'most that counts',
      'lost requests',
    ],
    ...[...groups.values()].map((each) => {
      const { fault, hit } = each[0] as RoundOutcome;
      const well = distributionOf(each.map(({ wellAfterMs }) => wellAfterMs));
      const counted = each.map((outcome) => Math.max(0, outcome.wellAfterMs - outcome.uncountedMs));
      const gapMs = Math.max(...each.map((outcome) => outcome.gapMs));
      const lost = each.reduce((sum, outcome) => sum + outcome.lost, 0);
      return [
        fault,
        hit,
        each.length,
        Math.round(gapMs),
        Math.round(well.p50),
        Math.round(well.max),
        Math.round(Math.max(...counted)),
        lost,
      ];
    }),
  ];
}
