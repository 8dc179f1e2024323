// The usage score: one number for how used a host is, and how much a stale figure counts. Pure; used by the master,
// every balancer and the simulation.

import { FLEET, type HostView } from '../model.js';

/** Memory use below this fraction costs nothing: memory in use does not make a host busy. */
const MEMORY_EASY = 0.8;

/** A figure younger than this (ms) counts fully: two reports at the default interval. */
export const REPORT_FRESH_MS = 2000;

/** A figure older than this (ms) does not count at all. */
export const STALE_MS = 10_000;

/** The neutral usage while no host has reported. */
export const DEFAULT_NEUTRAL_USAGE = 0.5;

/**
 * How used a host is: 0 is idle, 1 has no CPU left, 2 has neither CPU nor memory left.
 *
 * `usage = cpu + max(0, memory − 0.8) / 0.2`. CPU counts linearly, since free CPU decides how soon a request is done.
 * Memory is a level, not a rate, and slows nothing down until it runs short: it counts from 80 % on, and at 100 % as
 * much as a fully used CPU.
 *
 * NaN when CPU is unknown; unknown memory counts as free.
 */
export function usageOf(cpu: number | null, memory: number | null): number {
  if (cpu === null) return Number.NaN;
  const pressure = memory === null ? 0 : Math.max(0, memory - MEMORY_EASY) / (1 - MEMORY_EASY);
  return cpu + pressure;
}

/**
 * Writes the current usage to `loads[place]`, plus the fraction of requests that the host fails. A figure up to 2 s old
 * counts fully; from there to 10 s it fades linearly into the neutral usage. A host with an older figure or none counts
 * as neutral: neither favoured nor starved.
 */
export function putUsage(view: HostView, slot: number, nowMs: number, loads: Float64Array, place: number): void {
  const usage = view.usage[slot] as number;
  const ageMs = nowMs - (view.reportedAt[slot] as number);
  const neutral = view.fleet[FLEET.neutralUsage] as number;
  let believed = usage;
  // NaN usage or age fails every comparison, and so ends up neutral.
  if (!(ageMs < STALE_MS) || usage !== usage) believed = neutral;
  else if (ageMs > REPORT_FRESH_MS) believed = neutral + (usage - neutral) * ((STALE_MS - ageMs) / (STALE_MS - REPORT_FRESH_MS));
  loads[place] = believed + (view.failing[slot] as number);
}

/** The neutral usage: the median of the known ones, 0.5 without any. Sorts `known`. */
export function neutralUsageOf(known: Float64Array): number {
  return known.length === 0 ? DEFAULT_NEUTRAL_USAGE : medianOf(known);
}

/** The median; NaN without any. Sorts `known`. */
export function medianOf(known: Float64Array): number {
  if (known.length === 0) return Number.NaN;
  known.sort();
  const middle = known.length >> 1;
  const upper = known[middle] as number;
  return known.length % 2 === 1 ? upper : ((known[middle - 1] as number) + upper) / 2;
}
