// What the thread that simulates is handed, and what it tells.

import type { Progress, SimulationRun } from './matrix.js';
import type { Scenario } from './scenario.js';

/** What it starts with. */
export interface MatrixData {
  readonly scenario: Scenario;
  readonly seed: number;
}

/** What it tells. */
export type FromMatrix = { readonly type: 'progress'; readonly progress: Progress } | { readonly type: 'run'; readonly run: SimulationRun };
