// Transcripts of mastership: a simulated fleet meets a fault, and the transcript must show who took which role, when,
// and with which term. The simulation checks at each step that there are never two masters and that terms grow. TTL
// 1500 ms, renewal every 500 ms, safety margin 150 ms, 50 ms per place in the succession.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseSimulation, type SimulationOptions, type Turn } from '../support/lease-simulation.js';
import { scaled } from '../support/scale.js';

const test = suite('lease');

const TTL_MS = 1500;
const SAFETY_MS = 150;

/** A fleet that has run for `forMs`, with b0 as its master in term 1. */
function fleet(options: Partial<SimulationOptions> = {}, forMs = 5000): LeaseSimulation {
  const simulation = new LeaseSimulation({ balancers: 3, ...options });
  simulation.startAll(20);
  simulation.time.pass(forMs);
  assert.equal(simulation.masterships(), ['b0:1']);
  return simulation;
}

/** The role changes after a moment, as `name role term`. */
const turnsSince = (simulation: LeaseSimulation, atMs: number): Turn[] => simulation.transcript.filter((turn) => turn.atMs >= atMs);
const textOf = (turns: readonly Turn[]) => turns.map(({ name, role, term }) => `${name} ${role} ${term}`);

test('the first balancer of a new fleet becomes master after a second, and stays master while nothing fails', () => {
  // Proves: the fleet is founded once nobody has named a term; renewals keep the lease; nobody else tries to take it.
  const simulation = fleet({ balancers: 5 }, 60_000);
  const { atMs = Infinity } = simulation.transcript[0] ?? {};
  assert.ok(atMs > 1000 && atMs < 1050, `${atMs} ms`);
  assert.is(simulation.transcript.length, 1);
  assert.ok(simulation.writes.length > 200);
  assert.ok(simulation.writes.every(({ isFenced }) => !isFenced));
});

