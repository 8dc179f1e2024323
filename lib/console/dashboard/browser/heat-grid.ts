// The heat grids of large pools: arrow keys or the pointer choose a host, whose figures are then said; Enter opens its
// actions.

import type { GridDelta } from '../delta-message.js';

interface GridState {
  readonly svg: SVGSVGElement;
  names: readonly string[];
  readonly cells: (readonly [level: string, phrase: string])[];
  chosen: number;
}

const STEPS: Readonly<Record<string, (columns: number) => number>> = {
  ArrowLeft: () => -1,
  ArrowRight: () => 1,
  ArrowUp: (columns) => -columns,
  ArrowDown: (columns) => columns,
};

/** All heat grids of the page. */
export class HeatGrids {
  readonly #grids = new Map<string, GridState>();
  readonly #openActions: (host: string) => void;

  /** @param openActions opens what an operator can do with a host */
  constructor(openActions: (host: string) => void) {
    this.#openActions = openActions;
  }

  /** Brings the grids up to date. */
  apply(changes: readonly GridDelta[] = []): void {
    for (const { id, names, cells } of changes) {
      const grid = this.#gridOf(id);
      if (grid === undefined) continue;
      if (names !== undefined) grid.names = names;
      for (const [index, level, phrase] of cells) {
        const square = grid.svg.children[index];
        if (square !== undefined && grid.cells[index]?.[0] !== level)
          square.setAttribute('class', level + (index === grid.chosen ? ' chosen' : ''));
        grid.cells[index] = [level, phrase];
      }
      // Not while it has the focus: a screen reader would say it every second.
      if (document.activeElement !== (grid.svg as Element)) this.#say(grid);
    }
  }

  #gridOf(id: string): GridState | undefined {
    const known = this.#grids.get(id);
    if (known?.svg.isConnected) return known;
    const svg = document.getElementById(id);
    if (!(svg instanceof SVGSVGElement)) return undefined;
    const grid: GridState = { svg, names: [], cells: [], chosen: -1 };
    svg.addEventListener('click', ({ target }) => this.#choose(grid, [...svg.children].indexOf(target as Element)));
    svg.addEventListener('dblclick', () => this.#open(grid));
    svg.addEventListener('keydown', (event) => this.#onKey(grid, event));
    this.#grids.set(id, grid);
    return grid;
  }

  #onKey(grid: GridState, event: KeyboardEvent): void {
    const step = STEPS[event.key]?.(Number(grid.svg.dataset['columns']));
    if (step === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    if (step === undefined) this.#open(grid);
    else this.#choose(grid, grid.chosen < 0 ? 0 : grid.chosen + step);
  }

  #choose(grid: GridState, index: number): void {
    if (index < 0 || index >= grid.names.length) return;
    grid.svg.children[grid.chosen]?.classList.remove('chosen');
    grid.chosen = index;
    grid.svg.children[index]?.classList.add('chosen');
    this.#say(grid);
  }

  #open(grid: GridState): void {
    const host = grid.names[grid.chosen];
    if (host !== undefined) this.#openActions(host);
  }

  #say({ svg, names, cells, chosen }: GridState): void {
    const said = document.getElementById(`${svg.id}-said`);
    const name = names[chosen];
    const text = name === undefined ? '' : `${name}: ${cells[chosen]?.[1] ?? ''}`;
    if (said !== null && text !== '' && said.textContent !== text) said.textContent = text;
  }
}
