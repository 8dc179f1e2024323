// Waits until a fleet is well and serves, on a clock that stands still while the machine is short of CPU.

import { Agent } from 'node:http';
import { get, pause } from '../health.js';
import { CpuWait } from './cpu-wait.js';
import { problemOf } from './load.js';
import { HOST_NAMES, type Stage } from './stage.js';
import { lackOf } from './wellness.js';

const LOOK_EVERY_MS = 50;

/** A look at the fleet takes no longer, unless this process did not run. */
const MAX_LOOK_MS = 100;

/** However busy the machine is, the run goes on after this multiple of the promised time. */
const MOST_TIMES = 6;

/** How long it took until a fleet was well. */
export interface Waited {
  /** By the clock. */
  readonly tookMs: number;
  /** What counts of it. */
  readonly waitedMs: number;
  /** What is lacking; '' if it is well. */
  readonly problem: string;
}

/**
 * Waits until the fleet is well and every balancer serves; returns how long that took, or more than `timeoutMs` and what
 * is lacking. Time in which this process did not run, or a process of the fleet waited for a CPU, does not count.
 */
export async function untilWell(stage: Stage, timeoutMs: number): Promise<Waited> {
  const { balancers, redis, watch } = stage;
  const agent = new Agent({ keepAlive: false });
  const pids = (): number[] => [redis.pid, ...balancers.map(({ pid }) => pid)];
  const cpu = new CpuWait(pids());
  const startMs = performance.now();
  for (let waitedMs = 0; ; ) {
    const beganMs = performance.now();
    const pages = new Map(await Promise.all(balancers.map(async (each) => [each.name, await each.health()] as const)));
    const lack = lackOf(pages, watch.stored, HOST_NAMES);
    const problem = lack === '' ? await unserved(stage, agent) : lack;
    const isOver = waitedMs > timeoutMs || performance.now() - startMs > MOST_TIMES * timeoutMs;
    const tookMs = performance.now() - startMs;
    if (problem === '') return { tookMs, waitedMs, problem };
    if (isOver) return { tookMs, waitedMs: Math.max(waitedMs, timeoutMs + 1), problem };
    await pause(LOOK_EVERY_MS);
    const passedMs = Math.min(performance.now() - beganMs, 2 * LOOK_EVERY_MS + MAX_LOOK_MS);
    waitedMs += Math.max(0, passedMs - cpu.takeMs(pids()));
  }
}

/** The balancer that does not serve a request; '' if all do. */
async function unserved({ balancers }: Stage, agent: Agent): Promise<string> {
  const problems = await Promise.all(
    balancers.map(async ({ name, port }) => {
      const { status, body } = await get(port, '/well', agent);
      const problem = problemOf(status, body, '/well');
      return problem === '' ? '' : `${name} does not serve: ${problem}`;
    }),
  );
  return problems.find((each) => each !== '') ?? '';
}
