// Which URL wins when balancers, agents and an earlier master name different ones for one host, and what happens to a
// host that nobody names any more. In virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import { NamedHosts } from '../../lib/hosts/named-hosts.js';
import { Namesakes } from '../../lib/hosts/namesakes.js';
import type { HostLoad, LoadMessage, Report } from '../../lib/model.js';
import { buildRow } from '../support/host-rows.js';
import { siteOf } from '../support/site-documents.js';

const test = suite('named hosts');

const OLD = 'http://10.0.0.1:80';
const NEW = 'http://10.0.0.2:80';

let seq = 0;
const say = (balancer: string, fields: Partial<LoadMessage> = {}): LoadMessage => ({
  balancer,
  instance: `${balancer}-1`,
  seq: ++seq,
  classes: [],
  said: [],
  isFull: false,
  statics: [],
  hosts: [],
  ...fields,
});
/** A full message of a balancer that names `legacy` by this URL, or does not name it. */
const name = (balancer: string, url: string | null, fields: Partial<LoadMessage> = {}): LoadMessage =>
  say(balancer, { isFull: true, statics: url === null ? [] : [{ name: 'legacy', url }], ...fields });
const report = (url: string, fields: Partial<Report> = {}): Report => ({
  host: 'legacy',
  url,
  cpu: 0.5,
  memory: 0.4,
  cores: 4,
  rps: 10,
  intervalMs: 1000,
  bye: false,
  ...fields,
});
const inFlight = (inflight: number): HostLoad => ({
  host: 'legacy',
  inflight,
  open: inflight,
  longLived: 0,
  work: inflight * 10,
  served: 0,
  meanInflight: inflight,
  evidence: { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 },
  counts: [],
});
const urlOf = (registry: HostRegistry) => registry.row('legacy', 0)?.url;
const conflicts = (registry: HostRegistry, nowMs: number) =>
  registry
    .takeChanges(nowMs)
    .news.filter(({ kind }) => kind === 'host-conflict')
    .map(({ detail }) => detail);

test("the URL that a live balancer names wins over an earlier master's, and nothing of the old host is kept", () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('legacy', { url: OLD, isStatic: true, cpu: 0.9, state: 'down', capacity: 7, speed: 3 })], 0);
  registry.takeChanges(0);
  registry.onLoad(name('b1', NEW, { hosts: [inFlight(2)] }), 10);
  const { rows, gone, news } = registry.takeChanges(10);
  assert.equal(
    rows.map(({ url, state, cpu, capacity, speed, inflight }) => [url, state, cpu, capacity, speed, inflight]),
    [[NEW, 'up', null, null, null, 2]],
  );
  assert.equal(
    [gone, news.map(({ kind, detail }) => [kind, detail])],
    [
      [],
      [
        ['host-left', `balancers name ${NEW}`],
        ['host-joined', `${NEW}, static`],
      ],
    ],
  );
});

test('on a tie with the new master the URL in use stays, whatever the order of messages', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('legacy', { url: OLD, isStatic: true })], 0);
  registry.nameOwn('master', [{ name: 'legacy', url: OLD }], 0);
  registry.onLoad(name('other', NEW), 5);
  assert.is(urlOf(registry), OLD);
  registry.onLoad(name('master', OLD), 10);
  assert.is(urlOf(registry), OLD);
  registry.onLoad(name('third', NEW), 15);
  assert.is(urlOf(registry), NEW, 'most of them name it');
});

test("it wins over an agent, whichever came first, and the agent's claim is reported while it lasts", () => {
  for (const isAgentFirst of [true, false]) {
    const registry = new HostRegistry();
    if (isAgentFirst) registry.onReport(report(OLD), 0);
    registry.onLoad(name('b1', NEW), 0);
    for (let nowMs = 0; nowMs <= 4000; nowMs += 1000) {
      registry.onLoad(name('b1', NEW), nowMs);
      assert.is(registry.onReport(report(OLD), nowMs), 'conflict');
      registry.tick(nowMs);
    }
    registry.onProbe('legacy', false, 4000);
    registry.onProbe('legacy', false, 4000);
    assert.is(registry.onReport(report(OLD), 4000), 'conflict', 'also when the host is down: the configuration is not second-guessed');
    assert.is(urlOf(registry), NEW);
    assert.equal(conflicts(registry, 4000), [`an agent reports from ${OLD}; ${NEW} is used`]);
    assert.is(registry.row('legacy', 4000)?.conflict, `an agent reports from ${OLD}; ${NEW} is used`);
    for (const nowMs of [7000, 8000]) registry.tick(nowMs);
    assert.equal(conflicts(registry, 8000), [`over: ${NEW} is used`]);
    assert.is(registry.row('legacy', 8000)?.conflict, undefined);
  }
});

