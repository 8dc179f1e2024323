// The lease's driver on a real Redis: drivers of several balancers in this process, each with its own connection.
// Releases are passed to the others directly, instead of through the events channel.

import { parseTerm } from '../../lib/redis/term.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock } from '../../lib/clock.js';
import { leaseTimes } from '../../lib/fleet/lease-waits.js';
import { type LeaseDriver, startLeaseDriver } from '../../lib/fleet/lease-driver.js';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore, type LeaseStore } from '../../lib/redis/lease-store.js';
import { until, withRedis } from '../support/brackets.js';
import { FakeLeaseServer } from '../support/fake-lease-server.js';
import { createFakeLeaseStore } from '../support/fake-lease-store.js';
import { areReady, withClients } from '../support/redis-client.js';

const test = suite('lease driver');

const TTL_MS = 600;
const LONG_TTL_MS = 3000;
const KEYS = buildKeys('driver');

/** Drivers that notify one another of releases, and a record of their turns, as `name role term`. */
class Fleet {
  readonly drivers = new Map<string, LeaseDriver>();
  readonly log: string[] = [];
  readonly #clock = monotonicClock();
  readonly #ttlMs: number;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  start(name: string, store: LeaseStore, highestTerm = 0, hasResigned = false): LeaseDriver {
    const driver = startLeaseDriver({
      store,
      times: leaseTimes(this.#ttlMs),
      clock: this.#clock,
      highestTerm,
      hasResigned,
      describe: () => ({ name, url: `http://${name}` }),
      onMaster: ({ term }) => this.log.push(`${name} master ${term}`),
      onSlave: (term) => this.log.push(`${name} slave ${term}`),
      onReleased: (term) => {
        this.log.push(`${name} released ${term}`);
        for (const [other, each] of this.drivers) if (other !== name) each.send({ type: 'lease-released' });
      },
    });
    this.drivers.set(name, driver);
    return driver;
  }

  startOn(name: string, client: Commands): LeaseDriver {
    return this.start(name, createLeaseStore([client], KEYS, this.#ttlMs));
  }

  logged(line: string): Promise<unknown> {
    return until(() => this.log.includes(line), { everyMs: 2, what: () => `"${line}" in ${this.log.join(', ')}` });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.drivers.values()].map((driver) => driver.stop()));
  }
}

/** @param ttlMs of the lease: a test that ends with every turn accounted for needs one that a slow machine can always renew */
async function withFleet(fn: (fleet: Fleet) => Promise<void>, ttlMs = TTL_MS): Promise<void> {
  const fleet = new Fleet(ttlMs);
  try {
    await fn(fleet);
  } finally {
    await fleet.stop();
  }
}

test('a master that stops in good order is succeeded at once, with the next term, and back again', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], (first, second) =>
      withFleet(async (fleet) => {
        const ann = fleet.startOn('ann', first);
        await fleet.logged('ann master 1');
        fleet.startOn('bob', second);
        await until(() => fleet.drivers.get('bob')?.state.phase === 'waiting');
        await ann.stop();
        await fleet.logged('bob master 2');
        assert.equal(fleet.log, ['ann master 1', 'ann slave 1', 'ann released 1', 'bob master 2']);
        assert.equal(await first.hmget(KEYS.master, 'name', 'term'), ['bob', '2']);

        fleet.startOn('ann', first);
        await until(() => fleet.drivers.get('ann')?.state.phase === 'waiting');
        await fleet.drivers.get('bob')?.stop();
        await fleet.logged('ann master 3');
        assert.is(parseTerm(await first.get(KEYS.term), 9).term, 3);
      }, 30_000),
    ),
  ));

test('a driver that has resigned or stopped never requests the lease, whatever events it gets', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], (first, second) =>
      withFleet(async (fleet) => {
        const ann = fleet.start('ann', createLeaseStore([first], KEYS, TTL_MS), 4, true);
        for (const type of ['redis-ready', 'lease-released', 'tick'] as const) ann.send({ type });
        const bob = fleet.startOn('bob', second);
        await fleet.logged('bob master 1');
        await bob.stop();
        for (const each of [ann, bob]) for (const type of ['redis-ready', 'lease-released', 'tick'] as const) each.send({ type });
        // Longer than any of its waits.
        await new Promise((resolve) => setTimeout(resolve, 2 * TTL_MS));
        assert.equal(fleet.log, ['bob master 1', 'bob slave 1', 'bob released 1']);
        assert.equal([ann.state.phase, bob.state.phase, await first.exists(KEYS.lease)], ['stopped', 'stopped', 0]);
      }),
    ),
  ));

