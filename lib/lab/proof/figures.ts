// The figures of `bench fleet`: what its parts measure, and what its report and its page read. Only data, so that the
// JSON of a run can be read back and shown again.

/** A figure over the rounds of a run. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** How CPU is shared out: `total`: all balancers together have as much as the single one; `each`: each has the same share. */
export type Comparison = 'total' | 'each';

/** What enforced the shares of CPU. */
export type QuotaKind = 'cgroup-v2' | 'cgroup-v1' | 'taskset';

/** The programs that are compared; `floor` is the omniscient balancer. */
export type Program = 'meercat' | 'haproxy' | 'nginx' | 'floor';

/** The setup of a run. */
export interface ProofSetup {
  readonly command: string;
  readonly hosts: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
  /** CPU of a single balancer, and of a whole fleet in the comparison `total`, in cores. */
  readonly cpu: number;
  /** CPU of each balancer in the comparison `each`, in cores. */
  readonly cpuEach: number;
  readonly quota: QuotaKind;
  /** p99 may be this many times that of the floor at the same load; share (0..1) of requests that may fail. */
  readonly slo: { readonly timesFloor: number; readonly errors: number };
  /** Requests per second that would keep all hosts busy. */
  readonly hostsPerSecond: number;
  readonly redis: string;
  /** Contestants and parts that could not run, with the reason. */
  readonly leftOut: readonly string[];
}

/** One load of one contestant. */
export interface LoadFigures {
  /** Percent of the highest load of the single Meercat balancer in the same comparison. */
  readonly percent: number;
  readonly perSecond: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
  /** Share (0..1) of requests that failed or were not answered. */
  readonly errors: Spread;
  /** CPU of the busiest host over the mean, and Jain's index of the hosts' CPU. */
  readonly hostMaxOverMean: Spread;
  readonly jain: Spread;
  /** CPU of all balancers per request (µs). */
  readonly cpuMicros: Spread;
  /** CPU of the threads and of Redis that only coordinate, in cores; null for programs without. */
  readonly coordinationCores: Spread | null;
  /** Messages per second through Redis; null for programs without. */
  readonly messagesPerSecond: Spread | null;
  /** p50 above that of the floor at the same load. */
  readonly addedP50Ms: Spread;
}

/** What was measured of one contestant. */
export interface ContestantFigures {
  /** As shown, such as `meercat, fleet of 4`. */
  readonly name: string;
  readonly program: Program;
  readonly balancers: number;
  /** The comparisons that it is part of; empty for the floor. */
  readonly comparisons: readonly Comparison[];
  /** CPU of each of its balancers, in cores; null for the floor. */
  readonly cpuEach: number | null;
  /** The highest load served within the SLO, in requests per second. */
  readonly highestPerSecond: Spread;
  readonly loads: readonly LoadFigures[];
  /** Resident memory of all its balancers. */
  readonly memoryMiB: number;
}

/** What can go wrong. */
export type FaultKind =
  | 'kill a balancer'
  | 'kill the master'
  | 'freeze a balancer'
  | 'cut a balancer off Redis'
  | 'kill Redis'
  | 'kill a host'
  | 'rolling restart';

/** What a fault did to the clients of one contestant. */
export interface FaultFigures {
  readonly contestant: string;
  readonly program: Program;
  readonly balancers: number;
  readonly fault: FaultKind;
  readonly perSecond: number;
  readonly rounds: number;
  /** Requests without a right answer. */
  readonly lost: Spread;
  /** From the fault until every request is answered rightly, and as fast as before. */
  readonly recoverMs: Spread;
  /** Share (0..1) of clients that had a failed request, or waited for longer than a second for one. */
  readonly clientsNoticing: Spread;
  /** Longest time that a client waited for an answer or a failure, from when the request was due; absent in earlier runs. */
  readonly worstMs?: Spread;
  /** Rounds in which it was not back to normal when the watch ended: its time to recover is longer than measured. */
  readonly unrecovered?: number;
  /** From the kill of a balancer to its start again (ms); absent with other faults. */
  readonly startedAfterMs?: Spread;
}

/** What a request and a message cost a balancer: measured, and input of the simulation. */
export interface BalancerCosts {
  /** CPU of the traffic thread per request while it always runs (µs), */
  readonly requestMicros: number;
  /** and to go on after it has not run for long, with cold caches (µs). */
  readonly wakeMicros: number;
  /** Time constant with which its caches cool; 0 in earlier runs. */
  readonly coolMs: number;
  /** CPU of a balancer for coordination at rest (share of a core), of a slave and of the master; fitted to that under load. */
  readonly slaveCores: number;
  readonly masterCores: number;
  /** CPU of the master's threads for one load message, and per host in it (µs). */
  readonly masterMessageMicros: number;
  /** CPU of Redis for one message and one receiver (µs). */
  readonly redisMessageMicros: number;
}

/** A figure that both the simulation and real processes give. */
export interface Calibration {
  readonly what: string;
  readonly balancers: number;
  readonly real: number;
  readonly simulated: number;
}

/** One size of fleet in the simulation. */
export interface ScalingPoint {
  readonly balancers: number;
  readonly hosts: number;
  /** `whole`: each balancer has a core. */
  readonly cpu: Comparison | 'whole';
  /** How clients reach balancers. */
  readonly clients: string;
  readonly highestPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly messagesPerSecond: number;
  readonly masterCores: number;
  readonly redisCores: number;
}

/** What the simulation adds. */
export interface SimulationFigures {
  readonly costs: BalancerCosts;
  readonly calibration: readonly Calibration[];
  readonly scaling: readonly ScalingPoint[];
  /** What ends linear scaling, as sentences with their figures. */
  readonly limits: readonly string[];
}

/** All figures of a run. */
export interface ProofFigures {
  readonly setup: ProofSetup;
  readonly contestants: readonly ContestantFigures[];
  readonly faults: readonly FaultFigures[];
  /** Null if it was left out. */
  readonly simulation: SimulationFigures | null;
}
