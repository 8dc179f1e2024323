// A small run of `meercat bench forward`: every workload, every installed proxy, plausible figures. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bench, benchJson, type Fields, isWithin } from '../support/bench.js';

const test = suite('bench forward');

test('forward compares CPU and speed with a bare http-proxy and one with undici, for every workload', async () => {
  const { figures, goals } = await benchJson('forward', '--rounds', '1', '--seconds', '0.2', '--connections', '4', '--load', 'own');
  const workloads = figures.workloads as { name: string; proxies: Fields[] }[];
  assert.equal(
    workloads.map(({ name }) => name),
    ['small', 'down', 'up', 'websocket', 'tls', 'h2', 'grpc'],
  );
  for (const { name, proxies } of workloads) {
    // Proxies of HTTP/1 alone have no part in HTTP/2.
    const first = name === 'h2' || name === 'grpc' ? ['meercat'] : ['bare http-proxy', 'http-proxy + undici', 'meercat'];
    assert.equal(
      proxies.slice(0, first.length).map((proxy) => proxy.name),
      first,
    );
    for (const proxy of proxies) {
      // In so short a run a quick proxy may use less CPU than the kernel counts.
      assert.ok((proxy.cpuMicros as number) >= 0, `${name}, ${String(proxy.name)}, µs`);
      assert.ok((proxy.perSecond as number) > 0, `${name}, ${String(proxy.name)}, a second`);
      // The parts add up: both are rounded, and there is one round.
      isWithin(
        (proxy.userMicros as number) + (proxy.systemMicros as number) - (proxy.cpuMicros as number),
        -0.2,
        0.2,
        `${name}, ${String(proxy.name)}, the split`,
      );
    }
  }
  assert.equal(
    goals.map(({ goal }) => goal),
    ['<= 0.45', '<= 1', '<= 1.75', '<= 1.3', '<= 1.3', '<= 1.1', '<= 2.2', '<= 3', '<= 3'],
  );
});

test('it measures the given workloads in their order, and refuses unknown ones and too many connections', async () => {
  const { figures } = await benchJson(
    'forward',
    '--workloads',
    'tls,small',
    '--rounds',
    '1',
    '--seconds',
    '0.05',
    '--connections',
    '2',
    '--load',
    'own',
  );
  assert.equal(
    (figures.workloads as { name: string }[]).map(({ name }) => name),
    ['tls', 'small'],
  );
  const { code, stderr } = await bench('forward', '--workloads', 'small,sideways');
  assert.is(code, 2);
  const many = await bench('forward', '--connections', '4097');
  assert.is(many.code, 2);
  assert.match(many.stderr, /--connections: bench forward takes at most 4096/);
  assert.match(stderr, /--workloads: one of small, down, up, websocket, tls, h2, grpc, not "sideways"/);
});

test.run();
