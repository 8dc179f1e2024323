// Learned capacities, with simulated processor sharing in steps of 1 ms: cores taken by neighbours, slow hosts, hosts
// without an agent or with little traffic, and hosts that answer without working.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CapacityFigures,
  type CapacityState,
  type FleetSpeeds,
  perCoreOf,
  rescaleCapacity,
  startCapacity,
  updateCapacity,
} from '../../lib/learning/capacity.js';
import type { SpeedEvidence } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('capacity');

const EQUAL = { median: 1, capacity: Number.NaN, perCore: 1, serving: 1 };
const UNKNOWN = { median: Number.NaN, capacity: Number.NaN, perCore: Number.NaN, serving: Number.NaN };

const NONE: SpeedEvidence = { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 };

const more = (sum: SpeedEvidence, work: number, duration: number): SpeedEvidence => ({
  work: sum.work + work,
  durations: sum.durations + duration,
  workSquares: sum.workSquares + work * work,
  workByDuration: sum.workByDuration + work * duration,
  durationSquares: sum.durationSquares + duration * duration,
});

const many = (count: number, work: number, duration: number): SpeedEvidence =>
  Array.from({ length: count }).reduce<SpeedEvidence>((sum) => more(sum, work, duration), NONE);

interface HostOptions {
  readonly cores: number;
  readonly speed?: number;
  /** Requests per second of 5, 20 and 200 ms of work (80, 15 and 5 %). */
  readonly rps: number;
  readonly lost?: (nowMs: number) => number;
  readonly figures?: (cpu: number) => CapacityFigures;
  readonly median?: number;
}

/** Runs a host for this long; returns its final state, and its average over the last second. */
function learn(
  seconds: number,
  { cores, speed = 1, rps, lost = () => 0, figures, median = 1 }: HostOptions,
): { state: CapacityState; capacity: number; speed: number } {
  const random = new Random(3);
  const state = startCapacity();
  const jobs: { left: number; cost: number; since: number }[] = [];
  let [served, inflight, busy] = [0, 0, 0];
  let evidence = NONE;
  let cpu = 0;
  const sums = { capacity: 0, speed: 0, count: 0 };
  for (let ms = 0; ms < seconds * 1000; ms++) {
    if (random.below(1e6) < rps * 1000) {
      const kind = random.below(100);
      const cost = kind < 80 ? 5 : kind < 95 ? 20 : 200;
      jobs.push({ left: cost, cost, since: ms });
    }
    const free = cores - lost(ms);
    const each = speed * Math.min(1, free / Math.max(1, jobs.length));
    busy += Math.min(free, jobs.length) + lost(ms);
    inflight += jobs.length;
    for (let i = jobs.length - 1; i >= 0; i--) {
      const job = jobs[i] as (typeof jobs)[0];
      job.left -= each;
      if (job.left > 0) continue;
      jobs.splice(i, 1);
      served++;
      evidence = more(evidence, job.cost, ms + 1 - job.since);
    }
    if (ms % 1000 === 999) {
      cpu = busy / 1000 / cores;
      busy = 0;
    }
    if (ms % 100 !== 99) continue;
    const said = figures?.(cpu) ?? { cpu, memory: null, cores };
    updateCapacity(state, { elapsedMs: 100, served, evidence, meanInflight: inflight / 100, work: 0 }, said, {
      median,
      capacity: Number.NaN,
      perCore: median,
      serving: median,
    });
    [served, inflight] = [0, 0];
    evidence = NONE;
    if (ms < (seconds - 1) * 1000) continue;
    sums.capacity += state.capacity;
    sums.speed += state.speed;
    sums.count++;
  }
  return { state, capacity: sums.capacity / sums.count, speed: sums.speed / sums.count };
}

const near = (value: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(value - expected) <= tolerance * expected, `${what}: ${value} is not within ${tolerance} of ${expected}`);

test('a host with idle cores: its own speed, and its used plus idle capacity', () => {
  const { capacity, speed } = learn(20, { cores: 4, rps: 120 });
  near(capacity, 4, 0.15, 'capacity');
  near(speed, 1, 0.1, 'speed');
});

test('a slow host is known to be slow', () => {
  const { capacity, speed } = learn(20, { cores: 4, speed: 0.6, rps: 80 });
  near(capacity, 2.4, 0.2, 'capacity');
  near(speed, 0.6, 0.15, 'speed');
});

