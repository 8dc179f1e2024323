// What requests cost, as text for a terminal.

import type { CostEstimate } from '../learning/cost-model.js';
import { percent } from './render.js';
import { type Column, table } from './table.js';

const NONE = '-';
const milliseconds = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 2 : 1)} ms` : NONE);

const COLUMNS: readonly Column<CostEstimate>[] = [
  ['CLASS', 'left', ({ name }) => name],
  ['COST', 'right', ({ costMs }) => milliseconds(costMs)],
  ['+-', 'right', ({ errorMs }) => milliseconds(errorMs)],
  ['CONFIDENCE', 'right', ({ confidence }) => percent(confidence)],
  ['SAMPLES', 'right', ({ samples }) => String(samples)],
];

/** The classes of requests with their costs in CPU time, dearest work first. Ends without a line break. */
export function renderCosts(costs: readonly CostEstimate[]): string {
  if (costs.length === 0) return 'nothing is known yet of what requests cost: the master learns it from traffic, in some seconds';
  return table(COLUMNS, costs).join('\n');
}
