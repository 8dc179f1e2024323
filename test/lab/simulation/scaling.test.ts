// The highest load of fleets, what ends their scaling, and that scenarios without costs give what they always gave.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerCost, RedisCost } from '../../../lib/lab/simulation/balancer-cost.js';
import { exchangeRates, largestFleet } from '../../../lib/lab/simulation/exchange-rates.js';
import { planScaling, type ScalingFigure, scaledScenario, simulateFleet } from '../../../lib/lab/simulation/fleet-scaling.js';
import { findHighestLoad, loadOf, perSecondOf, serve } from '../../../lib/lab/simulation/highest-load.js';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import type { ResourceUse } from '../../../lib/lab/simulation/resource-use.js';
import { loadScenario, readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { simulate, type SimulateRequest } from '../../../lib/lab/simulation/simulate.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';
import { withTempDir } from '../../support/brackets.js';

const test = suite('scaling');

const FLEET = loadScenario('fleet');
const SEED = 11;

test('the highest load is where the CPU of a balancer ends, to within the tolerance, and the same again', () => {
  const json = { hosts: [{ count: 20 }], requests: [{ request: 'GET /', cost: '5ms' }], warmUp: '200ms', duration: '1s', costs: 'known' };
  const scenario = readScenario({ ...json, balancerCost: { request: 500, cores: 0.5 } }, 'test');
  // A thousand requests a second are all that half a core can do.
  const range = { lowest: loadOf(scenario, 200), highest: loadOf(scenario, 3000), tolerance: 0.02 };
  const search = () => findHighestLoad({ scenario, policy: 'adaptive', balancers: 1, seed: SEED, ...range });
  const { served, refused } = search();
  assert.ok(served !== null && served.perSecond > 930 && served.perSecond < 1040, `${served?.perSecond}`);
  assert.ok(refused !== null && refused.perSecond <= 1.02 * served.perSecond * (1 + 1e-9));
  assert.is(search().served?.perSecond, served.perSecond);
  assert.ok(Math.abs(perSecondOf(scenario, served.load) - served.perSecond) < 1e-6);
  // What the balancer cannot do is refused at once; what the hosts cannot do, too.
  assert.match(String(serve({ scenario, policy: 'adaptive', balancers: 1, seed: SEED }, loadOf(scenario, 1500)).breach), /CPU/);
  const free = readScenario(json, 'test');
  assert.is(serve({ scenario: free, policy: 'adaptive', balancers: 1, seed: SEED }, 0.5).breach, null);
  assert.is.not(serve({ scenario: free, policy: 'random', balancers: 1, seed: SEED }, 1.2).breach, null);
});

test('requests that stand for several give the same highest load', () => {
  const plan = { balancers: 2, hosts: 50, cpu: 'whole', clients: 'even' } as const;
  const [one, four] = [simulateFleet(FLEET, plan, SEED, 1), simulateFleet(FLEET, plan, SEED, 4)];
  assert.is(one.standsFor, 1);
  assert.is(four.standsFor, 4);
  assert.ok(Math.abs(four.highestPerSecond / one.highestPerSecond - 1) < 0.03, `${four.highestPerSecond}, ${one.highestPerSecond}`);
});

test('requests that stand for several change as many rows as those for which they stand, and coordination costs the same', () => {
  // Many hosts, of which only some change in an interval, and rows that cost much.
  const cost: BalancerCost = { ...(FLEET.balancerCost as BalancerCost), rowMicros: 3, masterHostMicros: 3 };
  const useWith = (standsFor: number): ResourceUse => {
    const plan = { balancers: 2, hosts: 400, cpu: 'whole', clients: 'even' } as const;
    const { scenario } = scaledScenario({ ...FLEET, balancers: [2], balancerCost: cost }, plan, standsFor);
    const load = loadOf(scenario, 12_000 / standsFor);
    return runSimulation({ scenario, policy: 'adaptive', balancers: 2, load, seed: SEED }).use as ResourceUse;
  };
  const [one, ten] = [useWith(1), useWith(10)];
  // Rows that change are taken to be any hosts alike, which is a bit too many.
  for (const name of ['masterCores', 'slaveCores', 'redisCores', 'need'] as const)
    assert.ok(Math.abs(ten[name] / one[name] - 1) < 0.15, `${name}: ${ten[name]} instead of ${one[name]}`);
});

test('with whole cores four balancers serve nearly four times as much as one; with its CPU shared they serve less than it', () => {
  const at = (balancers: number, cpu: 'whole' | 'total'): ScalingFigure =>
    simulateFleet({ ...FLEET, balancers: [1, 4] }, { balancers, hosts: 20, cpu, clients: 'even' }, SEED);
  const [one, whole, total] = [at(1, 'whole'), at(4, 'whole'), at(4, 'total')];
  const ratio = whole.highestPerSecond / one.highestPerSecond;
  assert.ok(ratio > 3.7 && ratio <= 4.05, `${ratio}`);
  const shared = total.highestPerSecond / one.highestPerSecond;
  assert.ok(shared < 0.95 && shared > 0.5, `${shared}`);
  assert.match(String(total.breach), /the master/);
});

test('hosts are the same for fleets of all sizes, so that all have the same time within the objective', () => {
  const speedOf = (balancers: number, hosts: number): number => {
    const { hostSpeed, scenario, standsFor } = scaledScenario(FLEET, { balancers, hosts, cpu: 'whole', clients: 'even' });
    assert.ok(Math.abs((scenario.hosts[0]?.speed as number) * standsFor - hostSpeed) < 1e-9 * hostSpeed);
    return hostSpeed;
  };
  assert.is(speedOf(1, 100), speedOf(64, 100));
  assert.ok(speedOf(1, 100) >= speedOf(1, 1000));
});

test('the plan has every size once in each comparison, and other clients for several balancers only', () => {
  const plans = planScaling({ ...FLEET, balancers: [4, 1, 1] }, { hosts: [100, 1000], cpu: ['whole', 'total'], ways: ['dns'] });
  assert.is(plans.length, 2 * 2 * 2 + 1);
  assert.equal(plans.at(-1), { balancers: 4, hosts: 100, cpu: 'whole', clients: 'dns' });
});

test('the calculated exchange is that of the simulation', () => {
  const hosts = 40;
  const balancers = 16;
  const [cost, redis] = [FLEET.balancerCost as BalancerCost, FLEET.redisCost as RedisCost];
  // 20,000 requests a second: every host changes in every interval.
  const scenario = {
    ...FLEET,
    hosts: [{ count: hosts, cores: 100, allocation: 100, speed: 1, memory: 0.4 }],
    neighbours: null,
    warmUpMs: 1000,
    durationMs: 2000,
    balancerCost: { ...cost, cores: 8 },
  };
  const load = loadOf(scenario, 20_000);
  const { use } = runSimulation({ scenario, policy: 'adaptive', balancers, load, seed: SEED });
  const rates = exchangeRates(balancers, hosts, cost, redis, 1000);
  const near = (got: number | undefined, expected: number, within: number): void =>
    assert.ok(Math.abs((got ?? 0) / expected - 1) < within, `${got} instead of ${expected}`);
  near(use?.publishedPerSecond, rates.loads + rates.tables + rates.reports, 0.25);
  near(use?.redisCores, rates.redisCores, 0.25);
});

test('the largest fleet is the last one that needs no more than a core', () => {
  assert.is(
    largestFleet((balancers) => balancers * 0.001),
    999,
  );
  assert.is(
    largestFleet(() => 2),
    0,
  );
});

/** Runs `simulate` in this process. */
async function print(request: Pick<SimulateRequest, 'scenario'> & Partial<SimulateRequest>): Promise<string> {
  let stdout = '';
  const defaults = { overrides: {}, seed: 1, json: false, html: null, isPrinted: false };
  await simulate({ ...defaults, ...request }, new AbortController().signal, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { isTTY: true, write: () => true },
  });
  return stdout;
}

