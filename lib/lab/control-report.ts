// The control plane's part of the figures of `policies`: CPU of the threads that handle no requests, and messages by
// channel.

import { FLEET_SIZE } from './contestants.js';
import { CONTROL_RPS, type ControlFigures } from './control-plane.js';
import { type Goal, goalBelow, type Rows } from './report.js';
import { median, rounded } from './statistics.js';

/** Limit of the CPU of a balancer's control threads, in percent of a core. */
const CONTROL_GOAL_PERCENT = 3;

/** CPU by thread, in percent of a core; one row per number of hosts. */
export function controlTable(control: readonly ControlFigures[]): Rows {
  return [
    [
      `${FLEET_SIZE} balancers, ${CONTROL_RPS} requests/s`,
      'master: fleet',
      'hosts',
      'traffic',
      'helpers',
      'slaves: fleet',
      'hosts',
      'traffic',
      'helpers',
      'redis',
      'failed',
    ],
    ...control.map(({ hosts, balancers, redisPercent, failed }) => {
      const middle = (role: string, get: (each: (typeof balancers)[number]) => number): string =>
        `${median(balancers.filter((each) => each.role === role).map(get)).toFixed(1)} %`;
      return [
        `${hosts} hosts, % of a core`,
        ...['master', 'slave'].flatMap((role) => [
          middle(role, (each) => each.fleetPercent),
          middle(role, (each) => each.hostsPercent),
          middle(role, (each) => each.trafficPercent),
          middle(role, (each) => each.helpersPercent),
        ]),
        `${redisPercent.toFixed(1)} %`,
        failed,
      ];
    }),
  ];
}

/** Messages and bytes by channel; one row per number of hosts. */
export function channelTable(control: readonly ControlFigures[]): Rows {
  const names = ['reports', 'load', 'stats'] as const;
  return [
    ['messages a second', ...names.flatMap((name) => [name, 'kB/s'])],
    ...control.map(({ hosts, channels }) => [
      `${hosts} hosts`,
      ...names.flatMap((name) => [rounded(channels[name].perSecond, 1), rounded(channels[name].bytesPerSecond / 1000, 1)]),
    ]),
  ];
}

/** The goal for the CPU of the busiest balancer. */
export function controlGoal({ hosts, balancers }: ControlFigures): Goal {
  const worst = Math.max(...balancers.map(({ fleetPercent, hostsPercent }) => fleetPercent + hostsPercent));
  return goalBelow(
    `CPU of a balancer's fleet and hosts threads with ${hosts} hosts, the busiest one's`,
    rounded(worst, 1),
    CONTROL_GOAL_PERCENT,
    '% of a core',
  );
}

/** Rounds the figures, for the JSON. */
export function roundControl(figures: ControlFigures): ControlFigures {
  return {
    ...figures,
    redisPercent: rounded(figures.redisPercent, 2),
    balancers: figures.balancers.map((each) => ({
      ...each,
      fleetPercent: rounded(each.fleetPercent, 2),
      hostsPercent: rounded(each.hostsPercent, 2),
      trafficPercent: rounded(each.trafficPercent, 2),
      helpersPercent: rounded(each.helpersPercent, 2),
    })),
  };
}
