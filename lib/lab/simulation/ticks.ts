// Clocks with a coarse grid, as the timers of a process have: what is due happens when the process looks at its clock next,
// together with all else that is due by then. So requests and answers come in bursts. Pure.

import { Draws } from './draws.js';

/** The looks of one process at its clock. */
export class Ticks {
  readonly #everyMs: number;
  readonly #phaseMs: number;

  constructor(everyMs: number, phaseMs: number) {
    this.#everyMs = everyMs;
    this.#phaseMs = phaseMs;
  }

  /** The first look at or after this time. */
  next(atMs: number): number {
    return this.#phaseMs + this.#everyMs * Math.ceil((atMs - this.#phaseMs) / this.#everyMs);
  }
}

/** The clocks of the process of all clients and of that of all hosts, which are not in step. */
export function ticksOf(seed: number, everyMs: number): { readonly clients: Ticks; readonly hosts: Ticks } {
  const draws = new Draws(seed, 11);
  return { clients: new Ticks(everyMs, everyMs * draws.uniform()), hosts: new Ticks(everyMs, everyMs * draws.uniform()) };
}