test('cores taken by neighbours count neither as ours nor as idle, whatever the load', () => {
  for (const rps of [40, 90, 110]) {
    const { capacity } = learn(20, { cores: 4, rps, lost: () => 2 });
    near(capacity, 2, 0.3, `at ${rps} requests a second`);
  }
});

test('a neighbour that takes three of four cores is noticed within a second, before the next report', () => {
  const before = learn(10, { cores: 4, rps: 150 });
  near(before.capacity, 4, 0.2, 'before');
  const { state } = learn(10.8, { cores: 4, rps: 150, lost: (nowMs) => (nowMs >= 10_000 ? 3 : 0) });
  assert.ok(state.capacity < 2.5, `0.8 s later: ${state.capacity}`);
});

test('without an agent an overloaded host shows its capacity by its throughput', () => {
  const { capacity, speed } = learn(10, { cores: 2, rps: 150, figures: () => ({ cpu: null, memory: null, cores: null }) });
  near(capacity, 2, 0.2, 'capacity');
  near(speed, 1, 0.2, 'speed, though each request takes many times as long');
});

test('with CPU but without a number of cores, all CPU in use is assumed to be ours', () => {
  const { capacity } = learn(20, { cores: 4, rps: 120, figures: (cpu) => ({ cpu, memory: null, cores: null }) });
  near(capacity, 4, 0.25, 'capacity');
});

test("constant CPU without a number of cores reduces nothing: a host with half the others' load can have more than half the capacity", () => {
  const figures = { cpu: 0.5, memory: null, cores: null };
  const speeds = { median: 1, capacity: 2, perCore: 1, serving: 1 };
  const state = startCapacity();
  for (let i = 0; i < 100; i++)
    updateCapacity(state, { elapsedMs: 100, served: 10, evidence: many(10, 5, 5), meanInflight: 0.5, work: 0 }, figures, speeds);
  near(state.capacity, 0.5 + 0.5 * 2, 0.05, 'what it does, and what is free of what others have');
});

test('without requests every belief approaches the usual within ten seconds, from above and below, whatever an agent reports', () => {
  const speeds = { median: 1, capacity: 4, perCore: 1, serving: 1 };
  const idle = { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 0, work: 0 };
  const says: readonly (readonly [CapacityFigures, expected: number])[] = [
    [{ cpu: null, memory: null, cores: null }, 4],
    [{ cpu: 0, memory: null, cores: null }, 4],
    [{ cpu: 0.5, memory: null, cores: null }, 2],
    [{ cpu: 0.5, memory: null, cores: 8 }, 4],
  ];
  for (const [figures, expected] of says) {
    for (const [speed, capacity] of [
      [0.1, 0.01],
      [2, 30],
    ]) {
      const state = startCapacity();
      Object.assign(state, { speed, capacity });
      for (let i = 0; i < 120; i++) updateCapacity(state, idle, figures, speeds);
      near(state.speed, 1, 0.15, `speed from ${speed}, ${JSON.stringify(figures)}`);
      near(state.capacity, expected, 0.25, `capacity from ${capacity}, ${JSON.stringify(figures)}`);
    }
  }
});

test('a host that may equal the others comes to count as equal, one that clearly does not stays different', () => {
  const lucky = startCapacity();
  Object.assign(lucky, { speed: 1.5, capacity: 4 });
  const slow = startCapacity();
  Object.assign(slow, { speed: 0.6, capacity: 2.4 });
  const random = new Random(5);
  for (let i = 0; i < 200; i++) {
    const cost = 5 + random.below(30);
    const seen = (duration: number) => ({ elapsedMs: 100, served: 10, evidence: many(10, cost, duration), meanInflight: 1, work: 0 });
    updateCapacity(lucky, seen(cost * 1.02), { cpu: 0.3, memory: null, cores: 4 }, EQUAL);
    updateCapacity(slow, seen(cost / 0.6), { cpu: 0.3, memory: null, cores: 4 }, EQUAL);
  }
  near(lucky.speed, 1, 0.05, 'speed of one like the others');
  near(slow.speed, 0.6, 0.05, 'speed of a slow one');
});

