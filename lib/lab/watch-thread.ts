// Entry point of the thread that polls a balancer's table; started by `watched-balancer.ts`, imported only for its types.
// Between polls it sleeps in Atomics.wait on a cell that is written only at the end.

import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { openTable } from '../table/layout.js';
import { machineMs } from './health.js';

/** The initial data of the thread. */
export interface WatchData {
  readonly table: SharedArrayBuffer;
  /** One Int32 cell: 0 while the thread is to poll. */
  readonly control: SharedArrayBuffer;
  /** Number of slots to poll, from the first on. */
  readonly slots: number;
}

/** Observations: the n-th figure had arrived in a slot by the n-th time. */
export interface Sightings {
  /** The CPU figures, as in the table. */
  readonly figures: Float64Array;
  /** When each was seen (`machineMs`). */
  readonly atMs: Float64Array;
  /** CPU time of the polling itself, in seconds; NaN if unavailable. */
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
    // Skip NaN (an empty slot), which never equals itself.
    if (figure === before[slot] || figure !== figure) continue;
    before[slot] = figure;
    figures.push(figure);
  }
  // Take the time after the poll: an upper bound, even if the thread was preempted.
  if (atMs.length < figures.length) atMs.push(...Array.from({ length: figures.length - atMs.length }, machineMs));
}
parentPort.postMessage({
  figures: Float64Array.from(figures),
  atMs: Float64Array.from(atMs),
  cpuSeconds: ownCpuSeconds() - cpuAtStart,
} satisfies Sightings);

/** CPU time of this thread: the first field of schedstat, in nanoseconds. */
function ownCpuSeconds(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]) / 1e9;
  } catch {
    return Number.NaN;
  }
}
