// HAProxy's agent-check protocol, both sides: on each connection the agent sends one line of keywords; state that it does
// not mention is unchanged. Pure. HAProxy configuration manual, 5.2, `agent-check`.

import type { HostFigures } from '../model.js';
import { usageOf } from '../routing/usage.js';
import type { ProbeReading } from './probe-model.js';

/** Longer lines are rejected. */
export const MAX_LINE_BYTES = 1024;

/** The state accumulated from an agent's lines. */
export interface AgentCheckState {
  /** `drain` and `maint` hold until `ready`. */
  readonly isReady: boolean;
  /** `down`, `fail` and `stopped` hold until `up`. */
  readonly isUp: boolean;
  /** The last `N%` as a fraction; null before the first. */
  readonly weight: number | null;
}

/** The state before the agent's first line. */
export const NOTHING_SAID: AgentCheckState = { isReady: true, isUp: true, weight: null };

/**
 * Applies one line to the state. Keywords are case-insensitive and separated by spaces, tabs or commas; a `#` starts a
 * description. Unknown keywords are ignored, and so is `maxconn:N`, which has no counterpart here.
 * @param line without its line ending
 * @returns undefined if the line has no known keyword
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
 * Converts an agent's state to a reading of its host. The weight is the free capacity: CPU is 1 − weight, and 0 from
 * 100 % up; a weight of 0 takes the host out, as do `drain`, `maint`, `down`, `fail` and `stopped`.
 */
export function readingOf({ isReady, isUp, weight }: AgentCheckState, cores: number | null): ProbeReading {
  const isOut = !isReady || !isUp || weight === 0;
  return { cpu: weight === null ? null : Math.max(0, 1 - weight), memory: null, cores, rps: null, isOut };
}

/**
 * The line of a host that serves: `up 63%`. The weight is what is left of it, 1 − (CPU + memory pressure), where
 * memory presses from 80 % on (`usageOf`), and never below 1 %: HAProxy takes a host of weight 0 out, and one that is
 * busy is not to lose all its requests. Without known figures it is `up` alone, which leaves the weight as it is.
 * It never says `ready`, which would undo an operator's setting in HAProxy.
 */
export function serveLine(figures: Pick<HostFigures, 'cpu' | 'memory'> | undefined): string {
  const left = figures === undefined ? Number.NaN : 1 - usageOf(figures.cpu, figures.memory);
  return Number.isNaN(left) ? 'up' : `up ${Math.min(100, Math.max(1, Math.round(left * 100)))}%`;
}

/** The line of a host that leaves: it gets no new requests and finishes what it has. The next agent's weight undoes it. */
export const LEAVE_LINE = 'up 0%';

/** The line of a host whose process has ended. */
export const GONE_LINE = 'down #the probed process has ended';
