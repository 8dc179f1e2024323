// Script and style of the page of `bench fleet`: draws the embedded plots with uPlot. Plain JavaScript, for browsers. What
// a plot shows, its ranges and its ticks are in its data; the script only draws.

import { DASHES } from './plot.js';
import { SERIES_COLOURS } from './svg-plot.js';

const colours = (scheme: 0 | 1): string =>
  Object.entries(SERIES_COLOURS)
    .map(([name, both]) => `--${name}: ${both[scheme]};`)
    .join(' ');

/** Added to the style of the lab's pages. */
export const PROOF_STYLE = `
:root { --faint: #59626c; ${colours(0)} --better: #1a7f37; --worse: #b42318; }
@media (prefers-color-scheme: dark) { :root { --faint: #9aa4ae; ${colours(1)} --better: #56d364; --worse: #ff8a80; } a { color: #79b8ff; } }
nav ul { display: flex; flex-wrap: wrap; gap: .3em 1.2em; list-style: none; padding: 0; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 1.5em; }
figure { margin: 0; min-width: 0; } figure.wide { grid-column: 1 / -1; } figcaption { color: var(--faint); font-size: .9em; }
.scroll { overflow-x: auto; margin: 1.2em 0; } caption { text-align: left; font-weight: 600; padding: .3em 0; }
tbody th { font-weight: 400; } td.better { color: var(--better); font-weight: 600; } td.worse { color: var(--worse); font-weight: 600; } td.not-shown { color: var(--faint); }
dt { font-weight: 600; } dd { margin: 0 0 .6em 1.2em; max-width: 75ch; } li, section > p { max-width: 85ch; } pre { color: var(--text); }
figure { overflow-x: auto; } .u-legend th, .u-legend td { border: 0; white-space: normal; padding: .1em .3em; }
`;

/** Draws all plots, again when the colour scheme or the width changes; offers the embedded run as a file. */
export const PROOF_SCRIPT = String.raw`
'use strict';
const plots = JSON.parse(document.getElementById('plots').textContent);
const DASHES = ${JSON.stringify(DASHES)};
/** What comes near each dash pattern as the border of a mark in the legend. */
const BORDERS = DASHES.map((pattern) => (pattern.length === 0 ? 'solid' : pattern[0] < 4 ? 'dotted' : 'dashed'));
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const text = (v) => (v == null ? '–' : Math.abs(v) >= 100 ? Math.round(v).toLocaleString('en-US') : String(Number(v.toPrecision(3))));

function scaleOf(axis, { least, most }) {
  return { time: false, distr: axis.isLog ? 3 : 1, range: () => [least, most] };
}

function axisOf(axis, { ticks }, size) {
  const label = (tick) => (axis.isCategories ? tick.label.replace(/ (?=\S+$)/, '\n') : tick.label);
  return {
    label: axis.label, labelSize: 20, labelFont: '13px system-ui', font: '12px system-ui', size, stroke: css('--text'),
    grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line'), width: 1 },
    splits: () => ticks.map((tick) => tick.at), filter: (u, splits) => splits, values: () => ticks.map(label),
  };
}

/** The spread of each point of each series, on the canvas. */
function drawSpreads(u, plot) {
  const { ctx } = u;
  const cap = 4 * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  plot.series.forEach((series, index) => {
    if (series.colour === 'reference' || !u.series[index + 1].show) return;
    ctx.strokeStyle = css('--' + series.colour);
    ctx.beginPath();
    for (const { x, y } of series.points) {
      const at = u.valToPos(x, 'x', true);
      const [low, high] = [u.valToPos(y.least, 'y', true), u.valToPos(y.most, 'y', true)];
      ctx.moveTo(at, low); ctx.lineTo(at, high);
      ctx.moveTo(at - cap, low); ctx.lineTo(at + cap, low);
      ctx.moveTo(at - cap, high); ctx.lineTo(at + cap, high);
    }
    ctx.stroke();
  });
  ctx.restore();
}

function draw(place) {
  const plot = plots.find(({ id }) => id === place.dataset.plot);
  const { series, scales, x, y } = plot;
  const xs = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
  const ys = series.map(({ points }) => xs.map((at) => { const found = points.find((point) => point.x === at); return found ? found.y.median : null; }));
  const nameOf = (v) => { const tick = (x.ticks || []).find(({ at }) => at === (x.isCategories ? Math.round(v) : v)); return tick ? tick.label : text(v); };
  place.replaceChildren();
  return new uPlot({
    width: Math.max(280, place.clientWidth), height: 340,
    cursor: { drag: { x: false, y: false } },
    legend: { markers: { width: 2, dash: (u, index) => BORDERS[index === 0 ? 0 : series[index - 1].dash % DASHES.length] } },
    scales: { x: scaleOf(x, scales.x), y: scaleOf(y, scales.y) },
    axes: [axisOf(x, scales.x, x.isCategories ? 60 : 46), axisOf(y, scales.y, 64)],
    series: [
      { label: x.label, value: (u, v) => (v == null ? '–' : nameOf(v)) },
      ...series.map(({ name, colour, dash }) => ({
        label: name, stroke: css('--' + colour), width: colour === 'reference' ? 1.2 : 2, spanGaps: true,
        dash: DASHES[dash % DASHES.length], ...(x.isCategories && { paths: () => null }),
        points: { show: colour !== 'reference', size: 7, width: 1.5, fill: css(dash % DASHES.length === 2 ? '--back' : '--' + colour) }, value: (u, v) => text(v),
      })),
    ],
    hooks: { draw: [(u) => drawSpreads(u, plot)] },
  }, [xs, ...ys], place);
}

const places = [...document.querySelectorAll('[data-plot]')];
const drawAll = () => places.forEach(draw);
drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
let width = innerWidth;
addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; drawAll(); } });

const save = document.getElementById('save');
save.href = URL.createObjectURL(new Blob([document.getElementById('run').textContent], { type: 'application/json' }));
save.hidden = false;
`;
