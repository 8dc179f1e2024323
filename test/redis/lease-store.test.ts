// The contract of a LeaseStore: one suite that both the fake of the simulations and the real store on a real Redis pass,
// so that properties of mastership proved on the fake hold on Redis.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LeaseGrant, LeaseStore, MasterFields } from '../../lib/redis/lease-store.js';
import { until } from '../support/until.js';
import { type LeaseStage, onFake, onRedis, STAGE_TTL_MS } from '../support/lease-stage.js';

const test = suite('lease store');

const ANN = { name: 'ann', url: 'http://10.0.0.1:80', since: '2026-01-01T00:00:00.000Z' };
const BOB = { name: 'bob', url: 'http://10.0.0.2:80', since: '2026-01-02T00:00:00.000Z' };

/** The identities of two masterships. */
const [M1, M2] = ['1'.repeat(32), '2'.repeat(32)] as [string, string];

/** Takes a term; returns it, or the outcome of the claim. */
async function take(store: LeaseStore, floor: number, master: MasterFields, mastership = M1, mayFound = true): Promise<number | string> {
  const outcome = await store.takeTerm({ mastership, floor, mayFound }, master);
  return outcome.kind === 'taken' ? outcome.term : outcome.kind;
}

/** The lease, which must be free. */
async function grantFor(store: LeaseStore): Promise<LeaseGrant> {
  // A release by another store may still be on its way.
  const outcome = await until(
    async () => {
      const each = await store.acquire();
      return each.kind === 'acquired' && each;
    },
    { what: 'the lease to be free' },
  );
  return outcome.grant;
}

