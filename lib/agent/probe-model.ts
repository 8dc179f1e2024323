// The interface that every kind of probe implements, and its options. Types only, so that the probes and probe.ts, which
// opens them, do not import each other.

import type { HostFigures } from '../model.js';

/** The result of a read. */
export interface ProbeReading extends HostFigures {
  /** The host itself asks for no new requests, whatever its figures. */
  readonly isOut?: boolean;
}

/** Measures one host repeatedly. */
export interface Probe {
  /** The kind: `machine`, `cgroup`, `pid`, `agent-check` or `url`; for `auto`, the one chosen. */
  readonly kind: string;
  /**
   * Measures the host now. CPU is the mean since the last read that returned a CPU figure, or since the probe was opened;
   * null if that was less than 50 ms ago. An unavailable figure is null. Rejects with an Error with a loggable message if
   * the target is gone: the process ended, the URL gives no usable response. A later read may succeed again (a URL) or
   * not (a process).
   */
  read(): Promise<ProbeReading>;
  /** Releases the probe's resources; a pending read rejects. May be called more than once. */
  close(): void;
}

/** How to open a probe. */
export interface ProbeOptions {
  /** Cores available to the host, from `--cores`; overrides the detected number. */
  readonly coresLimit?: number | undefined;
  /** Timeout of one read, in milliseconds. */
  readonly timeoutMs: number;
  /** Mount point of the proc filesystem. Default: `/proc`. Its `self/mountinfo` gives the cgroup mounts. */
  readonly procRoot?: string | undefined;
  /** A monotonic clock, in milliseconds. Default: `performance.now()`. */
  readonly nowMs?: (() => number) | undefined;
}
