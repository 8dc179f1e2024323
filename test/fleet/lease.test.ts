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

test('the first balancer becomes master at once, and stays it for as long as nothing fails', () => {
  // Proves: election takes round trips and no waiting; renewals keep the lease; nobody else tries to take it.
  const simulation = fleet({ balancers: 5 }, 60_000);
  assert.ok((simulation.transcript[0]?.atMs ?? Infinity) < 20);
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
  assert.equal(simulation.masterships(), ['b0:1', 'b1:501']);
  simulation.redisGoes('refuses');
  simulation.time.pass(4000);
  simulation.redisReturns({ isEmpty: true });
  simulation.time.pass(1000);
  assert.equal(simulation.masterships().length, 3);
  assert.is(simulation.transcript.at(-1)?.term, 502);
  assert.is(simulation.server.termFor(502), 502);
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
    assert.ok(turnsSince(simulation, nowMs).every(({ role, term }) => role === 'slave' || term === 2));
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

test('a master that stops in good order is followed at once by the next in line', () => {
  // Proves: a deploy that restarts balancer after balancer never waits for a lease to run out.
  for (let seed = 1; seed <= 20; seed++) {
    const simulation = fleet({ seed, balancers: 4 }, 5000 + seed * 40);
    for (const [name, next] of [['b0', 'b1'], ['b1', 'b2'], ['b2', 'b3']] as const) {
      const { nowMs } = simulation.time;
      simulation.balancer(name).stop();
      simulation.time.pass(100);
      assert.is(simulation.master?.name, next);
      const turns = told(turnsSince(simulation, nowMs));
      assert.is(turns[0]?.startsWith(`${name} slave`), true);
      assert.is(turns.length, 2, `seed ${seed}: ${turns}`);
      simulation.balancer(name).kill();
      simulation.time.pass(6000);
    }
  }
});

test('64 balancers have one master, and another one in time after each of 20 crashes', () => {
  // Proves: a large fleet that asks for the lease all at once still elects in time, and only one.
  const simulation = fleet({ balancers: 64 }, 8000);
  for (let crash = 1; crash <= 20; crash++) {
    const { nowMs } = simulation.time;
    simulation.master?.kill();
    simulation.time.pass(5000);
    const turns = turnsSince(simulation, nowMs);
    assert.equal(turns.map(({ role, term }) => `${role} ${term}`), [`master ${crash + 1}`]);
    assert.ok((turns[0]?.atMs ?? Infinity) - nowMs <= TTL_MS + 500);
  }
});

test.run();
