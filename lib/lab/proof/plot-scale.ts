// The scales of a plot: range and ticks of both axes, the same for the page and for SVG. Pure. Invariant: a range is
// finite and not empty, and contains every point with its spread.

import { type Plot, type PlotAxis, placesOf } from './plot.js';
import { exactText } from './spread.js';

/** A labelled value of an axis. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** The range of an axis and its ticks. */
export interface AxisScale {
  readonly least: number;
  readonly most: number;
  readonly ticks: readonly Tick[];
}

/** Space beside the first and last point, as a share of the range: a point on the axis would be cut off. */
const PAD_SHARE = 0.06;

/** A range that is narrower than this share of its values is drawn as one value. */
const LEAST_SPAN_SHARE = 1e-6;

function isOneValue(least: number, most: number): boolean {
  return most - least <= LEAST_SPAN_SHARE * Math.max(Math.abs(least), Math.abs(most));
}

/** The scales of a plot that `shownPlot` gave. */
export function scalesOf(plot: Plot): { readonly x: AxisScale; readonly y: AxisScale } {
  const values = plot.series.flatMap(({ points }) => points.flatMap(({ y }) => [y.least, y.median, y.most]));
  return { x: placesScale(plot), y: valuesScale(plot.y, values) };
}

function placesScale(plot: Plot): AxisScale {
  const { x } = plot;
  const places = placesOf(plot);
  const [first, last] = [places[0] ?? 1, places.at(-1) ?? 1];
  const ticks = x.ticks ?? ticksOf(x.isLog, first, last).map(named);
  if (x.isCategories === true) return { least: -0.5, most: ticks.length - 0.5, ticks };
  const [least, most] = padded(x.isLog, Math.min(first, ...ticks.map(({ at }) => at)), Math.max(last, ...ticks.map(({ at }) => at)));
  return { least, most, ticks };
}

function valuesScale({ isLog }: PlotAxis, values: readonly number[]): AxisScale {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ticks = ticksOf(isLog, isLog ? low : Math.min(0, low), high);
  const [least, most] = [Math.min(low, ticks[0] ?? low), Math.max(high, ticks.at(-1) ?? high)];
  const [below, above] = isOneValue(least, most) ? padded(isLog, least, most) : [least, most];
  return { least: below, most: above, ticks: ticks.map(named) };
}

const named = (at: number): Tick => ({ at, label: exactText(at) });

function padded(isLog: boolean, least: number, most: number): [number, number] {
  if (isLog) {
    const factor = isOneValue(least, most) ? 1.5 : (most / least) ** PAD_SHARE;
    return [least / factor, most * factor];
  }
  const pad = isOneValue(least, most) ? Math.abs(most) * PAD_SHARE || 1 : (most - least) * PAD_SHARE;
  return [least - pad, most + pad];
}

/** Round values that enclose the range: multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis those values themselves. */
function ticksOf(isLog: boolean, least: number, most: number): number[] {
  if (isLog) {
    const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    const factors = high - low > 2 ? [1] : [1, 2, 5];
    const all = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)).flatMap((power) =>
      factors.map((factor) => factor * power),
    );
    const from = all.findLastIndex((tick) => tick <= least);
    const to = all.findIndex((tick) => tick >= most);
    return all.slice(Math.max(0, from), to === -1 ? undefined : to + 1);
  }
  // Values that differ by rounding only would need more ticks than there are numbers between them.
  const rough = isOneValue(least, most) ? Math.max(Math.abs(least), Math.abs(most)) || 1 : (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const [from, to] = [Math.floor(least / step), Math.ceil(most / step)];
  return Array.from({ length: Math.max(1, to - from) + 1 }, (_, index) => (from + index) * step);
}
