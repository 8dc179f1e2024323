// The adaptive policy on hand-made views: which hosts it considers, the effect of age, and what no figures may do. The
// simulation shows how well it picks.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLEET, type HostView } from '../../lib/model.js';
import { Adaptive } from '../../lib/routing/adaptive.js';
import { LeastRequest } from '../../lib/routing/least-request.js';
import { Random } from '../../lib/routing/random.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, type ViewOptions } from '../support/host-views.js';

const test = suite('adaptive');

const SLOTS = 10;
const PICKS = 20_000;
const ten = (value: number, other: Readonly<Record<number, number>> = {}): number[] =>
  Array.from({ length: SLOTS }, (_, slot) => other[slot] ?? value);

/** A fleet with current figures at 1000 ms: ten hosts of capacity 4 and speed 1, each with five requests of other balancers. */
const FLEET_VIEW: ViewOptions = {
  othersInflight: ten(5),
  othersWork: ten(80),
  capacity: ten(4),
  speed: ten(1),
  fleet: {
    loadsAt: 1000,
    neutralCapacity: 4,
    neutralSpeed: 1,
    meanCost: 17,
    othersShare: 0.98,
  },
};

const share = (options: ViewOptions, slot: number, nowMs = 1000): number =>
  (countPicks(new Adaptive(new Random(1)), buildView(SLOTS, options), SLOTS, PICKS, nowMs)[slot] as number) / PICKS;

test('equal hosts get equal shares, whatever is known of them', () => {
  for (const options of [FLEET_VIEW, {}, { ...FLEET_VIEW, capacity: ten(Number.NaN), speed: ten(Number.NaN) }]) {
    for (const nowMs of [1000, 1100, 9000]) {
      const counts = countPicks(new Adaptive(new Random(2)), buildView(SLOTS, options), SLOTS, PICKS, nowMs);
      assert.ok(chiSquare(counts.slice(0, SLOTS), ten(1 / SLOTS)) < chiSquareLimit(SLOTS - 1), String(counts));
    }
  }
});

test('a host loaded by others gets next to nothing while that is current, and its share once it is stale', () => {
  const loaded = { ...FLEET_VIEW, othersInflight: ten(5, { 3: 15 }), othersWork: ten(80, { 3: 250 }) };
  assert.ok(share(loaded, 3) < 0.002, String(share(loaded, 3)));
  const old = share(loaded, 3, 6000);
  assert.ok(old > 0.08 && old < 0.12, String(old));
});

test('an old table decides nothing, not even between hosts with equal loads of our own', () => {
  const last = { ...FLEET_VIEW, othersInflight: ten(5, { 3: 4 }), othersWork: ten(80, { 3: 60 }) };
  for (const ageMs of [400, 600, 1500]) {
    const least = share(last, 3, 1000 + ageMs);
    assert.ok(least > 0.08 && least < 0.12, `${least} after ${ageMs} ms`);
  }
});

test('a host that others left idle is not flooded: it gets more, but not all', () => {
  const idle = { ...FLEET_VIEW, othersInflight: ten(5, { 3: 0 }), othersWork: ten(80, { 3: 0 }) };
  const fresh = share(idle, 3);
  assert.ok(fresh > 0.25 && fresh < 0.5, String(fresh));
});

test('a lone balancer looks at all hosts, one of two at six of them', () => {
  const looks = (othersShare: number, hosts = 50): number => {
    let seen = 0;
    const trace = { look: () => void seen++ };
    const view = buildView(hosts, { ...FLEET_VIEW, othersInflight: [], othersWork: [], fleet: { ...FLEET_VIEW.fleet, othersShare } });
    new Adaptive(new Random(12), trace).pick(view, 1000, -1, 10);
    return seen;
  };
  assert.equal(
    [0, 0.5, 0.98, Number.NaN].map((othersShare) => looks(othersShare)),
    [50, 6, 3, 50],
  );
  assert.is(looks(0, 200), 64, 'a bound of the time of a pick');
});

test('hosts with more capacity are drawn more often', () => {
  const counts = countPicks(
    new Adaptive(new Random(13)),
    buildView(SLOTS, {
      ...FLEET_VIEW,
      capacity: ten(4, { 3: 1 }),
      othersInflight: ten(0),
      othersWork: ten(0),
      fleet: { ...FLEET_VIEW.fleet, mostCapacity: 4 },
    }),
    SLOTS,
    PICKS,
    1000,
  );
  assert.ok((counts[3] as number) < 0.04 * PICKS, String(counts));
});

test('idle hosts whose speeds may be equal get equal shares, and a clearly faster one gets more', () => {
  const idle = { ...FLEET_VIEW, othersInflight: ten(0), othersWork: ten(0) };
  const near = share({ ...idle, speed: ten(1, { 3: 1.2 }) }, 3);
  assert.ok(near > 0.08 && near < 0.12, String(near));
  const faster = share({ ...idle, speed: ten(1, { 3: 1.5 }) }, 3);
  assert.ok(faster > 0.2, String(faster));
});

