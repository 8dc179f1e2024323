// Processor sharing against exact results: small schedules by hand, and the means of M/M/1-PS,
// M/G/1-PS (both E[S] / (1 - load), whatever the spread; Kleinrock, "Queueing Systems" vol. 2, section 4.4) and
// M/M/k, whose number in the system is that of k cores shared among exponential requests. Waits between the halves of the
// work add their mean, whatever their spread, and nothing else: the network is of product form (Baskett, Chandy, Muntz and
// Palacios, 1975).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostMachines } from '../../../lib/lab/simulation/host-machines.js';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('queueing theory');

/** The departures until this time, each with its time. */
function departures(machines: HostMachines, costs: readonly number[], untilMs = Number.POSITIVE_INFINITY): [job: number, atMs: number][] {
  const found: [number, number][] = [];
  while (machines.nextDepartureMs <= untilMs && machines.nextDepartureMs < Number.POSITIVE_INFINITY) {
    const atMs = machines.nextDepartureMs;
    found.push([machines.depart(Float64Array.from(costs)), atMs]);
  }
  return found;
}

test('requests share the cores, each gets one at most, and a slow core takes longer', () => {
  const costs = [10, 20, 30];
  const one = new HostMachines([{ cores: 1, speed: 1, memory: 0 }]);
  for (const [job, cost] of costs.entries()) one.add(0, job, cost, 0);
  // Three share until 30, two until 50, the last one is alone.
  assert.equal(departures(one, costs), [
    [0, 30],
    [1, 50],
    [2, 60],
  ]);
  const two = new HostMachines([{ cores: 2, speed: 0.5, memory: 0 }]);
  for (const [job, cost] of costs.entries()) two.add(0, job, cost, 0);
  // Each gets a third of a ms per ms; the last two have a core each: 0.5.
  assert.equal(
    departures(two, costs).map(([job, atMs]) => [job, Math.round(atMs * 1e6) / 1e6]),
    [
      [0, 30],
      [1, 50],
      [2, 70],
    ],
  );
});

test('cores taken by neighbours slow requests from that moment on; without any core they stall', () => {
  const machines = new HostMachines([{ cores: 2, speed: 1, memory: 0 }]);
  machines.add(0, 0, 10, 0);
  machines.add(0, 1, 10, 0);
  machines.setLost(0, 1, 4);
  machines.setLost(0, 2, 6);
  assert.is(machines.nextDepartureMs, Number.POSITIVE_INFINITY);
  machines.setLost(0, 0, 106);
  // 4 ms alone on a core each, 2 ms at half, 100 ms of nothing: 5 are missing.
  assert.equal(
    departures(machines, [10, 10]).map(([, atMs]) => atMs),
    [111, 111],
  );
  machines.advance(0, 121);
  // Requests used 2 × 4 + 1 × 2 + 2 × 5, neighbours 1 × 2 + 2 × 100.
  assert.is(machines.busyMs[0], 20 + 202);
});

test('a host that goes down returns its requests, and starts empty', () => {
  const machines = new HostMachines([{ cores: 1, speed: 1, memory: 0 }]);
  machines.add(0, 4, 10, 0);
  machines.add(0, 5, 10, 0);
  assert.equal(machines.setStanding(0, 1, 5).toSorted(), [4, 5]);
  assert.is(machines.nextDepartureMs, Number.POSITIVE_INFINITY);
  assert.equal(machines.setStanding(0, 0, 6), []);
  machines.add(0, 6, 10, 7);
  assert.equal(
    departures(
      machines,
      Array.from({ length: 7 }, () => 10),
    ),
    [[6, 17]],
  );
});

interface Case {
  readonly what: string;
  readonly cores: number;
  readonly spread: string;
  readonly load: number;
  /** Of a mean of 40 ms, exponential or lognormal. */
  readonly waitSpread?: string;
  readonly expectedMs: number;
  readonly tolerance: number;
}

/** The mean response of M/M/k with service 10 ms, by Erlang's C formula. */
function erlang(k: number, load: number): number {
  const offered = k * load;
  let term = 1;
  let sum = 0;
  for (let i = 0; i < k; i++) {
    sum += term;
    term *= offered / (i + 1);
  }
  const waiting = term / (1 - load) / (sum + term / (1 - load));
  return 10 + (waiting * 10) / (k * (1 - load));
}

const CASES: readonly Case[] = [
  { what: 'M/M/1-PS', cores: 1, spread: 'exponential', load: 0.7, expectedMs: 10 / 0.3, tolerance: 0.05 },
  { what: 'M/D/1-PS', cores: 1, spread: 'fixed', load: 0.7, expectedMs: 10 / 0.3, tolerance: 0.04 },
  { what: 'M/G/1-PS, lognormal', cores: 1, spread: 'lognormal', load: 0.5, expectedMs: 10 / 0.5, tolerance: 0.04 },
  {
    what: 'M/M/1-PS with M/G/∞ waits, lognormal',
    cores: 1,
    spread: 'exponential',
    load: 0.7,
    waitSpread: 'lognormal',
    expectedMs: 10 / 0.3 + 40,
    tolerance: 0.04,
  },
  {
    what: 'M/G/1-PS, lognormal, with waits',
    cores: 1,
    spread: 'lognormal',
    load: 0.5,
    waitSpread: 'exponential',
    expectedMs: 10 / 0.5 + 40,
    tolerance: 0.03,
  },
  { what: 'M/M/4', cores: 4, spread: 'exponential', load: 0.8, expectedMs: erlang(4, 0.8), tolerance: 0.04 },
];

for (const { what, cores, spread, load, waitSpread, expectedMs, tolerance } of CASES) {
  test(`the mean response of ${what} at ${load} is within ${tolerance * 100} % of ${expectedMs.toFixed(1)} ms`, () => {
    const scenario = readScenario(
      {
        name: what,
        hosts: [{ count: 1, cores }],
        requests: [
          {
            request: 'GET /',
            cost: '10ms',
            spread,
            sigma: 1,
            ...(waitSpread !== undefined && { wait: { mean: '40ms', spread: waitSpread } }),
          },
        ],
        reports: 'never',
        exchange: 'never',
        warmUp: '10s',
        requestCount: 100_000,
      },
      what,
    );
    const { measure, requests, answered } = runSimulation({ scenario, policy: 'round-robin', balancers: 1, load, seed: 3 });
    assert.is(answered, requests);
    const { mean } = latenciesOf(measure.sorted());
    assert.ok(Math.abs(mean / expectedMs - 1) < tolerance, `${mean}`);
    // CPU utilization equals the load.
    assert.ok(Math.abs(measure.cpu.mean / load - 1) < 0.02, `${measure.cpu.mean}`);
  });
}

test.run();
