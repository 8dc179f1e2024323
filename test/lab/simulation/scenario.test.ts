// Scenarios: the built-in ones are valid, files are validated, and every error names the field and the allowed values.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../../lib/errors.js';
import { hostCountOf, meanCapacityOf, meanCostOf } from '../../../lib/lab/simulation/scenario.js';
import { loadScenario, readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { SCENARIOS } from '../../../lib/lab/simulation/scenarios.js';
import { withTempDir } from '../../support/brackets.js';

const test = suite('scenario');

test('every built-in scenario is valid and has a unique name', () => {
  for (const { name } of SCENARIOS) {
    const scenario = loadScenario(name);
    assert.is(scenario.name, name);
    assert.ok(scenario.about.length > 10 && scenario.policies.length > 0);
  }
  assert.is(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
});

test('the scenario default is the one for which the goals are stated', () => {
  const scenario = loadScenario('default');
  assert.is(hostCountOf(scenario), 50);
  assert.is(meanCostOf(scenario), 17);
  // A core lost 0.3 × 2 of the time, and 12 of 50 hosts at 0.6.
  assert.ok(Math.abs(meanCapacityOf(scenario) - 3.4 * (38 + 12 * 0.6)) < 1e-9);
  assert.equal(scenario.balancers, [1, 2, 8, 32, 64]);
  assert.is(scenario.exchangeMs, null);
});

test('a file is read, and absent fields are as in default', async () => {
  await withTempDir((folder) => {
    const file = join(folder, 'mine.json');
    writeFileSync(
      file,
      JSON.stringify({
        hosts: [{ count: 3, cores: 2 }],
        exchange: '50ms',
        reports: 'never',
        events: [{ at: '5s', what: 'redis-away', for: '1s' }],
      }),
    );
    const scenario = loadScenario(file);
    assert.is(scenario.name, 'mine.json');
    assert.equal(scenario.hosts, [{ count: 3, cores: 2, speed: 1, memory: 0.4 }]);
    assert.is(scenario.exchangeMs, 50);
    assert.is(scenario.reportMs, Number.POSITIVE_INFINITY);
    assert.is(scenario.neighbours, null);
    assert.equal(scenario.requests, loadScenario('default').requests);
    assert.equal(scenario.events, [{ atMs: 5000, forMs: 1000, what: 'redis-away' }]);
  });
});

test('the fields of the wider world are read, and absent ones leave it out', () => {
  const [plain, rich] = readScenario(
    {
      requests: [
        { request: 'GET /a', cost: '5ms' },
        {
          request: 'GET /b',
          cost: '5ms',
          wait: { mean: '30ms' },
          body: { bytes: 5000, spread: 'lognormal', sigma: 2 },
          stream: { mean: '60s', atStart: 9, onHosts: 2 },
        },
      ],
    },
    'x',
  ).requests;
  assert.equal([plain?.wait, plain?.body, plain?.stream], [null, { mean: 1000, spread: 'fixed', sigma: 1 }, null]);
  assert.equal(rich?.wait, { mean: 30, spread: 'exponential', sigma: 1 });
  assert.equal(rich?.body, { mean: 5000, spread: 'lognormal', sigma: 2 });
  assert.equal(rich?.stream, { meanMs: 60_000, atStart: 9, onHosts: 2 });
  const { slowClients, events } = readScenario(
    {
      slowClients: { share: 0.1, bytesPerSecond: 50_000 },
      events: [
        // One host after the other: all of them may.
        { at: '1s', what: 'hosts-restart', hosts: 50, every: '2s', for: '2s', speed: 2 },
        { at: '1s', what: 'hosts-join', hosts: 49, every: '1s', for: '5s' },
      ],
    },
    'x',
  );
  assert.equal(slowClients, { share: 0.1, bytesPerSecond: 50_000 });
  assert.equal(events, [
    { atMs: 1000, forMs: 2000, what: 'hosts-restart', hosts: 50, everyMs: 2000, coldCost: 1, warmMs: 10_000, speed: 2 },
    { atMs: 1000, forMs: 5000, what: 'hosts-join', hosts: 49, everyMs: 1000 },
  ]);
});

const WRONG: readonly (readonly [json: unknown, message: RegExp])[] = [
  [[], /^scenario x: an object, not \[\]$/],
  [{ hosts: [] }, /^scenario x: hosts: a list that is not empty, not \[\]$/],
  [{ hosts: [{ count: 2 }, { count: 1, speed: -1 }] }, /^scenario x: hosts\[1\]\.speed: a number from 0\.001 to 1000, not -1$/],
  [{ hosts: [{ count: 1, core: 4 }] }, /^scenario x: hosts\[0\]\.core: not a field; there are count, cores, speed, memory$/],
  [{ hosts: [{ count: 16_000 }, { count: 16_000 }] }, /^scenario x: hosts: at most 16384 hosts in all/],
  [{ neighbours: { share: 0.5, cores: [3, 1] } }, /^scenario x: neighbours\.cores: from and to, such as \[1, 3\], not \[3,1\]$/],
  [{ requests: [{ request: 'GET /', cost: 5 }] }, /^scenario x: requests\[0\]\.cost: a time such as "500ms" or "8s", not 5$/],
  [
    { requests: [{ request: 'GET /', cost: '5ms', spread: 'wide' }] },
    /^scenario x: requests\[0\]\.spread: one of fixed, exponential, lognormal, not "wide"$/,
  ],
  [{ balancers: [1.5] }, /^scenario x: balancers: a list of whole numbers from 1 to 1024, not \[1\.5\]$/],
  [{ loads: [0.7, 3] }, /^scenario x: loads: a list of numbers from 0\.0001 to 2/],
  [{ exchange: 'often' }, /^scenario x: exchange: .*or "never", or "product"$/],
  [{ policies: ['best'] }, /^scenario x: policies: a list of omniscient, .*not \["best"\]$/],
  [{ events: [{ at: '1s', what: 'flood' }] }, /^scenario x: events\[0\]\.what: one of neighbours, hosts-die/],
  [{ events: [{ at: '1s', what: 'redis-away' }] }, /^scenario x: events\[0\]\.for: how long it is away/],
  [{ hosts: [{ count: 2 }], events: [{ at: '1s', what: 'hosts-die', hosts: 2 }] }, /^scenario x: events: one host at least must be well/],
  [
    { hosts: [{ count: 2 }], events: [{ at: '1s', what: 'neighbours', hosts: 3, cores: 1 }] },
    /^scenario x: events: no event may be of more than the 2 hosts/,
  ],
  [
    { balancers: [1], events: [{ at: '1s', what: 'master-dies' }] },
    /^scenario x: events: one balancer at least must live, and "balancers" has 1/,
  ],
  [{ requests: [{ request: 'GET /', cost: '5ms', wait: {} }] }, /^scenario x: requests\[0\]\.wait\.mean: a time such as "500ms"/],
  [{ requests: [{ request: 'GET /', cost: '5ms', body: { size: 5 } }] }, /^scenario x: requests\[0\]\.body\.size: not a field/],
  [
    { requests: [{ request: 'GET /', cost: '5ms', stream: { mean: '5s', atStart: 1.5 } }] },
    /^scenario x: requests\[0\]\.stream\.atStart: a whole number from 0 to 1000000, not 1\.5$/,
  ],
  [
    { hosts: [{ count: 2 }], requests: [{ request: 'GET /', cost: '5ms', stream: { mean: '5s', atStart: 1, onHosts: 3 } }] },
    /^scenario x: requests: no streams may be on more than the 2 hosts that there are/,
  ],
  [{ slowClients: { share: 0.1 } }, /^scenario x: slowClients\.bytesPerSecond: a number from 1 to 1000000000, not undefined$/],
  [{ slowClients: { share: 2, bytesPerSecond: 5 } }, /^scenario x: slowClients\.share: a number from 0 to 1, not 2$/],
  [{ events: [{ at: '1s', what: 'hosts-restart', hosts: 1 }] }, /^scenario x: events\[0\]\.for: how long each host is down/],
  [
    { events: [{ at: '1s', what: 'hosts-restart', hosts: 1, for: '1s', coldCost: 0.5 }] },
    /^scenario x: events\[0\]\.coldCost: a number from 1 to 1000, not 0\.5$/,
  ],
  [
    { hosts: [{ count: 2 }], events: [{ at: '1s', what: 'hosts-restart', hosts: 2, every: '1s', for: '1500ms' }] },
    /^scenario x: events: one host at least must be well/,
  ],
  [
    {
      hosts: [{ count: 4 }],
      events: [
        { at: '1s', what: 'hosts-join', hosts: 2 },
        { at: '1s', what: 'hosts-leave', hosts: 2 },
      ],
    },
    /^scenario x: events: one host at least must be there all the time, and there are 4/,
  ],
  [
    { reports: 'never', events: [{ at: '1s', what: 'hosts-join', hosts: 1 }] },
    /^scenario x: reports: hosts join and leave by their reports/,
  ],
  [{ load: 0.7 }, /^scenario x: load: not a field; there are name, about, hosts/],
];

for (const [json, message] of WRONG) {
  test(`refused: ${JSON.stringify(json)}`, () => {
    assert.throws(
      () => readScenario(json, 'x'),
      (error: unknown) => {
        assert.ok(error instanceof MeercatError && error.code === 'MEERCAT_BAD_CONFIG');
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('an unknown name, a missing file and invalid JSON give different errors', async () => {
  assert.throws(() => loadScenario('nope'), /^.*scenario: one of default, .*, or a file such as \.\/mine\.json, not "nope"/);
  assert.throws(() => loadScenario('./not/there.json'), /scenario \.\/not\/there\.json: there is no such file/);
  await withTempDir((folder) => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, '{ "hosts": ');
    assert.throws(() => loadScenario(file), /bad\.json: .*JSON/);
  });
});

test.run();
