// What every benchmark is handed.

import type { Shutdown } from '../shutdown.js';

/** The workloads of `forward`. */
export const WORKLOADS = ['small', 'down', 'up', 'websocket', 'tls'] as const;

/** The name of a workload. */
export type WorkloadName = (typeof WORKLOADS)[number];

/** What a benchmark can be told; each has its own defaults, and refuses what means nothing to it. */
export interface BenchFlags {
  readonly rounds?: number;
  /** Numbers of hosts, each measured in turn. */
  readonly hosts?: readonly number[];
  readonly seconds?: number;
  readonly connections?: number;
  /** How many requests `churn` sends. */
  readonly requests?: number;
  /** How loaded the hosts are in `policies`, in percent, each in turn. */
  readonly percent?: readonly number[];
  /** `policies` stretches all of its own times so many times, for machines that are too slow. */
  readonly slow?: number;
  /** What `forward` measures, in this order. */
  readonly workloads?: readonly WorkloadName[];
  /** `own` makes `forward` use the generator of this folder although wrk is installed. */
  readonly load?: 'wrk' | 'own';
}

/** What a benchmark is handed. */
export interface BenchContext {
  /** The compiled file of the command line, which children run. */
  readonly entry: string;
  readonly flags: BenchFlags;
  /** Says how far it is, on stderr. */
  readonly say: (line: string) => void;
  /** What was started is added here, and stopped in the end, whatever the end is. */
  readonly shutdown: Shutdown;
}
