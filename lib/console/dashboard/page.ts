// The whole page: landmarks, headings and places for what changes. It is complete without its module, as it stood when it
// was asked for; the module keeps it current. Invariant: no script, style or address of another origin in it.

import type { Overview } from '../../overview.js';
import { collect } from './collect.js';
import { FRAMES } from './fleet-tables.js';
import { TOTALS } from './head-slots.js';
import { html, type Markup } from './html.js';
import { type LiveParts, type LiveTable, renderSlot, renderTable } from './live.js';
import { renderSprite } from './signs.js';

/** What the page may do. */
export interface PageOptions {
  /** Whether the request came with the right token. */
  readonly mayAct: boolean;
  /** Whether the console has a token, without which nobody may act. */
  readonly hasToken: boolean;
}

/** The page of an overview. */
export function renderPage(overview: Overview, { mayAct, hasToken }: PageOptions): string {
  const { live, level, title } = collect(overview);
  return renderDocument({ live, level, title, hasToken, mayAct, needsToken: false });
}

/** The page without any figures, for who must give a token before reading; once it is given, the stream fills the page. */
export function renderShell(): string {
  return renderDocument({ live: undefined, level: 'warn', title: 'Meercat', hasToken: true, mayAct: false, needsToken: true });
}

interface DocumentOptions extends PageOptions {
  readonly live: LiveParts | undefined;
  readonly level: string;
  readonly title: string;
  readonly needsToken: boolean;
}

function renderDocument({ live, level, title, hasToken, mayAct, needsToken }: DocumentOptions): string {
  const body = html`<body data-level="${level}" data-has-token="${String(hasToken)}" data-may-act="${String(mayAct)}" data-needs-token="${String(needsToken)}">
${renderSprite()}
<a class="skip" href="#main">Skip to the fleet</a>
${renderHeader(live)}
<main id="main">
${renderTotals(live)}
${panel('history-panel', 'Last 15 minutes', charts())}
<div class="column">
${panel('balancers-panel', 'Balancers', tableOf(live, 'balancers'))}
${panel('hosts-panel', 'Hosts', html`<div id="pools">${live?.sections.find(({ id }) => id === 'pools')?.render(live) ?? null}</div>`)}
${panel('picks-panel', 'Herding', picks(live))}
${panel('slowest-panel', 'Slowest requests', html`${renderSlot(live, 'slowest-none', 'p', html`class="none"`)}${tableOf(live, 'slowest')}`)}
</div>
<div class="column">
${panel('events-panel', 'Events', html`${renderSlot(live, 'events-none', 'p', html`class="none"`)}${tableOf(live, 'events')}`)}
${panel('costs-panel', 'Cost by class', html`${renderSlot(live, 'costs-none', 'p', html`class="none"`)}${tableOf(live, 'costs')}`)}
</div>
</main>
<dialog id="dialog" aria-labelledby="dialog-title"></dialog>
<noscript><p class="none">Without JavaScript this page shows the fleet as it was when the page was loaded.</p></noscript>
</body>`;
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link id="icon" rel="icon" type="image/svg+xml" href="/.meercat/icon-${level}.svg">
<link rel="stylesheet" href="/.meercat/uplot.css">
<link rel="stylesheet" href="/.meercat/dashboard.css">
<script type="module" src="/.meercat/dashboard.js"></script>
</head>
${body}
</html>`.text
  }\n`;
}

function renderHeader(live: LiveParts | undefined): Markup {
  return html`<header class="top">
<h1>Meercat</h1>
${renderSlot(live, 'origin', 'p')}
<p id="connection" role="status"></p>
<nav aria-label="Tools"><button type="button" id="fleet-button" class="hand-button" aria-haspopup="dialog">Fleet actions</button><button type="button" id="token-button" aria-haspopup="dialog">Unlock</button><button type="button" id="help-button" aria-haspopup="dialog" aria-label="Keyboard shortcuts and help" aria-keyshortcuts="?">?</button></nav>
${renderSlot(live, 'verdict', 'p', html`aria-live="polite" aria-atomic="true"`)}
</header>`;
}

function renderTotals(live: LiveParts | undefined): Markup {
  const figures = TOTALS.map(([id, label, title]) => html`<div title="${title}"><dt>${label}</dt>${renderSlot(live, id, 'dd')}</div>`);
  return html`<section class="totals" aria-label="Totals of the fleet"><dl>${figures}</dl></section>`;
}

function panel(id: string, title: string, content: Markup): Markup {
  return html`<section class="panel" id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title" tabindex="-1">${title}</h2>${content}</section>`;
}

/** A table; without an overview, an empty one. */
function tableOf(live: LiveParts | undefined, id: keyof typeof FRAMES): Markup {
  const frame = FRAMES[id];
  const empty: LiveTable = { id, classes: [], headIndex: -1, rows: [] };
  return renderTable(live?.tables.find((table) => table.id === id) ?? empty, frame);
}

/** The places that uPlot draws in; a screen reader is told the newest values. */
function charts(): Markup {
  return html`<div class="charts"><figure class="chart" id="latency-chart" role="group" aria-label="Latency of requests over the last 15 minutes"><figcaption>Latency <span class="said" id="latency-said"></span></figcaption><div class="plot"></div></figure><figure class="chart" id="rate-chart" role="group" aria-label="Requests and errors a second over the last 15 minutes"><figcaption>Requests and errors a second <span class="said" id="rate-said"></span></figcaption><div class="plot"></div></figure></div>`;
}

function picks(live: LiveParts | undefined): Markup {
  return html`<figure class="picks"><canvas id="picks" role="img" aria-label="Picks of each balancer (rows) by host (columns) over the fair share" aria-describedby="picks-said" width="600" height="80"></canvas><figcaption>${renderSlot(live, 'picks-said', 'p')}<p class="legend">Rows are balancers, columns hosts. Even grey is good; a bright column is a herd. <span id="picks-cell"></span></p></figcaption></figure>`;
}
