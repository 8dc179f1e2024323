// Transcripts of mastership: a simulated fleet meets a fault, and the transcript must say who became what,
// when, and with which term. That there are never two masters and that terms grow is checked at each step
// by the simulation itself. TTL 1500 ms, renewed every 500 ms, 150 ms of safety, 50 ms a place in the succession.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseSimulation, type SimulationOptions, type Turn } from '../support/lease-simulation.js';

const test = suite('lease');

const TTL_MS = 1500;
const SAFETY_MS = 150;

/** A fleet that has run for `forMs`, with b0 as its master of term 1. */
function fleet(options: Partial<SimulationOptions> = {}, forMs = 5000): LeaseSimulation {
  const simulation = new LeaseSimulation({ balancers: 3, ...options });
  simulation.startAll(20);
  simulation.time.pass(forMs);
  assert.equal(simulation.masterships(), ['b0:1']);
  return simulation;
}

/** The turns after a moment, as `name role term`. */
const turnsSince = (simulation: LeaseSimulation, atMs: number): Turn[] => simulation.transcript.filter((turn) => turn.atMs >= atMs);
const told = (turns: readonly Turn[]) => turns.map(({ name, role, term }) => `${name} ${role} ${term}`);

test('the first balancer of a new fleet becomes master after a second, and stays it for as long as nothing fails', () => {
  // Proves: a fleet is founded once nobody has named a term; renewals keep the lease; nobody else tries to take it.
  const simulation = fleet({ balancers: 5 }, 60_000);
  const { atMs = Infinity } = simulation.transcript[0] ?? {};
  assert.ok(atMs > 1000 && atMs < 1050, `${atMs} ms`);
  assert.is(simulation.transcript.length, 1);
  assert.ok(simulation.writes.length > 200);
  assert.ok(simulation.writes.every(({ isFenced }) => !isFenced));
});