test('an agent that moves is accepted at its new URL once the old one is silent, without a conflict', () => {
  const registry = new HostRegistry();
  registry.onReport(report(OLD), 0);
  for (const nowMs of [1000, 2000, 3000]) {
    assert.is(registry.onReport(report(NEW), nowMs), 'conflict');
    registry.onProbe('legacy', true, nowMs);
    registry.tick(nowMs);
  }
  registry.tick(3001);
  assert.is(registry.onReport(report(NEW), 3500), 'taken');
  registry.tick(4000);
  assert.equal([urlOf(registry), conflicts(registry, 4000)], [NEW, []]);
});

test('of two URLs the one named by most balancers wins, whatever the order of messages', () => {
  for (const order of [
    ['b1', 'b2', 'b3'],
    ['b3', 'b2', 'b1'],
    ['b2', 'b3', 'b1'],
  ]) {
    const registry = new HostRegistry();
    for (let round = 0; round < 3; round++)
      for (const balancer of order) registry.onLoad(name(balancer, balancer === 'b2' ? OLD : NEW), round);
    assert.is(urlOf(registry), NEW, order.join());
    assert.is(registry.row('legacy', 3)?.conflict, `b2 names ${OLD}, b1 and b3 name ${NEW}; ${NEW} is used`);
  }
});

test('on a tie the URL in use stays, and without one the first in alphabetical order wins', () => {
  const seeded = new HostRegistry();
  seeded.seed([buildRow('legacy', { url: NEW })], 0);
  const blank = new NamedHosts();
  for (const message of [name('b1', OLD), name('b2', NEW)]) {
    blank.take(message, 0);
    seeded.onLoad(message, 0);
  }
  assert.is(blank.urlOf('legacy', undefined), OLD);
  assert.is(blank.urlOf('legacy', 'http://elsewhere'), OLD);
  assert.is(blank.urlOf('legacy', NEW), NEW);
  // b1's message, the first one, moved it; b2's then makes a tie.
  assert.is(urlOf(seeded), OLD);
});

test('a rolling change of the URL moves the host once, when most balancers have it', () => {
  const registry = new HostRegistry();
  for (const balancer of ['b1', 'b2', 'b3']) registry.onLoad(name(balancer, OLD), 0);
  const seen: (string | undefined)[] = [];
  for (const balancer of ['b1', 'b2', 'b3']) {
    registry.onLoad(name(balancer, NEW, { instance: `${balancer}-2` }), 1000);
    seen.push(urlOf(registry));
  }
  assert.equal(seen, [OLD, NEW, NEW]);
  assert.is(registry.row('legacy', 1000)?.conflict, undefined);
});

test('a host whose balancers name several URLs is published with each tick: they may know only their own', () => {
  const registry = new HostRegistry();
  const published = (nowMs: number): string[] => {
    registry.tick(nowMs);
    return registry.takeChanges(nowMs).rows.map(({ url }) => url);
  };
  for (const balancer of ['b1', 'b2', 'b3']) registry.onLoad(name(balancer, balancer === 'b3' ? OLD : NEW), 0);
  registry.takeChanges(0);
  assert.equal([published(1000), published(2000)], [[NEW], [NEW]]);
  registry.onLoad(name('b3', NEW), 2500);
  registry.takeChanges(2500);
  assert.equal(published(3000), []);
});

test('a balancer that falls silent names nothing any more', () => {
  const registry = new HostRegistry();
  registry.onLoad(name('b1', OLD), 0);
  registry.onLoad(name('b2', OLD), 0);
  registry.onLoad(name('b3', NEW), 0);
  for (const nowMs of [1000, 2000, 3000, 4000]) {
    registry.onLoad(say('b3'), nowMs);
    registry.tick(nowMs);
  }
  assert.equal([urlOf(registry), registry.row('legacy', 4000)?.conflict], [NEW, undefined]);
});

