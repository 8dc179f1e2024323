// The master's registry of hosts, in virtual time: the effect of each report, load message, probe and tick on a host,
// and what is published.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import type { HostLoad, LoadMessage, Report } from '../../lib/model.js';
import { buildRow } from '../support/host-rows.js';

const test = suite('host registry');

const URL_A = 'http://10.0.0.1:80';
const URL_B = 'http://10.0.0.2:80';

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
let seq = 0;
const load = (fields: Partial<LoadMessage> = {}, hosts: readonly HostLoad[] = []): LoadMessage => ({
  balancer: 'b1',
  instance: 'i1',
  seq: ++seq,
  classes: [],
  said: [],
  isFull: false,
  statics: [],
  hosts,
  ...fields,
});
const hostLoad = (host: string, inflight: number, served: number): HostLoad => ({
  host,
  inflight,
  open: inflight,
  longLived: 0,
  work: inflight * 10,
  served,
  meanInflight: inflight,
  evidence: { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 },
  counts: [],
});

const newsOf = (registry: HostRegistry, nowMs: number): string[] =>
  registry.takeChanges(nowMs).news.map(({ kind, name }) => `${kind} ${name}`);
const stateOf = (registry: HostRegistry, name: string) => registry.row(name, 0)?.state;

test('a first report adds a host that is up, with its figures and their age', () => {
  const registry = new HostRegistry();
  assert.is(registry.onReport(report('h'), 1000), 'taken');
  assert.is(registry.hasChanges, true);
  const changes = registry.takeChanges(1250);
  assert.equal(changes.rows, [
    {
      name: 'h',
      url: URL_A,
      state: 'up',
      isStatic: false,
      cpu: 0.5,
      memory: 0.4,
      cores: 4,
      rps: 10,
      ageMs: 250,
      inflight: 0,
      open: 0,
      longLived: 0,
      fleetRps: 0,
      work: 0,
      capacity: null,
      speed: null,
    },
  ]);
  assert.is(changes.isMembership, true);
  assert.equal(changes.news, [{ kind: 'host-joined', name: 'h', detail: URL_A }]);
  assert.is(registry.hasChanges, false);
  assert.equal(registry.takeChanges(1250), {
    rows: [],
    figures: [],
    loads: [],
    acks: [],
    costs: null,
    gone: [],
    news: [],
    isMembership: false,
  });
});

test('a further report is a change, but not of membership', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.takeChanges(0);
  registry.onReport(report('h', { cpu: 0.9 }), 1000);
  const { figures, isMembership, news } = registry.takeChanges(1000);
  assert.equal(
    figures.map(({ cpu }) => cpu),
    [0.9],
  );
  assert.is(isMembership, false);
  assert.equal(news, []);
});

test('a report from another address for a host that is up is a conflict and changes nothing', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.takeChanges(0);
  assert.is(registry.onReport(report('h', { url: URL_B, cpu: 0.01 }), 500), 'conflict');
  assert.is(registry.hasChanges, false);
  assert.is(registry.row('h', 500)?.url, URL_A);
  assert.is(registry.row('h', 500)?.cpu, 0.5);
});

for (const state of ['silent', 'down'] as const) {
  test(`a report from another address replaces a host that is ${state}`, () => {
    const registry = new HostRegistry();
    registry.seed([buildRow('h', { url: URL_A, state })], 0);
    registry.takeChanges(0);
    assert.is(registry.onReport(report('h', { url: URL_B }), 10), 'taken');
    assert.is(registry.row('h', 10)?.url, URL_B);
    assert.is(stateOf(registry, 'h'), 'up');
    const changes = registry.takeChanges(10);
    assert.equal(changes.gone, [], 'it is named in the rows, so it is not gone');
    assert.equal(
      changes.rows.map(({ url }) => url),
      [URL_B],
    );
    assert.equal(
      changes.news.map(({ kind }) => kind),
      ['host-left', 'host-joined'],
    );
  });
}

test('a goodbye removes the host at once, and one for another name changes nothing', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.onReport(report('other', { url: URL_B }), 0);
  registry.takeChanges(0);
  assert.is(registry.onReport(report('h', { bye: true }), 10), 'taken');
  const changes = registry.takeChanges(10);
  assert.equal(changes.gone, ['h']);
  assert.equal(changes.rows, []);
  assert.equal(
    changes.news.map(({ kind, name }) => `${kind} ${name}`),
    ['host-left h'],
  );
  assert.is(registry.size, 1);
  assert.is(registry.onReport(report('nobody', { bye: true }), 10), 'taken');
  assert.is(registry.hasChanges, false);
});

