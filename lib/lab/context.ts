// The context passed to every benchmark.

import type { Shutdown } from '../shutdown.js';

/** The workloads of `forward`. */
export const WORKLOADS = ['small', 'down', 'up', 'websocket', 'tls', 'h2', 'grpc'] as const;

/** The name of a workload. */
export type WorkloadName = (typeof WORKLOADS)[number];

/** What a proxy speaks: HTTP/1.1 on both sides; HTTP/2 with clients and HTTP/1.1 with hosts; HTTP/2 on both sides. */
export type Protocol = 'http1' | 'h2' | 'grpc';

/** Concurrent requests on each HTTP/2 connection. */
export const STREAMS_PER_CONNECTION = 100;

/** Flags of the benchmarks; each benchmark has its own defaults, and rejects flags that do not apply. */
export interface BenchFlags {
  readonly rounds?: number;
  /** Numbers of hosts, each measured in turn. */
  readonly hosts?: readonly number[];
  /** Numbers of routes in `route`, each measured in turn. */
  readonly routes?: readonly number[];
  readonly seconds?: number;
  readonly connections?: number;
  /** Number of requests that `churn` sends. */
  readonly requests?: number;
  /** Loads of the hosts in `policies` and `ablation`, in percent, each measured in turn. */
  readonly percent?: readonly number[];
  /** Scenarios of `ablation`: names of built-in ones, or files. */
  readonly scenarios?: readonly string[];
  readonly seeds?: readonly number[];
  /** Another seed draws other faults in `chaos`, other requests in `fleet`. */
  readonly seed?: number;
  /** Numbers of balancers that `ablation` simulates, each in turn. */
  readonly balancers?: readonly number[];
  /** Constants that `ablation` replaces, or files of them; contestants of `policies`, or their programs; programs and parts of `fleet`; faults of `chaos`. */
  readonly only?: readonly string[];
  /** Numbers of balancers of Meercat's fleets in `fleet`, and of the other programs. */
  readonly fleets?: readonly number[];
  readonly peerFleets?: readonly number[];
  /** CPU of all balancers together in `fleet`, in cores. */
  readonly cpu?: number;
  /** File for the HTML page of `fleet`. */
  readonly html?: string;
  /** Directory of the docs, whose page shows the latest run of `fleet`. */
  readonly docs?: string;
  /** File of an earlier run of `fleet`, which is shown again. */
  readonly from?: string;
  /** Factor by which `policies` stretches all its times, for slow machines. */
  readonly slow?: number;
  /** Workloads that `forward` measures, in this order. */
  readonly workloads?: readonly WorkloadName[];
  /** `own` makes `forward` use the built-in load generator even if wrk and h2load are installed. */
  readonly load?: 'wrk' | 'own';
}

/** The context of a benchmark. */
export interface BenchContext {
  /** The compiled file of the command line, for child processes. */
  readonly entry: string;
  readonly flags: BenchFlags;
  /** Prints progress to stderr. */
  readonly say: (line: string) => void;
  /** Everything started is added here, and is stopped at the end in any case. */
  readonly shutdown: Shutdown;
}