test('of hosts with cores left, one with less work in flight is preferred', () => {
  const busy = share({ ...FLEET_VIEW, othersInflight: ten(2), othersWork: ten(20, { 3: 300 }) }, 3);
  assert.ok(busy < 0.01, String(busy));
});

test('our own requests count at any age', () => {
  for (const nowMs of [1000, 6000]) {
    const own = share({ ...FLEET_VIEW, inflight: ten(0, { 3: 8 }), work: ten(0, { 3: 130 }) }, 3, nowMs);
    assert.ok(own < 0.005, `${own} at ${nowMs}`);
  }
  assert.ok(share({ inflight: ten(0, { 3: 2 }), work: ten(0, { 3: 20 }) }, 3) < 0.005, 'and without any figures');
});

test('a host with less capacity gets less, and a slow one is spared expensive requests', () => {
  const small = share({ ...FLEET_VIEW, capacity: ten(4, { 3: 1 }) }, 3);
  assert.ok(small < 0.002, String(small));
  const slowView = buildView(SLOTS, {
    ...FLEET_VIEW,
    othersInflight: ten(1),
    othersWork: ten(10),
    capacity: ten(4, { 3: 2.4 }),
    speed: ten(1, { 3: 0.6 }),
  });
  const policy = new Adaptive(new Random(4));
  let dear = 0;
  for (let i = 0; i < PICKS; i++) if (policy.pick(slowView, 1000, -1, 200) === 3) dear++;
  assert.is(dear, 0);
});

test('a host that fails fast attracts nothing', () => {
  const failing = share({ ...FLEET_VIEW, othersInflight: ten(5, { 3: 0 }), othersWork: ten(80, { 3: 0 }), failing: ten(0, { 3: 0.9 }) }, 3);
  assert.ok(failing < 0.002, String(failing));
});

test('excluded, avoided and warming hosts are skipped; a last remaining one is still picked', () => {
  const view = buildView(SLOTS, { ...FLEET_VIEW, avoidUntil: { 2: 2000 } });
  const policy = new Adaptive(new Random(5));
  for (let i = 0; i < 2000; i++) {
    const slot = policy.pick(view, 1000, 4, 10);
    assert.ok(slot !== 4 && slot !== 2 && slot >= 0);
  }
  const all = buildView(3, { avoidUntil: { 0: 2000, 1: 2000, 2: 2000 } });
  assert.ok(policy.pick(all, 1000, 1, 10) !== 1 && policy.pick(all, 1000, 1, 10) >= 0);
  assert.is(policy.pick(buildView(3, { candidates: [] }), 0, -1, 10), -1);
  assert.is(policy.pick(buildView(3, { candidates: [1] }), 0, 1, 10), -1);
  assert.is(policy.pick(buildView(3, { candidates: [1] }), 0, -1, 10), 1);
});

test('odd figures never prevent a pick', () => {
  const strange = [Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 1e300];
  const random = new Random(6);
  const oddly = (): number => strange[random.below(strange.length)] as number;
  for (let i = 0; i < 2000; i++) {
    const column = (): number[] => Array.from({ length: SLOTS }, oddly);
    const view: HostView = buildView(SLOTS, {
      othersInflight: column(),
      othersWork: column(),
      capacity: column(),
      speed: column(),
      failing: column(),
      work: column(),
    });
    for (const at of Object.values(FLEET)) view.fleet[at] = oddly();
    assert.ok(new Adaptive(random).pick(view, 1000, -1, 10) >= 0);
  }
});

test('least request: picks the one of two hosts with fewer of our own requests, and starves none of equals', () => {
  const equal = countPicks(new LeastRequest(new Random(7)), buildView(SLOTS), SLOTS, PICKS);
  assert.ok(chiSquare(equal.slice(0, SLOTS), ten(1 / SLOTS)) < chiSquareLimit(SLOTS - 1), String(equal));
  const counts = countPicks(new LeastRequest(new Random(8)), buildView(SLOTS, { inflight: ten(1, { 3: 2, 4: 0 }) }), SLOTS, PICKS);
  assert.is(counts[3], 0, 'the busiest of different ones never wins');
  assert.ok(Math.abs((counts[4] as number) / PICKS - 0.2) < 0.02, String(counts));
  const failing = countPicks(
    new LeastRequest(new Random(9)),
    buildView(SLOTS, { inflight: ten(1, { 3: 0 }), failing: ten(0, { 3: 1 }) }),
    SLOTS,
    PICKS,
  );
  assert.is(failing[3], 0);
});

test.run();
