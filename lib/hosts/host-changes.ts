// What the host registry returns: outcomes of reports, news, and the changes that a flush publishes.

import type { Costs, FiguresRow, HostRow, LoadRow } from '../model.js';

/**
 * The outcome of a report. Only an in-band report can be for a host that is `unknown`, or that has an `agent`, whose
 * figures take precedence.
 */
export type ReportOutcome = 'taken' | 'conflict' | 'full' | 'unknown' | 'agent';

/** An event of a host, worth showing at once. */
export interface HostNews {
  readonly kind: 'host-joined' | 'host-left' | 'host-silent' | 'host-down' | 'host-up' | 'host-conflict';
  readonly name: string;
  readonly detail: string;
}

/** What changed since the last flush. */
export interface HostChanges {
  readonly rows: readonly HostRow[];
  /** Hosts of which only the reported figures changed. */
  readonly figures: readonly FiguresRow[];
  /** Hosts of which only the load changed; they may be among the figures too. */
  readonly loads: readonly LoadRow[];
  readonly acks: readonly (readonly [balancer: string, seq: number])[];
  /** The cost of a request by class, in ms of CPU; null when unchanged. */
  readonly costs: Costs | null;
  readonly gone: readonly string[];
  readonly news: readonly HostNews[];
  /** True when hosts joined, left or changed state: the snapshot is due. */
  readonly isMembership: boolean;
}
