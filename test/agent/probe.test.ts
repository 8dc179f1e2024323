// What `--probe` and `--cores` accept, and the probes of the real machine.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openProbe } from '../../lib/agent/probe.js';

const rejection = (promise: Promise<unknown>): Promise<{ code?: string; message: string } | null> =>
  promise.then(
    () => null,
    (thrown) => thrown,
  );

test('an invalid spec is rejected, naming the flag and the valid values', async () => {
  const specs = [
    '',
    'Machine',
    ' machine',
    'machine ',
    'pid',
    'pid:',
    'pid:0',
    'pid:-1',
    'pid:1.5',
    'pid:1e3',
    'pid:0x10',
    'pid:12345678901',
    'pid:1\n',
    'pid:../1',
    'ftp://h/',
    'file:///etc/passwd',
    'http://',
    'http://[::1',
    'http://h:99999/',
    'h:8080/load',
    'cgroup:/x',
    'agent-check://',
    'agent-check://h',
    'agent-check://h:0',
    'agent-check://h:99999',
    'agent-check://u@h:1',
    'agent-check://h:1/x',
    'agent-check:h:1',
  ];
  for (const spec of specs) {
    const error = await rejection(openProbe(spec, { timeoutMs: 1000 }));
    assert.is(error?.code, 'MEERCAT_BAD_CONFIG', spec);
    assert.match(error?.message ?? '', /^--probe must be auto, machine, cgroup, pid:N, agent-check:\/\/host:port, or the URL .*, not "/);
    assert.not.match(error?.message ?? '', /\n/);
  }
});

test('a rejected spec is shown truncated and without a password', async () => {
  const error = await rejection(openProbe(`https://ann:secret@h:99999/${'x'.repeat(9999)}`, { timeoutMs: 1000 }));
  assert.not.match(error?.message ?? '', /secret/);
  assert.ok((error?.message.length ?? Infinity) < 300);
});

test('a number of cores that is not above 0 is refused', async () => {
  for (const coresLimit of [0, -1, NaN, Infinity]) {
    const error = await rejection(openProbe('machine', { timeoutMs: 1000, coresLimit }));
    assert.is(error?.code, 'MEERCAT_BAD_CONFIG');
    assert.match(error?.message ?? '', /--cores must be a number above 0/);
  }
});

test('the machine’s figures are in range from the first read on', async () => {
  const probe = await openProbe('machine', { timeoutMs: 10_000 });
  assert.is(probe.kind, 'machine');
  for (let reads = 0; reads < 3; reads += 1) {
    const { cpu, memory, cores, rps } = await probe.read();
    assert.ok(cpu !== null && cpu >= 0 && cpu <= 1, `cpu: ${cpu}`);
    assert.ok(memory !== null && memory > 0 && memory < 1, `memory: ${memory}`);
    assert.ok(cores !== null && cores >= 1, `cores: ${cores}`);
    assert.is(rps, null);
  }
  probe.close();
});

test('--cores says what the machine may use', async () => {
  const probe = await openProbe('machine', { timeoutMs: 10_000, coresLimit: 0.5 });
  assert.is((await probe.read()).cores, 0.5);
  probe.close();
});

test('auto finds a probe on any machine', async () => {
  const probe = await openProbe('auto', { timeoutMs: 10_000 });
  assert.ok(['machine', 'cgroup'].includes(probe.kind));
  const { cores } = await probe.read();
  assert.ok(cores !== null && cores > 0);
  probe.close();
});

test.run();
