// The figures of all runs as a self-contained HTML page: the table, and plots by uPlot, whose script and style are
// inlined.

import { embedJson, escapeHtml, readUplot } from '../html-page.js';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-script.js';
import { toJson, type SimulateReport } from './simulate-report.js';

/** Builds the page. */
export function toHtml(report: SimulateReport): string {
  const { scenario, version } = report;
  const title = `meercat simulate ${scenario.name}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${readUplot('uPlot.min.css')}</style>
<style>${PAGE_STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(scenario.about)}. Meercat ${escapeHtml(version)}, seed ${report.seed}. Latencies in ms; the floor is <b>omniscient</b>, who sees every host at every instant, on the same requests.</p>
<div id="plots"></div>
<h2>Figures</h2>
<div id="table"></div>
<h2>Scenario</h2>
<pre>${escapeHtml(JSON.stringify(report.scenarioJson, null, 2))}</pre>
<script type="application/json" id="data">${embedJson(toJson(report))}</script>
<script>${readUplot('uPlot.iife.min.js')}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
