// Measures the router in one case, in a process of its own, so that V8 optimizes it for one site, as in a balancer.

import { monotonicClock } from '../clock.js';
import { compileRouter } from '../routing/router.js';
import { pause } from './health.js';
import { findNaively } from './naive-router.js';
import { bytesPerCall } from './picker.js';
import { routeCaseOf } from './route-cases.js';

/** For this long (ms) the code is warmed up, and the number of finds is determined. */
const WARM_UP_MS = 300;

/** The checks of one route that the reference makes at most: it takes about a microsecond for each. */
const MAX_CHECKS = 1_000_000;

/** The longest time (ms) between two heap readings: some finds take a large part of a millisecond. */
const LOOK_MS = 10;
const MAX_PER_LOOK = 1000;

/** Runs the role `route CASE ROUTES REPETITIONS SECONDS`; sends `{ type: 'routed', … }` and exits. */
export async function runRouterTimer([name = '', routes = '1', repetitions = '1', seconds = '1']: readonly string[]): Promise<() => void> {
  const { site, requests } = routeCaseOf(name, Number(routes));
  const clock = monotonicClock();
  const before = process.cpuUsage();
  const router = compileRouter(site);
  const compileMs = cpuMsSince(before);
  process.send?.({ type: 'ready' });

  const wrong: string[] = [];
  for (const request of requests.slice(0, Math.ceil(MAX_CHECKS / site.routes.length))) {
    const [found, expected] = [router.find(request, 'http'), findNaively(site, request, 'http')];
    if (found !== expected) wrong.push(`${request.host} ${request.target.slice(0, 60)}: route ${found}, not ${expected}`);
  }
  const findMany = (times: number): number => {
    let sum = 0;
    for (let i = 0, at = 0; i < times; i++) {
      sum += router.find(requests[at] as (typeof requests)[0], 'http');
      at = at + 1 === requests.length ? 0 : at + 1;
    }
    return sum;
  };
  let warm = 0;
  const warmFromMs = clock();
  for (let batch = 1; clock() - warmFromMs < WARM_UP_MS; batch *= 2, warm += batch) findMany(batch);
  const times = Math.max(1, Math.round((warm * Number(seconds) * 1000) / (clock() - warmFromMs)));
  const ns: number[] = [];
  for (let i = 0; i < Number(repetitions); i++) {
    const start = process.cpuUsage();
    findMany(times);
    ns.push((cpuMsSince(start) * 1e6) / times);
    // Let signals and the end of the parent be handled.
    await pause(0);
  }
  const perLook = Math.max(1, Math.min(MAX_PER_LOOK, Math.round((LOOK_MS * 1e6) / Math.max(1, ...ns))));
  process.send?.({ type: 'routed', ns, times, bytes: bytesPerCall(findMany, perLook), compileMs, wrong: wrong.slice(0, 3) });
  process.disconnect?.();
  return () => undefined;
}

function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