const SMALL = {
  balancers: [1, 2],
  scaling: { hosts: [8], cpu: ['whole', 'total'], clients: ['front'] },
  duration: '300ms',
};

test('the command prints a row for each fleet, and what ends the scaling; the JSON has the same and is reproducible', async () => {
  await withTempDir(async (folder) => {
    const file = join(folder, 'fleet.json');
    const text = await print({ scenario: 'fleet', overrides: SMALL, json: file });
    const rows = text.split('\n').filter((line) => /^[12] +8 /.test(line));
    assert.is(rows.length, 5);
    assert.match(text, /^- 8 hosts, by calculation: the master's thread needs its whole core with \d+ balancers, one Redis/m);
    interface Json {
      readonly scaling: readonly ScalingFigure[];
      readonly limits: readonly string[];
    }
    const first = JSON.parse(readFileSync(file, 'utf8')) as Json;
    assert.is(first.scaling.length, 5);
    for (const figure of first.scaling)
      for (const [name, value] of Object.entries(figure))
        assert.ok(name === 'breach' || typeof value === 'string' || Number.isFinite(value), `${name}: ${value}`);
    const second = JSON.parse(await print({ scenario: 'fleet', overrides: SMALL, json: true })) as Json;
    assert.equal(second.scaling, first.scaling);
    assert.equal(second.limits, first.limits);
  });
});

test('what a search does not take is refused by the name of its flag or field', async () => {
  const refused = async (request: Partial<SimulateRequest>, message: RegExp): Promise<void> => {
    try {
      await print({ scenario: 'fleet', ...request });
    } catch (error) {
      assert.match(String(error), message);
      return;
    }
    assert.unreachable(String(message));
  };
  await refused({ overrides: { loads: [0.7] } }, /--load: a scenario with "scaling"/);
  await refused({ overrides: { requestCount: 1000, duration: undefined } }, /scaling|--requests/);
  await refused({ overrides: { policies: ['adaptive', 'random'] } }, /--policies: /);
  await refused({ html: 'x.html' }, /--html: /);
  for (const [json, message] of [
    [{ scaling: {} }, /scaling: only together with "balancerCost"/],
    [{ balancerCost: {} }, /balancerCost\.request: a number/],
    [{ balancerCost: { request: 75, queue: 0 } }, /balancerCost\.queue/],
    [{ balancerCost: { request: 75, core: 1 } }, /balancerCost\.core: not a field/],
    [{ clients: { by: 'bgp' } }, /clients\.by: one of even, dns, anycast, front/],
    [{ clients: { count: 0 } }, /clients\.count/],
    [{ redisCost: { publish: -1 } }, /redisCost\.publish/],
  ] as const)
    assert.throws(() => readScenario(json, 'test'), message);
});

test('scenarios without costs give the figures that they gave before there were any', () => {
  const hosts = [{ count: 6 }, { count: 2, speed: 0.6 }];
  const base = { neighbours: { share: 0.3, cores: [1, 3], every: '1s' }, warmUp: '500ms', duration: '1500ms', balancers: [3], hosts };
  const waiting = {
    requests: [
      { request: 'GET /a', cost: '5ms', wait: { mean: '20ms' } },
      { request: 'GET /s', share: 0.01, cost: '1ms', stream: { mean: '1s' } },
    ],
    slowClients: { share: 0.1, bytesPerSecond: 50000 },
    messages: { loss: 0.1 },
  };
  const dying = { events: [{ at: '1s', what: 'master-dies' }], deadline: '400ms' };
  // Printed by the release without costs. Policies that learn are not among them: their rules may change.
  for (const [json, policy, requests, errors, mean] of [
    [{}, 'local-least-connections', 1998, 0, 25.097265],
    [{}, 'random', 1998, 0, 63.406538],
    [dying, 'local-least-connections', 1998, 20, 21.810823],
    [dying, 'random', 1998, 58, 46.899404],
    [waiting, 'local-least-connections', 6822, 0, 37.475084],
    [waiting, 'random', 6822, 0, 318.338308],
  ] as const) {
    const outcome = runSimulation({ scenario: readScenario({ ...base, ...json }, 'test'), policy, balancers: 3, load: 0.7, seed: 11 });
    const ms = latenciesOf(outcome.measure.sorted());
    assert.equal([outcome.requests, outcome.errors, Number(ms.mean.toFixed(6))], [requests, errors, mean], policy);
  }
});

test.run();
