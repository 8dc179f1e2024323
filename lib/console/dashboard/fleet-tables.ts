// The tables of the page besides those of hosts: balancers, events, costs of classes, slowest requests.

import type { SlowRequest } from '../../fleet-figures.js';
import type { Overview, OverviewBalancer, OverviewEvent } from '../../overview.js';
import { formatBytes, formatClock, formatMs, formatNumber, formatShare, isoTime } from './format.js';
import { html, type Markup } from './html.js';
import type { LiveRow, LiveTable, TableFrame } from './live.js';
import { renderSign, type Sign } from './signs.js';

/** How the tables look, by their id. */
export const FRAMES = {
  balancers: {
    caption: 'Balancers in order of succession',
    kind: 'balancers',
    heads: [
      ['#', 'Place in the succession: 1 follows when the master dies'],
      ['Balancer', ''],
      ['Term', 'Number of the mastership that it goes by'],
      ['Lease', "Remaining time of the master's lease"],
      ['Table', 'Age of the host table that it routes on'],
      ['Redis', 'Round trip to Redis'],
      ['Req/s', 'Requests a second that it takes'],
      ['In flight', 'Its requests in flight'],
      ['CPU', 'Cores that it uses'],
      ['Memory', ''],
      ['Site', 'Version of the site that it goes by'],
    ],
  },
  events: {
    caption: 'Events of the last 15 minutes, newest first',
    kind: 'events',
    heads: [
      ['Time', ''],
      ['Event', ''],
    ],
  },
  costs: {
    caption: 'What a request costs, by class',
    kind: 'costs',
    heads: [
      ['Class', 'Method and path; * stands for what differs from request to request'],
      ['Cost', 'CPU time of one request'],
      ['Error', 'Standard error of the cost'],
    ],
  },
  slowest: {
    caption: 'The slowest requests of the last minute',
    kind: 'slowest',
    heads: [
      ['Duration', ''],
      ['Class', ''],
      ['Host', ''],
      ['Balancer', ''],
      ['Status', ''],
      ['Ended', ''],
      ['Why', 'Why it went to its host'],
    ],
  },
} as const satisfies Readonly<Record<string, TableFrame>>;

/** All four tables. */
export function fleetTables(overview: Overview): LiveTable[] {
  return [
    {
      id: 'balancers',
      classes: [
        'num rank',
        'name',
        'num term',
        'num time',
        'num time',
        'num time',
        'num rate',
        'num rate',
        'num wide',
        'num time mid',
        'num wide',
      ],
      headIndex: 1,
      rows: overview.balancers.map((balancer) => balancerRow(balancer, overview)),
    },
    { id: 'events', classes: ['time', 'text'], headIndex: -1, rows: eventRows(overview.events) },
    {
      id: 'costs',
      classes: ['name', 'num', 'num'],
      headIndex: 0,
      rows: overview.costs.map(({ className, pool, costMs, error }) => ({
        key: `${pool} ${className}`,
        mood: '',
        cells: [html`${className}`, html`${formatMs(costMs)}`, error === null ? html`–` : html`± ${formatShare(error)}`],
      })),
    },
    {
      id: 'slowest',
      classes: ['num', 'name', 'host', 'host mid', 'num', 'time mid', 'hand'],
      headIndex: 1,
      rows: overview.slowest.map(slowRow),
    },
  ];
}

function balancerRow(balancer: OverviewBalancer, { term }: Overview): LiveRow {
  const { name, rank, isSelf, role, url, version, problem } = balancer;
  const sign: Sign = role === 'master' ? 'master' : 'slave';
  const trouble = problem === '' ? null : html`<em class="problem">${problem}</em>`;
  const differs = balancer.term !== null && balancer.term !== term;
  return {
    key: name,
    mood: `${role} ${problem === '' ? 'good' : 'warn'}`,
    cells: [
      html`${rank}`,
      html`${renderSign(sign)}<span title="${url} · ${version}">${name}</span> <span class="role">${role}</span>${isSelf ? html` <span class="self">this one</span>` : null}${trouble}`,
      differs ? html`<strong>${formatNumber(balancer.term)}</strong>` : html`${formatNumber(balancer.term)}`,
      html`${role === 'master' ? formatMs(balancer.leaseMs) : ''}`,
      html`${formatMs(balancer.tableAgeMs)}`,
      html`${formatMs(balancer.redisRttMs)}`,
      html`${formatNumber(balancer.rps)}`,
      html`${formatNumber(balancer.inflight)}`,
      html`${formatNumber(balancer.cpu)}`,
      html`${formatBytes(balancer.memoryBytes)}`,
      html`${formatNumber(balancer.site)}`,
    ],
  };
}

/** Kinds that are bad news, and those that clients may notice. */
const BAD_EVENT = /^host-(?:down|conflict)$|refused|failed/;
const WARN_EVENT = /ejected|left|silent|released|drained|maintenance-began/;

/** The sign of an event, for the list and for the charts. */
export function signOfEvent(kind: string): Sign {
  if (kind === 'master-elected') return 'master';
  if (kind === 'host-undrained') return 'good';
  if (BAD_EVENT.test(kind)) return 'bad';
  return WARN_EVENT.test(kind) ? 'warn' : 'good';
}

function eventRows(events: readonly OverviewEvent[]): LiveRow[] {
  /** Events alike at one moment get keys of their own. */
  const seen = new Map<string, number>();
  return events.map(({ atMs, kind, name, text }) => {
    const same = `${atMs} ${kind} ${name}`;
    const count = (seen.get(same) ?? 0) + 1;
    seen.set(same, count);
    const sign = signOfEvent(kind);
    return { key: `${same} ${count}`, mood: sign, cells: [clock(atMs), html`${renderSign(sign)}<span>${text}</span>`] };
  });
}

function slowRow({ id, balancer, atMs, durationMs, className, pool, host, status }: SlowRequest): LiveRow {
  return {
    key: `${balancer} ${id}`,
    mood: status === 0 || status >= 500 ? 'bad' : '',
    cells: [
      html`${formatMs(durationMs)}`,
      html`<span title="pool ${pool}">${className}</span>`,
      html`${host === '' ? 'none' : host}`,
      html`${balancer}`,
      html`${status === 0 ? 'none' : status}`,
      clock(atMs),
      html`<button type="button" class="why-button" data-id="${id}" aria-haspopup="dialog" aria-label="Why request ${id} went to its host">why</button>`,
    ],
  };
}

function clock(atMs: number): Markup {
  return html`<time datetime="${isoTime(atMs)}">${formatClock(atMs)}</time>`;
}