test('a host without requests comes to count as like the others, and shows within seconds when it is not', () => {
  const state = startCapacity();
  const speeds = { median: 1, capacity: Number.NaN, perCore: 1, serving: 1.5 };
  const unknown = { cpu: null, memory: null, cores: null };
  const served = (speed: number) => ({ elapsedMs: 100, served: 5, evidence: many(5, 10, 10 / speed), meanInflight: 0.5, work: 0 });
  for (let i = 0; i < 100; i++) updateCapacity(state, served(0.6), unknown, speeds);
  near(state.speed, 0.6, 0.1, 'slow');
  state.capacity = 0.6;
  for (let i = 0; i < 100; i++)
    updateCapacity(state, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 0, work: 0 }, unknown, speeds);
  near(state.speed, 1.5, 0.05, 'after ten seconds without a request');
  near(state.capacity, 1.5, 0.1, 'and so its capacity');
  for (let i = 0; i < 30; i++) updateCapacity(state, served(0.6), unknown, speeds);
  near(state.speed, 0.6, 0.15, 'after three seconds of requests');
});

test('evidence from before a pause counts little after it, and so does the first request then, which is slow because of the pause', () => {
  const state = startCapacity();
  const unknown = { cpu: null, memory: null, cores: null };
  const serve = (count: number, speed: number) =>
    updateCapacity(
      state,
      { elapsedMs: 100, served: count, evidence: many(count, 10, 10 / speed), meanInflight: 0.1, work: 0 },
      unknown,
      EQUAL,
    );
  const pause = (seconds: number) =>
    updateCapacity(state, { elapsedMs: seconds * 1000, served: 0, evidence: NONE, meanInflight: 0, work: 0 }, unknown, EQUAL);
  for (let i = 0; i < 100; i++) serve(5, 0.2);
  near(state.speed, 0.2, 0.15, 'slow');
  pause(10);
  serve(1, 0.3);
  near(state.speed, 0.9, 0.1, 'after a pause and one slow request');
  assert.ok(state.capacity >= state.speed);
  for (let i = 0; i < 5; i++) serve(1, 1);
  assert.ok(state.speed > 0.65, `${state.speed} after five as quick as any`);
});

test('without agents, capacities converge once nothing shows a difference, but not below what is used', () => {
  const unknown = { cpu: null, memory: null, cores: null };
  const fleet = { median: 1, capacity: 4, perCore: 1, serving: 1 };
  const hosts = (
    [
      [12, 1],
      [2, 1],
      [12, 9],
    ] as const
  ).map(([capacity, inflight]) => ({ state: Object.assign(startCapacity(), { speed: 1, capacity }), inflight }));
  for (let i = 0; i < 600; i++)
    for (const { state, inflight } of hosts)
      updateCapacity(
        state,
        { elapsedMs: 100, served: inflight, evidence: many(inflight, 100, 100), meanInflight: inflight, work: 0 },
        unknown,
        fleet,
      );
  near(hosts[0]?.state.capacity as number, 4, 0.05, 'once too much');
  near(hosts[1]?.state.capacity as number, 4, 0.05, 'once too little');
  near(hosts[2]?.state.capacity as number, 9 * 1.25, 0.05, 'in use');
  const idle = Object.assign(startCapacity(), { speed: 1, capacity: 12 });
  for (let i = 0; i < 200; i++)
    updateCapacity(idle, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 0, work: 0 }, unknown, fleet);
  near(idle.capacity, 4, 0.05, 'without requests');
});

test('when costs change, old evidence is converted to the new unit, and discounted by the work that moved', () => {
  const learned = {
    ...startCapacity(),
    served: 100,
    work: 500,
    durations: 1000,
    workSquares: 2500,
    workByDuration: 5000,
    durationSquares: 10_000,
    speed: 0.8,
    capacity: 3,
  };
  const dearer = { ...learned };
  rescaleCapacity(dearer, 2, 0, 0.5);
  assert.equal(dearer, { ...learned, work: 1000, workSquares: 10_000, workByDuration: 10_000, speed: 1.6, capacity: 6 });
  const moved = { ...learned };
  rescaleCapacity(moved, 2, 0.6, 0.5);
  for (const [figure, expected] of [
    [moved.served, 16],
    [moved.work, 160],
    [moved.durations, 160],
    [moved.speed, 2 * (0.16 * 0.8 + 0.84 * 0.5)],
    [moved.capacity, 6],
  ] as const)
    near(figure, expected, 1e-9, 'what is left of it');
  const unknown = startCapacity();
  rescaleCapacity(unknown, 2, 0.1, Number.NaN);
  assert.equal([unknown.speed, unknown.capacity], [Number.NaN, Number.NaN]);
});

test('a host with idle cores that gets slower is known to be slower within ten seconds', () => {
  const state = startCapacity();
  const serve = (speed: number) =>
    updateCapacity(
      state,
      { elapsedMs: 100, served: 10, evidence: many(10, 10, 10 / speed), meanInflight: 1 / speed, work: 0 },
      { cpu: 0.25, memory: null, cores: 4 },
      EQUAL,
    );
  for (let i = 0; i < 100; i++) serve(1);
  for (let i = 0; i < 100; i++) serve(0.3);
  near(state.speed, 0.3, 0.1, 'speed');
});

