// A plot as an SVG image, for documents that show no script. Pure. Its colours follow the reader's light or dark scheme,
// with a background of its own, so that it is legible where it is embedded in a page of the other scheme.

import { escapeHtml } from '../html-page.js';
import { DASHES, isHollow, type Plot, type PlotSeries } from './plot.js';
import { type AxisScale, scalesOf, type Tick } from './plot-scale.js';

const WIDTH = 720;
const HEIGHT = 400;
/** Space around the plotting area, in pixels. */
const MARGIN = { left: 88, right: 20, top: 44, bottom: 52 } as const;
/** Height of a row of the legend. */
const LEGEND_ROW = 20;
/** Longest name of a series with two of which a row is full, in characters. */
const SHORT_NAME = 38;

/** Colours of the series, light and dark; all have a contrast of at least 3:1 to the background. */
export const SERIES_COLOURS = {
  meercat: ['#c62828', '#ff7b72'],
  haproxy: ['#1f5fbf', '#79b8ff'],
  nginx: ['#1a7f37', '#56d364'],
  floor: ['#6e5494', '#d2a8ff'],
  reference: ['#6a737d', '#9aa4ae'],
} as const;

const styleOf = (scheme: 0 | 1): string =>
  Object.entries(SERIES_COLOURS)
    .map(([name, colours]) => `.${name}{stroke:${colours[scheme]}}.fill-${name}{fill:${colours[scheme]}}`)
    .join('');

const STYLE = `text{font:13px Helvetica,Arial,sans-serif;fill:#1b1f24}.back{fill:#fff}.grid{stroke:#d6dae0}.line{fill:none;stroke-width:2}.whisker{stroke-width:1.5}${styleOf(0)}
@media (prefers-color-scheme: dark){text{fill:#e4e7eb}.back{fill:#16191d}.grid{stroke:#3a4048}${styleOf(1)}}`;

interface Scale {
  readonly ticks: readonly Tick[];
  /** Position in pixels. */
  readonly of: (value: number) => number;
}

/** Draws a plot that {@link shownPlot} gave. */
export function svgPlot(plot: Plot): string {
  const { title, about, series } = plot;
  const scales = scalesOf(plot);
  const xs = scaleTo(plot.x.isLog, scales.x, MARGIN.left, WIDTH - MARGIN.right);
  const ys = scaleTo(plot.y.isLog, scales.y, HEIGHT - MARGIN.bottom, MARGIN.top);
  const columns = series.some(({ name }) => name.length > SHORT_NAME) ? 1 : 2;
  const rows = Math.ceil(series.length / columns);
  const height = HEIGHT + rows * LEGEND_ROW + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title about">
<title id="title">${escapeHtml(title)}</title>
<desc id="about">${escapeHtml(about)}</desc>
<style>${STYLE}</style>
<rect class="back" width="${WIDTH}" height="${height}"/>
<text x="${MARGIN.left}" y="24" style="font-weight:bold;font-size:15px">${escapeHtml(title)}</text>
${axes(plot, xs, ys)}
${series.map((each) => seriesMarks(each, xs, ys, plot.x.isCategories === true)).join('\n')}
${series.map((each, index) => legendEntry(each, index, columns)).join('\n')}
</svg>
`;
}

function axes(plot: Plot, xs: Scale, ys: Scale): string {
  const [right, bottom] = [WIDTH - MARGIN.right, HEIGHT - MARGIN.bottom];
  return [
    ...ys.ticks.map(({ at, label }) => {
      const y = pixel(ys.of(at));
      return `<path class="grid" d="M${MARGIN.left} ${y}H${right}"/><text x="${MARGIN.left - 8}" y="${y + 4}" text-anchor="end">${escapeHtml(label)}</text>`;
    }),
    ...xs.ticks.map(({ at, label }) => {
      const x = pixel(xs.of(at));
      return `<path class="grid" d="M${x} ${MARGIN.top}V${bottom}"/><text x="${x}" y="${bottom + 18}" text-anchor="middle">${escapeHtml(label)}</text>`;
    }),
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 38}" text-anchor="middle">${escapeHtml(plot.x.label)}</text>`,
    `<text transform="translate(16 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(plot.y.label)}</text>`,
  ].join('\n');
}

function seriesMarks({ colour, dash, points }: PlotSeries, xs: Scale, ys: Scale, isPoints: boolean): string {
  const at = points.map(({ x, y }) => ({
    x: pixel(xs.of(x)),
    y: pixel(ys.of(y.median)),
    low: pixel(ys.of(y.least)),
    high: pixel(ys.of(y.most)),
  }));
  const line = isPoints ? '' : `<polyline class="line ${colour}" ${dashOf(dash)}points="${at.map(({ x, y }) => `${x},${y}`).join(' ')}"/>`;
  if (colour === 'reference') return line;
  const marks = at.map(
    ({ x, y, low, high }) =>
      `<path class="whisker ${colour}" d="M${x} ${low}V${high}M${x - 4} ${low}H${x + 4}M${x - 4} ${high}H${x + 4}"/><circle class="${isHollow(dash) ? `${colour} back` : `fill-${colour}`}" cx="${x}" cy="${y}" r="3"/>`,
  );
  return [line, ...marks].join('');
}

function legendEntry({ name, colour, dash }: PlotSeries, index: number, columns: number): string {
  const x = MARGIN.left + (index % columns) * ((WIDTH - MARGIN.left) / columns);
  const y = HEIGHT + Math.floor(index / columns) * LEGEND_ROW + 8;
  return `<path class="line ${colour}" ${dashOf(dash)}d="M${x} ${y}h26"/><text x="${x + 34}" y="${y + 4}">${escapeHtml(name)}</text>`;
}

function dashOf(dash: number): string {
  const pattern = DASHES[dash % DASHES.length] ?? [];
  return pattern.length === 0 ? '' : `stroke-dasharray="${pattern.join(' ')}" `;
}

function pixel(value: number): number {
  return Math.round(value * 10) / 10;
}

function scaleTo(isLog: boolean, { least, most, ticks }: AxisScale, fromPixel: number, toPixel: number): Scale {
  const to = isLog ? Math.log10 : (value: number): number => value;
  const width = to(most) - to(least);
  return { ticks, of: (value) => fromPixel + ((to(value) - to(least)) / width) * (toPixel - fromPixel) };
}
