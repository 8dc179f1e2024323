// What a probe is: the interface that every kind of probe implements, and what opens it. Types only, so that the
// probes and whoever opens them (probe.ts) do not import each other.

import type { HostFigures } from '../model.js';

/** What a read gives. */
export interface ProbeReading extends HostFigures {
  /** The host is to get no new requests, whatever its figures: it says so itself. */
  readonly isOut?: boolean;
}

/** Something that measures one host, again and again. */
export interface Probe {
  /** Which probe it is: `machine`, `cgroup`, `pid`, `agent-check` or `url`; for `auto`, the one that was chosen. */
  readonly kind: string;
  /**
   * Measures the host now. CPU is the mean since the last read that gave a CPU figure, or since the
   * probe was opened; it is null when that was less than 50 ms ago. A figure that cannot be had is null.
   * Rejects with an Error, whose message is fit for a log, when the thing probed is gone: the process
   * ended, the URL gives no usable answer. A later read may succeed again (a URL) or not (a process).
   */
  read(): Promise<ProbeReading>;
  /** Lets go of what the probe holds; a read under way rejects. May be called more than once. */
  close(): void;
}

/** How to open a probe. */
export interface ProbeOptions {
  /** How many cores the host may use, if the user says so (`--cores`); overrides what is found. */
  readonly coresLimit?: number | undefined;
  /** How long one read may wait for the network or the system, in milliseconds. */
  readonly timeoutMs: number;
  /** Where the proc filesystem is. Default: `/proc`. Its `self/mountinfo` says where the cgroups are. */
  readonly procRoot?: string | undefined;
  /** A monotonic clock, in milliseconds. Default: `performance.now()`. */
  readonly nowMs?: (() => number) | undefined;
}
