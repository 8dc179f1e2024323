// The head of the page: the verdict in one sentence, and the fleet's totals.

import type { Overview } from '../../overview.js';
import { formatMs, formatNumber, formatShare } from './format.js';
import { html, type Markup } from './html.js';
import { renderSign } from './signs.js';

/** The slots of the head. */
export function headSlots(overview: Overview): [string, Markup][] {
  const { verdict, total } = overview;
  return [
    ['verdict', html`${renderSign(verdict.level)}<span>${verdict.text}</span>`],
    ['origin', origin(overview)],
    ['total-rps', html`${formatNumber(total.rps)}`],
    ['total-errors', html`${formatShare(total.rps > 0 ? Math.min(1, total.errorRps / total.rps) : 0)}`],
    ['total-inflight', html`${formatNumber(total.inflight)}`],
    ['total-p50', html`${formatMs(total.second.p50Ms)}`],
    ['total-p99', html`${formatMs(total.second.p99Ms)}`],
    ['total-p999', html`${formatMs(total.second.p999Ms)}`],
    ['total-p99-minute', html`${formatMs(total.minute.p99Ms)}`],
    ['total-p99-quarter', html`${formatMs(total.quarterHour.p99Ms)}`],
  ];
}

/** The totals: slot, label, and what it is. */
export const TOTALS: readonly (readonly [id: string, label: string, title: string])[] = [
  ['total-rps', 'requests/s', 'Over the last second'],
  ['total-errors', 'errors', 'Share of the last second that had no answer or a 5xx'],
  ['total-inflight', 'in flight', 'Now'],
  ['total-p50', 'p50', 'Last second'],
  ['total-p99', 'p99', 'Last second'],
  ['total-p999', 'p99.9', 'Last second'],
  ['total-p99-minute', 'p99, 1 min', 'Last minute'],
  ['total-p99-quarter', 'p99, 15 min', 'Last 15 minutes'],
];

/** The title of the tab. */
export function tabTitle({ verdict, namespace }: Overview): string {
  const sign = { good: '✓', warn: '!', bad: '✕' }[verdict.level];
  return `${sign} ${namespace}: ${verdict.text}`;
}

/** Whose figures these are. */
function origin({ balancer, namespace, version, master, isOwnOnly, redis }: Overview): Markup {
  const whose = isOwnOnly ? html`<strong class="tag warn">figures of ${balancer} alone: no master is heard</strong>` : null;
  const away = redis.isUp ? null : html`<strong class="tag bad">Redis away for ${formatMs(redis.downForMs)}</strong>`;
  return html`fleet <b>${namespace}</b>, seen by <b>${balancer}</b> (${version})${master === null ? ', no master' : ''} ${whose} ${away}`;
}
