// A plot as data: what the page draws with uPlot and the docs as SVG, so that both show the same. Also its alternative
// in words and as a table, for those who can't see it.

import type { Program, Spread } from './figures.js';
import { spreadText } from './spread.js';

/** A point with its spread; without one, all three values are the same. */
export interface PlotPoint {
  readonly x: number;
  readonly y: Spread;
}

/** One line or one set of points. */
export interface PlotSeries {
  readonly name: string;
  /** Its colour; `reference` for lines that are not measured, such as the ideal one. */
  readonly colour: Program | 'reference';
  /** Number of its dash pattern, so that lines of one colour can be distinguished; 0 is solid. */
  readonly dash: number;
  readonly points: readonly PlotPoint[];
}

/** One axis. */
export interface PlotAxis {
  readonly label: string;
  readonly isLog: boolean;
  /** Named places, for an axis of categories, or the only values to label. */
  readonly ticks?: readonly { readonly at: number; readonly label: string }[];
  /** True if nothing lies between the named places. */
  readonly isCategories?: boolean;
}

/** A plot. */
export interface Plot {
  /** Stable, for links and file names. */
  readonly id: string;
  readonly title: string;
  /** What it shows, in a sentence or two: also its text alternative. */
  readonly about: string;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
  readonly series: readonly PlotSeries[];
}

/** Dash patterns by number, in pixels. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 3, 2, 3], [14, 4], [1, 5]];

/** Whether the points of a series are hollow: the dotted ones, so that single balancers and fleets differ where no line is drawn. */
export function isHollow(dash: number): boolean {
  return dash % DASHES.length === 2;
}

/** The plot without points that were not measured or that its axes cannot show, and without empty series; null if none is left. */
export function shownPlot(plot: Plot): Plot | null {
  const canShow = (value: number, { isLog }: PlotAxis): boolean => Number.isFinite(value) && (!isLog || value > 0);
  const series = plot.series
    .map((each) => ({
      ...each,
      points: each.points
        .filter(({ x, y }) => canShow(x, plot.x) && [y.median, y.least, y.most].every((value) => canShow(value, plot.y)))
        .toSorted((one, other) => one.x - other.x),
    }))
    .filter(({ points }) => points.length > 0);
  return series.some(({ colour }) => colour !== 'reference') ? { ...plot, series } : null;
}

/** The places on the x axis that have a point, ascending. */
export function placesOf({ series }: Plot): readonly number[] {
  return [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].toSorted((one, other) => one - other);
}

/** The plot as rows: a column for each series, a row for each place; the first row is the heading. */
export function plotRows(plot: Plot): readonly (readonly string[])[] {
  const { x, series } = plot;
  // Points of one category stand side by side; they are one row.
  const rowOf = (place: number): number => (x.isCategories === true ? Math.round(place) : place);
  const places = [...new Set(placesOf(plot).map(rowOf))];
  const nameOf = (place: number): string => x.ticks?.find(({ at }) => at === place)?.label ?? String(Math.round(place * 100) / 100);
  const cellOf = ({ points }: PlotSeries, place: number): string => {
    const point = points.find((each) => rowOf(each.x) === place);
    return point === undefined ? '–' : spreadText(point.y);
  };
  return [
    [x.label, ...series.map(({ name }) => name)],
    ...places.map((place) => [nameOf(place)].concat(series.map((each) => cellOf(each, place)))),
  ];
}
