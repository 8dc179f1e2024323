// In which metrics a fleet is better, and in which it is worse, as short lists: the loads or faults of one metric
// together. Pure. A list names every verdict of its outcome, so that no "worse" is hidden.

import { contestsOf } from './answer.js';
import type { Outcome } from './compare.js';
import { COMPARISON_NAMES, sideName } from './contests.js';
import type { Verdict } from './verdicts.js';

/** The metrics with this outcome, such as `p50 at 50, 70 %; CPU per request at 90 %`; `nothing` if there are none. */
export function listOutcome(verdicts: readonly Verdict[], outcome: Outcome): string {
  const places = new Map<string, string[]>();
  for (const verdict of verdicts) {
    if (verdict.outcome !== outcome) continue;
    const { metricName, place } = splitName(verdict.name);
    const own = places.get(metricName) ?? [];
    if (place !== '') own.push(place);
    places.set(metricName, own);
  }
  if (places.size === 0) return 'nothing';
  return [...places].map(([name, own]) => withPlaces(name, own)).join('; ');
}

/** In what the largest fleet of each comparison, and with faults, is better and worse than one Meercat balancer. */
export function leadingOutcomes(verdicts: readonly Verdict[]): readonly string[] {
  const single = sideName({ program: 'meercat', balancers: 1 });
  const contests = contestsOf(verdicts.filter(({ opponent }) => opponent === single));
  return contests
    .filter((contest) => !contests.some((other) => other.comparison === contest.comparison && other.balancers > contest.balancers))
    .flatMap(({ comparison, balancers, verdicts: own }) => {
      const where = comparison === null ? 'with faults' : `with ${COMPARISON_NAMES[comparison]}`;
      return (['better', 'worse'] as const).map(
        (outcome) => `The fleet of ${balancers} ${where} is ${outcome} than one Meercat balancer in: ${listOutcome(own, outcome)}.`,
      );
    });
}

function splitName(name: string): { readonly metricName: string; readonly place: string } {
  const [, ofLoad, percent] = /^(.*) at ([\d.]+) %$/.exec(name) ?? [];
  if (ofLoad !== undefined && percent !== undefined) return { metricName: `${ofLoad} at`, place: percent };
  const [metricName = name, place = ''] = name.split(', ', 2);
  return { metricName, place };
}

function withPlaces(name: string, places: readonly string[]): string {
  if (name.endsWith(' at')) return `${name} ${places.join(', ')} %`;
  return places.length === 0 ? name : `${name} (${places.join(', ')})`;
}
