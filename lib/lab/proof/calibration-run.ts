// The setup of the real turns of `bench fleet` as a scenario: the hosts, classes of requests and costs of a fleet. Pure.

import { CLASSES, CORES, rateFor, speedOf } from '../scenario.js';
import { OBJECTIVE, type Objective } from '../simulation/highest-load.js';
import { readScenario } from '../simulation/scenario-file.js';
import type { RequestClass, Scenario } from '../simulation/scenario.js';
import type { BalancerCosts } from './figures.js';
import { balancerCostOf, type MeasuredAt, redisCostOf } from './simulated-costs.js';
import type { TurnsRun } from './simulated-turns.js';

/** The setup of the real turns. */
export interface CalibrationSetup {
  readonly hosts: number;
  /** Factor on the cost of requests and on the time that a neighbour stays, and the scatter of the cost; 0 unless set. */
  readonly slow: number;
  readonly sigma?: number;
  readonly seed: number;
  /** Time before a turn is measured, its measured time, and how long it then waits for answers. */
  readonly settleMs: number;
  readonly seconds: number;
  readonly graceMs: number;
  /** How long a contestant rests between two of its turns; 0: no turn was before. 0 unless set. */
  readonly restMs?: number;
  /** Length of the period in which the kernel enforces the share of CPU; 0: none. */
  readonly periodMs: number;
  /** Rounds of the real turns; 1 unless set. */
  readonly rounds?: number;
  /** Connections that clients open at most in a turn, to all balancers together; no limit unless set. */
  readonly maxConnections?: number;
  /** How often load and hosts look at their clocks; 0 unless set. */
  readonly tickMs?: number;
  readonly objective?: Objective;
}

/** Fleets of this size, with this CPU each, in front of the hosts of lib/lab/scenario.ts; costs of requests are learned. */
export function calibrationRun(
  costs: BalancerCosts,
  setup: CalibrationSetup,
  { balancers, cores }: { readonly balancers: number; readonly cores: number },
  at: MeasuredAt,
): TurnsRun {
  const { hosts, slow, sigma = 0, seed, settleMs, seconds, graceMs, restMs = 0, periodMs, tickMs = 0 } = setup;
  const { rounds = 1, objective = OBJECTIVE, maxConnections = Number.POSITIVE_INFINITY } = setup;
  const base = readScenario(
    {
      hosts: Array.from({ length: hosts }, (_, host) => ({ count: 1, cores: CORES, speed: speedOf(host, hosts) })),
      requests: CLASSES.map(({ path, share, workMs }) => ({ request: `GET ${path}`, share, cost: `${workMs}ms` })),
      policies: ['adaptive'],
    },
    'calibration',
  );
  const scenario: Scenario = {
    ...base,
    requests: base.requests.map((each) => withCost(each, slow * each.costMs)),
    warmUpMs: settleMs,
    durationMs: 1000 * seconds,
    balancerCost: { ...balancerCostOf(costs, cores, periodMs, at), connectionLimit: Math.ceil(maxConnections / balancers) },
    redisCost: redisCostOf(costs),
  };
  const hostsPerSecond = rateFor(1, hosts, slow);
  return { scenario, balancers, cores, hosts, seed, slow, sigma, restMs, tickMs, drainMs: graceMs, hostsPerSecond, rounds, objective };
}

function withCost(each: RequestClass, costMs: number): RequestClass {
  return { ...each, costMs };
}