test('a master keeps renewing its lease and its hash', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], (first, second) =>
      withFleet(async (fleet) => {
        fleet.startOn('ann', first);
        await fleet.logged('ann master 1');
        fleet.startOn('bob', second);
        await second.del(KEYS.master);
        await until(async () => (await second.hget(KEYS.master, 'name')) === 'ann', { what: 'the hash to be written again' });
        await until(() => (fleet.drivers.get('ann')?.state.attempt ?? 0) >= 7, { what: 'five renewals' });
        assert.equal(fleet.log, ['ann master 1']);
        assert.ok((await second.pttl(KEYS.lease)) > LONG_TTL_MS / 3);
      }, LONG_TTL_MS),
    ),
  ));

test('after the last master stopped, only its term is left in Redis', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withFleet(async (fleet) => {
        const ann = fleet.startOn('ann', client);
        await fleet.logged('ann master 1');
        await ann.stop();
        assert.equal(await client.keys('*'), [KEYS.term]);
      }),
    ),
  ));

test('a master without Redis steps down by itself, and becomes master again with a higher term when an empty Redis returns', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withFleet(async (fleet) => {
        const ann = fleet.startOn('ann', client);
        await fleet.logged('ann master 1');
        await redis.kill();
        // lease.test.ts shows on a simulated clock that this comes before the lease ends.
        await fleet.logged('ann slave 1');
        await redis.restart();
        await areReady(client);
        ann.send({ type: 'redis-ready' });
        await fleet.logged('ann master 3');
        assert.is(parseTerm(await client.get(KEYS.term), 9).term, 3, 'one election may have been missed');
      }),
    ),
  ));

test('a master steps down when it is overtaken by a newer term', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withFleet(async (fleet) => {
        fleet.startOn('ann', client);
        await fleet.logged('ann master 1');
        await client.set(KEYS.term, '50');
        await fleet.logged('ann slave 1');
        await fleet.logged('ann master 51');
      }),
    ),
  ));

test('stopping during an attempt releases the lease once it is granted', async () => {
  // A store that withholds its answer until released.
  const server = new FakeLeaseServer(() => 0);
  const store = createFakeLeaseStore(server, TTL_MS);
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  await withFleet(async (fleet) => {
    const ann = fleet.start('ann', { ...store, acquire: () => gate.then(() => store.acquire()) });
    assert.is(ann.state.phase, 'acquiring');
    const stopped = ann.stop();
    letGo();
    await stopped;
    assert.is(server.holder, null);
    assert.equal(fleet.log, []);
  });
});

test('a balancer whose lease check is late does not request the lease', () =>
  withFleet(async (fleet) => {
    const server = new FakeLeaseServer(() => performance.now());
    const store = createFakeLeaseStore(server, TTL_MS);
    let [looks, acquires] = [0, 0];
    const driver = fleet.start('far', {
      ...store,
      look: async () => {
        looks++;
        return { kind: 'failed', reason: 'Command timed out', isSlow: true, isRefused: false };
      },
      acquire: () => {
        acquires++;
        return store.acquire();
      },
    });
    await until(() => looks > 0 && driver.state.phase === 'waiting', { what: 'the first look' });
    assert.is(acquires, 0);
    assert.ok(driver.state.slowFailures > 0);
    assert.match(driver.trouble, /^the lease can't be taken: Command timed out$/);
  }));

test('a driver that knows a term takes a higher one, whatever Redis remembers', () =>
  withFleet(async (fleet) => {
    const server = new FakeLeaseServer(() => performance.now());
    fleet.start('ann', createFakeLeaseStore(server, TTL_MS), 30);
    await fleet.logged('ann master 32');
  }));

test.run();