test('a goodbye from another process than the one whose reports keep the host alive neither removes nor moves it', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h', { instance: 'own' }), 0);
  for (const instance of ['other', undefined])
    assert.is(registry.onReport(report('h', { instance, bye: true }), 10), 'conflict', String(instance));
  assert.is(registry.onReport(report('h', { url: URL_B, instance: 'other' }), 20), 'conflict');
  assert.is(registry.row('h', 20)?.url, URL_A);
  registry.onReport(report('h', { instance: 'own' }), 1000);
  assert.is(registry.onReport(report('h', { instance: 'own', bye: true }), 1010), 'taken');
  assert.is(registry.size, 0);
});

test('an agent that was killed and started again takes the host over once the first one would be silent', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h', { instance: 'first', intervalMs: 2000 }), 0);
  registry.onReport(report('h', { instance: 'second', cpu: 0.9 }), 500);
  assert.is(registry.row('h', 500)?.cpu, 0.9, 'its figures count at once');
  registry.onReport(report('h', { instance: 'second' }), 6000);
  assert.is(registry.onReport(report('h', { instance: 'second', bye: true }), 6000), 'conflict');
  for (const nowMs of [6001, 7000, 8000, 9001]) registry.onReport(report('h', { instance: 'second' }), nowMs);
  registry.tick(9001);
  assert.is(stateOf(registry, 'h'), 'up');
  assert.is(registry.onReport(report('h', { instance: 'second', bye: true }), 9001), 'taken');
  assert.is(registry.size, 0);
});

test('a goodbye that did not count takes effect when the host falls silent, and not when it goes on reporting', () => {
  const registry = new HostRegistry();
  registry.onReport(report('gone', { instance: 'killed' }), 0);
  registry.onReport(report('gone', { instance: 'second' }), 100);
  registry.onReport(report('gone', { instance: 'second', bye: true }), 200);
  registry.onReport(report('alive', { instance: 'own', url: URL_B }), 0);
  registry.onReport(report('alive', { instance: 'other', url: URL_B, bye: true }), 200);
  registry.onReport(report('alive', { instance: 'own', url: URL_B }), 1000);
  registry.tick(3100);
  assert.is(registry.size, 2);
  registry.tick(4001);
  assert.equal([stateOf(registry, 'gone'), stateOf(registry, 'alive')], [undefined, 'silent']);
});

test('two agents report one host: the goodbye of one leaves it to the other', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h', { instance: 'first' }), 0);
  registry.onReport(report('h', { instance: 'second' }), 100);
  assert.is(registry.onReport(report('h', { instance: 'first', bye: true }), 200), 'conflict');
  assert.is(registry.onReport(report('h', { instance: 'third', bye: true }), 300), 'conflict');
  for (let nowMs = 1000; nowMs <= 10_000; nowMs += 1000) registry.onReport(report('h', { instance: 'second' }), nowMs);
  assert.is(registry.onReport(report('h', { instance: 'second', bye: true }), 10_001), 'taken');
  assert.is(registry.size, 0);
});

test('a host inherited from an earlier master leaves by the goodbye of no process that has not reported it', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('h', { url: URL_A })], 0);
  assert.is(registry.onReport(report('h', { instance: 'other', bye: true }), 10), 'conflict');
  // Another process is the first to report it, and says goodbye while the host's own agent reports too.
  registry.onReport(report('h', { instance: 'other' }), 20);
  registry.onReport(report('h', { instance: 'own' }), 500);
  assert.is(registry.onReport(report('h', { instance: 'other', bye: true }), 600), 'conflict');
  assert.is(registry.size, 1);
});

test('another process cannot shorten the time in which a host has to report', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h', { instance: 'own', intervalMs: 10_000 }), 0);
  registry.onReport(report('h', { instance: 'other', intervalMs: 50 }), 100);
  registry.tick(9000);
  assert.is(stateOf(registry, 'h'), 'up');
  assert.is(registry.onReport(report('h', { instance: 'other', url: URL_B }), 9000), 'conflict');
});

