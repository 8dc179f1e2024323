// The entry of the thread that watches a balancer's table; started by `watched-balancer.ts`, never imported
// for more than its types. It sleeps between two looks on a cell that nobody writes until the end.

import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { openTable } from '../table/layout.js';
import { machineMs } from './health.js';

/** What the thread is started with. */
export interface WatchData {
  readonly table: SharedArrayBuffer;
  /** One Int32 cell: 0 while it shall watch. */
  readonly control: SharedArrayBuffer;
  /** So many slots are looked at, from the first on. */
  readonly slots: number;
}

/** What it saw: the n-th figure came to a slot before the n-th time. */
export interface Sightings {
  /** The CPU figures, as they stand in the table. */
  readonly figures: Float64Array;
  /** When each was seen: `machineMs`. */
  readonly atMs: Float64Array;
  /** CPU time that the watching itself took, in seconds; NaN where it can't be known. */
  readonly cpuSeconds: number;
}

const LOOK_EVERY_MS = 0.5;

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const { table, control, slots } = workerData as WatchData;
const { cpu } = openTable(table);
const cell = new Int32Array(control);
const before = Float64Array.from(cpu.subarray(0, slots));
const figures: number[] = [];
const atMs: number[] = [];
const cpuAtStart = ownCpuSeconds();
parentPort.postMessage('watching');
while (Atomics.wait(cell, 0, 0, LOOK_EVERY_MS) === 'timed-out') {
  for (let slot = 0; slot < before.length; slot++) {
    const figure = cpu[slot] as number;
    // A NaN, of a slot that is empty, is never equal to itself: it must not count as news.
    if (figure === before[slot] || figure !== figure) continue;
    before[slot] = figure;
    figures.push(figure);
  }
  // The time after the look: what was seen was there by then, whatever held this thread up.
  if (atMs.length < figures.length) atMs.push(...Array.from({ length: figures.length - atMs.length }, machineMs));
}
parentPort.postMessage({
  figures: Float64Array.from(figures),
  atMs: Float64Array.from(atMs),
  cpuSeconds: ownCpuSeconds() - cpuAtStart,
} satisfies Sightings);

/** CPU time of this thread alone: the first field of schedstat, in nanoseconds. */
function ownCpuSeconds(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]) / 1e9;
  } catch {
    return Number.NaN;
  }
}
