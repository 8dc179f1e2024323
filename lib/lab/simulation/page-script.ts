// The script of the report page: reads the embedded JSON and draws the plots. Plain JavaScript, for browsers.

/** The page's style, light and dark. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --faint: #8a929c; --line: #d6dae0; --back: #fff; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e7eb; --faint: #8a929c; --line: #3a4048; --back: #16191d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; } h3 { font-size: 1em; margin: 1em 0 0; font-weight: 600; }
#plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(520px, 1fr)); gap: 1.5em; } #plots h2 { grid-column: 1 / -1; margin-bottom: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } #table { overflow-x: auto; }
th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
pre { overflow-x: auto; color: var(--faint); } .u-legend { font-size: 13px; }
`;

/** Draws the latencies of each policy from the median to p99.99, latencies relative to the floor by number of balancers, and p99 after events. */
export const PAGE_SCRIPT = String.raw`
'use strict';
const { runs } = JSON.parse(document.getElementById('data').textContent);
const plots = document.getElementById('plots');
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const COLOURS = { omniscient: '#8a929c', 'omniscient-work': '#8a929c', 'local-least-connections': '#d97706', prequal: '#9333ea', adaptive: '#dc2626', 'least-request': '#2563eb', resource: '#0d9488', 'round-robin': '#65a30d' };
const policies = [...new Set(runs.map((run) => run.policy))];
const colourOf = (policy) => COLOURS[policy] ?? '#db2777';
const number = (value) => (value == null ? '–' : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

const over = [['p50', 'p50'], ['p90', 'p90'], ['mean', 'mean'], ['p99', 'p99'], ['p999', 'p99.9']];

function heading(text) { const h = document.createElement('h2'); h.textContent = text; plots.append(h); }

function plot(title, xs, series, { xLabel, yLabel, xValues, isLog, x }) {
  const place = document.createElement('div');
  const h = document.createElement('h3'); h.textContent = title; place.append(h);
  plots.append(place);
  const axis = (label, values) => ({ label, labelSize: 18, labelFont: '12px system-ui', font: '12px system-ui', stroke: css('--text'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line') }, ...(values && { values }) });
  new uPlot({
    width: 540, height: 320, scales: { x: { time: false, ...x }, y: isLog ? { distr: 3 } : {} },
    series: [{ label: xLabel, value: (_, v) => (v == null ? '–' : xValues ? xValues(null, [v])[0] : number(v)) },
      ...series.map(({ policy }) => ({ label: policy, stroke: colourOf(policy), width: policy === 'adaptive' ? 2.5 : 1.5, dash: policy.startsWith('omniscient') ? (policy === 'omniscient' ? [6, 3] : [2, 3]) : undefined, points: { show: xs.length < 12 }, value: (_, v) => number(v) }))],
    axes: [axis(xLabel, xValues), { ...axis(yLabel, isLog ? (_, ticks) => ticks.map((v) => (v == null ? null : String(v))) : undefined), size: 60 }],
  }, [xs, ...series.map(({ ys }) => ys)], place);
}

const pairs = [...new Map(runs.map((run) => [run.load + ' ' + run.balancers, run])).values()];
const only = (load, balancers) => runs.filter((run) => run.load === load && run.balancers === balancers);
const few = (value) => (value < 1 ? Math.round(100 * (1 - 10 ** -value)) + ' %' : (100 * (1 - 10 ** -value)).toFixed(Math.max(0, Math.ceil(value) - 2)) + ' %');

const counts = [...new Set(runs.map((run) => run.balancers))].sort((a, b) => a - b);
if (counts.length > 1) {
  heading('Latencies over the floor, by the number of balancers');
  for (const load of new Set(runs.map((run) => run.load))) {
    const of = (policy, figure) => counts.map((count) => { const run = only(load, count).find((each) => each.policy === policy); return run ? run.overFloor[figure] : null; });
    for (const [figure, name] of over) {
      plot(name + ' over the floor, load ' + load, counts, policies.map((policy) => ({ policy, ys: of(policy, figure) })),
        { xLabel: 'balancers', yLabel: 'times the floor', isLog: true, x: { distr: 3, log: 2 }, xValues: (_, ticks) => ticks.map((v) => (v == null ? null : String(v))) });
    }
  }
}
heading('Latencies');
for (const { load, balancers } of pairs) {
  const all = only(load, balancers);
  plot(balancers + ' balancers, load ' + load, all[0].tail.nines, all.map(({ policy, tail }) => ({ policy, ys: tail.ms })),
    { xLabel: 'share of requests that are quicker', yLabel: 'ms', isLog: true, xValues: (_, ticks) => ticks.map(few) });
}
if (runs.some((run) => run.windows.length > 0)) {
  heading('p99 after what happens');
  for (const { load, balancers } of pairs) {
    const all = only(load, balancers);
    plot(balancers + ' balancers, load ' + load, all[0].windows.map(({ fromMs }) => fromMs / 1000), all.map(({ policy, windows }) => ({ policy, ys: windows.map(({ p99 }) => p99) })),
      { xLabel: 's after it', yLabel: 'p99, ms', isLog: true });
  }
}

const table = document.createElement('table');
const row = (cells, kind) => { const tr = document.createElement('tr'); for (const cell of cells) { const td = document.createElement(kind); td.textContent = cell; tr.append(td); } table.append(tr); };
row(['policy', 'balancers', 'load', 'p50', 'p90', 'mean', 'p99', 'p99.9', ...over.map(([, name]) => name + '/floor'), 'CPU max/mean', 'errors', 'requests'], 'th');
for (const run of runs) {
  const { ms, overFloor, cpu } = run;
  row([run.policy, run.balancers, run.load, ...[ms.p50, ms.p90, ms.mean, ms.p99, ms.p999].map(number), ...over.map(([figure]) => number(overFloor[figure])), cpu.ratio.toFixed(3), run.errors, run.requests], 'td');
}
document.getElementById('table').append(table);
`;
