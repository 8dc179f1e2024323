// How late the event loop of this thread is: how much longer than asked a timer of the system waits for it.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How often the lag is sampled: rarely enough to cost an idle process nothing that shows. */
const RESOLUTION_MS = 20;

/** How late an event loop was, in ms. */
export interface LoopLag {
  readonly meanMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Samples the lag until it is closed. */
export interface LoopLagWatch {
  /** The lag since the last call; 0 without a sample. */
  take(): LoopLag;
  close(): void;
}

/** Begins to sample the event loop of the calling thread. */
export function watchLoopLag(): LoopLagWatch {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // Node's figures are in ns and contain the time between two samples; they are NaN without any.
  const lagMs = (ns: number): number => Math.max(0, (Number.isFinite(ns) ? ns : 0) / 1e6 - RESOLUTION_MS);
  return {
    take() {
      const lag = { meanMs: lagMs(delay.mean), p99Ms: lagMs(delay.percentile(99)), maxMs: lagMs(delay.max) };
      delay.reset();
      return lag;
    },
    close: () => void delay.disable(),
  };
}
