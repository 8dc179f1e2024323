// What the threads that simulate are handed, and what they tell.

import type { ScalingFigure } from './fleet-scaling.js';
import type { Progress, SimulationRun } from './matrix.js';
import type { Scenario } from './scenario.js';

/** What it starts with. */
export interface MatrixData {
  readonly scenario: Scenario;
  readonly seed: number;
}

/** What it tells. */
export type FromMatrix = { readonly type: 'progress'; readonly progress: Progress } | { readonly type: 'run'; readonly run: SimulationRun };

/** What the thread that simulates fleets of different sizes tells. */
export type FromScaling =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'figure'; readonly figure: ScalingFigure };
