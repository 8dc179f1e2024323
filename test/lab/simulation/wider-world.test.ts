// Worlds that are more than CPU and a fixed set of hosts: every request ends exactly once in them too, what is measured is
// what docs/simulate.md says, and worlds without any of it have the requests that they had before.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Arrivals } from '../../../lib/lab/simulation/arrivals.js';
import { absentAtStart, capacityStepsOf, hostChangesOf } from '../../../lib/lab/simulation/host-changes.js';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import type { POLICY_NAMES } from '../../../lib/lab/simulation/policy-names.js';
import { loadScenarioJson, readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import type { RunOutcome } from '../../../lib/lab/simulation/run-options.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('wider world');

type Name = (typeof POLICY_NAMES)[number];

const SMALL = { hosts: [{ count: 9 }, { count: 3, speed: 0.6 }], warmUp: '1s', duration: '3s', neighbours: { share: 0.3 }, balancers: [4] };
const REQUESTS = [
  { request: 'GET /page', share: 95, cost: '5ms' },
  { request: 'POST /report', share: 5, cost: '200ms' },
];

function run(json: object, policy: Name, load = 0.7): RunOutcome {
  return runSimulation({ scenario: readScenario({ ...SMALL, ...json }, 'test'), policy, balancers: 4, load, seed: 1 });
}

const meanOf = ({ measure }: RunOutcome): number => latenciesOf(measure.sorted()).mean;

test('a world with none of it has the same requests as ever, and the same latencies', () => {
  const outcome = run({ warmUp: '2s', duration: '4s', costs: 'known' }, 'omniscient');
  assert.equal([outcome.requests, meanOf(outcome).toFixed(6)], [9171, '19.189152']);
  assert.is(outcome.measure.streams, null);
});

test('what a slow client reads is no latency, and nothing of it is learned of the host; to least connections it is an open request', () => {
  const bodies = { requests: REQUESTS.map((each) => ({ ...each, body: { bytes: 100_000, spread: 'lognormal' } })) };
  const slow = { ...bodies, slowClients: { share: 0.3, bytesPerSecond: 100_000 } };
  for (const policy of ['omniscient', 'adaptive', 'prequal'] as const) {
    const [fast, held] = [run(bodies, policy), run(slow, policy)];
    if (policy !== 'adaptive') assert.equal(held.measure.sorted(), fast.measure.sorted(), policy);
    // Load messages tell how much is open, so they come at other times.
    else assert.ok(Math.abs(meanOf(held) / meanOf(fast) - 1) < 0.05, `${meanOf(held)} and ${meanOf(fast)}`);
    assert.is(held.answered, held.requests, policy);
    assert.ok(held.endMs > fast.endMs, 'the last clients read longer than hosts work');
  }
  assert.not.equal(run(bodies, 'local-least-connections').measure.sorted(), run(slow, 'local-least-connections').measure.sorted());
});

test('waits are in the latency, and take no CPU', () => {
  const waiting = { requests: REQUESTS.map((each) => ({ ...each, wait: { mean: '100ms', spread: 'fixed' } })) };
  const [plain, waits] = [run({ requests: REQUESTS }, 'omniscient'), run(waiting, 'omniscient')];
  assert.is(waits.requests, plain.requests);
  assert.ok(latenciesOf(waits.measure.sorted()).p50 >= 105);
  assert.ok(Math.abs(waits.measure.cpu.mean / plain.measure.cpu.mean - 1) < 0.03, `${waits.measure.cpu.mean}`);
});

const STREAMS = [...REQUESTS, { request: 'GET /events', share: 5, cost: '1ms', stream: { mean: '20s', atStart: 400, onHosts: 2 } }];

test('streams are in no latency and use no CPU, and to least connections their hosts are full', () => {
  const [free, full] = (['omniscient', 'local-least-connections'] as const).map((policy) => run({ requests: STREAMS }, policy)) as [
    RunOutcome,
    RunOutcome,
  ];
  for (const { measure, requests, answered } of [free, full]) {
    assert.is(answered, requests);
    const { count = 0 } = measure.streams ?? {};
    assert.ok(count > 100 && measure.sorted().length + count + 400 <= requests, `${count}`);
    assert.ok(latenciesOf(measure.sorted()).p999 < 10_000);
  }
  assert.ok(free.measure.cpu.ratio < 1.3, `${free.measure.cpu.ratio}`);
  // Ten of twelve hosts do the work of all.
  assert.ok(meanOf(full) > 1.2 * meanOf(free), `${meanOf(full)} ${meanOf(free)}`);
});

const EVERYTHING = Array.from(STREAMS, (each) => ({ ...each, wait: { mean: '30ms' }, body: { bytes: 50_000, spread: 'exponential' } }));

const TROUBLES: Readonly<Record<string, object>> = {
  'hosts that restart': { what: 'hosts-restart', hosts: 4, every: '100ms', for: '300ms', coldCost: 3, warm: '1s' },
  'hosts that fall silent': { what: 'hosts-die', hosts: 3, how: 'silent', for: '500ms' },
  'balancers that die': { what: 'balancers-die', balancers: 2 },
  'hosts that join and leave': { what: 'hosts-join', hosts: 6, every: '50ms', for: '1s' },
};

for (const [what, event] of Object.entries(TROUBLES)) {
  test(`with ${what}, waits, streams and slow clients every request ends exactly once`, () => {
    const json = {
      requests: EVERYTHING,
      slowClients: { share: 0.2, bytesPerSecond: 100_000 },
      events: [{ at: '1500ms', ...event }],
    };
    for (const policy of ['omniscient', 'local-least-connections', 'prequal', 'adaptive'] as const) {
      const { requests, answered, errors } = run(json, policy);
      assert.is(answered + errors, requests, policy);
      assert.ok(answered > 0.8 * requests, `${policy}: ${errors} errors`);
    }
  });
}

test('hosts that have joined and left in good order lose no request, and the load stays what it is', () => {
  const json = {
    hosts: [{ count: 12 }],
    neighbours: undefined,
    requests: [{ request: 'POST /page', cost: '5ms' }],
    duration: '9s',
    events: [{ at: '2s', what: 'hosts-join', hosts: 8, for: '5s' }],
  };
  const { errors, requests } = run(json, 'omniscient');
  assert.is(errors, 0);
  // A host does 0.8 × 0.7 requests a ms: 12 of them for 5 s, 4 for 5 s.
  assert.ok(Math.abs(requests / (0.56 * (12 * 5000 + 4 * 5000)) - 1) < 0.03, `${requests}`);
});

test('after a rolling deploy of a version that is twice as fast requests take half their time', () => {
  const json = {
    hosts: [{ count: 6 }],
    neighbours: undefined,
    requests: [{ request: 'GET /', cost: '10ms' }],
    warmUp: '5s',
    events: [{ at: '500ms', what: 'hosts-restart', hosts: 6, every: '500ms', for: '200ms', speed: 2 }],
  };
  const { measure } = run(json, 'omniscient', 0.5);
  assert.is(latenciesOf(measure.sorted()).p50.toFixed(6), '5.000000');
  assert.ok(Math.abs(measure.cpu.mean - 0.25) < 0.02, `${measure.cpu.mean}`);
});

test('hosts come and go as events say, from the end of the list, and arrivals follow their capacity', () => {
  const scenario = readScenario(
    {
      hosts: [{ count: 2 }, { count: 2, speed: 3 }],
      requests: [{ request: 'GET /', cost: '1ms' }],
      events: [
        { at: '10s', what: 'hosts-join', hosts: 2, every: '1s', for: '20s' },
        { at: '15s', what: 'hosts-leave', hosts: 1 },
      ],
    },
    'test',
  );
  assert.equal(absentAtStart(scenario), new Set([2, 3]));
  assert.equal(
    hostChangesOf(scenario)
      .filter(({ atMs }) => atMs > 0)
      .map(({ atMs, host, exists }) => [atMs, host, exists]),
    [
      [10_000, 2, true],
      [11_000, 3, true],
      [15_000, 1, false],
      [30_000, 2, false],
      [31_000, 3, false],
    ],
  );
  const steps = capacityStepsOf(scenario);
  assert.equal(
    steps.map(({ fromMs, share }) => [fromMs, Math.round(share * 8)]),
    [
      [0, 2],
      [10_000, 5],
      [11_000, 8],
      [15_000, 7],
      [30_000, 4],
      [31_000, 1],
    ],
  );
  const arrivals = new Arrivals(scenario, 0.5, 1);
  const counts = steps.map(() => 0);
  for (; arrivals.nextMs < 60_000; arrivals.next()) {
    const at = steps.findLastIndex(({ fromMs }) => fromMs <= arrivals.nextMs);
    counts[at] = (counts[at] as number) + 1;
  }
  for (const [i, { fromMs, share }] of steps.entries()) {
    // 32 ms of CPU a ms in all, half of it used.
    const expected = 16 * share * ((steps[i + 1]?.fromMs ?? 60_000) - fromMs);
    assert.ok(Math.abs((counts[i] as number) - expected) < 5 * Math.sqrt(expected), `${counts[i]}, not ${expected}`);
  }
});

for (const name of ['waiting', 'slow-clients', 'streams', 'heavy-tailed', 'small-fleet']) {
  test(`in the scenario ${name} no policy that does not know costs has a mean below the floor's`, () => {
    const scenario = readScenario({ ...loadScenarioJson(name).json, warmUp: '500ms', duration: '1s' }, name);
    const mean = (policy: Name): number => meanOf(runSimulation({ scenario, policy, balancers: 2, load: 0.8, seed: 2 }));
    const floor = mean('omniscient');
    for (const policy of ['local-least-connections', 'adaptive'] as const) {
      const ratio = mean(policy) / floor;
      assert.ok(ratio > 0.99, `${policy}: ${ratio}`);
    }
  });
}

test('a host that becomes five times as fast has its full share within ten seconds', () => {
  const world = {
    hosts: [{ count: 12 }],
    neighbours: { share: 0 },
    warmUp: '20s',
    duration: '10s',
    events: [{ at: '10s', for: '1ms', what: 'hosts-restart', hosts: 1, speed: 5 }],
  };
  // The mean CPU of the hosts, if each of 11 + 5 parts of the work takes as long; the more the fast host has, the lower.
  const share = (0.9 * 12) / (11 + 5);
  for (const balancers of [1, 16]) {
    const scenario = readScenario({ ...world, balancers: [balancers] }, 'test');
    const { mean } = runSimulation({ scenario, policy: 'adaptive', balancers, load: 0.9, seed: 1 }).measure.cpu;
    assert.ok(mean < share, `${balancers} balancers: ${mean} of ${share}`);
  }
});

test.run();
