// The metrics in which a fleet is compared, each with its direction, its unit, and the smallest difference that its
// measurement can resolve. Pure; the page explains each from here.

import type { FaultMetric, LoadMetric, WholeMetric } from './metric.js';
import { exactText, NONE, READ_ONCE_SHARE, readOnce } from './spread.js';

/** Latencies are sums of timers of 1 ms of several processes; medians of many are better than that, by about this much. */
const LATENCY_RESOLUTION_MS = 0.1;

/** Recovery is judged in windows of this length. */
const RECOVERY_WINDOW_MS = 250;

/** CPU times come from the kernel in ticks of 10 ms: in a turn of two seconds, this share of a core. */
const CPU_RESOLUTION_CORES = 0.005;

/** Steps are multiples of shares: equal ones differ by rounding. */
const EPSILON = 1e-6;

/** The highest load. */
export const HIGHEST: WholeMetric = {
  id: 'highestPerSecond',
  name: 'highest load',
  unit: 'requests/s',
  factor: 1,
  isHigherBetter: true,
  about: 'The highest load served within the SLO.',
  of: ({ highestPerSecond }) => highestPerSecond,
  isReadOnce: false,
  // Neighbouring steps are neither equal nor different: the true values can be anything up to two steps apart.
  resolution: (values, { rungs = [] }) => {
    const steps = values.map((value) => stepAt(value, rungs));
    return { resolution: Math.max(...steps) * (1 + EPSILON), sameWithin: Math.min(...steps) * (1 - EPSILON) };
  },
};

/** Memory. */
export const MEMORY: WholeMetric = {
  id: 'memoryMiB',
  name: 'memory',
  unit: `MiB, ± ${exactText(READ_ONCE_SHARE * 100)} % assumed`,
  factor: 1,
  isHigherBetter: false,
  about: 'Resident memory of all balancers together, read once.',
  of: ({ memoryMiB }) => readOnce(memoryMiB),
  isReadOnce: true,
  resolution: () => ({ resolution: 0 }),
};

function latency(id: 'p50Ms' | 'p99Ms' | 'p999Ms' | 'addedP50Ms', name: string, about: string): LoadMetric {
  return {
    id,
    name,
    unit: 'ms',
    factor: 1,
    isHigherBetter: false,
    about,
    of: (load) => load[id],
    resolution: () => LATENCY_RESOLUTION_MS,
  };
}

/** The metrics that are measured at each load. */
export const LOAD_METRICS: readonly LoadMetric[] = [
  latency('p50Ms', 'p50', 'Median time from when a request was due until its answer was complete.'),
  latency('p99Ms', 'p99', 'The same, of the slowest 1 %.'),
  latency('p999Ms', 'p99.9', 'The same, of the slowest 0.1 %.'),
  latency('addedP50Ms', 'added p50', 'p50 less that of the omniscient floor at the same load.'),
  {
    id: 'errors',
    name: 'errors',
    unit: '%',
    factor: 100,
    isHigherBetter: false,
    about: 'Requests that failed or were not answered. One request of a turn is too little to count.',
    of: ({ errors }) => errors,
    resolution: ({ perSecond }, { seconds }) => 1 / Math.max(1, perSecond * seconds),
  },
  {
    id: 'hostMaxOverMean',
    name: 'unfairness to hosts',
    unit: '',
    factor: 1,
    isHigherBetter: false,
    about: 'CPU of the busiest host over the mean of all hosts; 1 is even.',
    of: ({ hostMaxOverMean }) => hostMaxOverMean,
    resolution: () => 0,
  },
  {
    id: 'jain',
    name: "Jain's index",
    unit: '',
    factor: 1,
    isHigherBetter: true,
    about: "Jain's fairness index of the CPU of the hosts; 1 is even.",
    of: ({ jain }) => jain,
    resolution: () => 0,
  },
  {
    id: 'cpuMicros',
    name: 'CPU per request',
    unit: 'µs',
    factor: 1,
    isHigherBetter: false,
    about: 'CPU of all balancers together, over the requests that they answered.',
    of: ({ cpuMicros }) => cpuMicros,
    resolution: ({ perSecond }) => (CPU_RESOLUTION_CORES * 1e6) / Math.max(1, perSecond),
  },
  {
    id: 'coordinationCores',
    name: 'CPU of coordination',
    unit: '% of a core',
    factor: 100,
    isHigherBetter: false,
    about: 'CPU of the threads that only coordinate, and of Redis. HAProxy and nginx have none.',
    of: ({ coordinationCores }) => coordinationCores ?? NONE,
    resolution: () => CPU_RESOLUTION_CORES,
  },
  {
    id: 'messagesPerSecond',
    name: 'messages',
    unit: '/s',
    factor: 1,
    isHigherBetter: false,
    about: 'Messages through Redis. HAProxy and nginx send none.',
    of: ({ messagesPerSecond }) => messagesPerSecond ?? NONE,
    resolution: () => 1,
  },
];

/** The metrics of each fault. */
export const FAULT_METRICS: readonly FaultMetric[] = [
  {
    id: 'lost',
    name: 'requests lost',
    unit: '',
    factor: 1,
    isHigherBetter: false,
    about: 'Requests without a right answer. A difference of one request is too little to count.',
    of: ({ lost }) => lost,
    resolution: 1,
  },
  {
    id: 'recoverMs',
    name: 'recovery',
    unit: 'ms',
    factor: 1,
    isHigherBetter: false,
    about: 'From the fault until every request is answered rightly, and as fast as before.',
    of: ({ recoverMs }) => recoverMs,
    resolution: RECOVERY_WINDOW_MS,
  },
  {
    id: 'clientsNoticing',
    name: 'clients that notice',
    unit: '%',
    factor: 100,
    isHigherBetter: false,
    about: 'Clients with a failed request, or one that took longer than a second.',
    of: ({ clientsNoticing }) => clientsNoticing,
    resolution: 0.02,
  },
];

/** The distance to the next step above this value, or at the top to the one below; 0 without steps. */
function stepAt(value: number, rungs: readonly number[]): number {
  const above = rungs.find((rung) => rung > value * (1 + EPSILON));
  if (above !== undefined) return above - value;
  const [top, next] = [rungs.at(-1), rungs.at(-2)];
  return top === undefined || next === undefined ? 0 : top - next;
}
