// `simulate limits`: fleets keep to their limits, within the goals where docs/limits.md says so; the same seed gives the same
// figures.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LimitFigures, type LimitKind, runLimit } from '../../../lib/lab/simulation/limit-run.js';
import { LIMIT_SCENARIOS, type LimitScenario } from '../../../lib/lab/simulation/limit-scenarios.js';
import { simulateLimits } from '../../../lib/lab/simulation/limits.js';
import { meercat } from '../../support/meercat.js';

const test = suite('simulate limits');

function run(kind: LimitKind, name: string, seed = 3, load = 1.5): LimitFigures {
  const scenario = LIMIT_SCENARIOS.find((each) => each.name === name) as LimitScenario;
  return runLimit({ kind, scenario, balancers: 8, everyMs: 100, load, seed });
}

for (const kind of ['in flight', 'rate, one key'] as const) {
  test(`${kind}: eight balancers are within 5 % of the limit with uneven traffic, and when Redis goes`, () => {
    for (const name of ['even', 'uneven', 'even, Redis away', 'uneven, Redis away']) {
      const { over, under, afterFault } = run(kind, name);
      assert.ok(over <= 0.05 && under <= 0.05, `${name}: ${over} over, ${under} under`);
      assert.ok(!(Math.abs(afterFault) > 0.1), `${name}: ${afterFault}`);
    }
  });

  test(`${kind}: never more than 5 % above the limit in any scenario, and within 10 % of it after one balancer of eight dies`, () => {
    for (const { name } of LIMIT_SCENARIOS) {
      const { over, mostOver } = run(kind, name);
      assert.ok(over <= 0.05 && !(mostOver > 0.05), `${name}: ${over}, ${mostOver}`);
    }
    assert.ok(Math.abs(run(kind, 'even, one dies').afterFault) <= 0.11);
  });
}

test('demand below the limit is let in', () => {
  for (const kind of ['in flight', 'rate, one key'] as const) assert.ok(run(kind, 'uneven', 3, 0.8).under < 0.2);
});

test('a client that comes through all balancers at first gets more than the limit, which is paid back', () => {
  const { firstSecond, over } = run('rate, a client on all', 'even');
  assert.ok(firstSecond > 0.05 && over < 0.05, `${firstSecond}, ${over}`);
});

async function print(isJson: boolean): Promise<string> {
  let text = '';
  const request = { balancers: [1], loads: [1.5], everyMs: 100, seed: 1, isJson };
  assert.is(await simulateLimits(request, new AbortController().signal, { write: (part) => (text += part) }), 0);
  return text;
}

test('the JSON has a row for each run, and is the same again but for what checks cost', async () => {
  interface Json {
    readonly runs: readonly Readonly<Record<string, unknown>>[];
  }
  const [one, other] = [JSON.parse(await print(true)) as Json, JSON.parse(await print(true)) as Json];
  assert.is(one.runs.length, 15);
  assert.equal(one.runs, other.runs);
  assert.match(await print(false), /^in flight +even +1 +1\.50 .* yes$/m);
});

test('flags that do not go with limits are refused by their names', async () => {
  for (const [args, message] of [
    [['--policies', 'adaptive'], /--policies: not with limits/],
    [['--exchange', 'never'], /--exchange: limits takes a time/],
    [['--json', 'x.json'], /--json: limits writes to stdout only/],
  ] as const) {
    const { code, stderr } = await meercat(['simulate', 'limits', ...args]);
    assert.is(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test.run();
