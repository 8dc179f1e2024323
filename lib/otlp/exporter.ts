// Exports spans to an OpenTelemetry collector: one request at a time, from a bounded queue. Invariant: nobody waits for a
// collector; a span that finds no room is dropped and counted, and so is one that the collector does not take in time.

import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import type { Count } from '../table/counters.js';
import type { OtlpTarget } from '../thread-messages.js';
import type { TraceRecord } from '../trace-records.js';
import { Poster } from './post.js';
import { encodeSpans, type OtlpSpan, type SpanSource, spansOf } from './spans.js';
import { verdictOf } from './verdict.js';

/** Spans that wait to be sent, those that are being sent among them. */
export const MAX_QUEUED_SPANS = 2048;

/** Spans of one request: the default of OpenTelemetry's batch processor. */
const MAX_SENT_SPANS = 512;

/** Longest wait for an answer: the default of OTLP exporters. */
const TIMEOUT_MS = 10_000;

/** The first wait before the same spans are sent again; each further one is twice as long, up to the maximum. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** How often the same spans are sent. */
const MAX_TRIES = 5;

/** How long a stop waits for what is still to be sent. */
const FLUSH_MS = 1000;

/** The dependencies of an exporter. */
export interface SpanExporterOptions {
  readonly target: OtlpTarget;
  readonly source: SpanSource;
  readonly count: Count;
  readonly log: Log;
}

/** Exports the spans of one balancer. */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #poster: Poster;
  readonly #queue: OtlpSpan[] = [];
  /** The requests that go out, and the waits between them; undefined: none. */
  #sending: Promise<void> | undefined;
  /** Aborted when a stop begins, which ends a wait, and when its time is over, which ends a request. */
  readonly #stopping = new AbortController();
  readonly #ending = new AbortController();
  #isFailing = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    this.#poster = new Poster(options.target.url, options.target.headers);
  }

  /** Takes traced requests. @param dropped requests that were not traced, as there were too many */
  take(records: readonly TraceRecord[], dropped: number): void {
    let lost = dropped;
    for (const record of records) {
      const spans = spansOf(record);
      // All of a request or nothing: half a trace misleads.
      if (this.#queue.length + spans.length <= MAX_QUEUED_SPANS) this.#queue.push(...spans);
      else lost += spans.length;
    }
    if (lost > 0) this.#options.count('spans_dropped', lost);
    if (this.#queue.length > 0) this.#sending ??= this.#sendAll();
  }

  /** Sends what is left, for a second at most; what remains is dropped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const end = setTimeout(() => this.#ending.abort(), FLUSH_MS);
    await this.#sending;
    clearTimeout(end);
    this.#drop();
    this.#poster.close();
  }

  async #sendAll(): Promise<void> {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one request at a time
      while (this.#queue.length > 0 && (await this.#sendBatch()));
    } catch (error) {
      this.#options.log('error', 'spans could not be exported', { reason: messageOf(error) });
      this.#drop();
    }
    this.#sending = undefined;
  }

  #drop(): void {
    if (this.#queue.length > 0) this.#options.count('spans_dropped', this.#queue.length);
    this.#queue.length = 0;
  }

  /** Sends the first spans of the queue until they are taken, refused, or given up; false if a stop has no time for more. */
  async #sendBatch(): Promise<boolean> {
    const { source, count } = this.#options;
    const spans = this.#queue.slice(0, MAX_SENT_SPANS);
    const body = encodeSpans(source, spans);
    for (let tries = 1; ; tries++) {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      const verdict = verdictOf(await this.#poster.post(body, TIMEOUT_MS, this.#ending.signal), spans.length, Date.now());
      this.#note(verdict.reason);
      if (verdict.kind === 'again' && tries < MAX_TRIES) {
        if (this.#stopping.signal.aborted) return false;
        // oxlint-disable-next-line no-await-in-loop -- the pause between two tries
        await this.#pause(verdict.afterMs ?? Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (tries - 1)));
        continue;
      }
      this.#queue.splice(0, spans.length);
      const refused = verdict.kind === 'taken' ? verdict.refused : spans.length;
      if (refused < spans.length) count('spans_exported', spans.length - refused);
      if (refused > 0) count(verdict.kind === 'again' ? 'spans_dropped' : 'spans_refused', refused);
      return true;
    }
  }

  /** Waits; a stop ends the wait, and the same spans get one more try. */
  async #pause(ms: number): Promise<void> {
    await setTimeoutPromise(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /** Logs the first failure, and the first success after it. @param reason empty: none */
  #note(reason: string): void {
    const { log, target } = this.#options;
    const isFailing = reason !== '';
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    const { origin, pathname } = new URL(target.url);
    const collector = `${origin}${pathname}`;
    if (isFailing) log('warn', 'spans cannot be exported: they are kept while there is room, then lost', { collector, reason });
    else log('info', 'spans are exported again', { collector });
  }
}