test('agents of an earlier version send no instance: a goodbye without one counts when the reports carry none', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  assert.is(registry.onReport(report('h', { instance: 'other', bye: true }), 10), 'conflict');
  assert.is(registry.onReport(report('h', { bye: true }), 20), 'taken');
  assert.is(registry.size, 0);
});

test('a host without an agent is not removed by a goodbye', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('s', { url: URL_A, isStatic: true, ageMs: null })], 0);
  registry.takeChanges(0);
  for (const instance of ['other', undefined]) registry.onReport(report('s', { instance, bye: true }), 10);
  assert.is(registry.row('s', 10)?.state, 'up');
  assert.is(registry.hasChanges, false);
});

test("a goodbye from another address is refused, whatever the host's state", () => {
  for (const state of ['up', 'silent', 'down'] as const) {
    const registry = new HostRegistry();
    registry.seed([buildRow('h', { url: URL_A, state })], 0);
    assert.is(registry.onReport(report('h', { url: URL_B, bye: true }), 0), 'conflict');
    assert.is(stateOf(registry, 'h'), state);
  }
});

test('a host becomes silent after three missed reports and not before, and is up again with the next one', () => {
  const registry = new HostRegistry();
  for (let nowMs = 0; nowMs <= 5000; nowMs += 1000) {
    registry.onReport(report('h'), nowMs);
    registry.tick(nowMs);
  }
  registry.takeChanges(5000);
  registry.tick(8000);
  assert.is(stateOf(registry, 'h'), 'up');
  registry.tick(8001);
  assert.is(stateOf(registry, 'h'), 'silent');
  assert.equal(newsOf(registry, 8001), ['host-silent h']);
  registry.onReport(report('h'), 9000);
  assert.is(stateOf(registry, 'h'), 'up');
  assert.equal(newsOf(registry, 9000), ['host-up h']);
});

test('a host that reports every ten seconds gets thirty seconds, one that reports often still gets three', () => {
  const registry = new HostRegistry();
  registry.onReport(report('slow', { intervalMs: 10_000 }), 0);
  registry.onReport(report('quick', { intervalMs: 100, url: URL_B }), 0);
  registry.tick(3000);
  assert.equal([stateOf(registry, 'slow'), stateOf(registry, 'quick')], ['up', 'up']);
  registry.tick(30_000);
  assert.equal([stateOf(registry, 'slow'), stateOf(registry, 'quick')], ['up', 'silent']);
  registry.tick(30_001);
  assert.is(stateOf(registry, 'slow'), 'silent');
});

test('a host that reports is not probed, and a late probe result has no effect', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  assert.equal(registry.hostsToProbe(3000), []);
  for (const nowMs of [1000, 1001, 1002]) registry.onProbe('h', false, nowMs);
  assert.is(stateOf(registry, 'h'), 'up');
  registry.onProbe('nobody', false, 0);
  assert.is(registry.size, 1);
});

test('a silent host is probed; it is down after two failed probes in a row, and silent again after two good ones', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.tick(4000);
  assert.equal(
    registry.hostsToProbe(4000).map(({ name, url }) => ({ name, url })),
    [{ name: 'h', url: URL_A }],
  );
  registry.onProbe('h', false, 4000);
  registry.onProbe('h', true, 5000);
  registry.onProbe('h', false, 6000);
  assert.is(stateOf(registry, 'h'), 'silent', 'an answer clears a failed probe');
  registry.onProbe('h', false, 7000);
  assert.is(stateOf(registry, 'h'), 'down');
  registry.onProbe('h', true, 8000);
  registry.onProbe('h', false, 8100);
  registry.onProbe('h', true, 8200);
  assert.is(stateOf(registry, 'h'), 'down', 'one answer brings nobody back');
  registry.onProbe('h', true, 8300);
  assert.is(stateOf(registry, 'h'), 'silent');
  assert.equal(newsOf(registry, 8300), ['host-joined h', 'host-silent h', 'host-down h', 'host-silent h']);
});

test('a host that is down is forgotten after a minute of silence, and its agent brings it back', () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.tick(4000);
  registry.onProbe('h', false, 4000);
  registry.onProbe('h', false, 5000);
  registry.onProbe('h', false, 30_000);
  registry.tick(64_999);
  assert.is(registry.size, 1);
  registry.takeChanges(64_999);
  registry.tick(65_000);
  assert.equal(registry.takeChanges(65_000).gone, ['h']);
  assert.is(registry.onReport(report('h', { url: URL_B }), 66_000), 'taken');
  assert.is(stateOf(registry, 'h'), 'up');
});

