// What happened lately, as lines that expire: what parts of a fleet said, and its events as sentences.

import type { FleetEvent } from '../redis/event-message.js';
import type { Line, Tone } from './lines.js';
import { EventsRing } from './overview/events-ring.js';

/** Events after which requests may suffer. */
const BAD: ReadonlySet<string> = new Set(['host-down', 'host-conflict', 'site-refused', 'restart-failed', 'ejection-began']);

/** Events that an operator or a machine means well. */
const GOOD: ReadonlySet<string> = new Set(['host-up', 'host-undrained', 'maintenance-ended', 'ejection-ended']);

/** No terminal shows more of a line, and parts of a fleet may say anything. */
const MAX_LENGTH = 1000;

interface Fresh {
  readonly atMs: number;
  readonly text: string;
  readonly tone: Tone | undefined;
}

/** Lines of the last time, oldest first. What several balancers say of one thing is one line. */
export class FreshLines {
  readonly #lifetimeMs: number;
  readonly #maxLines: number;
  readonly #events = new EventsRing();
  #said: Fresh[] = [];

  constructor(lifetimeMs: number, maxLines: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#maxLines = maxLines;
  }

  /** Takes a line in, with what could harm a terminal replaced; `nowMs` is the wall clock. */
  addText(text: string, nowMs: number): void {
    this.#said.push({ atMs: nowMs, text: text.slice(0, MAX_LENGTH).replace(/\p{C}/gu, '?'), tone: undefined });
    if (this.#said.length > this.#maxLines) this.#said.shift();
  }

  /** Takes an event in; returns whether there is something new to show. */
  addEvent(event: FleetEvent, nowMs: number): boolean {
    return this.#events.add(event, nowMs);
  }

  /** Those that have not expired, each with the time of day when it came. */
  list(nowMs: number): Line[] {
    // A wall clock that was set back makes lines of the future: they expire at once.
    const isFresh = ({ atMs }: { readonly atMs: number }): boolean => nowMs >= atMs && nowMs - atMs < this.#lifetimeMs;
    this.#said = this.#said.filter(isFresh);
    const events = this.#events
      .list(nowMs)
      .filter(isFresh)
      .map(({ atMs, kind, text }): Fresh => ({ atMs, text, tone: toneOf(kind) }));
    return [...this.#said, ...events.toReversed()]
      .toSorted((a, b) => a.atMs - b.atMs)
      .slice(-this.#maxLines)
      .map(({ atMs, text, tone }) => [
        { text: `${timeOfDay(atMs)}  `, tone: 'dim' },
        { text, tone },
      ]);
  }
}

function toneOf(kind: string): Tone | undefined {
  if (BAD.has(kind)) return 'bad';
  return GOOD.has(kind) ? 'good' : undefined;
}

function timeOfDay(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}
