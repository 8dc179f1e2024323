// The overview of the fleet, composed while somebody looks: once a second, and at once after an event. All who watch get the same
// one, so that ten open dashboards cost what one does. For nobody nothing is composed, and nothing read.

import { MINUTE, SECOND } from '../../clock.js';
import { messageOf } from '../../errors.js';
import type { FleetSight } from '../../fleet-sight.js';
import type { Overview } from '../../overview.js';
import { composeOverview } from './compose.js';
import { EventsRing } from './events-ring.js';
import { FiguresFeed } from './figures-feed.js';
import { RedisReads } from './redis-reads.js';
import { Verdicts } from './verdict.js';
import { listenToView, ownFigures, readStoredView } from './view-source.js';

/** How long the figures are kept up after the last one has looked: a page that is opened again has its history at once. */
const LINGER_MS = MINUTE;

/** Shortest time between two overviews: many events come at once. */
const MIN_INTERVAL_MS = 250;

/** The overview of one fleet thread. */
export interface OverviewSource {
  /** The fleet now, at most a second old. */
  current(): Promise<Overview>;
  /** Calls back with each new overview, the first one soon, until the function that it returns is called. */
  subscribe(onChange: (overview: Overview) => void): () => void;
  close(): void;
}

/** Opens the overview; the last events are kept from now on. */
export function openOverview(sight: FleetSight): OverviewSource {
  return new Overviews(sight);
}

/** What is kept up while somebody looks. */
interface Watch {
  readonly feed: FiguresFeed;
  readonly reads: RedisReads;
  close(): void;
}

function openWatch(sight: FleetSight): Watch {
  const { client, keys, clock } = sight;
  const feed = new FiguresFeed({ clock, own: () => ownFigures(sight) });
  const reads = new RedisReads({ client, keys, clock, readStored: () => readStoredView(sight), onStored: (view) => feed.onStored(view) });
  const subscription = listenToView(sight, (figures) => feed.onPublished(figures));
  return { feed, reads, close: () => subscription.close() };
}

class Overviews implements OverviewSource {
  readonly #sight: FleetSight;
  readonly #ring = new EventsRing();
  readonly #verdicts = new Verdicts();
  readonly #subscribers = new Set<(overview: Overview) => void>();
  readonly #stopListening: () => void;
  #watch: Watch | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #latest: Overview | undefined;
  #composedAtMs = Number.NEGATIVE_INFINITY;
  #composing: Promise<Overview> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Why the last one could not be composed; '' when it was. */
  #failure = '';
  /** Whether something happened since the last overview was begun. */
  #isOld = false;
  #isClosed = false;

  constructor(sight: FleetSight) {
    this.#sight = sight;
    this.#stopListening = sight.onEvent((event) => {
      if (!this.#ring.add(event, Date.now())) return;
      this.#isOld = true;
      if (this.#subscribers.size > 0 && this.#composing === undefined) this.#schedule(MIN_INTERVAL_MS);
    });
  }

  current(): Promise<Overview> {
    const ageMs = this.#sight.clock() - this.#composedAtMs;
    if (this.#latest !== undefined && ageMs < SECOND && !this.#isOld) return Promise.resolve(this.#latest);
    const composed = this.#compose();
    if (this.#subscribers.size === 0) this.#schedule(LINGER_MS);
    return composed;
  }

  subscribe(onChange: (overview: Overview) => void): () => void {
    this.#subscribers.add(onChange);
    this.#schedule(0);
    return () => void this.#subscribers.delete(onChange);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    clearTimeout(this.#timer);
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** Ticks at this age of the last overview. */
  #schedule(ageMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#tick(), Math.max(0, this.#composedAtMs + ageMs - this.#sight.clock()));
  }

  async #tick(): Promise<void> {
    const { clock } = this.#sight;
    if (this.#subscribers.size > 0) {
      await this.#push();
      this.#schedule(this.#isOld ? MIN_INTERVAL_MS : SECOND);
    } else if (clock() - this.#lookedAtMs < LINGER_MS) {
      this.#schedule(LINGER_MS);
    } else {
      this.#watch?.close();
      this.#watch = undefined;
      this.#latest = undefined;
    }
  }

  /** A fault of ours costs one overview, not the thread. */
  async #push(): Promise<void> {
    try {
      const overview = await this.#compose();
      for (const call of this.#subscribers) call(overview);
      this.#failure = '';
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#failure && !this.#isClosed)
        this.#sight.log('error', 'the overview of the fleet could not be composed', { reason });
      this.#failure = reason;
    }
  }

  #compose(): Promise<Overview> {
    this.#composing ??= this.#composeNow().finally(() => {
      this.#composing = undefined;
    });
    return this.#composing;
  }

  async #composeNow(): Promise<Overview> {
    const sight = this.#sight;
    this.#lookedAtMs = this.#composedAtMs = sight.clock();
    // A new connection would outlive the thread's parts.
    if (this.#isClosed) throw new Error('this balancer stops');
    this.#watch ??= openWatch(sight);
    const { feed, reads } = this.#watch;
    this.#isOld = false;
    await reads.refresh();
    this.#composedAtMs = sight.clock();
    this.#latest = composeOverview({ sight, feed, reads, events: this.#ring, verdicts: this.#verdicts, atMs: Date.now() });
    return this.#latest;
  }
}
