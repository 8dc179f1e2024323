// A balancer's share of a pool's limit: what begins, what is refused, what it asks for, and when a lease ends.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InflightShare, SHARE_CELLS, ShareKeeper } from '../../lib/routing/fleet-limit.js';
import { FleetShares } from '../../lib/routing/fleet-shares.js';
import { KEEP_SHARE, type LimitGrants } from '../../lib/routing/limit-types.js';

const test = suite('fleet limit');

const LEASE_MS = 2500;

function buildShare(limit = 100, balancers = 4) {
  const cells = new Float64Array(SHARE_CELLS);
  return { share: new InflightShare(cells), keeper: new ShareKeeper('web', cells, limit, balancers, LEASE_MS) };
}

function beginMany(share: InflightShare, nowMs: number, wanted = 1000): number {
  let begun = 0;
  for (let i = 0; i < wanted; i++) if (share.tryBegin(nowMs)) begun++;
  return begun;
}

const grantsOf = (seq: number, share: number, heardAtMs: number, term = 1): LimitGrants => ({
  term,
  seq,
  pools: ['web'],
  shares: [{ balancer: 'b', instance: 'i', heardAtMs, shares: [share] }],
  keys: [],
});

test('as many requests begin as the share allows, and one more for each that ends', () => {
  const { share, keeper } = buildShare();
  keeper.apply(3, 100);
  assert.is(beginMany(share, 0), 3);
  share.end();
  assert.is(beginMany(share, 0), 1);
});

test('after a share is lowered, requests above it finish, and none begins until enough have', () => {
  const { share, keeper } = buildShare();
  keeper.apply(5, 100);
  beginMany(share, 0);
  keeper.apply(2, 100);
  for (let inflight = 5; inflight > 2; inflight--) {
    assert.not(share.tryBegin(0), String(inflight));
    share.end();
  }
  share.end();
  assert.ok(share.tryBegin(0));
});

test('a new balancer has no share for the length of a lease, then an even part', () => {
  const { share } = buildShare(100, 4);
  assert.is(beginMany(share, LEASE_MS - 1), 0);
  assert.is(beginMany(share, LEASE_MS), 25);
});

test('when its lease ends, a share falls back to an even part; while Redis is away it is kept', () => {
  const { keeper } = buildShare(100, 4);
  const shares = new FleetShares('b', 'i', LEASE_MS);
  shares.setPools([keeper]);
  assert.ok(shares.take(grantsOf(1, 90, 0), 10));
  assert.equal([keeper.shareAt(LEASE_MS - 1), keeper.shareAt(LEASE_MS)], [90, 25]);
  shares.setRedisAway(true, 1000);
  assert.is(keeper.shareAt(1e6), 90);
  shares.setRedisAway(false, 1e6);
  assert.equal([keeper.shareAt(1e6 + LEASE_MS - 1), keeper.shareAt(1e6 + LEASE_MS)], [90, 25]);
});

test('a balancer that never had a share does not keep none while Redis is away', () => {
  const { keeper } = buildShare(100, 4);
  const shares = new FleetShares('b', 'i', LEASE_MS);
  shares.setPools([keeper]);
  shares.setRedisAway(true, 0);
  assert.is(keeper.shareAt(LEASE_MS), 25);
});

test('grants that are old, repeated, for another instance, or answer a report of the future change nothing', () => {
  const { keeper } = buildShare();
  const shares = new FleetShares('b', 'i', LEASE_MS);
  shares.setPools([keeper]);
  assert.ok(shares.take(grantsOf(5, 10, 0, 2), 1));
  assert.not(shares.take(grantsOf(5, 20, 0, 2), 1));
  assert.not(shares.take(grantsOf(4, 20, 0, 2), 1));
  assert.not(shares.take(grantsOf(9, 20, 0, 1), 1));
  assert.not(shares.take(grantsOf(6, 20, 50, 2), 1));
  const other = grantsOf(7, 20, 0, 2);
  assert.not(shares.take({ ...other, shares: [{ ...(other.shares[0] as LimitGrants['shares'][0]), instance: 'j' }] }, 1));
  assert.is(keeper.shareAt(1), 10);
});

test('to keep a share whose lease has ended means to keep the even part', () => {
  const { keeper } = buildShare(100, 4);
  const shares = new FleetShares('b', 'i', LEASE_MS);
  shares.setPools([keeper]);
  shares.take(grantsOf(1, 90, 0), 0);
  shares.take(grantsOf(2, KEEP_SHARE, 4000), 5000);
  assert.is(keeper.shareAt(5001), 25);
});

test('a balancer that refuses two of three wants three times what it has', () => {
  const { share, keeper } = buildShare(100, 1);
  keeper.apply(10, 1e9);
  for (let round = 0; round < 50; round++) {
    // Ten requests last ten intervals each; of three that come in an interval one is let in.
    if (round >= 10) share.end();
    beginMany(share, round, 3);
    keeper.report(round);
  }
  const { wanted, inflight } = keeper.report(50);
  assert.is(inflight, 10);
  assert.ok(wanted > 20 && wanted < 40, String(wanted));
});

test('a balancer without a share wants a place for each request that it refused; a waiting request counts once', () => {
  const { share, keeper } = buildShare();
  beginMany(share, 0, 7);
  for (let i = 0; i < 100; i++) share.tryBeginWaiting(0);
  assert.is(keeper.report(0).wanted, 7);
});

test.run();
