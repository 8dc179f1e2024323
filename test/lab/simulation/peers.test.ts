// The policies for comparison, each by its rule: on the real hosts, tables and event queue of the simulation, with a few
// hosts and figures that can be checked by hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Draws } from '../../../lib/lab/simulation/draws.js';
import { EventQueue } from '../../../lib/lab/simulation/event-queue.js';
import { FleetBalancer, type Picker } from '../../../lib/lab/simulation/fleet-balancer.js';
import { hostNameOf } from '../../../lib/lab/simulation/host-names.js';
import { HostMachines } from '../../../lib/lab/simulation/host-machines.js';
import { HostLatencies } from '../../../lib/lab/simulation/peers/host-latencies.js';
import { LeastLoaded } from '../../../lib/lab/simulation/peers/least-loaded.js';
import { PolledTwoChoices } from '../../../lib/lab/simulation/peers/polled-two-choices.js';
import { type ProbeAnswer, ProbePool, type ProbeRule } from '../../../lib/lab/simulation/peers/probe-pool.js';
import { C3, HotCold, Linear } from '../../../lib/lab/simulation/peers/probe-rules.js';
import { RandomHost } from '../../../lib/lab/simulation/peers/random-host.js';
import { UsageWeights, WeightedRoundRobin } from '../../../lib/lab/simulation/peers/weighted-round-robin.js';

const test = suite('peers');

/** Hosts with these numbers of long requests, and a balancer that knows all of them. */
function stage(inflight: readonly number[]): { machines: HostMachines; queue: EventQueue; balancer: FleetBalancer } {
  const machines = new HostMachines(inflight.map(() => ({ cores: 100, speed: 1, memory: 0 })));
  for (const [host, count] of inflight.entries()) add(machines, host, count);
  const statics = inflight.map((_, host) => ({ name: hostNameOf(host), url: `http://${hostNameOf(host)}` }));
  const requests = [{ request: 'GET /', costMs: 1 }];
  const hosts = inflight.length;
  const balancer = new FleetBalancer({ index: 0, balancers: 1, hosts, statics, requests, isCostKnown: true, exchangeMs: null, startMs: 0 });
  return { machines, queue: new EventQueue(), balancer };
}

function add(machines: HostMachines, host: number, count: number): void {
  for (let job = 0; job < count; job++) machines.add(host, job, 1e6, 0);
}

function runUntil(queue: EventQueue, untilMs: number): void {
  while (queue.nextMs <= untilMs) queue.runNext();
}

/** The hosts that a picker picks, in order. */
function picks(picker: Picker, balancer: FleetBalancer, count: number, atMs = 0): number[] {
  return Array.from({ length: count }, () => balancer.hostOf[picker.pick(balancer.view, atMs, -1, 1, false)] as number);
}

const countOf = (hosts: readonly number[], host: number): number => hosts.filter((each) => each === host).length;

const probe = (inflight: number, latencyMs: number, serviceMs = latencyMs): ProbeAnswer => ({
  host: 0,
  inflight,
  latencyMs,
  serviceMs,
  atMs: 0,
  usesLeft: 1,
});

/** A rule that ranks by requests in flight and keeps what was reported. */
class Noted implements ProbeRule {
  readonly reported: number[] = [];

  observe(inflight: number): void {
    this.reported.push(inflight);
  }

  scoreOf({ inflight }: ProbeAnswer): number {
    return inflight;
  }
}

function pool(
  inflight: readonly number[],
  probes: number,
  seed = 1,
): ReturnType<typeof stage> & { picker: ProbePool; rule: Noted; sent: () => number } {
  const staged = stage(inflight);
  const { machines } = staged;
  const rule = new Noted();
  let sent = 0;
  const delayMs = (): number => {
    sent++;
    return 1;
  };
  const picker = new ProbePool({ ...staged, rule, probes, latencies: new HostLatencies(machines), draws: new Draws(seed, 1), delayMs });
  return { ...staged, picker, rule, sent: () => sent };
}

test('the probes of one request go to different hosts', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { picker, balancer, queue, rule } = pool([0, 1, 2, 3, 4], 5, seed);
    picks(picker, balancer, 1);
    runUntil(queue, 10);
    assert.equal(rule.reported.toSorted(), [0, 1, 2, 3, 4]);
  }
});

test('half a probe per request is one for every other request, and each probe is two messages', () => {
  const { picker, balancer, queue, rule, sent } = pool([0, 1, 2, 3, 4], 0.5);
  picks(picker, balancer, 40);
  runUntil(queue, 10);
  assert.is(rule.reported.length, 20);
  assert.is(sent(), 40);
});

test('a request goes to the best host of the answers to earlier probes, and an answer older than a second is forgotten', () => {
  const pickedAt = (atMs: number): Set<number | undefined> => {
    const picked = Array.from({ length: 40 }, (_, seed) => {
      const { picker, balancer, queue } = pool([7, 3, 9], 3, seed);
      picks(picker, balancer, 1);
      runUntil(queue, 10);
      return picks(picker, balancer, 1, atMs)[0];
    });
    return new Set(picked);
  };
  assert.equal([...pickedAt(1000)], [1]);
  // Without answers, hosts are random: each comes up.
  assert.is(pickedAt(1002).size, 3);
});

test('the latency of a host is the median of the samples of the last 50 ms near its present level; without any, of older ones', () => {
  const machines = new HostMachines([{ cores: 100, speed: 1, memory: 0 }]);
  add(machines, 0, 3);
  const latencies = new HostLatencies(machines);
  assert.is(latencies.latencyOf(0, 0), 0);
  for (let i = 0; i < 8; i++) latencies.onDone(0, 3, 900, 0);
  assert.is(latencies.latencyOf(0, 40), 900);
  latencies.onDone(0, 5, 100, 60);
  assert.is(latencies.latencyOf(0, 60), 100);
  assert.is(latencies.latencyOf(0, 200), 900);
  // The level next to the present one counts before those further away, once there are enough samples.
  for (let i = 0; i < 8; i++) latencies.onDone(0, 4, 50, 300);
  for (let i = 0; i < 8; i++) latencies.onDone(0, 20, 700, 300);
  assert.is(latencies.latencyOf(0, 310), 50);
});

