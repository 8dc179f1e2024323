// The fleet's figures while somebody looks: those that the master publishes and, when it has not been heard for some seconds,
// those of the balancer that is asked alone. Keeps what charts need: the last 15 minutes, and a minute of each host.

import { type Clock, MINUTE, SECOND } from '../../clock.js';
import type { FleetFigures, HistoryPoint, StoredView } from '../../fleet-figures.js';

/** After this time without its figures the master counts as away: it publishes every second. */
const UNHEARD_MS = 3 * SECOND;

/** How long history is kept, and the distance of its points; as the master stores it. */
const HISTORY_MS = 15 * MINUTE;
const POINT_MS = 5 * SECOND;

/** Seconds of each host. */
const HOST_SECONDS = 60;

/** What is known at one moment. */
export interface FiguresNow {
  /** Null before the first ones. */
  readonly figures: FleetFigures | null;
  readonly isOwnOnly: boolean;
  /** Oldest first. */
  readonly history: readonly HistoryPoint[];
}

/** Where figures come from. */
export interface FiguresSources {
  readonly clock: Clock;
  /** What this balancer measured itself. */
  readonly own: () => FleetFigures;
}

/** Keeps the figures of one watch. */
export class FiguresFeed {
  readonly #sources: FiguresSources;
  #published: FleetFigures | null = null;
  #heardAtMs: number;
  #history: HistoryPoint[] = [];
  readonly #hostRps = new Map<string, number[]>();

  constructor(sources: FiguresSources) {
    this.#sources = sources;
    this.#heardAtMs = sources.clock();
  }

  /** Takes what a master published. An older master's figures are dropped while those of a newer one are fresh. */
  onPublished(figures: FleetFigures): void {
    const nowMs = this.#sources.clock();
    if (this.#published !== null && figures.term < this.#published.term && nowMs - this.#heardAtMs < UNHEARD_MS) return;
    this.#published = figures;
    this.#heardAtMs = nowMs;
    this.#record(figures);
  }

  /** Takes what a master stored: what came about before anybody looked here. */
  onStored({ figures, history, hostRps }: StoredView): void {
    if (history.length > 0 && (history.at(-1) as HistoryPoint).atMs >= (this.#history.at(-1)?.atMs ?? 0)) this.#history = [...history];
    for (const [name, rps] of hostRps)
      if ((this.#hostRps.get(name)?.length ?? 0) < rps.length) this.#hostRps.set(name, rps.slice(-HOST_SECONDS));
    // Until the first message, but not as a sign of life.
    this.#published ??= figures;
  }

  /** The figures now; call it once a second. Without a master it is what this balancer measured. */
  take(atMs: number): FiguresNow {
    const isOwnOnly = this.#published === null || this.#sources.clock() - this.#heardAtMs >= UNHEARD_MS;
    if (!isOwnOnly) return { figures: this.#published, isOwnOnly, history: this.#since(atMs) };
    const figures = this.#sources.own();
    this.#record(figures);
    const { rps, errorRps, minute } = figures.total;
    if (atMs - (this.#history.at(-1)?.atMs ?? 0) >= POINT_MS)
      this.#history.push({ atMs, rps, errorRps, p50Ms: minute.p50Ms, p99Ms: minute.p99Ms, p999Ms: minute.p999Ms });
    return { figures, isOwnOnly, history: this.#since(atMs) };
  }

  /** Requests a second of a host in the last minute, oldest first; empty for one without traffic. */
  rpsHistoryOf(host: string): readonly number[] {
    return this.#hostRps.get(host) ?? [];
  }

  #since(atMs: number): readonly HistoryPoint[] {
    this.#history = this.#history.filter((point) => atMs - point.atMs < HISTORY_MS);
    return this.#history;
  }

  #record({ hosts }: FleetFigures): void {
    const rpsOf = new Map(hosts.map(({ name, rps }) => [name, rps]));
    for (const name of rpsOf.keys()) if (!this.#hostRps.has(name)) this.#hostRps.set(name, []);
    for (const [name, ring] of this.#hostRps) {
      ring.push(rpsOf.get(name) ?? 0);
      if (ring.length > HOST_SECONDS) ring.shift();
      if (ring.every((rps) => rps === 0)) this.#hostRps.delete(name);
    }
  }
}
