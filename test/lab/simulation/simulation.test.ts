// Small complete runs: the same seed gives the same figures, no request is lost whatever dies, all policies get the same
// requests, and the ranking of the policies is as in theory and the README, within stated tolerances.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import { PEERS, POLICY_NAMES } from '../../../lib/lab/simulation/policy-names.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { type RunOutcome, runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('simulation');

type Name = (typeof POLICY_NAMES)[number];

const SMALL = {
  name: 'small',
  hosts: [{ count: 9 }, { count: 3, speed: 0.6 }],
  warmUp: '2s',
  duration: '4s',
  costs: 'known',
  neighbours: { share: 0.3 },
  balancers: [4],
};

function run(json: object, policy: Name, balancers: number, load = 0.7, seed = 1): RunOutcome {
  return runSimulation({ scenario: readScenario({ ...SMALL, ...json }, 'test'), policy, balancers, load, seed });
}

const p99Of = (json: object, policy: Name, balancers: number, load: number): number =>
  latenciesOf(run(json, policy, balancers, load).measure.sorted()).p99;

test('the same seed gives the same latencies for every policy, and another seed others', () => {
  for (const policy of POLICY_NAMES) {
    const sorted = (seed: number): Float64Array => run({}, policy, 3, 0.7, seed).measure.sorted();
    const first = sorted(1);
    assert.ok(first.length > 3000, policy);
    assert.equal(sorted(1), first, policy);
    assert.not.equal(sorted(2), first, policy);
  }
});

test('all policies get the same requests, however many balancers there are', () => {
  const counts = [...POLICY_NAMES.map((policy) => run({}, policy, 3).requests), run({}, 'omniscient', 1).requests];
  assert.is(new Set(counts).size, 1, String(counts));
  // An omniscient policy gives the same result whichever balancer gets a request.
  assert.equal(run({}, 'omniscient', 1).measure.cpu.mean.toFixed(3), run({}, 'omniscient', 5).measure.cpu.mean.toFixed(3));
});

const TROUBLES: Readonly<Record<string, object>> = {
  'hosts that refuse': { events: [{ at: '3s', what: 'hosts-die', hosts: 3, how: 'refused', for: '1s' }] },
  'hosts that fall silent': { events: [{ at: '3s', what: 'hosts-die', hosts: 3, how: 'silent', for: '1s' }] },
  'hosts that answer nothing': { events: [{ at: '3s', what: 'hosts-answer-wrongly', hosts: 2, how: 'empty', for: '1s' }] },
  'hosts that answer 500': { events: [{ at: '3s', what: 'hosts-answer-wrongly', hosts: 2, how: 'error', for: '1s' }] },
  'balancers that die': { events: [{ at: '3s', what: 'balancers-die', balancers: 2 }] },
  'a master that dies': { events: [{ at: '3s', what: 'master-dies' }] },
  'Redis away': { events: [{ at: '3s', what: 'redis-away', for: '2s' }] },
  'lost messages': { messages: { loss: 0.2 } },
};

for (const [what, json] of Object.entries(TROUBLES)) {
  test(`with ${what} every request ends exactly once, with an answer or an error`, () => {
    for (const policy of ['omniscient', 'local-least-connections', 'prequal', 'resource', 'adaptive'] as const) {
      const { requests, answered, errors } = run(json, policy, 4);
      assert.is(answered + errors, requests, policy);
      assert.ok(answered > 0.9 * requests, `${policy}: ${errors} errors`);
    }
  });
}

test('a host that refuses connections costs at most its requests in flight, and a dead Redis none', () => {
  for (const policy of ['local-least-connections', 'adaptive'] as const) {
    // Those that may not be sent twice, POST, and what the retry budget does not cover: of seeds 1 to 12 4 to 20.
    assert.ok(run(TROUBLES['hosts that refuse'] as object, policy, 4).errors <= 20, policy);
    assert.is(run(TROUBLES['Redis away'] as object, policy, 4).errors, 0);
    // A dead balancer loses its own requests in flight.
    const { errors } = run(TROUBLES['a master that dies'] as object, policy, 4);
    assert.ok(errors > 0 && errors < 40, `${policy}: ${errors}`);
  }
});

