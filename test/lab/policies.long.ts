// A small run of `meercat bench policies`: all contestants, all figures. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS } from '../../lib/model.js';
import { benchJson, type Fields, isWithin } from '../support/bench.js';

const test = suite('bench policies, long');

test('policies compares every algorithm with the installed programs, and reports the cost of the control plane', async () => {
  // Longer than the interval of reports, so that each host reports while the control plane is measured.
  const { figures } = await benchJson('policies', '--rounds', '1', '--seconds', '1.5', '--percent', '30', '--hosts', '12', '--slow', '2');
  const [only] = figures.byLoad as [{ percent: number; contestants: Fields[] }];
  assert.is(only.percent, 30);
  const names = only.contestants.map(({ name }) => name);
  assert.equal(names.slice(0, 1 + ALGORITHMS.length), ['omniscient, no proxy', ...ALGORITHMS.map((algorithm) => `meercat ${algorithm}`)]);
  for (const { name, p50, p90, p99, p999, inHostP50, inHostP99, spread, requests, failed, machineBusy } of only.contestants) {
    const what = String(name);
    assert.ok((p50 as number) > 9.99, `${what}, p50`);
    assert.ok((p50 as number) <= (p90 as number) && (p90 as number) <= (p99 as number) && (p99 as number) <= (p999 as number), what);
    // A small request costs 5 ms, twice as long here.
    assert.ok((inHostP50 as number) > 9.99, `${what}, in host`);
    assert.ok((inHostP50 as number) <= (inHostP99 as number), what);
    isWithin(spread, 1, 8, `${what}, spread`);
    assert.ok((requests as number) > 20, `${what}, requests`);
    assert.is(failed, 0, `${what}, failed`);
    isWithin(machineBusy, 0, 1, `${what}, machine`);
  }
  // All got the same requests.
  assert.is(new Set(only.contestants.map(({ requests }) => requests)).size, 1);
  const [control] = figures.control as [Fields & { balancers: Fields[]; channels: Record<string, Fields> }];
  assert.is(control.hosts, 12);
  assert.equal(
    control.balancers.map(({ name }) => name),
    ['b1', 'b2', 'b3', 'b4'],
  );
  for (const { fleetPercent, hostsPercent, trafficPercent, helpersPercent } of control.balancers) {
    for (const percent of [fleetPercent, hostsPercent, trafficPercent, helpersPercent])
      assert.ok((percent as number) >= 0, 'percent of a core');
  }
  for (const channel of ['reports', 'load', 'stats']) assert.ok((control.channels[channel]?.perSecond as number) > 0, channel);
});

test.run();
