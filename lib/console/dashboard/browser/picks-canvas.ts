// The matrix of picks on a canvas: one cell for each balancer and host. Grey is a fair share; less is fainter, more is
// brighter towards red. What it says in words stands below it.

import type { PicksDelta } from '../delta-message.js';
import { element } from './elements.js';

const MOST_ROW_PX = 22;
const LABEL_PX = 46;

/** With 40 fair picks the standard deviation is 16 %. */
const EVEN = 1.3;

/** Draws the matrix, and says what the pointer rests on. */
export class PicksCanvas {
  readonly #canvas = element('picks') as HTMLCanvasElement;
  readonly #said = element('picks-cell');
  #picks: PicksDelta = { balancers: [], hosts: [], ratios: [] };

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#canvas.parentElement as HTMLElement);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.#canvas.addEventListener('pointermove', (event) => this.#say(event));
    this.#canvas.addEventListener('pointerleave', () => this.#said.replaceChildren());
  }

  /** Takes another matrix. */
  apply(picks: PicksDelta | undefined): void {
    if (picks === undefined) return;
    this.#picks = picks;
    this.#draw();
  }

  #rowPx(): number {
    return Math.max(3, Math.min(MOST_ROW_PX, Math.floor(280 / Math.max(1, this.#picks.balancers.length))));
  }

  #draw(): void {
    const { balancers, hosts, ratios } = this.#picks;
    const canvas = this.#canvas;
    const width = canvas.clientWidth;
    const rowPx = this.#rowPx();
    const height = Math.max(rowPx, balancers.length * rowPx) + 16;
    const scale = devicePixelRatio;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    const context = canvas.getContext('2d');
    if (context === null || hosts.length === 0) return;
    context.scale(scale, scale);
    const cellPx = (width - LABEL_PX) / hosts.length;
    const gap = cellPx > 4 ? 1 : 0;
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    for (const [row, line] of ratios.entries()) {
      for (let column = 0; column < line.length; column++) {
        context.fillStyle = colourOfRatio(ratioOf(line, column), isDark);
        context.fillRect(LABEL_PX + column * cellPx, row * rowPx, Math.max(0.5, cellPx - gap), rowPx - gap);
      }
    }
    this.#label(context, cellPx, rowPx);
  }

  /** Names, where there is room for them. */
  #label(context: CanvasRenderingContext2D, cellPx: number, rowPx: number): void {
    const { balancers, hosts } = this.#picks;
    context.fillStyle = getComputedStyle(this.#canvas).color;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    const everyRow = Math.ceil(12 / rowPx);
    for (const [row, name] of balancers.entries()) {
      if (row % everyRow === 0) context.fillText(shortened(name, 7), 0, row * rowPx + rowPx / 2);
    }
    const everyColumn = Math.ceil(40 / cellPx);
    for (const [column, name] of hosts.entries()) {
      if (column % everyColumn === 0)
        context.fillText(shortened(name, Math.floor((cellPx * everyColumn) / 7)), LABEL_PX + column * cellPx, balancers.length * rowPx + 8);
    }
  }

  #say({ offsetX, offsetY }: PointerEvent): void {
    const { balancers, hosts, ratios } = this.#picks;
    const column = Math.floor(((offsetX - LABEL_PX) / (this.#canvas.clientWidth - LABEL_PX)) * hosts.length);
    const row = Math.floor(offsetY / this.#rowPx());
    const [balancer, host, line] = [balancers[row], hosts[column], ratios[row]];
    if (balancer === undefined || host === undefined || line === undefined) return this.#said.replaceChildren();
    const ratio = ratioOf(line, column);
    this.#said.textContent = `${balancer} → ${host}: ${ratio === null ? 'no picks' : `${ratio.toFixed(1)} × the fair share`}`;
  }
}

/** Null where no picks were due and none were made. */
function ratioOf(line: string, column: number): number | null {
  const digit = Number.parseInt(line[column] ?? '.', 36);
  return Number.isNaN(digit) ? null : digit / 10;
}

/** From faint over grey at 1, and a little more, to red at 3: what chance alone makes of a fair share stays grey. */
function colourOfRatio(ratio: number | null, isDark: boolean): string {
  if (ratio === null) return 'transparent';
  if (ratio <= EVEN) return isDark ? `hsl(215 10% ${16 + 22 * ratio}%)` : `hsl(215 12% ${94 - 22 * ratio}%)`;
  const over = Math.min(1, (ratio - EVEN) / (3 - EVEN));
  return isDark
    ? `hsl(${35 - 30 * over} ${10 + 80 * over}% ${38 + 20 * over}%)`
    : `hsl(${35 - 33 * over} ${12 + 75 * over}% ${72 - 22 * over}%)`;
}

function shortened(name: string, most: number): string {
  return name.length <= most ? name : `${name.slice(0, Math.max(1, most - 1))}…`;
}
