// A host as a row of its pool's table, and as a cell of the heat grid of a large pool.

import type { Overview, OverviewHost } from '../../overview.js';
import { formatMs, formatNumber, formatShare } from './format.js';
import { html, type Markup } from './html.js';
import type { LiveGrid, LiveRow, LiveTable } from './live.js';
import { renderSign, type Sign } from './signs.js';

/** The section of the page that holds all pools. */
export const POOLS_SECTION = 'pools';

/** A pool of more hosts than this has a heat grid, and a table of its worst alone. */
export const MOST_ROWS = 100;

/** How many of a large pool's hosts have a row. */
export const WORST_SHOWN = 20;

/** The columns: label, and the explanation for a pointer that rests on it. */
export const HOST_HEADS: readonly (readonly [string, string])[] = [
  ['Host', 'The worst host stands first'],
  ['State', 'Up, silent (its agent is), down, drained, or ejected and by how many balancers'],
  ['Req/s', 'Requests a second from the whole fleet'],
  ['60 s', 'Requests a second over the last minute'],
  ['In flight', "Requests in flight: this balancer's + those of all others"],
  ['CPU of capacity', 'The bar is as long as its capacity is to the largest of the pool; the filled part is CPU in use'],
  ['Memory', 'Memory in use'],
  ['Age', 'Age of the report that says CPU and memory'],
  ['p50', 'Median time that the host took, last minute'],
  ['p99', '99th percentile of the time that the host took, last minute'],
  ['Errors', 'Attempts that failed or were answered 5xx, last second'],
  ['Actions', 'What an operator can do'],
];

const CLASSES = [
  'name',
  'state',
  'num rate',
  'spark wide',
  'num flight',
  'load',
  'num memory wide',
  'num age wide',
  'num p50 mid',
  'num p99',
  'num errors',
  'hand',
];

/** The rows of a pool's hosts; of a large pool the worst. */
export function hostTable(id: string, hosts: readonly OverviewHost[], overview: Overview): LiveTable {
  const shown = hosts.length > MOST_ROWS ? hosts.slice(0, WORST_SHOWN) : hosts;
  const mostCapacity = Math.max(0, ...hosts.map(({ capacity }) => capacity ?? 0));
  return { id, section: POOLS_SECTION, classes: CLASSES, headIndex: 0, rows: shown.map((host) => hostRow(host, mostCapacity, overview)) };
}

function hostRow(host: OverviewHost, mostCapacity: number, overview: Overview): LiveRow {
  const { sign, word, title } = conditionOf(host, overview);
  return {
    key: host.name,
    mood: sign,
    cells: [
      html`${renderSign(sign)}<span title="${host.name} · ${host.url}">${host.name}</span>`,
      html`<span title="${title}">${word}</span>`,
      html`${formatNumber(host.rps)}`,
      sparkline(host.rpsHistory),
      html`${formatNumber(host.ownInflight)}<span class="others"> + ${formatNumber(host.othersInflight)}</span>`,
      loadBar(host, mostCapacity),
      html`${formatShare(host.memory)}`,
      html`${formatMs(host.reportAgeMs)}`,
      html`${formatMs(host.minute.p50Ms)}`,
      html`${formatMs(host.minute.p99Ms)}`,
      errorShare(host),
      html`<button type="button" class="hand-button" data-host="${host.name}" data-operator="${host.operator ?? ''}" aria-haspopup="dialog" aria-label="Actions for ${host.name}">⋯</button>`,
    ],
  };
}

/** The cells of a large pool's grid. */
export function hostGrid(id: string, hosts: readonly OverviewHost[], overview: Overview): LiveGrid {
  // By name: a cell keeps its place while hosts become better and worse.
  const sorted = hosts.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return {
    id,
    section: POOLS_SECTION,
    names: sorted.map(({ name }) => name),
    cells: sorted.map((host) => {
      const { sign, word } = conditionOf(host, overview);
      const phrase = `${word}, ${formatNumber(host.rps)} req/s, ${formatNumber(host.ownInflight + host.othersInflight)} in flight, CPU ${formatShare(host.cpu)}, p99 ${formatMs(host.minute.p99Ms)}`;
      return [host.state === 'down' ? 'heat-down' : sign === 'off' || isEjected(host) ? 'heat-out' : heatOf(host.cpu), phrase];
    }),
  };
}

