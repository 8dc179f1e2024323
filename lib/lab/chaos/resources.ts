// What processes hold: descriptors, memory, connections to Redis and keys in it. At the end of a run all but memory must
// be what a fleet at rest holds. Descriptors and memory are read from /proc; elsewhere they are not checked.

import { readdirSync, readFileSync } from 'node:fs';
import { pause } from '../health.js';
import type { Stage } from './stage.js';

/** At the end idle connections may stay open for as long as a balancer keeps them. */
const IDLE_MS = 10_000;
const LOOK_EVERY_MS = 200;

/** Bytes of a page on every platform with /proc that Node runs on. */
const PAGE_BYTES = 4096;

/** What is held at one moment, by name. */
export type Holdings = ReadonlyMap<string, number>;

/** Open descriptors of a process; NaN without /proc. */
function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process; NaN without /proc. */
function memoryOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return Number.NaN;
  }
}

/** Records the memory of each balancer. */
export function recordMemory({ balancers, history }: Stage): void {
  for (const { name, life, pid } of balancers) {
    const bytes = memoryOf(pid);
    if (bytes > 0) history.add({ kind: 'memory', atMs: history.nowMs(), process: name, life, bytes });
  }
}

/** What the fleet holds now. The master holds more than a slave, and each balancer can be master: the most counts. */
async function holdings({ balancers, redis, realAgent }: Stage): Promise<Holdings> {
  const clients = String(await redis.admin.client('LIST').catch(() => ''));
  const connectionsOf = (user: string): number => clients.split('\n').filter((line) => line.includes(` user=${user} `)).length;
  return new Map([
    ['descriptors of the balancer with the most', Math.max(...balancers.map(({ pid }) => descriptorsOf(pid)))],
    ['descriptors of the real agent', descriptorsOf(realAgent.pid)],
    ['connections of balancers to Redis', connectionsOf('meercat-balancer')],
    ['connections of agents to Redis', connectionsOf('meercat-agent')],
  ]);
}

/** What the fleet holds at rest, before the load. */
export async function recordAtRest(stage: Stage): Promise<Holdings> {
  // The most of several looks: a heartbeat or a check may just be under way.
  let most: Holdings = new Map();
  for (let waitedMs = 0; waitedMs < 1000; waitedMs += LOOK_EVERY_MS) {
    const now = await holdings(stage);
    most = new Map([...now].map(([what, count]) => [what, Math.max(count, most.get(what) ?? 0)]));
    await pause(LOOK_EVERY_MS);
  }
  return most;
}

/** Records what the fleet holds after the load, once it is no more than at rest or when the time is over. */
export async function recordAtEnd(stage: Stage, atRest: Holdings): Promise<void> {
  const { history } = stage;
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const now = await holdings(stage);
    const isBack = [...now].every(([what, count]) => !(count > (atRest.get(what) ?? 0)));
    if (!isBack && waitedMs < IDLE_MS) {
      await pause(LOOK_EVERY_MS);
      continue;
    }
    for (const [what, count] of now)
      history.add({ kind: 'resource', atMs: history.nowMs(), what, atRest: atRest.get(what) ?? 0, now: count });
    return;
  }
}