test('a host that nobody names any more is removed within 5 s, unless no balancer is heard', () => {
  const registry = new HostRegistry();
  registry.seed([buildRow('legacy', { url: OLD, isStatic: true, ageMs: null }), buildRow('agent')], 0);
  for (let nowMs = 0; nowMs < 100_000; nowMs += 1000) registry.tick(nowMs);
  assert.is(registry.size, 2, 'that nobody is heard says nothing of what they name');
  for (let nowMs = 100_000; nowMs <= 105_000; nowMs += 1000) {
    registry.onLoad(name('b1', null), nowMs);
    registry.tick(nowMs);
    assert.is(registry.size, nowMs < 105_000 ? 2 : 1);
  }
  assert.equal(registry.takeChanges(105_000).gone, ['legacy'], 'a host with an agent is not named, and stays');
});

test('from static to agent and back: the live side determines the kind of host', () => {
  const registry = new HostRegistry();
  const pass = (fromMs: number, toMs: number, each: (nowMs: number) => void) => {
    for (let nowMs = fromMs; nowMs < toMs; nowMs += 1000) {
      each(nowMs);
      registry.tick(nowMs);
    }
  };
  const row = () => registry.row('legacy', 0);
  pass(0, 3000, (nowMs) => registry.onLoad(name('b1', OLD), nowMs));
  assert.is(row()?.isStatic, true);
  pass(3000, 20_000, (nowMs) => {
    registry.onLoad(name('b1', null), nowMs);
    registry.onReport(report(OLD), nowMs);
  });
  assert.equal([row()?.isStatic, row()?.state], [false, 'up'], 'its agent alone keeps it');
  // Its agent is killed, and balancers name it at another address.
  pass(20_000, 22_000, (nowMs) => registry.onLoad(name('b1', NEW), nowMs));
  assert.equal([row()?.url, row()?.isStatic], [NEW, true]);
  registry.onReport(report(NEW), 22_000);
  assert.is(row()?.isStatic, false);
  pass(22_000, 90_000, (nowMs) => {
    registry.onLoad(name('b1', NEW), nowMs);
    registry.onProbe('legacy', true, nowMs);
  });
  assert.equal(
    [row()?.isStatic, row()?.state, row()?.cpu],
    [true, 'up', null],
    'an agent that is silent for a minute makes it no host with an agent',
  );
});

test('of two balancers with one name the older one is heard, and no host is dropped meanwhile', () => {
  const registry = new HostRegistry();
  let lost = 0;
  for (let nowMs = 0; nowMs <= 30_000; nowMs += 500) {
    registry.onLoad(name('b1', OLD, { instance: 'elder' }), nowMs);
    if (nowMs >= 5000) registry.onLoad(say('b1', { instance: 'younger', isFull: true }), nowMs + 100);
    registry.tick(nowMs + 200);
    lost += Number(registry.size === 0);
  }
  assert.is(lost, 0);
});

test('a restarted balancer is heard at once, and a younger namesake once the older one is gone', () => {
  const namesakes = new Namesakes();
  const admits = (instance: string, nowMs: number) => namesakes.admits({ balancer: 'b', instance }, nowMs);
  assert.equal([admits('one', 0), admits('two', 100), admits('two', 200)], [true, true, true], 'a restart');
  assert.equal(
    [admits('one', 300), admits('two', 400), admits('one', 3000), admits('two', 3100)],
    [true, false, true, false],
    'it was none: both live',
  );
  assert.equal([admits('two', 6000), admits('two', 6001)], [false, true], 'the elder was heard 3 s ago, and then longer');
  namesakes.tick(99_000);
  assert.is(admits('one', 99_000), true);
});

test('a host that DNS found keeps the name that it was found by, also under a new master', () => {
  const registry = new HostRegistry();
  const found = (authority?: string) => ({ statics: [{ name: 'legacy', url: 'https://10.0.0.7', ...(authority && { authority }) }] });
  registry.onLoad(name('b1', null, found('api.test')), 0);
  assert.is(registry.row('legacy', 0)?.authority, 'api.test');
  registry.takeChanges(0);
  registry.onLoad(name('b1', null, found('new.test')), 100);
  assert.equal(
    registry.takeChanges(100).rows.map(({ authority }) => authority),
    ['new.test'],
  );
  // A balancer of an earlier version says nothing of it.
  registry.onLoad(name('b2', null, found()), 200);
  assert.is(registry.row('legacy', 200)?.authority, 'new.test');
  const next = new HostRegistry();
  next.seed(registry.rows(300), 300);
  assert.is(next.row('legacy', 300)?.authority, 'new.test');
});

