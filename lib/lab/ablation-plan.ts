// What `bench ablation` runs: which constants are replaced and which scenarios are simulated, as chosen by flags. Everything
// is checked before anything is simulated: an unknown name, or an entry that matches no constant.

import { readFileSync } from 'node:fs';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { ABLATIONS, type Ablation } from './ablations.js';
import { type Replacement, replaceConstant } from './constants-of.js';
import type { BenchFlags } from './context.js';
import { loadScenarioJson, readScenario } from './simulation/scenario-file.js';
import type { Scenario } from './simulation/scenario.js';
import { SCENARIOS } from './simulation/scenarios.js';

/** Measured duration in virtual time. */
const DEFAULT_SECONDS = 20;
const DEFAULT_SEEDS: readonly number[] = [11, 12, 13];

/** By default a scenario runs with its own number of balancers that is nearest to this. */
const USUAL_BALANCERS = 8;

/** Built-in scenarios that are not among the default ones: they judge something else. */
const OTHER_PURPOSES: ReadonlySet<string> = new Set(['big', 'prequal-testbed']);

/**
 * Replaces nothing, but runs with other random draws of the policy: how far figures differ by chance. A rule is worth
 * something only beyond that.
 */
export const CONTROL: Ablation = { file: 'chance', name: 'draws', value: 'others', off: 'nothing else: what differs is chance' };

/** What is simulated, in which order. */
export interface AblationPlan {
  readonly ablations: readonly Ablation[];
  readonly scenarios: readonly Scenario[];
  readonly seeds: readonly number[];
  readonly seconds: number;
}

/** Plans the runs. Throws MEERCAT_BAD_CONFIG for unknown names and invalid scenarios. */
export function planAblation(flags: BenchFlags, all: readonly Ablation[] = ABLATIONS): AblationPlan {
  const { only, seeds = DEFAULT_SEEDS, seconds = DEFAULT_SECONDS } = flags;
  const names = flags.scenarios ?? SCENARIOS.map(({ name }) => name).filter((name) => !OTHER_PURPOSES.has(name));
  const ablations = only === undefined ? all : chosenOf(all, only);
  for (const ablation of ablations) checkAblation(ablation);
  return { ablations: [CONTROL, ...ablations], scenarios: names.map((name) => scenarioOf(name, flags, seconds)), seeds, seconds };
}

/** Where the ablation's compiled module is, and what is replaced in it. */
export function replacementOf({ file, name, value }: Ablation): Replacement {
  return { url: new URL(`../${file}.js`, import.meta.url).href, name, value };
}

/** Throws MEERCAT_BAD_CONFIG unless the ablation matches exactly one constant of the compiled module. */
export function checkAblation(ablation: Ablation): void {
  const replacement = replacementOf(ablation);
  let source: string;
  try {
    source = readFileSync(new URL(replacement.url), 'utf8');
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `ablation ${ablation.name}: ${ablation.file}: ${fileReason(error)}`);
  }
  replaceConstant(source, replacement);
}

/** The ablations with these names, or of files with these names. */
function chosenOf(all: readonly Ablation[], only: readonly string[]): Ablation[] {
  const isNamed = ({ file, name }: Ablation, wanted: string): boolean => name === wanted || file === wanted || file.endsWith(`/${wanted}`);
  for (const wanted of only) {
    if (all.some((ablation) => isNamed(ablation, wanted))) continue;
    const known = [...new Set(all.flatMap(({ file, name }) => [file, name]))].join(', ');
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--only: a constant or a file from ${known}, not ${JSON.stringify(wanted)}`);
  }
  return all.filter((ablation) => only.some((wanted) => isNamed(ablation, wanted)));
}

/** The scenario with the flags applied. One with events keeps its duration, which they need. */
function scenarioOf(name: string, { balancers, percent }: BenchFlags, seconds: number): Scenario {
  const { json, where } = loadScenarioJson(name);
  const own = readScenario(json, where);
  const duration = own.events.length > 0 ? {} : { requestCount: undefined, duration: `${Math.round(seconds * 1000)}ms` };
  const nearest = own.balancers.toSorted((a, b) => Math.abs(a - USUAL_BALANCERS) - Math.abs(b - USUAL_BALANCERS))[0] as number;
  const changed = {
    ...json,
    ...duration,
    balancers: balancers ?? [nearest],
    loads: percent?.map((each) => each / 100) ?? [Math.max(...own.loads)],
  };
  return readScenario(changed, where);
}