test('requests that wait for others hold no core: a core serves several of them, as CPU and throughput show', () => {
  const figures = { cpu: 0.5, memory: null, cores: 4 };
  // 2 cores in use for 20 requests of 10 ms of work in 100 ms.
  const seen = { elapsedMs: 100, served: 20, evidence: many(20, 10, 100), meanInflight: 20, work: 0 };
  const after = (perCore: number): number => {
    const state = startCapacity();
    for (let i = 0; i < 100; i++) updateCapacity(state, seen, figures, { median: 0.1, capacity: 4, perCore, serving: 0.1 });
    return state.capacity;
  };
  near(after(1), 4, 0.05, 'four cores');
  // No core of the others does that: a host that answers without working has little CPU in use, too.
  near(after(0.1), 4 * 0.2, 0.05, 'at most twice as much as others');
});

test('full memory slows a host down', () => {
  const easy = learn(10, { cores: 4, rps: 100, figures: (cpu) => ({ cpu, memory: 0.9, cores: 4 }) });
  const full = learn(10, { cores: 4, rps: 100, figures: (cpu) => ({ cpu, memory: 1, cores: 4 }) });
  near(full.capacity, easy.capacity / 10, 0.4, 'capacity');
  const tight = learn(10, { cores: 4, rps: 100, figures: (cpu) => ({ cpu, memory: 0.95, cores: 4 }) });
  near(tight.capacity, easy.capacity / 2, 0.2, 'half way to full memory');
});

test('the speed of a host is capped at twice the median', () => {
  const state = startCapacity();
  for (let i = 0; i < 100; i++)
    updateCapacity(
      state,
      { elapsedMs: 100, served: 50, evidence: many(50, 17, 1), meanInflight: 0.5, work: 0 },
      { cpu: 0.01, memory: 0, cores: 4 },
      EQUAL,
    );
  assert.is(state.speed, 2);
  assert.ok(state.capacity <= 8);
});

test("a host without an agent that was never saturated has the others' capacity, and more once it has shown more", () => {
  const unknown = { cpu: null, memory: null, cores: null };
  const capacityAfter = (inflight: number, speeds: FleetSpeeds): number => {
    const state = startCapacity();
    for (let i = 0; i < 50; i++)
      updateCapacity(
        state,
        { elapsedMs: 100, served: inflight, evidence: many(inflight, 100, 100), meanInflight: inflight, work: 0 },
        unknown,
        speeds,
      );
    return state.capacity;
  };
  assert.ok(Number.isNaN(capacityAfter(2, { ...EQUAL, capacity: 4 })));
  near(capacityAfter(20, { ...EQUAL, capacity: 4 }), 25, 0.05, 'in use');
  assert.ok(Number.isNaN(capacityAfter(20, EQUAL)), 'nothing is known of others');
});

test('a host that finishes nothing is soon known to be stalled, and one expensive request does not look like it', () => {
  const unknown = { cpu: null, memory: null, cores: null };
  const fleet = { median: 1, capacity: 4, perCore: 1, serving: 1 };
  const known = (): CapacityState => {
    const state = Object.assign(startCapacity(), { capacity: 4 });
    for (let i = 0; i < 50; i++)
      updateCapacity(state, { elapsedMs: 100, served: 40, evidence: many(40, 5, 5), meanInflight: 2, work: 10 }, unknown, fleet);
    return state;
  };
  const stalled = known();
  near(stalled.capacity, 4, 0.2, 'before');
  for (let i = 0; i < 5; i++)
    updateCapacity(stalled, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 20, work: 100 }, unknown, fleet);
  assert.ok(stalled.capacity <= 0.2, `${stalled.capacity} after 500 ms with 100 ms of work`);
  const dear = known();
  for (let i = 0; i < 5; i++)
    updateCapacity(dear, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 1, work: 400 }, unknown, fleet);
  assert.ok(dear.capacity > 3, `${dear.capacity} with one of 400 ms`);
  // Messages arrive once a second: a short silence proves nothing.
  const rarely = known();
  for (let i = 0; i < 10; i++)
    updateCapacity(rarely, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 20, work: 100 }, unknown, fleet, 2000);
  assert.ok(rarely.capacity > 3, `${rarely.capacity} with rare messages`);
  const never = startCapacity();
  for (let i = 0; i < 5; i++)
    updateCapacity(never, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 20, work: 100 }, unknown, fleet);
  assert.ok(never.capacity <= 0.2, `${never.capacity}, of which nothing was ever heard`);
  for (let i = 0; i < 50; i++)
    updateCapacity(stalled, { elapsedMs: 100, served: 40, evidence: many(40, 5, 5), meanInflight: 2, work: 10 }, unknown, fleet);
  assert.ok(stalled.capacity > 1.9, `${stalled.capacity} once it goes on`);
});

