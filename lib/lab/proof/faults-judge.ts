// What a fault did to clients, from the list of their requests. Pure. A request is judged from when it was due, so one that
// could not be sent because its client waited for another counts with the whole delay.

import { median, percentile } from '../statistics.js';
import type { Spread } from './figures.js';

/** Recovery is judged in windows of this length, by when requests were due. */
export const WINDOW_MS = 250;

/** A request is slow if it takes longer than this many times the p99 before the fault. */
export const SLOW_RATIO = 2;

/**
 * A window is slow if more than this share of its requests are, and not of those sent past the balancers: if both are,
 * the machine was busy, and it was not the balancer that was slow. A window has some 75 requests, so that its p99 is one
 * request, slow by chance.
 */
export const SLOW_SHARE = 0.05;

/** A client notices a wait that is longer than this. */
const NOTICED_MS = 1000;

/** A client's request. */
export interface ClientRequest {
  readonly client: number;
  readonly dueMs: number;
  /** When it was answered or failed. */
  readonly endMs: number;
  readonly isRight: boolean;
}

/** When to look. All times are of one monotonic clock. */
export interface FaultWatch {
  readonly clients: number;
  /** The p99 before the fault is that of requests due from here on. */
  readonly fromMs: number;
  readonly faultMs: number;
  /** The end: requests due later do not count. */
  readonly untilMs: number;
}

/** What a fault did. */
export interface FaultOutcome {
  /** Requests without a right answer that had not ended before the fault. */
  readonly lost: number;
  /** Those that had. There should be none. */
  readonly lostBefore: number;
  readonly p99BeforeMs: number;
  /** From the fault to the last request that was lost, or the end of the last slow window. */
  readonly recoverMs: number;
  /** False if it was not back to normal at the end of the watch; then it takes longer than `recoverMs`. */
  readonly hasRecovered: boolean;
  /** Share (0..1) of clients with a lost request, or one that took more than a second. */
  readonly clientsNoticing: number;
  /** Longest time that a client waited for an answer or a failure, from when the request was due. */
  readonly worstMs: number;
}

/**
 * Judges one fault. Without requests before the fault no window counts as slow.
 * @param direct requests that were sent straight to hosts which the fault did not hit
 */
export function judgeFault(requests: readonly ClientRequest[], direct: readonly ClientRequest[], watch: FaultWatch): FaultOutcome {
  const { clients, faultMs, untilMs } = watch;
  const met = requests.filter(({ dueMs, endMs }) => endMs >= faultMs && dueMs < untilMs);
  const ended = endedBefore(requests, watch);
  const lost = met.filter(({ isRight }) => !isRight);
  const isBusy = slowWindows(direct, watch);
  const windows = slowWindows(requests, watch);
  const lastSlow = windows.findLastIndex((isSlow, index) => isSlow && isBusy[index] !== true);
  const lastLostMs = Math.max(0, ...lost.map(({ dueMs }) => dueMs - faultMs));
  const recoverMs = Math.max(lastLostMs, (lastSlow + 1) * WINDOW_MS);
  const noticing = new Set(met.filter(({ dueMs, endMs, isRight }) => !isRight || endMs - dueMs > NOTICED_MS).map(({ client }) => client));
  return {
    lost: lost.length,
    lostBefore: ended.filter(({ isRight }) => !isRight).length,
    p99BeforeMs: p99Of(ended),
    recoverMs,
    hasRecovered: recoverMs <= (windows.length - 1) * WINDOW_MS,
    clientsNoticing: noticing.size / clients,
    worstMs: Math.max(0, ...met.map(({ dueMs, endMs }) => endMs - dueMs)),
  };
}

function endedBefore(requests: readonly ClientRequest[], { fromMs, faultMs }: FaultWatch): ClientRequest[] {
  return requests.filter(({ dueMs, endMs }) => dueMs >= fromMs && endMs < faultMs);
}

/** For each whole window after the fault, whether it is slow. */
function slowWindows(requests: readonly ClientRequest[], watch: FaultWatch): boolean[] {
  const { faultMs, untilMs } = watch;
  const limitMs = SLOW_RATIO * p99Of(endedBefore(requests, watch));
  const byWindow = Array.from({ length: Math.floor((untilMs - faultMs) / WINDOW_MS) }, (): ClientRequest[] => []);
  for (const request of requests) if (request.dueMs >= faultMs) byWindow[Math.floor((request.dueMs - faultMs) / WINDOW_MS)]?.push(request);
  return byWindow.map((each) => {
    const right = each.filter(({ isRight }) => isRight);
    return right.filter(({ dueMs, endMs }) => endMs - dueMs > limitMs).length > SLOW_SHARE * right.length;
  });
}

/** The p99 of requests with a right answer; NaN if there are none. */
function p99Of(requests: readonly ClientRequest[]): number {
  const tookMs = requests.filter(({ isRight }) => isRight).map(({ dueMs, endMs }) => endMs - dueMs);
  return percentile(Float64Array.from(tookMs).toSorted(), 0.99);
}

/** The spread of a figure over rounds; all NaN without one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: median(values), least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN };
}