test('when the master is killed, the slave that joined first has a new term within the TTL and half a second', () => {
  // Proves: succession after a crash, at whatever moment between two renewals it comes.
  for (let seed = 1; seed <= 40; seed++) {
    const simulation = fleet({ seed, balancers: 5 }, 5000 + seed * 25);
    const { nowMs } = simulation.time;
    simulation.balancer('b0').kill();
    simulation.time.pass(10_000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(told(turns), ['b1 master 2'], `seed ${seed}`);
    const tookMs = (turns[0]?.atMs ?? Infinity) - nowMs;
    assert.ok(tookMs <= TTL_MS + 500, `seed ${seed}: ${tookMs} ms`);
    assert.ok(tookMs >= TTL_MS - 500 - 20, `seed ${seed}: ${tookMs} ms is before the lease ended`);
  }
});

test('masters that are killed one after the other are followed in the order in which they joined', () => {
  // Proves: succession by rank, down to the last balancer.
  const simulation = fleet({ balancers: 6 });
  for (const name of ['b0', 'b1', 'b2', 'b3', 'b4']) {
    assert.is(simulation.master?.name, name);
    simulation.balancer(name).kill();
    simulation.time.pass(6000);
  }
  assert.equal(simulation.masterships(), ['b0:1', 'b1:2', 'b2:3', 'b3:4', 'b4:5', 'b5:6']);
});

test('when the master and the next in line die together, the one after takes over in the same time', () => {
  // Proves: nobody waits for a dead successor.
  const simulation = fleet({ balancers: 4 });
  const { nowMs } = simulation.time;
  simulation.balancer('b0').kill();
  simulation.balancer('b1').kill();
  simulation.time.pass(TTL_MS + 500);
  assert.equal(told(turnsSince(simulation, nowMs)), ['b2 master 2']);
});

test('a master that slept for 5 s steps down before it does anything, and its writes are refused', () => {
  // Proves: a paused process (SIGSTOP, a frozen VM) does no harm when it wakes up, whichever of what it
  // missed it hears first: its timers, or the answers and messages from the network.
  for (const first of ['in order', 'the network'] as const) {
    for (let seed = 1; seed <= 20; seed++) {
      const simulation = fleet({ seed }, 5000 + seed * 30);
      const b0 = simulation.balancer('b0');
      b0.pause();
      simulation.time.pass(5000);
      assert.equal(simulation.masterships(), ['b0:1', 'b1:2']);
      const { nowMs } = simulation.time;
      b0.resume(first);
      assert.is(b0.state.phase, 'waiting');
      assert.equal(told(turnsSince(simulation, nowMs)), ['b0 slave 1']);
      simulation.time.pass(5000);
      const taken = simulation.writes.filter(({ atMs, name, isFenced }) => atMs >= nowMs && name === 'b0' && !isFenced);
      assert.is(taken.length, 0);
      assert.is(simulation.master?.name, 'b1');
    }
  }
});

test('a master that slept for less than its lease has left goes on as master', () => {
  // Proves: a short pause (a long collection of garbage) costs no election.
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
    // Proves: stepping down needs no word from Redis; without Redis there is no master; the next term is new.
    for (let seed = 1; seed <= 20; seed++) {
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

test('a Redis that comes back empty makes no term go backwards', () => {
  // Proves: the floor of a new term is what the balancers saw, not only what Redis remembers.
  const simulation = fleet();
  for (const balancer of simulation.balancers) balancer.hear({ type: 'term-seen', term: 500 });
  simulation.time.pass(3000);
  assert.equal(simulation.masterships(), ['b0:1', 'b1:502']);
  simulation.redisGoes('refuses');
  simulation.time.pass(4000);
  simulation.redisReturns({ isEmpty: true });
  simulation.time.pass(1000);
  assert.equal(simulation.masterships().length, 3);
  // One more than the next: an election may have been missed by those who put the term back.
  assert.is(simulation.transcript.at(-1)?.term, 504);
  assert.is(simulation.server.termFor(504).term, 504);
});

test('a balancer that has just started and meets a Redis that lost its data takes no term a second time', () => {
  // Proves: in a fleet's first term too, whether the master died with Redis or a slave did. Who knows no term waits
  // for the others' heartbeats; they put back one more than they saw. (The simulation fails when a term comes twice.)
  for (const died of ['b0', 'b2']) {
    for (let seed = 1; seed <= 60; seed++) {
      const simulation = fleet({ seed, mayOverlap: true }, 5000 + seed * 17);
      simulation.redisGoes('refuses');
      simulation.balancer(died).kill();
      simulation.time.pass(300 + seed * 40);
      // It is back before Redis, and its connection is the first to be ready.
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

test('two masterships that hold one term are both ended, and the next term is elected within 2 s', () => {
  // Proves: what waiting cannot rule out (Redis back with an older dump, and nobody who saw the newest term near) is
  // resolved: the balancers that hold the older mastership's tables raise the term, and no fleet stays deaf.
  for (let seed = 1; seed <= 40; seed++) {
    const simulation = fleet({ seed, mayOverlap: true, mayRepeatTerms: true }, 5000 + seed * 29);
    const old = simulation.server.dump();
    simulation.balancer('b0').kill();
    simulation.time.pass(4000);
    assert.equal(simulation.masterships(), ['b0:1', 'b1:2']);
    // b0 comes back without a term, Redis with that of before the election, and b1, which is master, does not hear of it.
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
    assert.is(turns.length, 1, `seed ${seed}: ${told(turns)}`);
    assert.ok((turns[0]?.term ?? 0) > 2);
    assert.is(simulation.believers().length, 1);
  }
});

test('a balancer that is far from Redis keeps nobody from being master', () => {
  // Proves: with a round trip above what a command may take, it never leads and hardly ever holds the lease; the fleet
  // has a master all the time but for the takeover, also when that one dies.
  for (let seed = 1; seed <= 20; seed++) {
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
      assert.is(simulation.transcript.length, 2, `seed ${seed}: ${told(simulation.transcript)}`);
    }
  }
});

test('a master that gets no answers any more is followed within 2 s', () => {
  // Proves: it steps down by its own clock, and its release, which arrives, is found without a word from it.
  for (let seed = 1; seed <= 40; seed++) {
    const simulation = fleet({ seed }, 5000 + seed * 25);
    const { nowMs } = simulation.time;
    simulation.balancer('b0').losesAnswers = true;
    simulation.time.pass(4000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(told(turns), ['b0 slave 1', 'b1 master 2'], `seed ${seed}`);
    assert.ok((turns[1]?.atMs ?? Infinity) - nowMs < 2000, `seed ${seed}: ${(turns[1]?.atMs ?? 0) - nowMs} ms`);
  }
});

test('when Redis is restarted empty within a lease, two hold themselves for master no longer than one renewal, and the older is fenced', () => {
  // Proves: what Redlock itself cannot give (it needs Redis to remember) is made good by terms. The new
  // master has the higher one at once; the old one learns at its next renewal that the lease is gone.
  let overlaps = 0;
  for (let seed = 1; seed <= 40; seed++) {
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

test('of two that ask at the same instant one becomes master, and the other waits', () => {
  // Proves: a tie is settled by Redis alone.
  for (let seed = 1; seed <= 50; seed++) {
    const simulation = new LeaseSimulation({ balancers: 2, seed, latencyMs: [1, 1] });
    simulation.startAll();
    simulation.time.pass(10_000);
    assert.is(simulation.transcript.length, 1);
  }
});

test('a master that stops in good order is followed at once, mostly by the next in line', () => {
  // Proves: a deploy that restarts balancer after balancer never waits for a lease to run out. (Another slave is first
  // when it looks at the lease by chance at the very moment.)
  let inLine = 0;
  for (let seed = 1; seed <= 20; seed++) {
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
  assert.ok(inLine >= 50, `${inLine} of 60`);
});

test('64 balancers have one master, and another one in time after each of 20 crashes', () => {
  // Proves: a large fleet that asks for the lease all at once still elects in time, and only one.
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
