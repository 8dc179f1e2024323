// What a balancer and the master say to each other of limits, part against part without Redis: nothing without limits, shares
// within a few exchanges, and a malformed part changes nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LimitSync } from '../../lib/fleet/limit-sync.js';
import { LimitMaster } from '../../lib/hosts/limit-master.js';
import type { HostTable, LoadMessage } from '../../lib/model.js';
import { SHARE_CELL } from '../../lib/routing/fleet-limit.js';
import { shareLeaseMs } from '../../lib/site-limits.js';
import type { Site } from '../../lib/site-model.js';
import { createTable, openTable, shareCellsOf } from '../../lib/table/layout.js';
import type { FromFleet } from '../../lib/thread-messages.js';
import { readSite } from '../../lib/config/site/read-site.js';

const test = suite('limit sync');
const LEASE_TTL_MS = 1500;

async function siteOf(text: string): Promise<Site> {
  const reading = await readSite(text);
  assert.ok('site' in reading, JSON.stringify(reading));
  return reading.site;
}

const LIMITED = 'version: 1\npools: { web: { limits: { fleet: 9 } } }\nroutes: [{ to: web }]\n';
const UNLIMITED = 'version: 1\npools: { web: {} }\nroutes: [{ to: web }]\n';

/** One balancer and one master on one clock; its main thread answers at once with no keys. */
class Stage {
  nowMs = 10_000;
  readonly counts: string[] = [];
  readonly told: Extract<FromFleet, { type: 'limits' }>[] = [];
  readonly cells: Float64Array;
  readonly balancer: LimitSync;
  readonly master: LimitMaster;
  #seq = 100;
  #loads = 0;

  constructor() {
    const columns = openTable(createTable(4));
    this.cells = shareCellsOf(columns, 1);
    const [clock, count] = [() => this.nowMs, (name: string) => void this.counts.push(name)];
    this.balancer = new LimitSync({
      ...{ columns, clock, count },
      config: { name: 'b1', instance: 'i1', leaseTtlMs: LEASE_TTL_MS },
      post: (message) => {
        assert.ok(message.type === 'limits');
        this.told.push(message);
        if (message.isAsked) this.balancer.onKeys([]);
      },
    });
    this.master = new LimitMaster({
      ...{ clock, count, term: 3, seq: this.#seq, leaseMs: shareLeaseMs(LEASE_TTL_MS), redisBackAtMs: Number.NEGATIVE_INFINITY },
      everyMs: () => 12,
      onDue: () => undefined,
    });
  }

  setSite(site: Site): void {
    this.master.setSite(site);
    this.balancer.setSite(site, [
      ['default', 0],
      ['web', 1],
    ]);
  }

  /** A load message with this part, if there is any. */
  load(limits: unknown = this.balancer.due(this.nowMs)): boolean {
    const message = { balancer: 'b1', instance: 'i1', seq: ++this.#loads, limits } as LoadMessage;
    this.master.onLoad(message);
    return limits !== undefined;
  }

  /** A table with this part, if there is any. */
  table(limits: unknown = this.master.deal(++this.#seq)): boolean {
    this.balancer.onTable({ stamp: { term: 3, mastership: 'm', seq: this.#seq }, limits } as HostTable);
    return limits !== undefined;
  }

  get share(): number {
    return this.cells[SHARE_CELL.share] as number;
  }
}

test('without limits nobody says or is asked anything; with one the share is there after a lease and a few exchanges', async () => {
  const stage = new Stage();
  const [limited, unlimited] = [await siteOf(LIMITED), await siteOf(UNLIMITED)];
  try {
    stage.setSite(unlimited);
    assert.equal([stage.load(), stage.table(), stage.told.length], [false, false, 0]);
    stage.setSite(limited);
    // A new master waits until what an earlier one dealt out has ended.
    stage.nowMs += 2 * shareLeaseMs(LEASE_TTL_MS);
    for (let exchanges = 0; exchanges < 3; exchanges++) {
      assert.ok(stage.load());
      // Timers do not run here: the interval begins anew with the site.
      stage.master.setSite(unlimited);
      stage.master.setSite(limited);
      assert.ok(stage.table());
      stage.nowMs += 100;
    }
    assert.is(stage.share, 9);
    stage.setSite(unlimited);
    assert.equal([stage.share, stage.load(), stage.table()], [0, false, false]);
  } finally {
    stage.master.stop();
  }
});

test('a balancer that hears no master says what it has all the same, and tells its requests that shares may have ended', async () => {
  const stage = new Stage();
  stage.balancer.setSite(await siteOf(LIMITED), [['web', 1]]);
  assert.ok(stage.load());
  assert.not.ok(stage.load());
  stage.nowMs += 151;
  const told = stage.told.length;
  assert.not.ok(stage.load(), 'the thread that serves is asked first');
  assert.is(stage.told.length, told + 1);
  assert.ok(stage.load());
  stage.balancer.setBalancers(2);
  stage.balancer.setRedisAway(true);
  assert.equal(
    stage.told.slice(-2).map(({ balancers, isRedisAway }) => [balancers, isRedisAway]),
    [
      [2, false],
      [2, true],
    ],
  );
  assert.is(stage.cells[SHARE_CELL.fallback], 4);
});

test('a malformed part is dropped and counted', async () => {
  const stage = new Stage();
  try {
    stage.setSite(await siteOf(LIMITED));
    stage.load({ sent: 1, applied: [3, 1], pools: [['web', -1, 0, 0]] });
    stage.table({ pools: ['web'], shares: [['b1', 'i1', 1, -7]] });
    assert.equal(stage.counts, ['limit_reports_dropped', 'limit_grants_dropped']);
    assert.is(stage.share, 0);
  } finally {
    stage.master.stop();
  }
});

test.run();
