// CPU time of processes from /proc/PID/stat (proc(5)): user and system time of all threads. Descendants are included,
// so that a proxy that forks is measured as a whole. Linux only.

import { readdirSync, readFileSync } from 'node:fs';
import { statFields } from '../process-stat.js';

/** Ticks of /proc/PID/stat in a second: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time in seconds. */
export interface CpuTimes {
  readonly userSeconds: number;
  /** Time in the kernel, on behalf of the process. */
  readonly systemSeconds: number;
}

/** CPU time of a process and of each living descendant, by process id; empty if it is gone or there is no /proc. */
export function cpuTimesByProcess(pid: number): ReadonlyMap<number, CpuTimes> {
  const all = new Map<number, { readonly parent: number; readonly times: CpuTimes }>();
  try {
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const fields = statFields(`/proc/${entry}/stat`);
      if (fields !== undefined) all.set(Number(entry), { parent: Number(fields[1]), times: timesOf(fields) });
    }
  } catch {
    return new Map();
  }
  const belongs = (candidate: number): boolean => {
    for (let at: number | undefined = candidate; at !== undefined && at > 1; at = all.get(at)?.parent) if (at === pid) return true;
    return false;
  };
  return new Map([...all].filter(([candidate]) => all.has(pid) && belongs(candidate)).map(([candidate, { times }]) => [candidate, times]));
}

/** CPU time of a process and its living descendants; NaN if it is gone or there is no /proc. */
export function cpuTimesOf(pid: number): CpuTimes {
  const each = [...cpuTimesByProcess(pid).values()];
  if (each.length === 0) return { userSeconds: Number.NaN, systemSeconds: Number.NaN };
  const sum = (of: (times: CpuTimes) => number): number => each.reduce((total, times) => total + of(times), 0);
  return { userSeconds: sum(({ userSeconds }) => userSeconds), systemSeconds: sum(({ systemSeconds }) => systemSeconds) };
}

/** CPU seconds of a process and all its descendants, including those that have ended and were waited for; NaN as {@link cpuTimesOf}. */
export function cpuSecondsOfAllEver(pid: number): number {
  const ended = (each: number): number => {
    const fields = statFields(`/proc/${each}/stat`);
    return fields === undefined ? 0 : (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
  };
  return [...cpuTimesByProcess(pid).keys()].reduce((sum, each) => sum + ended(each), cpuSecondsOf(pid));
}

/** User and system time together, as {@link cpuTimesOf}. */
export function cpuSecondsOf(pid: number): number {
  const { userSeconds, systemSeconds } = cpuTimesOf(pid);
  return userSeconds + systemSeconds;
}

/** CPU time of one thread of a process; NaN if it is gone or there is no /proc. */
export function threadTimesOf(pid: number, tid: number): CpuTimes {
  const fields = statFields(`/proc/${pid}/task/${tid}/stat`);
  return fields === undefined ? { userSeconds: Number.NaN, systemSeconds: Number.NaN } : timesOf(fields);
}

/** Thread ids of the threads of a process with this name (`comm`); empty if there are none or no /proc. */
export function threadsNamed(pid: number, name: string): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .filter((tid) => readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim() === name);
  } catch {
    return [];
  }
}

/** CPU seconds of each live thread of a process, by thread id, to the nanosecond: schedstat in the kernel documentation. */
export function threadSecondsOf(pid: number): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      seconds.set(thread, Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e9);
    }
  } catch {
    // The thread is ending, or the system has no schedstat: missing entries are unknown.
  }
  return seconds;
}

function timesOf(fields: readonly string[]): CpuTimes {
  return { userSeconds: Number(fields[11]) / TICKS_PER_SECOND, systemSeconds: Number(fields[12]) / TICKS_PER_SECOND };
}
