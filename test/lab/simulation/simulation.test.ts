// Small complete runs: the same seed gives the same figures, no request is lost whatever dies, all policies get the same
// requests, and the ranking of the policies is as in theory and the README, within stated tolerances.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import { PEERS, POLICY_NAMES } from '../../../lib/lab/simulation/policy-names.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import type { RunOutcome } from '../../../lib/lab/simulation/run-options.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

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

/** As {@link SMALL}, for what needs no steady state. */
const SHORT = { warmUp: '500ms', duration: '1s' };

test('the same seed gives the same latencies for every policy, and another seed others; all get the same requests', () => {
  const counts = new Set<number>();
  for (const policy of POLICY_NAMES) {
    const first = run(SHORT, policy, 3);
    const sorted = first.measure.sorted();
    assert.ok(sorted.length > 1000, policy);
    assert.equal(run(SHORT, policy, 3).measure.sorted(), sorted, policy);
    assert.not.equal(run(SHORT, policy, 3, 0.7, 2).measure.sorted(), sorted, policy);
    counts.add(first.requests);
  }
  const [one, five] = [1, 5].map((balancers) => run({}, 'omniscient', balancers)) as [RunOutcome, RunOutcome];
  assert.equal([...counts], [run(SHORT, 'omniscient', 1).requests]);
  // An omniscient policy gives the same result whichever balancer gets a request.
  assert.is(one.measure.cpu.mean.toFixed(3), five.measure.cpu.mean.toFixed(3));
});

/** With a trouble after 1 s. */
const TROUBLED = { warmUp: '500ms', duration: '2s' };

const TROUBLES: Readonly<Record<string, object>> = {
  'hosts that refuse': { events: [{ at: '1s', what: 'hosts-die', hosts: 3, how: 'refused', for: '500ms' }] },
  'hosts that fall silent': { events: [{ at: '1s', what: 'hosts-die', hosts: 3, how: 'silent', for: '500ms' }] },
  'hosts that answer nothing': { events: [{ at: '1s', what: 'hosts-answer-wrongly', hosts: 2, how: 'empty', for: '500ms' }] },
  'hosts that answer 500': { events: [{ at: '1s', what: 'hosts-answer-wrongly', hosts: 2, how: 'error', for: '500ms' }] },
  'balancers that die': { events: [{ at: '1s', what: 'balancers-die', balancers: 2 }] },
  'a master that dies': { events: [{ at: '1s', what: 'master-dies' }] },
  'Redis away': { events: [{ at: '1s', what: 'redis-away', for: '1s' }] },
  'lost messages': { messages: { loss: 0.2 } },
};

const troubled = (what: string, policy: Name): RunOutcome => run({ ...TROUBLED, ...TROUBLES[what] }, policy, 4);

for (const what of Object.keys(TROUBLES)) {
  test(`with ${what} every request ends exactly once, with an answer or an error`, () => {
    for (const policy of ['omniscient', 'local-least-connections', 'prequal', 'resource', 'adaptive'] as const) {
      const { requests, answered, errors } = troubled(what, policy);
      assert.is(answered + errors, requests, policy);
      // A host that answers fast and empty looks idle: finding it is for health checks.
      assert.ok(answered > (what === 'hosts that answer nothing' ? 0.5 : 0.9) * requests, `${policy}: ${errors} errors`);
    }
  });
}

test('a host that refuses connections costs at most its requests in flight, and a dead Redis none', () => {
  for (const policy of ['local-least-connections', 'adaptive'] as const) {
    // Those that may not be sent twice, POST, and what the retry budget does not cover: of seeds 1 to 12 4 to 20.
    assert.ok(troubled('hosts that refuse', policy).errors <= 20, policy);
    assert.is(troubled('Redis away', policy).errors, 0);
    // A dead balancer loses its own requests in flight.
    const { errors } = troubled('a master that dies', policy);
    assert.ok(errors > 0 && errors < 40, `${policy}: ${errors}`);
  }
});

test('no policy without knowledge of the costs beats the omniscient one by more than 2 % of p99', () => {
  const json = { warmUp: '1s', duration: '2s' };
  const floor = p99Of(json, 'omniscient', 8, 0.8);
  for (const policy of POLICY_NAMES.filter((name) => !(PEERS as readonly string[]).slice(0, 2).includes(name))) {
    const ratio = p99Of(json, policy, 8, 0.8) / floor;
    assert.ok(ratio > 0.98, `${policy}: ${ratio}`);
  }
});

test('local least connections gets worse with balancers, and adaptive does not: at 32 it is at least 2 times better', () => {
  const json = { hosts: [{ count: 18 }, { count: 6, speed: 0.6 }], warmUp: '1s', duration: '3s' };
  const local = [1, 32].map((balancers) => p99Of(json, 'local-least-connections', balancers, 0.8));
  const adaptive = [1, 32].map((balancers) => p99Of(json, 'adaptive', balancers, 0.8));
  assert.ok((local[1] as number) > 1.3 * (local[0] as number), String(local));
  assert.ok((adaptive[1] as number) < 1.5 * (adaptive[0] as number), String(adaptive));
  assert.ok((local[1] as number) > 2 * (adaptive[1] as number), `${String(local)} ${String(adaptive)}`);
});

test('uneven hosts without agents, when most of them are short of CPU: adaptive is at least 1.5 times better than local least connections', () => {
  const uneven = {
    hosts: [{ count: 6 }, { count: 2, speed: 0.6 }, { count: 2, cores: 16 }, { count: 2, cores: 2 }],
    neighbours: undefined,
    reports: 'never',
    costs: undefined,
    warmUp: '3s',
    duration: '4s',
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
    warmUp: '5s',
    duration: '20s',
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
  const { cpu } = run({ hosts: [{ count: 10 }], neighbours: {}, warmUp: '10s', duration: '10s' }, 'adaptive', 4).measure;
  assert.ok(Math.abs(cpu.mean - 0.7) < 0.03, `${cpu.mean}`);
  assert.ok(cpu.ratio < 1.06, `${cpu.ratio}`);
});

test.run();