const contract: Readonly<Record<string, (stage: LeaseStage) => Promise<void>>> = {
  async 'a free lease is granted, and to another it is held for what it has left'({ a, b }) {
    await grantFor(a);
    const outcome = await b.acquire();
    assert.is(outcome.kind, 'held');
    const { leftMs } = outcome as { leftMs: number | null };
    assert.ok(leftMs !== null && leftMs > STAGE_TTL_MS / 3 && leftMs <= STAGE_TTL_MS, `${leftMs}`);
  },

  async 'a lease is held from its own holder too: it must be renewed, not asked for again'({ a }) {
    await grantFor(a);
    assert.is((await a.acquire()).kind, 'held');
  },

  async 'of two that ask at once one is granted the lease'({ a, b }) {
    const kinds = (await Promise.all([a.acquire(), b.acquire()])).map(({ kind }) => kind);
    assert.equal(kinds.toSorted(), ['acquired', 'held']);
  },

  async 'a lease can be renewed again and again, and then still be released'({ a, b }) {
    const grant = await grantFor(a);
    for (let i = 0; i < 5; i++) assert.is(await a.renew(grant), 'renewed');
    assert.is((await b.acquire()).kind, 'held');
    await a.release(grant);
    await grantFor(b);
  },

  async 'a released lease is free at once, and its grant is good for nothing more'({ a, b }) {
    const grant = await grantFor(a);
    await a.release(grant);
    const other = await grantFor(b);
    assert.is(await a.renew(grant), 'lost');
    await a.release(grant);
    assert.is(await b.renew(other), 'renewed');
  },

  async 'a lease that ran out is lost to its holder, also when nobody else took it'({ a, b, runOut }) {
    const grant = await grantFor(a);
    await runOut();
    assert.is(await a.renew(grant), 'lost');
    const other = await grantFor(b);
    assert.is(await a.renew(grant), 'lost');
    assert.is(await b.renew(other), 'renewed');
  },

  async 'terms begin with 1 and grow by one, whoever takes them'({ a, b, readTerm }) {
    assert.equal([await take(a, 0, ANN), await take(b, 0, BOB, M2), await take(a, 1, ANN)], [1, 2, 3]);
    assert.is(await readTerm(), `3 ${M1}`);
  },

  async 'a term is above the next of its floor, since one election may have been missed, and a floor below the term in Redis does not matter'({
    a,
    b,
  }) {
    assert.equal([await take(a, 41, ANN), await take(b, 7, BOB, M2), await take(a, 100, ANN)], [43, 44, 102]);
  },

  async 'terms that are taken at once are all different'({ a, b }) {
    const terms = await Promise.all(Array.from({ length: 20 }, (_, i) => take(i % 2 ? a : b, 0, ANN)));
    assert.equal(
      terms.toSorted((x, y) => Number(x) - Number(y)),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  },

  async 'garbage in the term key counts as no term'({ a, readTerm, writeTerm }) {
    for (const garbage of ['abc', '-5', '1e300', 'nan', '-nan', 'inf', '', '[1]', '9007199254740993', '2000000000000000', '0x', '1 2 ']) {
      await writeTerm(garbage);
      assert.is(await take(a, 6, ANN), 8, garbage);
      assert.is(await readTerm(), `8 ${M1}`);
      await writeTerm(garbage);
      assert.is(await a.refreshMaster({ term: 8, mastership: M1 }, ANN), 'fenced', garbage);
      assert.is(await readTerm(), garbage, 'left for the others to see');
    }
  },

  async 'who knows no term founds a fleet only on request, and a Redis with a term needs no founding'({ a, b, readTerm }) {
    assert.is(await take(a, 0, ANN, M1, false), 'missing');
    assert.is(await readTerm(), null);
    assert.is(await take(b, 4, BOB, M2, false), 6, 'who knows a term need not wait');
    assert.is(await take(a, 0, ANN, M1, false), 7);
  },

  async 'of two masterships in one term neither may write: the next term, which nobody holds, shuts both out'({
    a,
    b,
    readTerm,
    writeTerm,
    readMaster,
  }) {
    assert.is(await take(a, 0, ANN), 1);
    await writeTerm('');
    assert.is(await take(b, 0, BOB, M2), 1, 'Redis lost its data, and nobody near knew a term');
    assert.is(await a.refreshMaster({ term: 1, mastership: M1 }, ANN), 'fenced');
    assert.is(await readTerm(), '2');
    assert.is(await b.refreshMaster({ term: 1, mastership: M2 }, BOB), 'fenced');
    await a.clearMaster(M1);
    assert.is((await readMaster()).name, 'bob', 'the other mastership’s hash is not its own');
    await b.clearMaster(M2);
    assert.equal(await readMaster(), {});
  },

  async 'a term is raised, never lowered, and nobody holds it'({ a, readTerm }) {
    await take(a, 0, ANN);
    await a.raiseTerm(1);
    assert.is(await readTerm(), `1 ${M1}`);
    await a.raiseTerm(5);
    assert.is(await readTerm(), '5');
    assert.is(await a.refreshMaster({ term: 5, mastership: M1 }, ANN), 'written', 'a term without a holder is taken by whoever holds it');
    assert.is(await readTerm(), `5 ${M1}`);
  },

  async 'terms stay exact beyond what 32 bits hold'({ a, readTerm }) {
    assert.is(await take(a, 2 ** 36, ANN), 2 ** 36 + 2);
    assert.is(await readTerm(), `${2 ** 36 + 2} ${M1}`);
    assert.is(await take(a, 2 ** 36, ANN), 2 ** 36 + 3);
  },

  async 'whoever takes a term is named in the master’s hash, in place of the one before'({ a, b, readMaster }) {
    await take(a, 0, ANN);
    assert.equal(await readMaster(), { ...ANN, term: '1', mastership: M1 });
    await take(b, 0, BOB, M2);
    assert.equal(await readMaster(), { ...BOB, term: '2', mastership: M2 });
  },

  async 'a master may write its hash until a newer term exists'({ a, b, readMaster }) {
    await take(a, 0, ANN);
    assert.is(await a.refreshMaster({ term: 1, mastership: M1 }, { ...ANN, url: 'http://moved' }), 'written');
    assert.is((await readMaster()).url, 'http://moved');
    await take(b, 0, BOB, M2);
    assert.is(await a.refreshMaster({ term: 1, mastership: M1 }, ANN), 'fenced');
    assert.equal(await readMaster(), { ...BOB, term: '2', mastership: M2 });
  },

  async 'a master whose term Redis has forgotten may not write: the others are to see that its data was lost'({
    a,
    readTerm,
    returnEmpty,
  }) {
    await take(a, 8, ANN);
    await returnEmpty();
    assert.is(await readTerm(), null);
    assert.is(await a.refreshMaster({ term: 10, mastership: M1 }, ANN), 'fenced');
    assert.is(await readTerm(), null);
  },

  async 'a master clears its own hash only, and the term outlives it'({ a, b, readTerm, readMaster }) {
    await take(a, 0, ANN);
    await take(b, 0, BOB, M2);
    await a.clearMaster(M1);
    assert.is((await readMaster()).name, 'bob');
    await b.clearMaster(M2);
    assert.equal(await readMaster(), {});
    assert.is(await readTerm(), `2 ${M2}`);
  },

  async 'the master’s hash runs out like the lease; the term does not'({ a, readTerm, readMaster, runOut }) {
    await grantFor(a);
    await take(a, 0, ANN);
    await runOut();
    assert.equal(await readMaster(), {});
    assert.is(await readTerm(), `1 ${M1}`);
  },

  async 'without Redis every answer is that it cannot be reached, and nothing throws'({ a, b, goAway }) {
    const grant = await grantFor(a);
    await goAway();
    assert.is((await b.acquire()).kind, 'failed');
    assert.is(await a.renew(grant), 'unreachable');
    assert.is(await take(a, 0, ANN), 'failed');
    assert.is(await a.refreshMaster({ term: 1, mastership: M1 }, ANN), 'unreachable');
    await a.clearMaster(M1);
    await a.release(grant);
  },

  async 'a Redis that returns empty has lost the lease'({ a, b, goAway, returnEmpty }) {
    const grant = await grantFor(a);
    await goAway();
    await returnEmpty();
    assert.is(await a.renew(grant), 'lost');
    await grantFor(b);
  },
};

for (const [name, play] of Object.entries(contract)) {
  test(`on the fake: ${name}`, () => onFake(play));
  test(`on Redis: ${name}`, () => onRedis(play));
}

test.run();
