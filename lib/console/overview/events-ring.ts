// What happened lately: the last events of the fleet, newest first, bounded in time and number. What several balancers say of
// one thing is one event. Kept by arrival, since other machines' clocks may be wrong.

import { MINUTE, SECOND } from '../../clock.js';
import type { OverviewEvent } from '../../overview.js';
import type { FleetEvent } from '../../redis/event-message.js';
import { eventSentence } from './event-words.js';

/** How long an event is shown: as long as the history of latencies beside it. */
const KEPT_MS = 15 * MINUTE;

/** Maximum number of events: what a page can show. */
const MAX_EVENTS = 200;

/** Within this time balancers say the same of one host: each finds out by its own requests. */
const SAME_WITHIN_MS = 2 * SECOND;

interface Kept {
  readonly event: FleetEvent;
  readonly atMs: number;
  /** The balancers that said so, when it is of a kind that several say. */
  readonly by: string[];
}

/** Kinds that every balancer says for itself. */
const SAID_BY_EACH: ReadonlySet<string> = new Set(['ejection-began', 'ejection-ended']);

/** The last events. */
export class EventsRing {
  /** Oldest first. */
  #kept: Kept[] = [];

  /**
   * Takes an event in; those that are of no interest to people are left out.
   * @param atMs when it arrived (wall clock)
   * @returns whether there is something new to show
   */
  add(event: FleetEvent, atMs: number): boolean {
    if (eventSentence(event) === null) return false;
    const { kind, name, by = '' } = event;
    if (SAID_BY_EACH.has(kind)) {
      const same = this.#kept.findLast((each) => each.event.kind === kind && each.event.name === name);
      if (same !== undefined && atMs - same.atMs <= SAME_WITHIN_MS) {
        if (by === '' || same.by.includes(by)) return false;
        same.by.push(by);
        return true;
      }
    }
    this.#kept.push({ event, atMs, by: by === '' ? [] : [by] });
    if (this.#kept.length > MAX_EVENTS) this.#kept.shift();
    return true;
  }

  /** The events of the last 15 minutes, newest first. */
  list(nowMs: number): OverviewEvent[] {
    this.#kept = this.#kept.filter(({ atMs }) => nowMs - atMs < KEPT_MS);
    return this.#kept.toReversed().map(({ event, atMs, by }) => ({
      atMs,
      kind: event.kind,
      name: event.name,
      text: eventSentence({ ...event, ...(by.length > 0 && { by: by.join(', ') }) }) ?? '',
    }));
  }
}
