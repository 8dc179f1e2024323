// The simulation's engine: events in time order, requests in order of completion, and reproducible draws.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Departures } from '../../../lib/lab/simulation/departures.js';
import { Draws } from '../../../lib/lab/simulation/draws.js';
import { EventQueue } from '../../../lib/lab/simulation/event-queue.js';
import { MinHeap } from '../../../lib/lab/simulation/min-heap.js';
import { Jobs } from '../../../lib/lab/simulation/jobs.js';

const test = suite('engine');

test('events run in time order, those with equal times in scheduling order, also if they schedule more', () => {
  const draws = new Draws(1, 1);
  const queue = new EventQueue();
  const ran: [number, number][] = [];
  let scheduled = 0;
  const run = (target: number, again: boolean): void => {
    ran.push([queue.nowMs, target]);
    if (again) queue.schedule(queue.nowMs + draws.below(20), run, scheduled++, false);
  };
  for (let i = 0; i < 3000; i++) queue.schedule(draws.below(500), run, scheduled++, i % 2 === 0);
  while (queue.size > 0) queue.runNext();
  assert.is(ran.length, 4500);
  assert.equal(
    ran,
    ran.toSorted(([a, i], [b, j]) => a - b || i - j),
  );
  assert.is(queue.nextMs, Number.POSITIVE_INFINITY);
});

test('the jobs of a host come out in order of completion', () => {
  const draws = new Draws(2, 1);
  const heap = new MinHeap<number>();
  const keys = Array.from({ length: 500 }, () => draws.uniform());
  for (const [job, key] of keys.entries()) heap.push(key, job);
  assert.is(heap.size, 500);
  const popped: number[] = [];
  while (heap.size > 0) {
    const least = heap.least;
    const job = heap.pop();
    assert.is(keys[job], least);
    popped.push(least);
  }
  assert.equal(
    popped,
    popped.toSorted((a, b) => a - b),
  );
});

test('the host with the next departure is first, however its time changes', () => {
  const draws = new Draws(3, 1);
  const departures = new Departures(40);
  const times = Array.from({ length: 40 }, () => Number.POSITIVE_INFINITY);
  for (let i = 0; i < 5000; i++) {
    const host = draws.below(40);
    times[host] = draws.below(4) === 0 ? Number.POSITIVE_INFINITY : draws.uniform();
    departures.set(host, times[host]);
    assert.is(departures.firstMs, Math.min(...times));
    assert.is(times[departures.first], departures.firstMs);
  }
});

test('the index of a finished request is reused, and no request is lost when the columns grow', () => {
  const jobs = new Jobs();
  const places = Array.from({ length: 5000 }, () => jobs.take());
  for (const place of places) jobs.cost[place] = place + 0.5;
  assert.is(new Set(places).size, 5000);
  for (const place of places) assert.is(jobs.cost[place], place + 0.5);
  for (const place of places.slice(0, 100)) jobs.release(place);
  assert.is(jobs.open, 4900);
  for (let i = 0; i < 100; i++) assert.ok(jobs.take() < 100);
  assert.is(jobs.open, 5000);
});

test('draws have the specified means and spreads, and are the same for the same seed', () => {
  const means = (seed: number): number[] => {
    const draws = new Draws(seed, 7);
    const sums = [0, 0, 0, 0];
    const N = 200_000;
    for (let i = 0; i < N; i++) {
      const values = [draws.uniform(), draws.exponential(3), draws.lognormal(3, 0.5), draws.below(10)];
      for (const [at, value] of values.entries()) sums[at] = (sums[at] as number) + value / N;
    }
    return sums;
  };
  const found = means(4);
  for (const [at, expected] of [0.5, 3, 3, 4.5].entries()) assert.ok(Math.abs((found[at] as number) / expected - 1) < 0.01, String(found));
  assert.equal(means(4), found);
  assert.not.equal(means(5), found);
});

test.run();
