// What happened lately, as lines that expire: what parts of a fleet said, and its events as sentences.

import type { FleetEvent } from '../redis/event-message.js';
import type { Line, Tone } from './lines.js';
import { eventSentence } from './overview/event-words.js';

/** Events after which requests may suffer. */
const BAD: ReadonlySet<string> = new Set(['host-down', 'host-conflict', 'site-refused', 'restart-failed', 'ejection-began']);

/** Events that an operator or a machine means well. */
const GOOD: ReadonlySet<string> = new Set(['host-up', 'host-undrained', 'maintenance-ended', 'ejection-ended']);

/** No terminal shows more of a line, and parts of a fleet may say anything. */
const MAX_LENGTH = 1000;

/** Lines of the last time, oldest first. */
export class FreshLines {
  readonly #lifetimeMs: number;
  readonly #maxLines: number;
  #lines: { readonly atMs: number; readonly text: string; readonly tone: Tone | undefined }[] = [];

  constructor(lifetimeMs: number, maxLines: number) {
    this.#lifetimeMs = lifetimeMs;
    this.#maxLines = maxLines;
  }

  /** Takes a line in, with what could harm a terminal replaced; `nowMs` is the wall clock. */
  addText(text: string, nowMs: number, tone?: Tone): void {
    this.#lines.push({ atMs: nowMs, text: text.slice(0, MAX_LENGTH).replace(/\p{C}/gu, '?'), tone });
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  }

  /** Takes an event in, unless it is of no interest to people; returns whether it did. */
  addEvent(event: FleetEvent, nowMs: number): boolean {
    const text = eventSentence(event);
    if (text === null) return false;
    this.addText(text, nowMs, BAD.has(event.kind) ? 'bad' : GOOD.has(event.kind) ? 'good' : undefined);
    return true;
  }

  /** Those that have not expired, each with the time of day when it came. */
  list(nowMs: number): Line[] {
    // A wall clock that was set back makes lines of the future: they expire at once.
    this.#lines = this.#lines.filter(({ atMs }) => nowMs >= atMs && nowMs - atMs < this.#lifetimeMs);
    return this.#lines.map(({ atMs, text, tone }) => [
      { text: `${timeOfDay(atMs)}  `, tone: 'dim' },
      { text, tone },
    ]);
  }
}

function timeOfDay(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}
