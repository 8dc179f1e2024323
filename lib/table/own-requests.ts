// Counts this balancer's own requests in the shared table: begun, ended, served. A request is in flight from its pick to
// its end, and work on its host only while it is the host's turn: so work, the mean number of awaited requests and the
// durations of served ones cover the same time. own-loads.ts builds load messages from these cells.

import { MAX_CLASSES } from '../model.js';
import type { TableColumns } from './layout.js';

/** Adds a request in flight on a host, with its expected work (ms of CPU); it is the host's turn. */
export function beginRequest(columns: TableColumns, slot: number, cost: number, nowMs: number): void {
  countInflight(columns, slot, 1);
  beginTurn(columns, slot, cost, nowMs);
}

/** Ends a request during the host's turn, which began at `sinceMs`: exactly once per `beginRequest`, with the same cost. */
export function endRequest(columns: TableColumns, slot: number, cost: number, sinceMs: number, nowMs: number): void {
  countInflight(columns, slot, -1);
  endTurn(columns, slot, cost, sinceMs, nowMs);
}

/** Adds or removes a request in flight, whoever's turn it is. */
export function countInflight({ inflight }: TableColumns, slot: number, by: 1 | -1): void {
  inflight[slot] = (inflight[slot] as number) + by;
}

/** Adds or removes a long-lived request, which is in flight too. */
export function countLongLived({ longLived }: TableColumns, slot: number, by: 1 | -1): void {
  longLived[slot] = (longLived[slot] as number) + by;
}

/** From now on the host owes a request its next byte: the request is work on the host. */
export function beginTurn({ awaited, work, startSum }: TableColumns, slot: number, cost: number, nowMs: number): void {
  awaited[slot] = (awaited[slot] as number) + 1;
  work[slot] = (work[slot] as number) + cost;
  startSum[slot] = (startSum[slot] as number) + nowMs;
}

/** The host owes nothing any more, or not now: exactly once per `beginTurn`, with the same cost and its time. */
export function endTurn(
  { awaited, work, startSum, elapsedSum }: TableColumns,
  slot: number,
  cost: number,
  sinceMs: number,
  nowMs: number,
): void {
  const left = (awaited[slot] as number) - 1;
  awaited[slot] = left;
  // A sum of fractions may leave a residue after the last request.
  work[slot] = left === 0 ? 0 : (work[slot] as number) - cost;
  startSum[slot] = left === 0 ? 0 : (startSum[slot] as number) - sinceMs;
  elapsedSum[slot] = (elapsedSum[slot] as number) + (nowMs - sinceMs);
}

/** Records a successful request as evidence of the host's speed: work, duration (of the host's turns), their squares and product. */
export function recordServed(columns: TableColumns, slot: number, classId: number, cost: number, tookMs: number): void {
  const { workDone, busyMs, workSquares, workByDuration, durationSquares, servedByClass, busyByClass } = columns;
  workDone[slot] = (workDone[slot] as number) + cost;
  busyMs[slot] = (busyMs[slot] as number) + tookMs;
  workSquares[slot] = (workSquares[slot] as number) + cost * cost;
  workByDuration[slot] = (workByDuration[slot] as number) + cost * tookMs;
  durationSquares[slot] = (durationSquares[slot] as number) + tookMs * tookMs;
  const cell = slot * MAX_CLASSES + (classId % MAX_CLASSES);
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
  columns.inflight[slot] = columns.awaited[slot] = columns.longLived[slot] = 0;
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
