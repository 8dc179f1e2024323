// Latency, requests and errors of the last 15 minutes, drawn by uPlot, with events marked. Curves differ in their dashes
// besides their colours, and the values stand beside the title as text.

import type uPlot from 'uplot';
import type { ChartMark, ChartPoint, DashboardDelta } from '../delta-message.js';
import { build, clockTime, element } from './elements.js';

const WINDOW_MS = 15 * 60_000;
const HEIGHT_PX = 112;

/** How near to a mark the pointer must be. */
const NEAR_PX = 7;

interface Curve {
  /** The index in a ChartPoint. */
  readonly index: 1 | 2 | 3 | 4 | 5;
  readonly label: string;
  /** The custom property that holds its colour. */
  readonly colour: string;
  readonly dash: number[];
  format(value: number): string;
}

const ms = (value: number): string =>
  value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value === 0 ? 0 : value.toFixed(value < 10 ? 1 : 0)} ms`;
const perSecond = (value: number): string => value.toFixed(value > 0 && value < 10 ? 1 : 0);

const LATENCY: readonly Curve[] = [
  { index: 3, label: 'p50', colour: '--p50', dash: [], format: ms },
  { index: 4, label: 'p99', colour: '--p99', dash: [8, 3], format: ms },
  { index: 5, label: 'p99.9', colour: '--p999', dash: [2, 3], format: ms },
];
const RATES: readonly Curve[] = [
  { index: 1, label: 'requests', colour: '--rps', dash: [], format: perSecond },
  { index: 2, label: 'errors', colour: '--errors', dash: [8, 3], format: perSecond },
];

/** Two charts over one time. */
export class Charts {
  #points: ChartPoint[] = [];
  #marks: readonly ChartMark[] = [];
  readonly #charts: Chart[] = [];

  /** Loads uPlot; until it is there, points are kept. Without it the page works, but for the curves. */
  async load(): Promise<void> {
    const { default: Plot } = (await import(new URL('uplot.js', import.meta.url).href)) as { default: typeof uPlot };
    this.#charts.push(new Chart(Plot, 'latency', LATENCY, () => this.#marks), new Chart(Plot, 'rate', RATES, () => this.#marks));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.#draw();
  }

  /** Takes new points and marks. */
  apply({ history, isNewHistory = false, marks }: DashboardDelta): void {
    if (history === undefined && marks === undefined) return;
    if (isNewHistory) this.#points = [];
    this.#points.push(...(history ?? []));
    const newest = this.#points.at(-1)?.[0] ?? 0;
    this.#points = this.#points.filter(([atMs]) => atMs > newest - WINDOW_MS);
    if (marks !== undefined) this.#marks = marks;
    this.#draw();
  }

  #draw(): void {
    for (const chart of this.#charts) chart.draw(this.#points);
  }
}

class Chart {
  readonly #said: HTMLElement;
  readonly #curves: readonly Curve[];
  readonly #marks: () => readonly ChartMark[];
  readonly #plot: uPlot;
  #points: readonly ChartPoint[] = [];

  constructor(Plot: typeof uPlot, name: string, curves: readonly Curve[], marks: () => readonly ChartMark[]) {
    const place = element(`${name}-chart`).querySelector<HTMLElement>('.plot');
    if (place === null) throw new Error('the page has no place for a chart');
    this.#said = element(`${name}-said`);
    this.#curves = curves;
    this.#marks = marks;
    const axis = {
      stroke: () => colourOf('--quiet'),
      grid: { stroke: () => colourOf('--grid'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    this.#plot = new Plot(
      {
        width: place.clientWidth,
        height: HEIGHT_PX,
        legend: { show: false },
        padding: [8, 18, 0, 0],
        cursor: { sync: { key: 'fleet' }, drag: { x: false, y: false }, points: { show: false }, y: false },
        scales: {
          x: { time: true, range: (_, __, most) => [(most || Date.now() / 1000) - WINDOW_MS / 1000, most || Date.now() / 1000] },
          y: { range: (_, __, most) => [0, (most || 1) * 1.1] },
        },
        axes: [
          { ...axis, size: 22, space: 70, values: (_, ticks) => ticks.map((each) => clockTime(each * 1000).slice(0, 5)) },
          { ...axis, size: 52, space: 28, values: (_, ticks) => ticks.map((each) => (curves[0] as Curve).format(each)) },
        ],
        series: [
          {},
          ...curves.map(({ label, colour, dash }) => ({
            label,
            stroke: () => colourOf(colour),
            width: 1.6,
            dash,
            points: { show: false },
          })),
        ],
        hooks: { draw: [(plot) => this.#drawMarks(plot)], setCursor: [() => this.#say()] },
      },
      [[]],
      place,
    );
    new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height: HEIGHT_PX })).observe(place);
  }

  draw(points: readonly ChartPoint[]): void {
    this.#points = points;
    const columns = [points.map(([atMs]) => atMs / 1000), ...this.#curves.map(({ index }) => points.map((point) => point[index]))];
    this.#plot.setData(columns as uPlot.AlignedData);
    this.#say();
  }

  /** A line with a cap for each event: a triangle for what is good, a square for what is not. */
  #drawMarks(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const [atMs, sign] of this.#marks()) {
      const x = plot.valToPos(atMs / 1000, 'x', true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      ctx.strokeStyle = ctx.fillStyle = colourOf(
        sign === 'bad' ? '--bad' : sign === 'warn' ? '--warn' : sign === 'master' ? '--accent' : '--good',
      );
      ctx.globalAlpha = 0.75;
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const size = 4 * devicePixelRatio;
      ctx.beginPath();
      if (sign === 'bad' || sign === 'warn') ctx.rect(x - size, bbox.top - size, 2 * size, 2 * size);
      else {
        ctx.moveTo(x - size, bbox.top - size);
        ctx.lineTo(x + size, bbox.top - size);
        ctx.lineTo(x, bbox.top + size);
      }
      ctx.fill();
    }
    ctx.restore();
  }

  /** The values under the pointer, or else the newest, with the event that is near. */
  #say(): void {
    const place = this.#plot.cursor.idx ?? null;
    const point = place === null ? this.#points.at(-1) : this.#points[place];
    if (point === undefined) return;
    const values = this.#curves.map(({ index, label, colour, format }) => {
      const value = point[index];
      return build('span', { class: `key ${colour.slice(2)}` }, `${label} ${value === null ? '–' : format(value)}`);
    });
    const near = place === null ? undefined : this.#nearMark();
    this.#said.replaceChildren(
      ...values,
      ...(near === undefined ? [] : [build('span', { class: 'key' }, `${clockTime(near[0])} ${near[2]}`)]),
      ...(place === null ? [] : [build('span', { class: 'key at' }, clockTime(point[0]))]),
    );
  }

  #nearMark(): ChartMark | undefined {
    const { left = -1 } = this.#plot.cursor;
    return this.#marks().find(([atMs]) => Math.abs(this.#plot.valToPos(atMs / 1000, 'x') - left) <= NEAR_PX);
  }
}

function colourOf(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}
