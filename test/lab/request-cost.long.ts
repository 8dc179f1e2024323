// Small runs of `bench profile`, `latency`, `idle` and `processes`: the figures exist, and responses are checked. Speed is
// not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OUTSIDE } from '../../lib/lab/profile-groups.js';
import { bench, benchJson, type Fields, isTime, isWithin } from '../support/bench.js';

const test = suite('cost of a request');

test('profile splits the CPU time of a request into groups, plain and over TLS', async () => {
  const { figures } = await benchJson('profile', '--workloads', 'small,tls', '--seconds', '1', '--connections', '4', '--load', 'own');
  const workloads = figures.workloads as (Fields & { groups: Fields[]; functions: Fields[] })[];
  assert.equal(
    workloads.map(({ name }) => name),
    ['small', 'tls'],
  );
  for (const { name, requests, mainMicros, systemMicros, groups, functions } of workloads) {
    assert.ok((requests as number) > 10, `${String(name)}, requests`);
    isWithin(systemMicros, 0, mainMicros as number, `${String(name)}, in the kernel`);
    const sum = groups.reduce((total, { micros }) => total + (micros as number), 0);
    isWithin(sum / (mainMicros as number), 0.97, 1.03, `${String(name)}, all groups together`);
    for (const group of ['kernel writes', OUTSIDE])
      assert.ok(
        groups.some((each) => each.name === group),
        `${String(name)}: ${group}`,
      );
    assert.ok(functions.length > 3);
  }
});

test('latency measures every request, direct and through each proxy', async () => {
  const { figures } = await benchJson('latency', '--rounds', '2', '--seconds', '0.2', '--connections', '4');
  const ways = figures.ways as Fields[];
  assert.equal(
    ways.slice(0, 2).map(({ name }) => name),
    ['direct to the host', 'meercat'],
  );
  for (const { name, requests, p50Micros, p99Micros } of ways) {
    assert.is(requests, 200, String(name));
    isTime(p50Micros, `${String(name)}, p50`);
    assert.ok((p50Micros as number) <= (p99Micros as number), `${String(name)}, p99`);
  }
  assert.is(ways[0]?.addedP99Micros, 0);
});

test('idle measures connections that stay open and answer a second request', async () => {
  const { figures } = await benchJson('idle', '--connections', '300', '--seconds', '0.3');
  assert.is(figures.connections, 300);
  const [ours] = figures.proxies as Fields[];
  assert.is(ours?.name, 'meercat');
  // A Node process uses tens of megabytes: a wrong unit would be noticed.
  for (const bytes of [ours?.startBytes, ours?.endBytes]) isWithin(bytes, 30e6, 1e9, 'memory');
  const { code, stderr } = await bench('idle', '--connections', '25001');
  assert.not(code === 0);
  assert.match(stderr, /--connections/);
});

test('processes compares two with one', async () => {
  const args = ['processes', '--rounds', '1', '--seconds', '0.3', '--connections', '8', '--load', 'own'];
  const { figures } = await benchJson(...args);
  const [one, two] = figures.byProcesses as Fields[];
  assert.equal([one?.processes, two?.processes], [1, 2]);
  isWithin(one?.busiestShare, 1, 1, 'the share of the only one');
  isWithin(two?.busiestShare, 0.5, 1, 'the share of the busiest of two');
});

test.run();