test('the smoothed service time moves by a tenth of the difference', () => {
  const latencies = new HostLatencies(new HostMachines([{ cores: 1, speed: 1, memory: 0 }]));
  latencies.onDone(0, 0, 100, 0);
  latencies.onDone(0, 0, 200, 0);
  assert.is(latencies.serviceMs[0], 110);
});

test('Prequal: the fastest of the cold hosts before any hot one; of hot ones the one with the fewest requests', () => {
  const rule = new HotCold(0.75);
  for (let inflight = 0; inflight < 128; inflight++) rule.observe(inflight % 8);
  const ranked = [probe(6, 900), probe(2, 300), probe(7, 10), probe(9, 1)].toSorted((a, b) => rule.scoreOf(a) - rule.scoreOf(b));
  assert.equal(
    ranked.map(({ inflight }) => inflight),
    [2, 6, 7, 9],
  );
});

test('linear: half the latency, and half a lone response time per request in flight', () => {
  assert.is(new Linear(80).scoreOf(probe(3, 100)), 170);
});

test('C3: the service time times the cube of the queue, with own requests counting for all balancers', () => {
  const rule = new C3(10);
  assert.is(rule.scoreOf(probe(3, 1, 5), 0), 320);
  assert.is(rule.scoreOf(probe(3, 1, 5), 2), 5 * 24 ** 3);
});

test('weighted round-robin: a host that spends twice the CPU on a request gets half as many, in turn', () => {
  const { queue, balancer } = stage([0, 0]);
  const machines = new HostMachines([
    { cores: 1, speed: 1, memory: 0 },
    { cores: 1, speed: 0.5, memory: 0 },
  ]);
  const usage = new UsageWeights(machines, queue);
  for (const host of [0, 1]) for (let job = 0; job < 4; job++) machines.add(host, job, 10, 0);
  while (machines.nextDepartureMs < Number.POSITIVE_INFINITY) {
    const host = machines.inflight[0] === 0 ? 1 : machines.nextDepartureMs <= 40 ? 0 : 1;
    machines.depart(Float64Array.from([10, 10, 10, 10]));
    usage.onDone(host);
  }
  runUntil(queue, 1000);
  assert.ok(Math.abs((usage.weights[0] as number) / (usage.weights[1] as number) - 2) < 1e-9, String(usage.weights));
  const hosts = picks(new WeightedRoundRobin(usage, new Draws(1, 1), balancer), balancer, 300);
  assert.equal([countOf(hosts, 0), countOf(hosts, 1)], [200, 100]);
  assert.not.ok(hosts.some((host, i) => host === 1 && hosts[i + 1] === 1));
});

test('weighted round-robin: CPU time spent on requests that were given up lowers a weight', () => {
  const { queue } = stage([]);
  const machines = new HostMachines([
    { cores: 1, speed: 1, memory: 0 },
    { cores: 1, speed: 1, memory: 0 },
  ]);
  const usage = new UsageWeights(machines, queue);
  for (const host of [0, 1]) {
    machines.add(host, 0, 100, 0);
    usage.onDone(host);
  }
  assert.ok(machines.cancel(0, 0, 100, 50));
  runUntil(queue, 1000);
  // Host 1 goes on with its request, which it never finishes: 100 ms for one, against 50.
  assert.ok((usage.weights[0] as number) > 1.9 * (usage.weights[1] as number), String(usage.weights));
});

test('YARP: of two hosts the one that had fewer requests at the last poll, whatever has come since', () => {
  const { machines, queue, balancer } = stage([3, 0]);
  let messages = 0;
  const delayMs = (count: number): number => {
    messages += count;
    return 1;
  };
  const picker = new PolledTwoChoices({ machines, queue, draws: new Draws(1, 1), balancer, delayMs });
  runUntil(queue, 520);
  const atFirst = messages;
  assert.ok(atFirst === 4 || atFirst === 8, String(atFirst));
  // Two draws of the same host are drawn again, up to eight times.
  assert.ok(countOf(picks(picker, balancer, 100), 1) > 97);
  add(machines, 1, 10);
  assert.ok(countOf(picks(picker, balancer, 100), 1) > 97);
  runUntil(queue, 1100);
  assert.ok(countOf(picks(picker, balancer, 100), 0) > 97);
});

test('least loaded: hosts in turn, passing over those that have more open requests of this balancer', () => {
  const { balancer } = stage([0, 0, 0, 0]);
  const picker = new LeastLoaded(new Draws(1, 1));
  const hosts = picks(picker, balancer, 4);
  assert.is(new Set(hosts).size, 4);
  assert.equal(picks(picker, balancer, 4), hosts);
  const busy = hosts[1] as number;
  balancer.begin(balancer.slotOf[busy] as number, 1, 0, false);
  assert.equal(
    picks(picker, balancer, 6),
    [0, 2, 3, 0, 2, 3].map((turn) => hosts[turn]),
  );
});

test('random: every host alike', () => {
  const { balancer } = stage([0, 0, 0]);
  const hosts = picks(new RandomHost(new Draws(1, 1)), balancer, 3000);
  // Three standard deviations of a binomial distribution are 77.
  for (const host of [0, 1, 2]) assert.ok(Math.abs(countOf(hosts, host) - 1000) < 100, String(countOf(hosts, host)));
});

test.run();
