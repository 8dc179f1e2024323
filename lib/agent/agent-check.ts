// HAProxy's agent-check protocol, both ways: on each connection the agent says one line of words, and what it does
// not mention stays as it was. Pure. HAProxy's configuration manual, 5.2, `agent-check`.

import type { HostFigures } from '../model.js';
import { usageOf } from '../routing/usage.js';
import type { ProbeReading } from './probe-model.js';

/** A longer line is refused. */
export const MAX_LINE_BYTES = 1024;

/** What an agent has said so far. */
export interface AgentCheckState {
  /** `drain` and `maint` hold until it says `ready`. */
  readonly isReady: boolean;
  /** `down`, `fail` and `stopped` hold until it says `up`. */
  readonly isUp: boolean;
  /** The last `N%` as a fraction; null before the first. */
  readonly weight: number | null;
}

/** Before the agent has said anything. */
export const NOTHING_SAID: AgentCheckState = { isReady: true, isUp: true, weight: null };

/**
 * What an agent has said with one more line. Words are separated by spaces, tabs or commas, in any case, and end at
 * a `#`, behind which is a description. Words that are not known are passed over, and so is `maxconn:N`, which has no
 * counterpart here.
 * @param line without its end
 * @returns undefined when none of its words is known
 */
export function afterLine(state: AgentCheckState, line: string): AgentCheckState | undefined {
  let { isReady, isUp, weight } = state;
  let known = 0;
  for (const word of (line.split('#', 1)[0] as string).toLowerCase().split(/[ \t,]+/)) {
    known++;
    if (word === 'ready') isReady = true;
    else if (word === 'drain' || word === 'maint') isReady = false;
    else if (word === 'up') isUp = true;
    else if (word === 'down' || word === 'fail' || word === 'stopped') isUp = false;
    else if (/^\d{1,5}%$/.test(word)) weight = Number(word.slice(0, -1)) / 100;
    else if (!/^maxconn:\d{1,10}$/.test(word)) known--;
  }
  return known === 0 ? undefined : { isReady, isUp, weight };
}

/**
 * What an agent's words mean for its host. The weight is what is left of it: CPU is 1 − weight, and 0 from 100 % on;
 * a weight of 0 takes the host out, as `drain`, `maint`, `down`, `fail` and `stopped` do.
 */
export function readingOf({ isReady, isUp, weight }: AgentCheckState, cores: number | null): ProbeReading {
  const isOut = !isReady || !isUp || weight === 0;
  return { cpu: weight === null ? null : Math.max(0, 1 - weight), memory: null, cores, rps: null, isOut };
}

/**
 * The line of a host that serves: `up 63%`. The weight is what is left of it, 1 − (CPU + memory pressure), where
 * memory presses from 80 % on (`usageOf`), and never below 1 %: HAProxy takes a host of weight 0 out, and one that is
 * busy is not to lose all its requests. Without known figures it is `up` alone, which leaves the weight as it is.
 * It never says `ready`, which would undo what an operator told HAProxy of the host.
 */
export function serveLine(figures: Pick<HostFigures, 'cpu' | 'memory'> | undefined): string {
  const left = figures === undefined ? Number.NaN : 1 - usageOf(figures.cpu, figures.memory);
  return Number.isNaN(left) ? 'up' : `up ${Math.min(100, Math.max(1, Math.round(left * 100)))}%`;
}

/** The line of a host that leaves: it gets no new requests and finishes what it has. The next agent's weight undoes it. */
export const LEAVE_LINE = 'up 0%';

/** The line of a host whose process has ended. */
export const GONE_LINE = 'down #the probed process has ended';
