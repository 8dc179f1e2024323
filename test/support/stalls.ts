// Makes processes stall at random, as a machine with too little CPU or memory does: a process stands still for a second or
// two (SIGSTOP), then goes on (SIGCONT). None is left standing still. One that stands still already is left alone: a test
// stopped it, and would not want it to go on. Linux only, as /proc is read.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf } from './fleet-process.js';

/** How often and how long processes stand still. */
export interface StallOptions {
  /** Mean time from one stall of a process to its next. */
  readonly meanIntervalMs: number;
  /** The shortest stall. */
  readonly leastMs: number;
  /** The longest stall. */
  readonly mostMs: number;
  /** Mean time between two stalls of all processes at once, as when a virtual machine is paused. */
  readonly meanWholeIntervalMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called as each stall begins, with its length and who stands still. */
  readonly onStall?: (stallMs: number, pids: readonly number[]) => void;
}

/** Stalls that go on until they are ended. */
export interface Stalls {
  /** How many there were so far. */
  readonly count: number;
  /** Lets everything go on; afterwards nothing stalls any more. */
  stop(): Promise<void>;
}

/** The pause between two looks at which processes there are. */
const TICK_MS = 100;

/** Begins to stall what runs below `root`; `root` itself never stalls. */
export function startStalls(root: number, options: StallOptions): Stalls {
  const { meanIntervalMs, leastMs, mostMs, meanWholeIntervalMs, random, onStall } = options;
  const standing = new Map<number, number>();
  const over = new AbortController();
  let count = 0;
  const begin = (pids: readonly number[]): void => {
    const stallMs = Math.round(leastMs + random() * (mostMs - leastMs));
    const stopped = pids.filter((pid) => !standing.has(pid) && mayStall(pid) && signal(pid, 'SIGSTOP'));
    if (stopped.length === 0) return;
    count++;
    for (const pid of stopped) standing.set(pid, performance.now() + stallMs);
    onStall?.(stallMs, stopped);
  };
  const end = (isDue: (endsMs: number) => boolean): void => {
    for (const [pid, endsMs] of standing) {
      if (!isDue(endsMs)) continue;
      standing.delete(pid);
      signal(pid, 'SIGCONT');
    }
  };
  const run = async (): Promise<void> => {
    let lookedMs = performance.now();
    while (!over.signal.aborted) {
      await sleep(TICK_MS, undefined, { signal: over.signal }).catch(() => undefined);
      const nowMs = performance.now();
      end((endsMs) => endsMs <= nowMs);
      if (over.signal.aborted) break;
      const sinceMs = nowMs - lookedMs;
      lookedMs = nowMs;
      const pids = descendantsOf(root);
      if (random() < sinceMs / meanWholeIntervalMs) begin(pids);
      for (const pid of pids) if (random() < sinceMs / meanIntervalMs) begin([pid]);
    }
    end(() => true);
  };
  const running = run();
  return {
    get count() {
      return count;
    },
    async stop() {
      over.abort();
      await running;
    },
  };
}

/** Not what is stopped already, and not the child of `script`, which stops itself with its child and is never continued. */
function mayStall(pid: number): boolean {
  const { name, state, parent } = statOf(pid);
  return state !== '' && !/[TtZX]/.test(state) && name !== 'script' && statOf(parent).name !== 'script';
}

/** Name, state and parent of a process; empty when it is gone. */
function statOf(pid: number): { readonly name: string; readonly state: string; readonly parent: number } {
  try {
    const [, name = '', state = '', parent = '0'] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { name, state, parent: Number(parent) };
  } catch {
    return { name: '', state: '', parent: 0 };
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // it is gone
  }
}
