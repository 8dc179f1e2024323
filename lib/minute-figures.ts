// The last minute of a pool or host, as its hash in Redis shows it. Types only.

import type { Quantiles } from './fleet-figures.js';

/** The figures of a pool or host over the last minute. */
export interface MinuteFigures extends Quantiles {
  /** Per second. */
  readonly errorRps: number;
}

/** The same of a host; without requests only who has ejected it is known. */
export interface HostMinute extends Partial<MinuteFigures> {
  /** Number of balancers that have ejected it. */
  readonly ejectedBy: number;
}

/** Where they are found. */
export interface MinutesSource {
  /** Undefined without any traffic. */
  pool(name: string): MinuteFigures | undefined;
  /** Undefined without any traffic or ejection. */
  host(name: string): HostMinute | undefined;
}
