// Hosts with a share of a machine: what they may use beyond it, what loads are shares of, requests that clients give up,
// and the scenario of the Prequal paper's testbed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostMachines } from '../../../lib/lab/simulation/host-machines.js';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import { type SimulationRun, runMatrix } from '../../../lib/lab/simulation/matrix.js';
import { aloneMsOf, meanCapacityOf, meanCostOf } from '../../../lib/lab/simulation/scenario.js';
import { loadScenario, readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('allocation');

test('requests spill over into the whole machine until neighbours take what is beyond the allocation', () => {
  const machines = new HostMachines([{ cores: 4, speed: 1, memory: 0 }]);
  const costs = Float64Array.from([10, 10, 10, 10]);
  const finish = (): number => {
    let atMs = 0;
    while (machines.nextDepartureMs < Number.POSITIVE_INFINITY) {
      atMs = machines.nextDepartureMs;
      machines.depart(costs);
    }
    return atMs;
  };
  for (let job = 0; job < 4; job++) machines.add(0, job, 10, 0);
  assert.is(finish(), 10);
  machines.setLost(0, 3, 10);
  for (let job = 0; job < 4; job++) machines.add(0, job, 10, 10);
  assert.is(finish(), 50);
  // Four cores for 10 ms, then the one of the allocation for 40; neighbours are not among these.
  assert.is(machines.requestMs[0], 80);
});

test('a load is a share of the allocations, not of the machines, as long as neighbours leave that much', () => {
  const capacityOf = (neighbours: object): number =>
    meanCapacityOf(readScenario({ hosts: [{ count: 10, cores: 40, allocation: 4, speed: 0.5 }], neighbours }, 'test'));
  assert.is(capacityOf({}), 20);
  assert.is(capacityOf({ share: 0.5, cores: [36, 36] }), 20);
  assert.is(capacityOf({ share: 1, cores: [38, 38] }), 10);
  assert.throws(() => readScenario({ hosts: [{ count: 1, cores: 2, allocation: 3 }] }, 'test'), /hosts\[0\]\.allocation/);
});

test('a request that is given up leaves its share of the cores to the others', () => {
  const machines = new HostMachines([{ cores: 1, speed: 1, memory: 0 }]);
  for (let job = 0; job < 3; job++) machines.add(0, job, 10, 0);
  assert.ok(machines.cancel(0, 1, 10, 9));
  assert.not.ok(machines.cancel(0, 1, 10, 9));
  assert.is(machines.inflight[0], 2);
  assert.is(machines.work[0], 20);
  // Each had 3 ms of work by then, and does the rest at half speed.
  assert.ok(Math.abs(machines.nextDepartureMs - 23) < 1e-9, String(machines.nextDepartureMs));
});

test('with a deadline, a request that takes longer is an error of that latency, and each request ends once', () => {
  const json = {
    hosts: [{ count: 2, cores: 1 }],
    requests: [{ request: 'GET /', cost: '20ms', spread: 'exponential', wait: { mean: '20ms' } }],
    deadline: '300ms',
    warmUp: '1s',
    duration: '5s',
    events: [{ at: '3s', what: 'hosts-die', hosts: 1, how: 'silent', for: '1s' }],
  };
  const { requests, answered, errors, measure } = runSimulation({
    scenario: readScenario(json, 'test'),
    policy: 'random',
    balancers: 2,
    load: 1.5,
    seed: 1,
  });
  assert.is(answered + errors, requests);
  assert.ok(errors > 0.2 * requests, `${errors} of ${requests}`);
  assert.is(latenciesOf(measure.sorted()).p999, 300);
});

test('a request that is given up while it waits does no more work', () => {
  const json = {
    hosts: [{ count: 2 }],
    requests: [{ request: 'GET /', cost: '20ms', wait: { mean: '1s', spread: 'fixed' } }],
    deadline: '300ms',
    warmUp: '1s',
    duration: '5s',
  };
  const { requests, errors, measure } = runSimulation({
    scenario: readScenario(json, 'test'),
    policy: 'random',
    balancers: 1,
    load: 0.4,
    seed: 1,
  });
  assert.is(errors, requests);
  // The first half of each.
  assert.ok(Math.abs(measure.cpu.mean - 0.2) < 0.04, String(measure.cpu.mean));
});

test('the testbed is that of the paper: a tenth of a machine each, half of the hosts at half speed', () => {
  const scenario = loadScenario('prequal-testbed');
  assert.equal(
    scenario.hosts.map(({ count, cores, allocation, speed }) => [count, cores, allocation, speed]),
    [
      [50, 65, 6.5, 1],
      [50, 65, 6.5, 0.5],
    ],
  );
  assert.is(scenario.deadlineMs, 5000);
  assert.is(scenario.hotQuantile, 0.75);
  assert.equal(scenario.balancers, [100]);
  assert.is(meanCostOf(scenario), 54);
  assert.is(aloneMsOf(scenario), 81);
});

test('messages per request: two for each probe, none for a policy of own figures', () => {
  const json = {
    hosts: [{ count: 8 }],
    probes: 1.5,
    balancers: [4],
    loads: [0.5],
    warmUp: '1s',
    duration: '1s',
    policies: ['prequal', 'least-loaded', 'adaptive'],
  };
  const runs = runMatrix(readScenario(json, 'test'), 1, () => undefined);
  const perRequest = (name: string): number => (runs.find(({ policy }) => policy === name) as SimulationRun).messagesPerRequest;
  // A few answers are on their way at the end.
  assert.ok(Math.abs(perRequest('prequal') - 3) < 0.05, String(perRequest('prequal')));
  assert.is(perRequest('least-loaded'), 0);
  const { messages, requests } = runs.find(({ policy }) => policy === 'adaptive') as SimulationRun;
  assert.is(perRequest('adaptive'), messages / requests);
});

test.run();
