// Small runs of `meercat bench policies`: all contestants and figures, HAProxy with agents, and a program that does not
// start. Speed is not tested.

import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProgram } from '../../lib/lab/processes.js';
import { ALGORITHMS } from '../../lib/model.js';
import { type BenchJson, benchJson, type Fields, isWithin } from '../support/bench.js';
import { withProcess, withTempDir } from '../support/brackets.js';
import { ENTRY } from '../support/meercat.js';

const test = suite('bench policies, long');

test('policies compares every algorithm with the installed programs, and reports the cost of the control plane', async () => {
  const { figures } = await benchJson('policies', '--rounds', '1', '--seconds', '0.4', '--percent', '30', '--hosts', '12', '--slow', '2');
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

test("agents of Meercat set the weights of HAProxy's servers, and meercat picks by the reports of the same agents", async () => {
  if (findProgram('haproxy') === undefined) return;
  const chosen = 'adaptive,haproxy leastconn+agents';
  const { figures } = await benchJson('policies', '--only', chosen, '--rounds', '1', '--seconds', '2', '--percent', '30', '--slow', '2');
  const [{ contestants }] = figures.byLoad as [{ contestants: Fields[] }];
  assert.equal(
    contestants.map(({ name }) => name),
    ['omniscient, no proxy', 'meercat adaptive', 'haproxy leastconn+agents'],
  );
  assert.equal(
    contestants.map(({ failed }) => failed),
    [0, 0, 0],
  );
  const [floor, ours, withAgents] = contestants as [Fields, Fields, Fields];
  assert.equal([floor.weights, ours.weights], [null, null]);
  const [least, most] = withAgents.weights as [number, number];
  // A neighbour takes three of the four cores of one host all the time, and another host has none.
  isWithin(least, 1, 30, 'least weight');
  isWithin(most, 45, 100, 'greatest weight');
  assert.equal([figures.control, figures.leftOut], [[], []]);
});

test('a program that does not start is left out with the reason, and the others are measured', () =>
  withTempDir(async (dir) => {
    const refusing = join(dir, 'haproxy');
    writeFileSync(refusing, '#!/bin/sh\necho "[ALERT] no such keyword" >&2\nexit 1\n');
    chmodSync(refusing, 0o755);
    const args = [
      ENTRY,
      'bench',
      'policies',
      '--only',
      'round-robin,leastconn',
      '--rounds',
      '1',
      '--seconds',
      '0.4',
      '--percent',
      '30',
      '--json',
    ];
    const env = { PATH: `${dir}${delimiter}${process.env.PATH ?? ''}` };
    await withProcess({ command: process.execPath, args, env }, async (child) => {
      assert.is((await child.exit).code, 0);
      const reason = 'haproxy leastconn is left out: it refuses its configuration: [ALERT] no such keyword';
      assert.ok(child.stderr.includes(`bench policies: ${reason}`), child.stderr.join('\n'));
      const { figures } = JSON.parse(child.stdout.join('\n')) as BenchJson;
      assert.equal(figures.leftOut, [reason]);
      const [{ contestants }] = figures.byLoad as [{ contestants: Fields[] }];
      assert.equal(
        contestants.map(({ name }) => name),
        ['omniscient, no proxy', 'meercat round-robin'],
      );
    });
  }));

test.run();
