// Made-up figures of `bench fleet`, whole and consistent, so that tests can change one and see what becomes of it.

import type {
  Comparison,
  ContestantFigures,
  FaultFigures,
  LoadFigures,
  Program,
  ProofFigures,
  ScalingPoint,
  Spread,
} from '../../lib/lab/proof/figures.js';

/** A spread of this share either way. */
export function around(median: number, share = 0.01): Spread {
  return { median, least: median * (1 - share), most: median * (1 + share) };
}

/** Highest loads of one Meercat balancer, by comparison. */
export const SINGLE: Readonly<Record<Comparison, number>> = { total: 800, each: 200 };

/** The figures at a percentage of such a load; `cost` multiplies latencies and CPU. */
export function madeUpLoad(percent: number, highest: number, cost: number, isFleet: boolean): LoadFigures {
  return {
    percent,
    perSecond: (highest * percent) / 100,
    p50Ms: around(5 * cost),
    p99Ms: around(100 * cost * (percent / 50)),
    p999Ms: around(240 * cost * (percent / 50)),
    errors: around(0),
    hostMaxOverMean: around(1.1),
    jain: around(0.98, 0.001),
    cpuMicros: around(100 * cost),
    coordinationCores: isFleet ? around(0.05) : null,
    messagesPerSecond: isFleet ? around(40) : null,
    addedP50Ms: around(cost),
  };
}

function contestant(
  name: string,
  program: Program,
  balancers: number,
  comparisons: readonly Comparison[],
  highest: number,
  cost: number,
): ContestantFigures {
  return {
    name,
    program,
    balancers,
    comparisons,
    cpuEach: program === 'floor' ? null : comparisons.includes('each') ? 0.1 : 0.4 / balancers,
    highestPerSecond: around(highest),
    loads: (comparisons.length === 0 ? (['total', 'each'] as const) : comparisons).flatMap((comparison) =>
      [50, 70, 90].map((percent) => madeUpLoad(percent, SINGLE[comparison], cost, program === 'meercat')),
    ),
    memoryMiB: balancers * (program === 'meercat' ? 90 : 12),
  };
}

function fault(name: string, program: Program, balancers: number, kind: FaultFigures['fault'], lost: number): FaultFigures {
  return {
    contestant: name,
    program,
    balancers,
    fault: kind,
    perSecond: 400,
    rounds: 2,
    lost: around(lost, 0.1),
    recoverMs: around(lost * 10, 0.1),
    clientsNoticing: around(Math.min(0.9, lost / 100), 0.01),
  };
}

function scaling(hosts: number, cpu: ScalingPoint['cpu']): ScalingPoint[] {
  return [1, 2, 4, 8, 16, 32, 64].map((balancers) => ({
    balancers,
    hosts,
    cpu,
    clients: 'even',
    highestPerSecond: cpu === 'total' ? 8000 / (1 + balancers / 40) : (8000 * balancers) / (1 + balancers / 100),
    p50Ms: 6,
    p99Ms: 220,
    messagesPerSecond: 25 * balancers,
    masterCores: 0.02 + balancers * 0.012,
    redisCores: balancers ** 2 * 0.0004,
  }));
}

/** All of a run. */
export const MADE_UP: ProofFigures = {
  setup: {
    command: 'npm run bench -- fleet --rounds 2',
    hosts: 8,
    rounds: 2,
    seconds: 2,
    seed: 11,
    cpu: 0.4,
    cpuEach: 0.1,
    quota: 'cgroup-v1',
    slo: { timesFloor: 5, errors: 0.001 },
    hostsPerSecond: 1100,
    redis: 'redis-server 7.0.15',
    leftOut: ['caddy: it is not installed'],
  },
  contestants: [
    contestant('omniscient floor', 'floor', 0, [], 1050, 0.8),
    contestant('meercat, 0.4 cores', 'meercat', 1, ['total'], SINGLE.total, 1),
    contestant('meercat, 0.1 cores', 'meercat', 1, ['each'], SINGLE.each, 1.1),
    contestant('meercat, fleet of 2', 'meercat', 2, ['total'], 700, 1.2),
    contestant('meercat, fleet of 4', 'meercat', 4, ['total', 'each'], 560, 1.4),
    contestant('haproxy, one', 'haproxy', 1, ['total'], 1000, 0.9),
    contestant('haproxy, 4 independent', 'haproxy', 4, ['total', 'each'], 900, 1.6),
    contestant('nginx, one', 'nginx', 1, ['total'], 980, 0.95),
    contestant('nginx, 4 independent', 'nginx', 4, ['total', 'each'], 880, 1.7),
  ],
  faults: [
    fault('meercat, one', 'meercat', 1, 'kill a balancer', 120),
    fault('meercat, one', 'meercat', 1, 'kill Redis', 0),
    fault('meercat, one', 'meercat', 1, 'rolling restart', 60),
    fault('meercat, fleet of 4', 'meercat', 4, 'kill a balancer', 4),
    fault('meercat, fleet of 4', 'meercat', 4, 'kill the master', 5),
    fault('meercat, fleet of 4', 'meercat', 4, 'freeze a balancer', 20),
    fault('meercat, fleet of 4', 'meercat', 4, 'kill Redis', 0),
    fault('meercat, fleet of 4', 'meercat', 4, 'rolling restart', 0),
    fault('haproxy, 4 independent', 'haproxy', 4, 'kill a balancer', 4),
    fault('haproxy, 4 independent', 'haproxy', 4, 'freeze a balancer', 22),
    fault('haproxy, 4 independent', 'haproxy', 4, 'kill a host', 9),
  ],
  simulation: {
    costs: {
      requestMicros: 75,
      wakeMicros: 60,
      coolMs: 4,
      slaveCores: 0.01,
      masterCores: 0.05,
      masterMessageMicros: 30,
      redisMessageMicros: 5,
    },
    calibration: [
      { what: 'p99 at 70 %, ms', balancers: 2, real: 150, simulated: 140 },
      { what: 'highest load, requests/s', balancers: 4, real: 560, simulated: 600 },
    ],
    scaling: [...scaling(100, 'whole'), ...scaling(1000, 'whole'), ...scaling(1000, 'total')],
    limits: ["Redis needs a whole core at about 50 balancers; the master's thread later"],
  },
};
