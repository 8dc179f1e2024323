// What a metric of `bench fleet` is: where its figure is read, in which direction it is better, and what its measurement
// can resolve. The metrics themselves are in metrics.ts.

import type { Yardstick } from './compare.js';
import type { ContestantFigures, FaultFigures, LoadFigures, ProofSetup, Spread } from './figures.js';

/** What a metric is, whatever it is read from. */
export interface Metric {
  /** Stable name, for programs. */
  readonly id: string;
  readonly name: string;
  /** Unit of the values as shown: `ms`, `%`; empty for a plain number. */
  readonly unit: string;
  /** The shown value is the figure times this. */
  readonly factor: number;
  readonly isHigherBetter: boolean;
  /** What it is, in a sentence for the page. */
  readonly about: string;
}

/** A metric of a contestant as a whole. */
export interface WholeMetric extends Metric {
  of(contestant: ContestantFigures): Spread;
  /** True if it is read once, so that its spread is an assumption and no matter of rounds. */
  readonly isReadOnce: boolean;
  /** What can be resolved around these values, in the unit of the figures. */
  resolution(values: readonly number[], setup: SetupWithRungs): Pick<Yardstick, 'resolution' | 'sameWithin'>;
}

/** A metric at one load. */
export interface LoadMetric extends Metric {
  of(load: LoadFigures): Spread;
  resolution(load: LoadFigures, setup: ProofSetup): number;
}

/** A metric of a fault. */
export interface FaultMetric extends Metric {
  of(fault: FaultFigures): Spread;
  readonly resolution: number;
}

/** The setup, with what a run may tell besides: the steps of its search, and notes on how it measured. */
export interface SetupWithRungs extends ProofSetup {
  /** Loads that the search for the highest load chooses from, in requests per second, ascending. */
  readonly rungs?: readonly number[];
  /** Sentences for the report and the page, such as how figures are pooled. */
  readonly notes?: readonly string[];
}
