// The master's registry with a health path: every host is checked, and the checks override its agent's reports. In
// virtual time; also other rise and fall thresholds, with and without a path.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import type { Report } from '../../lib/model.js';
import { buildRow } from '../support/host-rows.js';

const test = suite('checked hosts');

const RULES = { healthPath: '/health', healthGrpc: null, healthRise: 3, healthFall: 2 };
const URL_A = 'http://10.0.0.1:80';

const report = (host: string, fields: Partial<Report> = {}): Report => ({
  host,
  url: URL_A,
  cpu: 0.5,
  memory: 0.4,
  cores: 4,
  rps: 10,
  intervalMs: 1000,
  bye: false,
  ...fields,
});
const stateOf = (registry: HostRegistry, name = 'h') => registry.row(name, 0)?.state;
const newsOf = (registry: HostRegistry, nowMs: number): string[] =>
  registry.takeChanges(nowMs).news.map(({ kind, detail }) => `${kind}: ${detail}`);

/** One second: a report if the agent is alive, the registry's tick, and a check if there is one. */
function second(registry: HostRegistry, nowMs: number, isReporting: boolean, isGood?: boolean): string | undefined {
  if (isReporting) registry.onReport(report('h'), nowMs);
  registry.tick(nowMs);
  if (isGood !== undefined) registry.onProbe('h', isGood, nowMs);
  return stateOf(registry);
}

test('every host is checked, even one whose agent reports', () => {
  const registry = new HostRegistry(() => RULES);
  registry.onReport(report('h'), 0);
  registry.onReport(report('k'), 0);
  assert.equal(
    registry.hostsToProbe(0).map(({ name }) => name),
    ['h', 'k'],
  );
});

test('a host that fails its checks is down even though its agent reports, and up again after enough good ones', () => {
  const registry = new HostRegistry(() => RULES);
  const checks = [true, false, true, false, false, false, true, true, false, true, true, true, true];
  const states = checks.map((isGood, i) => second(registry, i * 1000, true, isGood));
  assert.equal(states.join(' '), 'up up up up down down down down down down down up up');
  assert.equal(newsOf(registry, 20_000), [`host-joined: ${URL_A}`, 'host-down: fails its checks', 'host-up: passes its checks again']);
});

test('a host that passes its checks but does not report is silent, including one that was down', () => {
  const registry = new HostRegistry(() => RULES);
  second(registry, 0, true, true);
  let nowMs = 1000;
  for (; nowMs <= 4000; nowMs += 1000) second(registry, nowMs, false, true);
  assert.is(stateOf(registry), 'silent');
  for (const isGood of [false, false]) second(registry, (nowMs += 1000), false, isGood);
  assert.is(stateOf(registry), 'down');
  for (const isGood of [true, true, true]) second(registry, (nowMs += 1000), false, isGood);
  assert.is(stateOf(registry), 'silent');
  assert.is(second(registry, (nowMs += 1000), true), 'up');
  assert.equal(newsOf(registry, nowMs).slice(1), [
    'host-silent: stopped reporting',
    'host-down: fails its checks',
    'host-silent: passes its checks, but does not report',
    'host-up: reports again',
  ]);
});

test('a host that fails its checks is not forgotten while it reports, but a minute after it stopped', () => {
  const registry = new HostRegistry(() => RULES);
  let nowMs = 0;
  for (; nowMs <= 300_000; nowMs += 1000) second(registry, nowMs, true, false);
  assert.is(stateOf(registry), 'down');
  for (; nowMs < 360_000; nowMs += 1000) second(registry, nowMs, false, false);
  assert.is(registry.size, 1);
  second(registry, nowMs, false, false);
  assert.is(registry.size, 0);
});

test('a new master inherits that a host is down, and brings it back by the same rules', () => {
  const registry = new HostRegistry(() => RULES);
  registry.seed([buildRow('h', { url: URL_A, state: 'down' })], 0);
  const states = [true, true, true].map((isGood, i) => second(registry, i * 1000, true, isGood));
  assert.equal(states, ['down', 'down', 'up']);
});

test('a host that moved while it failed its checks starts over at its new address', () => {
  const registry = new HostRegistry(() => RULES);
  second(registry, 0, true, false);
  assert.is(second(registry, 1000, true, false), 'down');
  assert.is(registry.onReport(report('h', { url: 'http://10.0.0.2:80' }), 1500), 'taken');
  assert.is(stateOf(registry), 'up');
});

for (const [healthFall, healthRise] of [
  [1, 1],
  [3, 2],
  [5, 10],
] as const) {
  test(`without a path a silent host falls after ${healthFall} and rises after ${healthRise}, and its agent brings it back at once`, () => {
    const registry = new HostRegistry(() => ({ healthPath: '', healthGrpc: null, healthFall, healthRise }));
    registry.onReport(report('h'), 0);
    registry.tick(4000);
    assert.is(stateOf(registry), 'silent');
    for (let i = 1; i <= healthFall; i++) {
      registry.onProbe('h', false, 5000);
      assert.is(stateOf(registry), i < healthFall ? 'silent' : 'down');
    }
    for (let i = 1; i <= healthRise; i++) {
      registry.onProbe('h', true, 6000);
      assert.is(stateOf(registry), i < healthRise ? 'down' : 'silent');
    }
    for (let i = 0; i < healthFall; i++) registry.onProbe('h', false, 7000);
    registry.onReport(report('h'), 8000);
    assert.is(stateOf(registry), 'up');
    assert.equal(registry.hostsToProbe(8000), []);
  });
}

test('each pool has its own rules, which count from the moment that they change', () => {
  let apiPath = '/health';
  const registry = new HostRegistry((pool) => ({
    ...RULES,
    healthPath: pool === 'api' ? apiPath : '',
    healthGrpc: null,
    healthFall: pool === 'api' ? 1 : 3,
  }));
  const both = { pools: ['api', 'web'] };
  registry.onReport(report('h', both), 0);
  const probed = (nowMs: number) => registry.hostsToProbe(nowMs).map(({ name }) => name);
  assert.equal(probed(0), ['api/h'], 'in the other pool its agent stands for it');
  registry.onProbe('api/h', false, 100);
  registry.onProbe('web/h', false, 100);
  assert.equal([stateOf(registry, 'api/h'), stateOf(registry, 'web/h')], ['down', 'up']);
  registry.onReport(report('h', both), 1000);
  assert.is(stateOf(registry, 'api/h'), 'down', 'its reports do not bring it back');
  assert.equal(newsOf(registry, 1000).slice(-1), ['host-down: fails its checks']);
  apiPath = '';
  registry.onReport(report('h', both), 2000);
  assert.equal([stateOf(registry, 'api/h'), probed(2000)], ['up', []]);
  assert.equal(newsOf(registry, 2000), ['host-up: reports again']);
});

test.run();