test('evidence that has faded away, or never was any, spoils nothing that comes after it', () => {
  const figures = { cpu: 0.25, memory: null, cores: 4 };
  const fleet = { median: 1, capacity: 4, perCore: 1, serving: 1 };
  const serve = (state: CapacityState, seconds: number): void => {
    for (let i = 0; i < 10 * seconds; i++)
      updateCapacity(state, { elapsedMs: 100, served: 10, evidence: many(10, 5, 10), meanInflight: 1, work: 0 }, figures, fleet);
  };
  // The sums halve every 2 s: the squares of an evening's evidence are 0 after 20 minutes, the sums are within an hour.
  for (const idleMinutes of [5, 20, 30, 60]) {
    const state = startCapacity();
    serve(state, 5);
    for (let i = 0; i < 60 * idleMinutes; i++)
      updateCapacity(state, { elapsedMs: 1000, served: 0, evidence: NONE, meanInflight: 0, work: 0 }, figures, fleet);
    updateCapacity(state, { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 1, work: 5 }, figures, fleet);
    near(state.speed, 1, 0.01, `${idleMinutes} minutes later, with its first request in flight`);
    serve(state, 20);
    near(state.speed, 0.5, 0.1, `${idleMinutes} minutes later`);
  }
  // Errors and streams are served, but are no evidence.
  const state = startCapacity();
  for (let i = 0; i < 5; i++)
    updateCapacity(state, { elapsedMs: 100, served: 3, evidence: NONE, meanInflight: 1, work: 0 }, figures, fleet);
  serve(state, 20);
  near(state.speed, 0.5, 0.1, 'after errors');
});

test('a host whose agent sees no CPU in use has a finite capacity, and so have all others', () => {
  const state = startCapacity();
  let speeds: FleetSpeeds = UNKNOWN;
  for (let i = 0; i < 200; i++) {
    updateCapacity(
      state,
      { elapsedMs: 100, served: 1, evidence: many(1, 5, 5), meanInflight: 0.05, work: 0 },
      { cpu: i < 20 ? 0.1 : 0, memory: null, cores: 4 },
      speeds,
    );
    speeds = { median: state.speed, capacity: state.capacity, perCore: perCoreOf(state), serving: state.speed };
    assert.ok(state.capacity > 0 && state.capacity <= 4 * 64 * state.speed, `${state.capacity} after ${i}`);
  }
});

test('nothing in flight is no stall, though requests were in flight until just now', () => {
  const state = Object.assign(startCapacity(), { capacity: 4, speed: 1 });
  const fleet = { median: 1, capacity: 4, perCore: 1, serving: 1 };
  // Clients that go away: nothing is served.
  for (let i = 0; i < 5; i++)
    updateCapacity(
      state,
      { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 0.5, work: 0 },
      { cpu: null, memory: null, cores: null },
      fleet,
    );
  assert.is(state.capacity, 4);
});

test('no requests teach nothing, and odd figures do no harm', () => {
  const state = startCapacity();
  updateCapacity(
    state,
    { elapsedMs: 100, served: 0, evidence: NONE, meanInflight: 0, work: 0 },
    { cpu: 0.5, memory: 0.5, cores: 4 },
    UNKNOWN,
  );
  assert.equal([state.speed, state.capacity], [Number.NaN, Number.NaN]);
  for (const elapsedMs of [0, -5, Number.NaN]) {
    updateCapacity(
      state,
      { elapsedMs, served: 10, evidence: many(10, 10, 10), meanInflight: 1, work: 0 },
      { cpu: 0.5, memory: 0.5, cores: 4 },
      UNKNOWN,
    );
    assert.equal([state.speed, state.capacity], [Number.NaN, Number.NaN]);
  }
  updateCapacity(
    state,
    { elapsedMs: 100, served: 10, evidence: many(10, 10, 10), meanInflight: 1, work: 0 },
    { cpu: 0, memory: null, cores: null },
    UNKNOWN,
  );
  assert.is(state.speed, 1);
});

test.run();
