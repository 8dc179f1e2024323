// Counts this balancer's own requests in the shared table: begun, ended, served. The traffic thread and the simulation
// write these cells; own-loads.ts builds load messages from them.

import { MAX_CLASSES } from '../model.js';
import type { TableColumns } from './layout.js';

/** Adds a request in flight on a host, with its expected work (ms of CPU). */
export function beginRequest({ inflight, work, startSum }: TableColumns, slot: number, cost: number, nowMs: number): void {
  inflight[slot] = (inflight[slot] as number) + 1;
  work[slot] = (work[slot] as number) + cost;
  startSum[slot] = (startSum[slot] as number) + nowMs;
}

/** Ends a request, whatever its outcome: exactly once per `beginRequest`, with the same cost. */
export function endRequest(
  { inflight, work, startSum, elapsedSum }: TableColumns,
  slot: number,
  cost: number,
  startedAtMs: number,
  nowMs: number,
): void {
  const left = (inflight[slot] as number) - 1;
  inflight[slot] = left;
  // A sum of fractions may leave a residue after the last request.
  work[slot] = left === 0 ? 0 : (work[slot] as number) - cost;
  startSum[slot] = left === 0 ? 0 : (startSum[slot] as number) - startedAtMs;
  elapsedSum[slot] = (elapsedSum[slot] as number) + (nowMs - startedAtMs);
}

/** Records a successful request as evidence of the host's speed: work, duration, their squares and product. */
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

/** Records the CPU time that the host reported for a request, in ms. */
export function recordReportedCost({ reportedCostCount, reportedCostMs }: TableColumns, classId: number, cpuMs: number): void {
  reportedCostCount[classId] = (reportedCostCount[classId] as number) + 1;
  reportedCostMs[classId] = (reportedCostMs[classId] as number) + cpuMs;
}

/** Resets a slot's cells for a host without requests. */
export function clearRequests(columns: TableColumns, slot: number): void {
  columns.inflight[slot] = 0;
  for (const column of [
    columns.work,
    columns.startSum,
    columns.elapsedSum,
    columns.served,
    columns.workDone,
    columns.busyMs,
    columns.workSquares,
    columns.workByDuration,
    columns.durationSquares,
  ])
    column[slot] = 0;
  columns.servedByClass.fill(0, slot * MAX_CLASSES, (slot + 1) * MAX_CLASSES);
  columns.busyByClass.fill(0, slot * MAX_CLASSES, (slot + 1) * MAX_CLASSES);
}