test('no policy without knowledge of the costs beats the omniscient one by more than 2 % of p99', () => {
  for (const policy of POLICY_NAMES.filter((name) => !(PEERS as readonly string[]).slice(0, 2).includes(name))) {
    const ratio = p99Of({}, policy, 8, 0.8) / p99Of({}, 'omniscient', 8, 0.8);
    assert.ok(ratio > 0.98, `${policy}: ${ratio}`);
  }
});

test('local least connections gets worse with balancers, and adaptive does not: at 32 it is at least 2 times better', () => {
  const json = { hosts: [{ count: 18 }, { count: 6, speed: 0.6 }] };
  const local = [1, 32].map((balancers) => p99Of(json, 'local-least-connections', balancers, 0.8));
  const adaptive = [1, 32].map((balancers) => p99Of(json, 'adaptive', balancers, 0.8));
  assert.ok((local[1] as number) > 1.3 * (local[0] as number), String(local));
  assert.ok((adaptive[1] as number) < 1.3 * (adaptive[0] as number), String(adaptive));
  assert.ok((local[1] as number) > 2 * (adaptive[1] as number), `${String(local)} ${String(adaptive)}`);
});

test('uneven hosts without agents, when most of them are short of CPU: adaptive is at least 1.5 times better than local least connections', () => {
  const uneven = {
    hosts: [{ count: 6 }, { count: 2, speed: 0.6 }, { count: 2, cores: 16 }, { count: 2, cores: 2 }],
    neighbours: undefined,
    reports: 'never',
    costs: undefined,
    warmUp: '6s',
    duration: '8s',
  };
  const [adaptive, local] = [p99Of(uneven, 'adaptive', 8, 0.9), p99Of(uneven, 'local-least-connections', 8, 0.9)];
  assert.ok(local > 1.5 * adaptive, `${adaptive} and ${local}`);
});

test('four weak hosts and a strong one, without agents: adaptive overloads none of them', () => {
  const json = {
    hosts: [
      { count: 4, cores: 1, speed: 0.4 },
      { count: 1, cores: 20 },
    ],
    neighbours: null,
    costs: 'learned',
    reports: 'never',
    requests: [{ request: 'GET /a', share: 100, cost: '20ms' }],
    warmUp: '10s',
  };
  const { p50, p99 } = latenciesOf(run(json, 'adaptive', 4, 0.5).measure.sorted());
  assert.ok(p50 < 30 && p99 < 5000, `${p50}, ${p99} ms, of 20 to 50 that a request takes alone; once it was a minute`);
});

test('equal hosts without agents are used evenly by many lightly loaded balancers', () => {
  const json = {
    hosts: [{ count: 3 }],
    neighbours: null,
    costs: 'learned',
    reports: 'never',
    requests: [{ request: 'GET /page', share: 100, cost: '20ms', spread: 'exponential' }],
    warmUp: '10s',
    duration: '60s',
  };
  const { ratio } = run(json, 'adaptive', 64, 0.3).measure.cpu;
  assert.ok(ratio < 1.25, `${ratio}`);
});

test('one large host among many small ones: adaptive does not overload the small ones at half load', () => {
  const uneven = {
    hosts: [
      { count: 9, cores: 1 },
      { count: 1, cores: 32 },
    ],
    neighbours: undefined,
    duration: '6s',
  };
  const [adaptive, floor] = [p99Of(uneven, 'adaptive', 4, 0.5), p99Of(uneven, 'omniscient', 4, 0.5)];
  assert.ok(adaptive < 2 * floor, `${adaptive}, at best ${floor}`);
});

test('with two balancers round robin is at least 1.5 times worse than local least connections, and two choices are between', () => {
  const p99 = (policy: Name): number => p99Of({}, policy, 2, 0.8);
  const [turns, two, least] = [p99('round-robin'), p99('least-request'), p99('local-least-connections')];
  assert.ok(turns > 1.5 * least && turns > two && two > 0.98 * least, `${turns} ${two} ${least}`);
});

test('adaptive uses equal hosts evenly: the highest CPU is at most 6 % over the mean', () => {
  const { cpu } = run({ hosts: [{ count: 10 }], neighbours: {}, warmUp: '30s', duration: '30s' }, 'adaptive', 4).measure;
  assert.ok(Math.abs(cpu.mean - 0.7) < 0.03, `${cpu.mean}`);
  assert.ok(cpu.ratio < 1.06, `${cpu.ratio}`);
});

test.run();
