// The invariant of shares on requests in flight, tried with messages that are lost, late and out of order, balancers that
// die and return, new masters and outages of Redis: balancers may never have more than 1.05 times the limit in flight.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ShareMaster } from '../../lib/learning/share-master.js';
import { InflightShare, SHARE_CELLS, ShareKeeper } from '../../lib/routing/fleet-limit.js';
import { FleetShares } from '../../lib/routing/fleet-shares.js';
import type { LimitGrants, LimitReport } from '../../lib/routing/limit-types.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('share master');

const LEASE_MS = 2500;
const EVERY_MS = 100;
const STEP_MS = 20;
const LIMITS = new Map([['web', 100]]);

interface Settings {
  readonly seed: number;
  readonly balancers: number;
  readonly lossPercent: number;
  readonly maxDelayMs: number;
  /** Mean time between two accidents. */
  readonly accidentsMs: number;
}

/** A fleet in which everything goes wrong at random. Falls back to nothing, so that only shares count. */
class Fleet {
  readonly settings: Settings;
  readonly random: Random;
  nowMs = 0;
  master = new ShareMaster(LEASE_MS);
  #term = 1;
  #electionAtMs = Number.NaN;
  #isRedisAway = false;
  #backAtMs = Number.NEGATIVE_INFINITY;
  #instances = 0;
  #mail: { readonly atMs: number; readonly deliver: () => void }[] = [];
  balancers: {
    name: string;
    isAlive: boolean;
    awayUntilMs: number;
    offsetMs: number;
    share: InflightShare;
    keeper: ShareKeeper;
    shares: FleetShares;
  }[];

  constructor(settings: Settings) {
    this.settings = settings;
    this.random = new Random(settings.seed);
    this.balancers = Array.from({ length: settings.balancers }, (_, index) => this.build(`b${index}`));
    this.master.setLimits(LIMITS);
    this.master.begin(1, 0, Number.NEGATIVE_INFINITY);
  }

  build(name: string): Fleet['balancers'][0] {
    const cells = new Float64Array(SHARE_CELLS);
    const offsetMs = this.random.below(1e6);
    const keeper = new ShareKeeper('web', cells, 100, 1e9, this.nowMs + offsetMs + LEASE_MS);
    const shares = new FleetShares(name, `i${this.#instances++}`, LEASE_MS);
    shares.setPools([keeper]);
    return { name, isAlive: true, awayUntilMs: 0, offsetMs, share: new InflightShare(cells), keeper, shares };
  }

  isOnce(everyMs: number): boolean {
    return this.random.below(2 ** 30) < (2 ** 30 * STEP_MS) / everyMs;
  }