test('static hosts come with full load messages, up and without figures, and are probed', () => {
  const registry = new HostRegistry();
  registry.onLoad(load({ statics: [{ name: 's', url: URL_A }] }), 0);
  assert.is(registry.size, 0, 'only a full message names them');
  registry.onLoad(load({ isFull: true, statics: [{ name: 's', url: URL_A }] }), 0);
  const row = registry.row('s', 0);
  assert.equal([row?.state, row?.isStatic, row?.cpu, row?.ageMs], ['up', true, null, null]);
  assert.is(registry.hostsToProbe(0).length, 1);
  registry.onProbe('s', false, 1000);
  registry.onProbe('s', false, 2000);
  assert.is(stateOf(registry, 's'), 'down');
  for (const nowMs of [3000, 4000]) registry.onProbe('s', true, nowMs);
  assert.is(stateOf(registry, 's'), 'up', 'it has no agent that could be silent');
});

test('a static host is kept while a live balancer names it, down or not, and removed 5 s later', () => {
  const registry = new HostRegistry();
  const named = load({ isFull: true, statics: [{ name: 's', url: URL_A }] });
  for (let nowMs = 0; nowMs <= 200_000; nowMs += 1000) {
    registry.onLoad(named, nowMs);
    if (nowMs > 150_000) registry.onProbe('s', false, nowMs);
    registry.tick(nowMs);
  }
  assert.is(stateOf(registry, 's'), 'down');
  for (let nowMs = 201_000; nowMs <= 212_000; nowMs += 1000) {
    registry.onLoad(load({ balancer: 'b2', isFull: true }), nowMs);
    registry.tick(nowMs);
    // Its balancer counts as gone 3 s after its last message.
    assert.is(registry.size, nowMs < 209_000 ? 1 : 0, String(nowMs));
  }
});

test('a static host that reports has an agent from then on', () => {
  const registry = new HostRegistry();
  registry.onLoad(load({ isFull: true, statics: [{ name: 's', url: URL_A }] }), 0);
  assert.is(registry.onReport(report('s', { url: URL_B }), 0), 'conflict', 'not from another address');
  assert.is(registry.onReport(report('s'), 0), 'taken');
  assert.equal([registry.row('s', 0)?.isStatic, registry.hostsToProbe(0)], [false, []]);
});

test('when the agent of a static host says goodbye, the host stays, without figures', () => {
  const registry = new HostRegistry();
  registry.onLoad(load({ isFull: true, statics: [{ name: 's', url: URL_A }] }), 0);
  registry.onReport(report('s'), 0);
  assert.is(registry.onReport(report('s', { bye: true }), 10), 'taken');
  const row = registry.row('s', 10);
  assert.equal([row?.isStatic, row?.cpu, row?.ageMs, row?.state], [true, null, null, 'up']);
});

test('a host whose name is claimed by another address is probed at once: dead it is replaced, alive it stays', () => {
  for (const isAlive of [true, false]) {
    const registry = new HostRegistry();
    registry.onReport(report('h'), 0);
    assert.is(registry.onReport(report('h', { url: URL_B }), 10), 'conflict');
    assert.equal(
      registry.hostsToProbe(10).map(({ name }) => name),
      ['h'],
    );
    registry.onProbe('h', isAlive, 20);
    assert.is(registry.row('h', 20)?.state, isAlive ? 'up' : 'down');
    assert.is(registry.onReport(report('h', { url: URL_B }), 30), isAlive ? 'conflict' : 'taken');
    assert.is(registry.row('h', 30)?.url, isAlive ? URL_A : URL_B);
  }
});

test("an earlier master's hosts are taken over with their ages, and known ones stay as they are", () => {
  const registry = new HostRegistry();
  registry.onReport(report('h', { cpu: 0.1 }), 10_000);
  registry.seed(
    [buildRow('h', { cpu: 0.9, url: URL_B }), buildRow('k', { cpu: 0.7, ageMs: 400 }), buildRow('s', { isStatic: true, ageMs: null })],
    10_000,
  );
  assert.equal([registry.row('h', 10_000)?.cpu, registry.row('h', 10_000)?.url], [0.1, URL_A]);
  assert.equal([registry.row('k', 10_100)?.cpu, registry.row('k', 10_100)?.ageMs], [0.7, 500]);
  assert.equal([registry.row('s', 10_000)?.isStatic, registry.row('s', 10_000)?.ageMs], [true, null]);
  assert.equal(newsOf(registry, 10_000), ['host-joined h'], 'the others have not just joined');
});