test('a host has the weight of its record in DNS, or the site’s, and a change is published', () => {
  const registry = new HostRegistry();
  const found = (weight?: number) => ({ statics: [{ name: 'legacy', url: OLD, ...(weight !== undefined && { weight }) }] });
  const weights = (nowMs: number) => registry.takeChanges(nowMs).rows.map(({ weight }) => weight);
  const site = (weight: number) =>
    siteOf(`version: 1\npools: { default: { hosts: [{ url: "${OLD}", name: legacy, weight: ${weight} }] } }\nroutes: [{ to: default }]\n`);
  registry.onLoad(name('b1', null, found(2.5)), 0);
  assert.equal(weights(0), [2.5]);
  registry.onLoad(name('b1', null, found(2.5)), 100);
  assert.equal(weights(100), [], 'nothing has changed');
  registry.onLoad(name('b1', null, found()), 200);
  assert.equal(weights(200), [undefined]);
  registry.nameSite(site(3), 300);
  assert.equal(weights(300), [3]);
  const next = new HostRegistry();
  next.seed(registry.rows(400), 400);
  assert.is(next.row('legacy', 400)?.weight, 3, 'a new master knows it at once');
  registry.nameSite(site(4), 500);
  assert.equal(weights(500), [4]);
  registry.nameSite(null, 600);
  assert.equal(weights(600), [undefined]);
});

test('a host that some balancers name and others do not is known as such after 5 s, until all do, one goes, or the site names it', () => {
  const registry = new HostRegistry();
  const other = { name: 'other', url: NEW };
  const found = { name: 'found', url: 'http://10.0.0.3:80', authority: 'api.test' };
  /** All balancers say what they name, and a second passes. */
  const second = (nowMs: number, statics: Readonly<Record<string, LoadMessage['statics']>>) => {
    for (const [balancer, those] of Object.entries(statics)) registry.onLoad(say(balancer, { isFull: true, statics: those }), nowMs);
    registry.tick(nowMs);
    return [...registry.partlyNamed].map(([host, { by, notBy }]) => `${host}: ${by.join()} not ${notBy.join()}`);
  };
  const legacy = { name: 'legacy', url: OLD };
  /** How the row of that host changed, if it did. */
  const changes = (nowMs: number) => registry.takeChanges(nowMs).rows.flatMap((row) => (row.name === 'legacy' ? [row.partlyNamed] : []));
  const differing = { b2: [legacy, other], b1: [other, found], b3: [{ ...other, url: OLD }] };
  for (let ms = 0; ms < 5000; ms += 1000) assert.equal(second(ms, differing), []);
  registry.takeChanges(4000);
  assert.equal(second(5000, differing), ['legacy: b2 not b1,b3']);
  assert.equal(changes(5000), [{ by: ['b2'], notBy: ['b1', 'b3'] }]);
  second(6000, differing);
  assert.equal(changes(6000), [], 'it is noted once');
  assert.equal(second(7000, { ...differing, b3: [other, legacy], b1: [other, legacy] }), []);
  assert.equal(changes(7000), [undefined]);
  for (let ms = 8000; ms < 13_000; ms += 1000) second(ms, differing);
  assert.equal(second(13_000, differing), ['legacy: b2 not b1,b3']);
  const site = siteOf(`version: 1\npools: { default: { hosts: [{ url: "${OLD}", name: legacy }] } }\nroutes: [{ to: default }]\n`);
  registry.nameSite(site, 13_500);
  assert.equal(second(14_000, differing), []);
  registry.nameSite(null, 14_500);
  for (let ms = 15_000; ms < 21_000; ms += 1000) second(ms, { b2: [legacy], b1: [] });
  assert.equal(second(21_000, { b2: [legacy], b1: [] }), ['legacy: b2 not b1']);
  for (let ms = 22_000; ms < 25_000; ms += 1000) second(ms, { b2: [legacy] });
  assert.equal(second(25_000, { b2: [legacy] }), [], 'the other one is gone');
});

test.run();
