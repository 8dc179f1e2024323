// In-band reports in the master's registry, in virtual time: they change figures and nothing else. A host that reports
// nothing because it gets no requests is neither silent nor down, and an agent's figures take precedence.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import type { Report } from '../../lib/model.js';

const test = suite('inband hosts');

let seq = 0;

const URL_A = 'http://10.0.0.1:80';
const STATIC = {
  balancer: 'b1',
  instance: 'i1',
  seq: ++seq,
  classes: [],
  said: [],
  isFull: true,
  statics: [{ name: 's', url: URL_A }],
  hosts: [],
};
const agent = (fields: Partial<Report> = {}): Report => ({
  host: 's',
  url: URL_A,
  cpu: 0.1,
  memory: 0.2,
  cores: 4,
  rps: 1,
  intervalMs: 1000,
  bye: false,
  ...fields,
});
const inband = (fields: Partial<Report> = {}): Report => agent({ cpu: 0.5, memory: 0.6, cores: null, rps: 10, via: 'inband', ...fields });

function buildRegistry(): HostRegistry {
  const registry = new HostRegistry();
  registry.onLoad(STATIC, 0);
  registry.takeChanges(0);
  return registry;
}

/** Lets seconds pass; the static host is still named, and answers. */
function pass(registry: HostRegistry, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) {
    registry.onLoad(STATIC, nowMs);
    registry.tick(nowMs);
    for (const { name } of registry.hostsToProbe(nowMs)) registry.onProbe(name, true, nowMs);
  }
}

test('a host without an agent gets figures and their age, and still counts as one without an agent', () => {
  const registry = buildRegistry();
  assert.is(registry.onReport(inband(), 1000), 'taken');
  const { cpu, memory, rps, ageMs, isStatic, state } = registry.row('s', 1200) ?? {};
  assert.equal([cpu, memory, rps, ageMs, isStatic, state], [0.5, 0.6, 10, 200, true, 'up']);
  assert.equal(registry.takeChanges(1200).isMembership, false);
});

test('a host that no longer reports, for lack of requests, stays up, is probed, and its figures age', () => {
  const registry = buildRegistry();
  registry.onReport(inband(), 1000);
  pass(registry, 1000, 120_000);
  const row = registry.row('s', 120_000);
  assert.equal([row?.state, row?.cpu, row?.ageMs], ['up', 0.5, 119_000]);
  assert.equal(registry.takeChanges(120_000).news, []);
  assert.is(registry.hostsToProbe(120_000).length, 1);
});

test('a dead host is down, whatever it reported before', () => {
  const registry = buildRegistry();
  registry.onReport(inband(), 1000);
  for (const nowMs of [2000, 3000]) registry.onProbe('s', false, nowMs);
  assert.is(registry.row('s', 3000)?.state, 'down');
});

test("an agent's figures take precedence; once it is silent, in-band figures are used, and the host is still silent", () => {
  const registry = buildRegistry();
  registry.onReport(agent(), 1000);
  assert.is(registry.onReport(inband(), 1500), 'agent');
  assert.is(registry.row('s', 1500)?.cpu, 0.1);
  pass(registry, 2000, 5000);
  assert.is(registry.row('s', 5000)?.state, 'silent');
  assert.is(registry.onReport(inband(), 5500), 'taken');
  assert.equal([registry.row('s', 5500)?.cpu, registry.row('s', 5500)?.ageMs, registry.row('s', 5500)?.state], [0.5, 0, 'silent']);
  assert.is(registry.row('s', 5500)?.cores, 4, 'cores that an agent reported are kept');
  registry.onReport(agent(), 6000);
  assert.equal([registry.row('s', 6000)?.cpu, registry.row('s', 6000)?.state], [0.1, 'up']);
});

test('it adds no host, moves none and brings none back', () => {
  const registry = buildRegistry();
  assert.is(registry.onReport(inband({ host: 'new' }), 0), 'unknown');
  assert.is(registry.onReport(inband({ url: 'http://10.0.0.2:80' }), 0), 'unknown');
  registry.onReport(agent({ host: 'a' }), 0);
  registry.onReport(agent({ host: 'a', bye: true }), 10);
  assert.is(registry.onReport(inband({ host: 'a' }), 20), 'unknown');
  assert.is(registry.size, 1);
  assert.is(registry.hasChanges && registry.takeChanges(20).news.length, 2, 'that it came and went');
});

test('a new master inherits which hosts have no agent: their reports are not awaited', () => {
  const before = buildRegistry();
  before.onReport(inband(), 1000);
  const after = new HostRegistry();
  after.seed(before.rows(1500), 0);
  pass(after, 0, 30_000);
  assert.equal([after.row('s', 30_000)?.state, after.row('s', 30_000)?.isStatic], ['up', true]);
});

test.run();