test('inherited hosts have three seconds to report, however old their last report is', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('h', { ageMs: 2900, url: URL_A })], 10_000);
  registry.tick(13_000);
  assert.is(stateOf(registry, 'h'), 'up');
  registry.tick(13_001);
  assert.is(stateOf(registry, 'h'), 'silent');
});

test('a host inherited as down is forgotten a minute later', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('d', { state: 'down' })], 5000);
  registry.tick(64_999);
  assert.is(registry.size, 1);
  registry.tick(65_000);
  assert.is(registry.size, 0);
});

test('the registry holds 16,384 hosts: known ones still report, and a goodbye frees a place', () => {
  const registry = new HostRegistry();
  for (let i = 0; i < 16_384; i++) registry.onReport(report(`h${i}`), 0);
  assert.is(registry.onReport(report('more'), 0), 'full');
  registry.onLoad(load({ isFull: true, statics: [{ name: 'more', url: URL_A }] }), 0);
  assert.is(registry.size, 16_384);
  assert.is(registry.onReport(report('h7', { cpu: 0.9 }), 1), 'taken');
  registry.onReport(report('h7', { bye: true }), 2);
  assert.is(registry.onReport(report('more'), 3), 'taken');
});

test("the fleet's requests in flight and rates are in the rows, and changes of load are published", () => {
  const registry = new HostRegistry();
  registry.onReport(report('h'), 0);
  registry.tick(0);
  registry.onLoad(load({}, [hostLoad('h', 3, 0)]), 0);
  registry.takeChanges(0);
  registry.onLoad(load({}, [hostLoad('h', 5, 100)]), 500);
  assert.equal(
    registry.takeChanges(500).loads.map(({ inflight, work }) => [inflight, work]),
    [[5, 50]],
  );
  assert.is(registry.row('h', 500)?.inflight, 5);
  assert.equal([...registry.tick(1000)], ['h']);
  assert.is(registry.hasChanges, false, 'a rate is for people: it is stored, and not sent to balancers');
  assert.is(registry.row('h', 1000)?.fleetRps, 50);
  registry.onLoad(load({}, [hostLoad('unknown', 5, 100)]), 1000);
  const unknown = registry.takeChanges(1000);
  assert.equal([unknown.rows, unknown.loads], [[], []], 'a host that only a load message names is none');
});

test('capacities are updated ten times a second, however often tables are published', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('h', { url: URL_A, capacity: 4, speed: 1 })], 0);
  const learnedAtMs: number[] = [];
  let known = registry.row('h', 0)?.capacity;
  for (let nowMs = 0; nowMs <= 1000; nowMs += 20) {
    const evidence = { work: 100, durations: 100, workSquares: 1000, workByDuration: 1000, durationSquares: 1000 };
    registry.onLoad(load({ isFull: nowMs === 0 }, [{ ...hostLoad('h', 2, nowMs / 2), evidence }]), nowMs);
    registry.learn(nowMs);
    const capacity = registry.row('h', nowMs)?.capacity;
    if (capacity !== known) learnedAtMs.push(nowMs);
    known = capacity;
  }
  assert.ok(learnedAtMs.length >= 5, learnedAtMs.join(', '));
  assert.equal(
    learnedAtMs.filter((atMs) => atMs % 100 !== 0),
    [],
  );
});

test('a report of a known host changes only its figures', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('h', { url: URL_A, isStatic: true })], 0);
  registry.takeChanges(0);
  registry.onReport(report('h'), 0);
  const { rows, figures } = registry.takeChanges(0);
  assert.equal([rows.map(({ name, isStatic }) => [name, isStatic]), figures], [[['h', false]], []], 'that it has an agent is news');
  registry.onReport(report('h', { cpu: 0.7 }), 1000);
  const next = registry.takeChanges(1100);
  assert.equal([next.rows, next.figures], [[], [{ name: 'h', cpu: 0.7, memory: 0.4, cores: 4, ageMs: 100 }]]);
  assert.is(registry.hasChanges, false);
});

test.run();
