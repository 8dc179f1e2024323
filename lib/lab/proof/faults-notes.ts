// How faults were tried, in sentences for a report.

import { CUT_MS, FROZEN_MS, HOST_DEAD_MS, REDIS_AWAY_MS } from './faults-actions.js';
import { SILENCE_MS } from './faults-client.js';
import { RENEWED_BY } from './faults-contestants.js';
import { LEAST_WORK_MS, MOST_WORK_MS } from './faults-host.js';
import { SLOW_RATIO, SLOW_SHARE, WINDOW_MS } from './faults-judge.js';
import { CLIENTS } from './faults-turns.js';
import type { FaultFigures } from './figures.js';

/** Sentences about these figures; none without figures. */
export function faultNotes(faults: readonly FaultFigures[]): string[] {
  const [first] = faults;
  if (first === undefined) return [];
  const renewed = (['haproxy', 'nginx'] as const).filter((name) => faults.some(({ program }) => program === name));
  const seconds = (ms: number): string => `${ms / 1000} s`;
  return [
    `faults: ${first.perSecond} requests/s to each contestant from ${CLIENTS} clients, no limit of CPU, hosts that answer within ${LEAST_WORK_MS} to ${MOST_WORK_MS} ms; a client keeps a connection to one balancer, moves on to the next one when it is refused, closed or silent for ${seconds(SILENCE_MS)}, and never sends a request again: what a balancer loses is lost`,
    `recovery: from the fault to the last request that was lost, or the end of the last ${WINDOW_MS} ms in which more than ${100 * SLOW_SHARE} % of the requests took over ${SLOW_RATIO} times the p99 before; a time in which requests straight to hosts are slow too does not count, since the machine was busy`,
    `killed (kill -9, all processes at once) balancers start again as soon as their port is free, as a service manager would start them${startsOf(faults)}; killed hosts after ${seconds(HOST_DEAD_MS)}; a balancer is frozen for ${seconds(FROZEN_MS)}, cut off Redis for ${seconds(CUT_MS)}, in a fleet the master; Redis comes back empty after ${seconds(REDIS_AWAY_MS)}`,
    `rolling restart: ${['Meercat stops on SIGTERM and starts anew', ...renewed.map((name) => RENEWED_BY[name])].join('; ')}; a balancer follows as soon as the one before it serves`,
    'contestants meet a fault that costs no CPU at the same time; one that restarts Meercat has the machine for itself',
  ];
}

/** How long that took each program, as measured: `: Meercat after 12 ms`. */
function startsOf(faults: readonly FaultFigures[]): string {
  const texts = (['meercat', 'haproxy', 'nginx'] as const).flatMap((name) => {
    const starts = faults.flatMap(({ program, startedAfterMs }) =>
      program === name && startedAfterMs !== undefined ? [startedAfterMs] : [],
    );
    if (starts.length === 0) return [];
    const [least, most] = [Math.min(...starts.map((each) => each.least)), Math.max(...starts.map((each) => each.most))];
    return [`${name} ${Math.round(least)} to ${Math.round(most)} ms after the kill`];
  });
  return texts.length === 0 ? '' : ` (${texts.join(', ')})`;
}