test('when the master is killed, the slave that joined first becomes master within the TTL and half a second', () => {
  // Proves: succession after a crash, at any moment between two renewals.
  for (let seed = 1; seed <= scaled(10, 40); seed++) {
    const simulation = fleet({ seed, balancers: 5 }, 5000 + seed * 25);
    const { nowMs } = simulation.time;
    simulation.balancer('b0').kill();
    simulation.time.pass(10_000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(textOf(turns), ['b1 master 2'], `seed ${seed}`);
    const tookMs = (turns[0]?.atMs ?? Infinity) - nowMs;
    assert.ok(tookMs <= TTL_MS + 500, `seed ${seed}: ${tookMs} ms`);
    assert.ok(tookMs >= TTL_MS - 500 - 20, `seed ${seed}: ${tookMs} ms is before the lease ended`);
  }
});

test('masters killed one after the other are succeeded in the order of joining', () => {
  // Proves: succession by rank, down to the last balancer.
  const simulation = fleet({ balancers: 6 });
  for (const name of ['b0', 'b1', 'b2', 'b3', 'b4']) {
    assert.is(simulation.master?.name, name);
    simulation.balancer(name).kill();
    simulation.time.pass(6000);
  }
  assert.equal(simulation.masterships(), ['b0:1', 'b1:2', 'b2:3', 'b3:4', 'b4:5', 'b5:6']);
});

test('when the master and the next in line die together, the third takes over in the same time', () => {
  // Proves: nobody waits for a dead successor.
  const simulation = fleet({ balancers: 4 });
  const { nowMs } = simulation.time;
  simulation.balancer('b0').kill();
  simulation.balancer('b1').kill();
  simulation.time.pass(TTL_MS + 500);
  assert.equal(textOf(turnsSince(simulation, nowMs)), ['b2 master 2']);
});

test('a master suspended for 5 s steps down before it does anything else, and its writes are refused', () => {
  // Proves: a paused process (SIGSTOP, a frozen VM) does no harm when it resumes, whether its timers or the pending
  // answers and messages from the network come first.
  for (const first of ['in order', 'the network'] as const) {
    for (let seed = 1; seed <= scaled(6, 20); seed++) {
      const simulation = fleet({ seed }, 5000 + seed * 30);
      const b0 = simulation.balancer('b0');
      b0.pause();
      simulation.time.pass(5000);
      assert.equal(simulation.masterships(), ['b0:1', 'b1:2']);
      const { nowMs } = simulation.time;
      b0.resume(first);
      assert.is(b0.state.phase, 'waiting');
      assert.equal(textOf(turnsSince(simulation, nowMs)), ['b0 slave 1']);
      simulation.time.pass(5000);
      const taken = simulation.writes.filter(({ atMs, name, isFenced }) => atMs >= nowMs && name === 'b0' && !isFenced);
      assert.is(taken.length, 0);
      assert.is(simulation.master?.name, 'b1');
    }
  }
});

test('a master suspended for less than the rest of its lease stays master', () => {
  // Proves: a short pause (such as a long garbage collection) causes no election.
  const simulation = fleet();
  for (let i = 0; i < 20; i++) {
    simulation.balancer('b0').pause();
    simulation.time.pass(700);
    simulation.balancer('b0').resume();
    simulation.time.pass(1300);
  }
  assert.equal(simulation.masterships(), ['b0:1']);
});

for (const how of ['refuses', 'hangs'] as const) {
  test(`when Redis ${how} for 10 s, the master steps down before its lease ends, and there is none until Redis returns`, () => {
    // Proves: stepping down does not depend on Redis; without Redis there is no master; the next term is new.
    for (let seed = 1; seed <= scaled(6, 20); seed++) {
      const simulation = fleet({ seed }, 5000 + seed * 25);
      const goneAtMs = simulation.time.nowMs;
      simulation.redisGoes(how);
      simulation.time.pass(10_000);
      const [down, ...more] = turnsSince(simulation, goneAtMs);
      assert.is(more.length, 0);
      assert.is(down?.role, 'slave');
      assert.ok((down?.atMs ?? Infinity) - goneAtMs <= TTL_MS - SAFETY_MS, `seed ${seed}`);
      assert.is(simulation.master, undefined);
      const backAtMs = simulation.time.nowMs;
      simulation.redisReturns();
      simulation.time.pass(3000);
      const [up, ...others] = turnsSince(simulation, backAtMs);
      assert.is(others.length, 0, `seed ${seed}`);
      assert.is(up?.role, 'master');
      assert.ok((up?.term ?? 0) > 1);
      assert.ok((up?.atMs ?? Infinity) - backAtMs < TTL_MS + 500, `seed ${seed}`);
    }
  });
}

test('a Redis that comes back empty does not make terms go backwards', () => {
  // Proves: the lower bound of a new term is what the balancers saw, not only what Redis remembers.
  const simulation = fleet();
  for (const balancer of simulation.balancers) balancer.hear({ type: 'term-seen', term: 500 });
  simulation.time.pass(3000);
  assert.equal(simulation.masterships(), ['b0:1', 'b1:502']);
  simulation.redisGoes('refuses');
  simulation.time.pass(4000);
  simulation.redisReturns({ isEmpty: true });
  simulation.time.pass(1000);
  assert.equal(simulation.masterships().length, 3);
  // One more than the next: those who restored the term may have missed an election.
  assert.is(simulation.transcript.at(-1)?.term, 504);
  assert.is(simulation.server.termFor(504).term, 504);
});

test('a newly started balancer on a Redis that lost its data does not reuse a term', () => {
  // Proves: this holds for a fleet's first term too, whether the master or a slave died with Redis. A balancer without
  // a term waits for the others' heartbeats, which restore one more than they saw. (The simulation fails when a term
  // repeats.)
  for (const died of ['b0', 'b2']) {
    for (let seed = 1; seed <= scaled(15, 60); seed++) {
      const simulation = fleet({ seed, mayOverlap: true }, 5000 + seed * 17);
      simulation.redisGoes('refuses');
      simulation.balancer(died).kill();
      simulation.time.pass(300 + seed * 40);
      // It is back before Redis, and its connection is ready first.
      simulation.balancer(died).start();
      simulation.time.pass(200);
      simulation.redisReturns({ isEmpty: true });
      simulation.balancer(died).reconnect();
      simulation.time.pass(5000);
      assert.is(simulation.believers().length, 1, `seed ${seed}`);
      const terms = simulation.masterships().map((each) => Number(each.split(':')[1]));
      assert.ok((terms.at(-1) ?? 0) > 1, `${died}, seed ${seed}: ${simulation.masterships()}`);
      assert.ok(simulation.isNewestTermKnown);
    }
  }
});

test('two masterships in one term both end, and the next term is elected within 2 s', () => {
  // Proves: what waiting cannot rule out (Redis returns with an older dump, and no balancer that saw the newest term is
  // near) is resolved: balancers that hold tables of the older mastership raise the term, and none drops tables for
  // good.
  for (let seed = 1; seed <= scaled(10, 40); seed++) {
    const simulation = fleet({ seed, mayOverlap: true, mayRepeatTerms: true }, 5000 + seed * 29);
    const old = simulation.server.dump();
    simulation.balancer('b0').kill();
    simulation.time.pass(4000);
    assert.equal(simulation.masterships(), ['b0:1', 'b1:2']);
    // b0 returns without a term and Redis with the one before the election; b1, the master, does not hear of it.
    simulation.redisGoes('refuses');
    simulation.time.pass(2000);
    for (const name of ['b1', 'b2']) simulation.balancer(name).isCutOff = true;
    simulation.balancer('b0').start();
    simulation.redisReturns();
    simulation.server.restoreDump(old);
    simulation.balancer('b0').reconnect();
    simulation.time.pass(3000);
    assert.is(simulation.masterships().at(-1), 'b0:2', `seed ${seed}`);
    for (const name of ['b1', 'b2']) simulation.balancer(name).isCutOff = false;
    const { nowMs } = simulation.time;
    simulation.time.pass(2000);
    const turns = turnsSince(simulation, nowMs).filter(({ role }) => role === 'master');
    assert.is(turns.length, 1, `seed ${seed}: ${textOf(turns)}`);
    assert.ok((turns[0]?.term ?? 0) > 2);
    assert.is(simulation.believers().length, 1);
  }
});

test('a balancer with a slow path to Redis does not prevent others from being master', () => {
  // Proves: with a round trip above the command timeout it never becomes master and hardly ever holds the lease; the
  // fleet always has a master except during takeovers, even when that master dies.
  for (let seed = 1; seed <= scaled(6, 20); seed++) {
    for (const roundTripMs of [560, 800, 1200]) {
      const simulation = new LeaseSimulation({ balancers: 3, seed });
      simulation.balancer('b0').farMs = roundTripMs / 2;
      simulation.startAll(20);
      simulation.time.pass(3000);
      assert.is(simulation.balancer('b0').state.phase === 'master', false);
      const killedAtMs = simulation.time.nowMs;
      const first = simulation.master;
      assert.ok(first !== undefined, `seed ${seed}, ${roundTripMs} ms: no master after 3 s`);
      first.kill();
      simulation.time.pass(TTL_MS + 1000);
      const [next] = turnsSince(simulation, killedAtMs);
      assert.is(next?.role, 'master', `seed ${seed}, ${roundTripMs} ms: none after ${TTL_MS + 1000} ms`);
      simulation.time.pass(55_000);
      assert.is(simulation.transcript.length, 2, `seed ${seed}: ${textOf(simulation.transcript)}`);
    }
  }
});

test('a master that gets no answers any more is succeeded within 2 s', () => {
  // Proves: it steps down by its own clock, and its release, which does arrive, is noticed without an announcement.
  for (let seed = 1; seed <= scaled(10, 40); seed++) {
    const simulation = fleet({ seed }, 5000 + seed * 25);
    const { nowMs } = simulation.time;
    simulation.balancer('b0').losesAnswers = true;
    simulation.time.pass(4000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(textOf(turns), ['b0 slave 1', 'b1 master 2'], `seed ${seed}`);
    assert.ok((turns[1]?.atMs ?? Infinity) - nowMs < 2000, `seed ${seed}: ${(turns[1]?.atMs ?? 0) - nowMs} ms`);
  }
});

test('when Redis restarts empty within a lease, two masters coexist for at most one renewal, and the older is fenced', () => {
  // Proves: terms make up for what Redlock alone can't guarantee (it requires Redis to remember). The new master has
  // the higher term at once; the old one learns at its next renewal that the lease is lost.
  let overlaps = 0;
  for (let seed = 1; seed <= scaled(10, 40); seed++) {
    const simulation = fleet({ seed, mayOverlap: true }, 5000 + seed * 13);
    const { nowMs } = simulation.time;
    simulation.redisGoes('refuses');
    simulation.time.pass(5);
    simulation.redisReturns({ isEmpty: true });
    simulation.time.pass(5000);
    assert.ok(simulation.overlapMs <= 500 + 20, `seed ${seed}: ${simulation.overlapMs} ms`);
    if (simulation.overlapMs > 0) overlaps++;
    assert.is(simulation.believers().length, 1);
    assert.ok(turnsSince(simulation, nowMs).every(({ role, term }) => role === 'slave' || term > 1));
  }
  assert.ok(overlaps > 0, 'the scenario never made two masters: it proves nothing');
});

test('of two that request the lease at the same instant, one becomes master and the other waits', () => {
  // Proves: Redis alone breaks a tie.
  for (let seed = 1; seed <= scaled(12, 50); seed++) {
    const simulation = new LeaseSimulation({ balancers: 2, seed, latencyMs: [1, 1] });
    simulation.startAll();
    simulation.time.pass(10_000);
    assert.is(simulation.transcript.length, 1);
  }
});

test('a master that stops in good order is succeeded at once, mostly by the next in line', () => {
  // Proves: a rolling restart never waits for a lease to expire. (Another slave comes first when it happens to check
  // the lease at that very moment.)
  const fleets = scaled(6, 20);
  let inLine = 0;
  for (let seed = 1; seed <= fleets; seed++) {
    const simulation = fleet({ seed, balancers: 4 }, 5000 + seed * 40);
    for (let stop = 0; stop < 3; stop++) {
      const { nowMs } = simulation.time;
      const { name } = simulation.master as { name: string };
      const next = simulation.balancers.find((each) => each.isAlive && each.name !== name);
      simulation.balancer(name).stop();
      simulation.time.pass(100);
      if (simulation.master?.name === next?.name) inLine++;
      const turns = turnsSince(simulation, nowMs).map(({ name: who, role }) => `${who} ${role}`);
      assert.is(turns[0], `${name} slave`);
      assert.is(turns[1], `${simulation.master?.name} master`, `seed ${seed}`);
      assert.is(turns.length, 2, `seed ${seed}: ${turns}`);
      simulation.balancer(name).kill();
      simulation.time.pass(6000);
    }
  }
  assert.ok(inLine >= 2.5 * fleets, `${inLine} of ${3 * fleets}`);
});

test('64 balancers have one master, and a new one in time after each of 20 crashes', () => {
  // Proves: a large fleet whose members all request the lease at once still elects in time, and only one.
  const simulation = fleet({ balancers: 64 }, 8000);
  for (let crash = 1; crash <= 20; crash++) {
    const { nowMs } = simulation.time;
    simulation.master?.kill();
    simulation.time.pass(5000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(
      turns.map(({ role, term }) => `${role} ${term}`),
      [`master ${crash + 1}`],
    );
    assert.ok((turns[0]?.atMs ?? Infinity) - nowMs <= TTL_MS + 500);
  }
});

test.run();
