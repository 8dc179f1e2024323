// The command `meercat bench`: its output, with and without a file, and the arguments that it rejects. Uses the fastest
// benchmark; the others are in *.long.ts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS } from '../../lib/model.js';
import { bench, type BenchJson, type Fields, isTime } from '../support/bench.js';
import { withTempDir } from '../support/brackets.js';
import { refusedHere } from '../support/meercat.js';

const test = suite('bench');

test('pick reports a time for every policy and number of hosts; with a file only the table is printed', () =>
  withTempDir(async (folder) => {
    const file = join(folder, 'pick.json');
    const { code, stdout } = await bench('pick', '--hosts', '5,200', '--rounds', '2', '--seconds', '0.01', '--json', file);
    assert.is(code, 0);
    assert.match(stdout, /reached: (yes|no)$/);
    const { bench: name, figures } = JSON.parse(readFileSync(file, 'utf8')) as BenchJson;
    assert.is(name, 'pick');
    const byPolicy = figures.byPolicy as Fields[];
    assert.equal(
      byPolicy.map(({ algorithm, hosts }) => `${String(algorithm)} ${String(hosts)}`),
      ALGORITHMS.flatMap((algorithm) => [`${algorithm} 5`, `${algorithm} 200`]),
    );
    for (const each of byPolicy) {
      isTime(each.medianNs, 'ns');
      assert.ok(Number.isFinite(each.bytesPerPick), 'bytes');
      assert.ok((each.minNs as number) <= (each.medianNs as number) && (each.medianNs as number) <= (each.maxNs as number));
    }
    assert.is((figures.flat as Fields[]).length, ALGORITHMS.length);
  }));

test('without a flag the table and one line of JSON are printed', async () => {
  const { code, stdout } = await bench('pick', '--hosts', '3', '--rounds', '1', '--seconds', '0.01');
  assert.is(code, 0);
  assert.match(stdout, /^bench pick\n/);
  const [, json = ''] = /\ngoal: .* reached: (?:yes|no)\n(\{"bench":"pick".*\})$/.exec(stdout) ?? [];
  const { wrong, goals } = JSON.parse(json) as BenchJson;
  assert.equal(wrong, []);
  assert.ok(goals.length > 0);
});

test('invalid arguments are rejected with exit code 2 and a list of valid ones', async () => {
  for (const [args, expected] of [
    [
      ['nope'],
      'one of failover, ejection, freshness, pick, route, record, forward, profile, latency, idle, processes, policies, fleet, churn, site, chaos, ablation, not "nope"',
    ],
    [['toString'], 'not "toString"'],
    [['pick', '--connections', '3'], '--connections: bench pick does not take it'],
    [['churn', '--connections', '4097'], '--connections: bench churn takes at most 4096'],
    [['pick', '--hosts', '10,x'], '--hosts: a whole number'],
    [['pick', '--seconds', '-1'], '--seconds'],
    [['pick', '--peer-fleets', '2'], '--peer-fleets: bench pick does not take it'],
    [['proof', '--hosts', '3'], '--hosts: bench fleet does not take it; it takes --rounds, --seconds, --fleets, --peer-fleets, --cpu, '],
    [['fleet', '--cpu', '0.3'], '--cpu: at least 0.4, since the kernel can give each of 8 balancers 0.05 of a core at least'],
    [['fleet', '--cpu', 'much'], '--cpu: cores, from 0.01 to 64, not "much"'],
    [['fleet', '--fleets', '17'], '--fleets'],
    [['fleet', '--only', 'nope'], '--only: one of meercat, haproxy, nginx, loads, faults, simulation, not "nope"'],
    [['fleet', '--only', 'simulation'], '--only: add loads to simulation'],
    [['fleet', '--from', '/none/run.json'], '--from /none/run.json: there is no such file'],
    [['fleet', '--from', 'run.json', '--rounds', '2'], '--from: nothing is measured again'],
    [['fleet', '--html', '/none/page.html'], '--html /none/page.html: its directory does not exist'],
    [['fleet', '--json', '/none/run.json'], '--json /none/run.json: its directory does not exist'],
    [['pick', '--seeds', '1'], '--seeds: bench pick does not take it'],
    [[], "missing required argument 'name'"],
  ] as const) {
    const { code, stdout, stderr } = await refusedHere(['bench', ...args]);
    assert.is(code, 2, args.join(' '));
    assert.is(stdout, '');
    assert.ok(stderr.includes(expected), stderr);
  }
});

test.run();
