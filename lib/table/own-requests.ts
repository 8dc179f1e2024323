// This balancer's own requests in the shared table: begun, ended, served. The traffic thread writes these cells, and
// so does the simulation; load messages are made of them (own-loads.ts).

import { MAX_CLASSES } from '../model.js';
import { MAX_MULTIPLE, paceAfter } from '../routing/pace.js';
import type { TableColumns } from './layout.js';

/** One more request in flight on a host, and the work that it is expected to be (ms of CPU). */
export function beginRequest({ inflight, work, startSum }: TableColumns, slot: number, cost: number, nowMs: number): void {
  inflight[slot] = (inflight[slot] as number) + 1;
  work[slot] = (work[slot] as number) + cost;
  startSum[slot] = (startSum[slot] as number) + nowMs;
}

/** It has ended, however: exactly once for each `beginRequest`, with the same cost. */
export function endRequest(
  { inflight, phantomInflight, work, startSum, elapsedSum }: TableColumns,
  slot: number,
  cost: number,
  startedAtMs: number,
  nowMs: number,
): void {
  const left = (inflight[slot] as number) - 1;
  inflight[slot] = left;
  // Sums of fractions: what remains of nothing is nothing.
  work[slot] = left === 0 && phantomInflight[slot] === 0 ? 0 : (work[slot] as number) - cost;
  startSum[slot] = left === 0 && phantomInflight[slot] === 0 ? 0 : (startSum[slot] as number) - startedAtMs;
  elapsedSum[slot] = (elapsedSum[slot] as number) + (nowMs - startedAtMs);
}

/** A request that has ended counts as if it were in flight for a while longer. */
export function beginPhantom({ phantomInflight, work, startSum }: TableColumns, slot: number, cost: number, nowMs: number): void {
  phantomInflight[slot] = (phantomInflight[slot] as number) + 1;
  work[slot] = (work[slot] as number) + cost;
  startSum[slot] = (startSum[slot] as number) + nowMs;
}

/** That is over: exactly once for each `beginPhantom`, with the same cost. */
export function endPhantom(
  { inflight, phantomInflight, work, startSum, elapsedSum }: TableColumns,
  slot: number,
  cost: number,
  begunAtMs: number,
  nowMs: number,
): void {
  const left = (phantomInflight[slot] as number) - 1;
  phantomInflight[slot] = left;
  const isNone = left === 0 && inflight[slot] === 0;
  work[slot] = isNone ? 0 : (work[slot] as number) - cost;
  startSum[slot] = isNone ? 0 : (startSum[slot] as number) - begunAtMs;
  elapsedSum[slot] = (elapsedSum[slot] as number) + (nowMs - begunAtMs);
}

/** The host answered a request in so many times what is usual. */
export function notePace({ pace, answers, paceSum }: TableColumns, slot: number, multiple: number): void {
  const before = answers[slot] as number;
  const bounded = Math.min(multiple, MAX_MULTIPLE);
  pace[slot] = paceAfter(pace[slot] as number, before, 1, bounded);
  answers[slot] = before + 1;
  paceSum[slot] = (paceSum[slot] as number) + bounded;
}

/** It was served as it should be, and tells of the host: its work, its duration, and the products that say how much both scatter. */
export function recordServed(columns: TableColumns, slot: number, classId: number, cost: number, tookMs: number): void {
  const { workDone, busyMs, workSquares, workByDuration, durationSquares, servedByClass, busyByClass } = columns;
  workDone[slot] = (workDone[slot] as number) + cost;
  busyMs[slot] = (busyMs[slot] as number) + tookMs;
  workSquares[slot] = (workSquares[slot] as number) + cost * cost;
  workByDuration[slot] = (workByDuration[slot] as number) + cost * tookMs;
  durationSquares[slot] = (durationSquares[slot] as number) + tookMs * tookMs;
  const cell = slot * MAX_CLASSES + classId;
  servedByClass[cell] = (servedByClass[cell] as number) + 1;
  busyByClass[cell] = (busyByClass[cell] as number) + tookMs;
}

/** Its host said what it took, in milliseconds of CPU. */
export function recordSaid({ saidCount, saidMs }: TableColumns, classId: number, cpuMs: number): void {
  saidCount[classId] = (saidCount[classId] as number) + 1;
  saidMs[classId] = (saidMs[classId] as number) + cpuMs;
}

/** Makes a slot's cells those of a host that nothing was sent to yet. */
export function clearRequests(columns: TableColumns, slot: number): void {
  const {
    inflight,
    phantomInflight,
    work,
    startSum,
    elapsedSum,
    served,
    pace,
    answers,
    paceSum,
    workDone,
    busyMs,
    workSquares,
    workByDuration,
    durationSquares,
    servedByClass,
    busyByClass,
  } = columns;
  inflight[slot] = phantomInflight[slot] = 0;
  for (const column of [
    work,
    startSum,
    elapsedSum,
    served,
    pace,
    answers,
    paceSum,
    workDone,
    busyMs,
    workSquares,
    workByDuration,
    durationSquares,
  ])
    column[slot] = 0;
  servedByClass.fill(0, slot * MAX_CLASSES, (slot + 1) * MAX_CLASSES);
  busyByClass.fill(0, slot * MAX_CLASSES, (slot + 1) * MAX_CLASSES);
}