  send(deliver: () => void): void {
    if (this.#isRedisAway || this.random.below(100) < this.settings.lossPercent) return;
    this.#mail.push({ atMs: this.nowMs + this.random.below(this.settings.maxDelayMs + 1), deliver });
  }

  /** What balancers may have in flight: with requests that end when a lease does, since then they no longer count. */
  most(): number {
    let sum = 0;
    for (const { isAlive, share, keeper, offsetMs } of this.balancers) {
      if (!isAlive) continue;
      const allowed = keeper.shareAt(this.nowMs + offsetMs);
      if (allowed === 0 && keeper.shareAt(0) !== 0) for (let left = keeper.inflight; left > 0; left--) share.end();
      sum += Math.max(allowed, keeper.inflight);
    }
    return sum;
  }

  step(): void {
    this.nowMs += STEP_MS;
    const { random, nowMs, balancers } = this;
    const due = this.#mail.filter(({ atMs }) => atMs <= nowMs);
    this.#mail = this.#mail.filter(({ atMs }) => atMs > nowMs);
    for (const { deliver } of due) deliver();
    for (const each of balancers) {
      if (!each.isAlive) {
        if (this.isOnce(1000)) balancers[balancers.indexOf(each)] = this.build(each.name);
        continue;
      }
      const wanted = random.below(20);
      for (let i = 0; i < wanted; i++) each.share.tryBegin(nowMs + each.offsetMs);
      const ending = random.below(each.keeper.inflight + 1) >> random.below(4);
      for (let i = 0; i < ending; i++) each.share.end();
      if (nowMs < each.awayUntilMs) continue;
      each.shares.setRedisAway(false, nowMs + each.offsetMs);
      if (this.isOnce(EVERY_MS)) this.#report(each.shares.report(nowMs + each.offsetMs));
    }
    if (nowMs >= this.#electionAtMs && !this.#isRedisAway) this.#elect();
    if (Number.isNaN(this.#electionAtMs) && !this.#isRedisAway && this.isOnce(EVERY_MS)) this.#deal();
    this.#haveAccidents();
  }

  #report(report: LimitReport): void {
    this.send(() => {
      // A message before the election reaches the master of now; one while there is none reaches nobody.
      if (Number.isNaN(this.#electionAtMs)) this.master.take(report, this.nowMs);
    });
  }

  #deal(): void {
    const grants: LimitGrants = this.master.deal(this.nowMs, EVERY_MS);
    for (const each of this.balancers)
      this.send(() => {
        if (each.isAlive && this.nowMs >= each.awayUntilMs) each.shares.take(grants, this.nowMs + each.offsetMs);
      });
  }

  #elect(): void {
    this.#electionAtMs = Number.NaN;
    this.master = new ShareMaster(LEASE_MS);
    this.master.setLimits(LIMITS);
    this.master.begin(++this.#term, this.nowMs, this.#backAtMs);
  }

  #haveAccidents(): void {
    const { random, settings, nowMs, balancers } = this;
    if (this.isOnce(settings.accidentsMs)) (balancers[random.below(balancers.length)] as Fleet['balancers'][0]).isAlive = false;
    if (this.isOnce(2 * settings.accidentsMs) && Number.isNaN(this.#electionAtMs)) this.#electionAtMs = nowMs + random.below(3000);
    if (!this.#isRedisAway && this.isOnce(4 * settings.accidentsMs)) {
      this.#isRedisAway = true;
      for (const each of balancers) {
        each.awayUntilMs = Number.POSITIVE_INFINITY;
        each.shares.setRedisAway(true, nowMs + each.offsetMs);
      }
    } else if (this.#isRedisAway && this.isOnce(3000)) {
      this.#isRedisAway = false;
      this.#backAtMs = nowMs;
      this.master.resume(nowMs);
      // Balancers reconnect one after the other.
      for (const each of balancers) each.awayUntilMs = nowMs + random.below(LEASE_MS);
    }
  }
}

test('balancers may never have more than 1.05 times the limit in flight, whatever happens to messages and processes', () => {
  const settings = fc.record({
    seed: fc.nat(),
    balancers: fc.integer({ min: 1, max: 12 }),
    lossPercent: fc.constantFrom(0, 1, 10, 60),
    maxDelayMs: fc.constantFrom(5, 100, 1500),
    accidentsMs: fc.constantFrom(1000, 5000, 1e9),
  });
  fc.assert(
    fc.property(settings, (given) => {
      const fleet = new Fleet(given);
      while (fleet.nowMs < 20_000) {
        fleet.step();
        assert.ok(fleet.most() <= 105, `${fleet.most()} at ${fleet.nowMs} ms`);
      }
    }),
    { numRuns: 300 },
  );
});

/** Balancers that report and get grants in every interval, without delay. */
class Exchange {
  readonly master: ShareMaster;
  readonly balancers = new Map<string, ReturnType<Fleet['build']>>();
  nowMs = 0;

  constructor(names: readonly string[]) {
    const fleet = new Fleet({ seed: 1, balancers: 1, lossPercent: 0, maxDelayMs: 0, accidentsMs: 1e9 });
    this.master = fleet.master;
    for (const name of names) this.balancers.set(name, fleet.build(name));
  }

  /** One interval: each balancer gets so many requests, of which those in flight before have ended. */
  turn(arrivals: Readonly<Record<string, number>>, master = this.master): void {
    this.nowMs += EVERY_MS;
    for (const [name, { share, keeper, shares, offsetMs }] of this.balancers) {
      for (let left = keeper.inflight; left > 0; left--) share.end();
      for (let i = 0; i < (arrivals[name] ?? 0); i++) share.tryBegin(this.nowMs + offsetMs);
      master.take(shares.report(this.nowMs + offsetMs), this.nowMs);
    }
    const grants = master.deal(this.nowMs, EVERY_MS);
    for (const { shares, offsetMs } of this.balancers.values()) shares.take(grants, this.nowMs + offsetMs);
  }

  turns(count: number, arrivals: Readonly<Record<string, number>>, master = this.master): void {
    for (let i = 0; i < count; i++) this.turn(arrivals, master);
  }

  shares(): number[] {
    return [...this.balancers.values()].map(({ keeper, offsetMs }) => keeper.shareAt(this.nowMs + offsetMs));
  }
}

test('after one lease the whole limit is dealt out, and follows the traffic', () => {
  const fleet = new Exchange(['a', 'b', 'c']);
  fleet.turns(30, { a: 300, b: 5, c: 5 });
  assert.is(
    fleet.shares().reduce((sum, each) => sum + each, 0),
    100,
  );
  assert.ok((fleet.shares()[0] as number) >= 90, fleet.shares().join());
  fleet.turns(30, { a: 5, b: 5, c: 300 });
  assert.ok((fleet.shares()[2] as number) >= 90, fleet.shares().join());
});

test('a share is raised only after those who lose it have confirmed', () => {
  const fleet = new Exchange(['a', 'b']);
  fleet.turns(60, { a: 300, b: 0 });
  const [a] = fleet.shares() as [number];
  // Reports of a no longer arrive.
  const lost = fleet.balancers.get('a') as ReturnType<Fleet['build']>;
  fleet.balancers.delete('a');
  fleet.turn({ b: 300 });
  assert.ok((fleet.shares()[0] as number) <= 100 - a);
  fleet.turns(4, { b: 300 });
  assert.is(fleet.shares()[0], 105 - a, 'a twentieth of the limit in its place');
  assert.ok(lost.keeper.shareAt(fleet.nowMs + lost.offsetMs) === a);
  fleet.turns(30, { b: 300 });
  assert.is(fleet.shares()[0], 100, 'after the lease');
});

test('what a balancer held is free at once when it leaves in good order, or starts again', () => {
  const fleet = new Exchange(['a', 'b']);
  fleet.turns(60, { a: 300, b: 3 });
  fleet.balancers.delete('a');
  fleet.master.leave('a');
  fleet.turns(2, { b: 300 });
  assert.equal(fleet.shares(), [100]);
});

test('a new master moves shares among those that it hears at once, and deals out the rest after a lease', () => {
  const fleet = new Exchange(['a', 'b', 'c']);
  fleet.turns(60, { a: 300, b: 300, c: 300 });
  const before = fleet.shares();
  fleet.balancers.delete('c');
  const next = new ShareMaster(LEASE_MS);
  next.setLimits(LIMITS);
  next.begin(2, fleet.nowMs, Number.NEGATIVE_INFINITY);
  fleet.turns(20, { a: 300, b: 3 }, next);
  const [a, b] = fleet.shares() as [number, number];
  assert.is(a + b, (before[0] as number) + (before[1] as number));
  assert.ok(a > 60, fleet.shares().join());
  fleet.turns(10, { a: 300, b: 3 }, next);
  assert.is(
    fleet.shares().reduce((sum, each) => sum + each, 0),
    100,
  );
});

test('the first master of a fleet deals at once; a later one, or the same started again, waits for a lease', () => {
  for (const [term, seq, sum] of [
    [1, 0, 100],
    [2, 0, 0],
    [1, 1000, 0],
  ] as const) {
    const fleet = new Exchange(['a', 'b']);
    const master = new ShareMaster(LEASE_MS);
    master.setLimits(LIMITS);
    master.begin(term, 0, Number.NEGATIVE_INFINITY, seq);
    fleet.turns(4, { a: 300, b: 300 }, master);
    assert.is(
      fleet.shares().reduce((all, each) => all + each, 0),
      sum,
      `term ${term} from ${seq}`,
    );
  }
});

test('a limit that is lowered is kept as soon as the requests above it have ended', () => {
  const fleet = new Exchange(['a', 'b']);
  fleet.turns(60, { a: 300, b: 300 });
  fleet.master.setLimits(new Map([['web', 10]]));
  fleet.turns(3, { a: 300, b: 300 });
  assert.is(
    fleet.shares().reduce((sum, each) => sum + each, 0),
    10,
  );
});

test.run();
