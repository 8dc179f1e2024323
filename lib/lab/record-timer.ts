// Measures what counting a request costs, in a process of its own: all that the request path adds to the shared table for
// metrics, dashboard and status.

import { bucketOf, LATENCY_BUCKETS, totalOf } from '../table/latency-buckets.js';
import { createTable, openTable } from '../table/layout.js';
import { countOpenRequests, recordAnswer, recordAttempt, recordHostError, recordHostLatency } from '../table/traffic-cells.js';
import { pause } from './health.js';
import { bytesPerCall } from './picker.js';

/** Requests before measuring, so that V8 has optimized the code. */
const WARM_UP = 300_000;

const METHODS = ['GET', 'GET', 'POST', 'GET', 'PUT', 'PROPFIND'] as const;
const STATUSES = [200, 200, 304, 404, 200, 201, 503] as const;

/** Different from request to request, between 0.2 and about 200 ms. */
const durationOf = (i: number): number => 0.2 + ((i * 7919) % 4001) / 20;

/** Runs the role `record HOSTS REPETITIONS SECONDS`; sends `{ type: 'recorded', … }` and exits. */
export async function runRecordTimer([hosts = '1', repetitions = '1', seconds = '1']: readonly string[]): Promise<() => void> {
  const slots = Number(hosts);
  const columns = openTable(createTable(slots));
  const recordMany = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const slot = i % slots;
      const durationMs = durationOf(i);
      const status = STATUSES[i % STATUSES.length] as number;
      countOpenRequests(columns, 0, 1);
      recordAttempt(columns, slot);
      recordHostLatency(columns, slot, durationMs);
      if (status >= 500) recordHostError(columns, slot);
      recordAnswer(columns, 0, METHODS[i % METHODS.length] as string, status, status >= 500, durationMs, 0, 1000);
      countOpenRequests(columns, 0, -1);
    }
  };
  process.send?.({ type: 'ready' });

  recordMany(WARM_UP);
  const wrong = check(columns, WARM_UP, slots);
  const before = process.cpuUsage();
  recordMany(WARM_UP);
  const times = Math.max(1000, Math.round((WARM_UP * Number(seconds) * 1000) / Math.max(1, cpuMsSince(before))));
  const ns: number[] = [];
  for (let i = 0; i < Number(repetitions); i++) {
    const start = process.cpuUsage();
    recordMany(times);
    ns.push((cpuMsSince(start) * 1e6) / times);
    // Let signals and the end of the parent be handled.
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await pause(0);
  }
  process.send?.({ type: 'recorded', ns, times, bytes: bytesPerCall(recordMany), wrong });
  process.disconnect?.();
  return () => undefined;
}

/** Compares the cells with a count of the same requests. */
function check(columns: ReturnType<typeof openTable>, times: number, slots: number): string[] {
  const wrong: string[] = [];
  const compare = (what: string, found: number, expected: number): void => {
    if (found !== expected) wrong.push(`${what}: ${found}, not ${expected}`);
  };
  const first = bucketOf(durationOf(0));
  const inFirst = Array.from({ length: times }, (_, i) => i).filter((i) => bucketOf(durationOf(i)) === first);
  compare('answers', totalOf(columns.answers), times);
  compare('open requests', totalOf(columns.openRequests), 0);
  compare('latencies of one bucket', columns.poolLatency[first] as number, inFirst.length);
  compare('the same of one host', columns.hostLatency[first] as number, inFirst.filter((i) => i % slots === 0).length);
  compare('latencies of hosts', totalOf(columns.hostLatency.subarray(0, slots * LATENCY_BUCKETS)), times);
  return wrong;
}

function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
