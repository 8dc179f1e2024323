// One host as the master's registry keeps it, and why its state changed, in words for people.

import type { HostFigures, HostState } from '../model.js';
import type { Checked, RiseAndFall } from '../routing/health.js';

/** How hosts are checked; `HealthRules` has these fields. */
export interface CheckRules extends RiseAndFall {
  /** With a path every host is checked, and one that fails is down whatever its agent says; without, only hosts of which no agent tells. */
  readonly healthPath: string;
}

/** One host. */
export interface HostEntry {
  readonly name: string;
  readonly url: string;
  figures: HostFigures;
  state: HostState;
  /** Has an agent: it reported once, to this master or an earlier one. */
  hasAgent: boolean;
  /** When it last reported, by its agent or in-band; null when never. */
  reportedAtMs: number | null;
  /** Since when an agent's report is awaited: the last one, or when this master began to listen. */
  awaitedSinceMs: number;
  intervalMs: number;
  checks: Checked;
  /** Another address reported under its name: a probe must tell whether this one is still alive. */
  isContested: boolean;
  /** Since when neither report nor answer came. */
  downSinceMs: number;
}

/** Why a host has its state now; `before` is the one that it had, and `hasPath` whether every host is checked. */
export function reasonFor({ state, hasAgent }: HostEntry, before: HostState, hasPath: boolean): string {
  const passes = hasPath ? 'passes its checks' : 'answers';
  switch (state) {
    case 'down':
      if (hasPath) return 'fails its checks';
      return hasAgent ? 'neither reports nor answers' : 'does not answer';
    case 'silent':
      return before === 'up' ? 'stopped reporting' : `${passes}, but does not report`;
    case 'up':
      return before === 'silent' || (hasAgent && !hasPath) ? 'reports again' : `${passes} again`;
  }
}