function heatOf(cpu: number | null): string {
  return cpu === null ? 'heat-unknown' : `heat-${Math.max(0, Math.min(9, Math.floor(cpu * 10)))}`;
}

/** How a host is, as a sign, in a word or two, and at length. */
function conditionOf(host: OverviewHost, { atMs, balancers }: Overview): { sign: Sign; word: string; title: string } {
  const { state, operator, ejectedBy, ejectedUntilMs } = host;
  if (operator !== null) {
    const title = operator === 'drained' ? 'By an operator: it gets no new requests' : 'By an operator: it gets no requests';
    return { sign: 'off', word: state === 'down' ? `${operator}, down` : operator, title };
  }
  if (state === 'down') return { sign: 'bad', word: 'down', title: 'Neither its agent reports nor does it answer' };
  if (isEjected(host)) {
    const leftMs = ejectedUntilMs === null ? 0 : ejectedUntilMs - atMs;
    const again = leftMs > 0 ? `, ${formatMs(Math.ceil(leftMs / 1000) * 1000)}` : '';
    // What this balancer did a moment ago, the others' figures do not have yet.
    const by = Math.max(1, ejectedBy.length);
    const title = ejectedBy.map(([balancer, reason]) => `${balancer}: ${reason}`).join('; ');
    return { sign: 'bad', word: `ejected by ${by} of ${Math.max(balancers.length, by)}${again}`, title };
  }
  if (state === 'silent') return { sign: 'warn', word: 'silent', title: 'Its agent does not report; the host answers' };
  return { sign: 'good', word: 'up', title: '' };
}

/** Whether a balancer sends it nothing, on its own judgement. */
function isEjected({ ejectedBy, ejectedUntilMs }: OverviewHost): boolean {
  return ejectedBy.length > 0 || ejectedUntilMs !== null;
}

function errorShare({ rps, errorRps }: OverviewHost): Markup {
  if (rps === null || errorRps === null || rps <= 0) return html`${formatNumber(errorRps)}`;
  return errorRps > 0 ? html`<strong>${formatShare(Math.min(1, errorRps / rps))}</strong>` : html`0`;
}

/** A bar as long as the capacity, filled as far as the CPU is in use. */
function loadBar({ cpu, capacity, workMs }: OverviewHost, mostCapacity: number): Markup {
  const length = capacity === null || mostCapacity <= 0 ? 100 : Math.max(4, Math.round((capacity / mostCapacity) * 100));
  const filled = Math.round(length * Math.max(0, Math.min(1, cpu ?? 0)));
  const of = capacity === null ? null : html` <span class="others">of ${formatNumber(capacity)}</span>`;
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" width="64" height="8" aria-hidden="true"><rect class="track" width="${length}" height="8"/><rect class="fill ${bandOf(cpu)}" width="${filled}" height="8"/></svg><span title="${formatMs(workMs)} of work in flight">${formatShare(cpu)}${of}</span>`;
}

function bandOf(cpu: number | null): string {
  return cpu === null || cpu < 0.8 ? 'calm' : cpu < 0.95 ? 'busy' : 'full';
}

const SPARK_POINTS = 60;
const SPARK_HEIGHT = 18;

/** Requests a second over the last minute, from 0 up; the newest point stands at the right. */
function sparkline(points: readonly number[]): Markup {
  const shown = points.slice(-SPARK_POINTS);
  const most = Math.max(1e-9, ...shown);
  const first = SPARK_POINTS - shown.length;
  const left = first === 0 ? -2 : first;
  const heights = shown.map((value) => heightOf(value / most));
  const line = heights.map((height, index) => ` ${first + index} ${height}`).join('');
  // The outline is closed outside of what is seen.
  const path =
    heights.length === 0
      ? ''
      : `M${left} ${SPARK_HEIGHT + 2} ${left} ${heights[0] ?? 0}${line} 61 ${heights.at(-1) ?? 0} 61 ${SPARK_HEIGHT + 2}z`;
  return html`<svg class="spark" viewBox="0 0 59 ${SPARK_HEIGHT}" preserveAspectRatio="none" width="60" height="${SPARK_HEIGHT}" aria-hidden="true"><path d="${path}"/></svg>`;
}

function heightOf(fraction: number): number {
  return Math.round((SPARK_HEIGHT - 1 - Math.max(0, Math.min(1, fraction)) * (SPARK_HEIGHT - 2)) * 10) / 10;
}
