// Decides which requests are traced, and collects what is kept of them until the fleet thread gets it. A request that is
// not traced costs a comparison and a draw. The rate of spans is bounded, whatever clients ask for.

import { randomFillSync } from 'node:crypto';
import type { Clock } from '../../clock.js';
import type { Random } from '../../routing/random.js';
import type { TraceRecord } from '../../trace-records.js';
import { RANDOM, SAMPLED, type TraceContext } from '../wire/trace-context.js';
import { RequestTrace, type TraceSink } from './request-trace.js';

/** Token bucket: spans a second, and the burst after a silence. */
export const SPANS_PER_SECOND = 1000;

/** When what was collected goes out: at this number of requests, or this long after the first. */
const BATCH = 64;
const BATCH_MS = 200;

/** A draw has this many outcomes; the smallest share, 0.0001 %, is one in a million. */
const DRAWS = 2 ** 32;

/** Dependencies and settings of a tracer. */
export interface TracerOptions {
  /** The share of requests (0 to 1) that are traced although nobody asked for it. */
  readonly share: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly isTrustedAddress: (address: string) => boolean;
  /** Takes a batch, and how many requests were not traced since the last one because there were too many. */
  readonly onRecords: (records: readonly TraceRecord[], dropped: number) => void;
}

/** Traces the requests of one balancer. */
export class Tracer implements TraceSink {
  readonly #options: TracerOptions;
  readonly #drawnBelow: number;
  readonly #bytes = Buffer.alloc(24);
  #left = SPANS_PER_SECOND;
  #filledAtMs: number;
  #records: TraceRecord[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TracerOptions) {
    this.#options = options;
    this.#drawnBelow = Math.round(options.share * DRAWS);
    this.#filledAtMs = options.clock();
  }

  /**
   * The trace of a request; undefined if it is not sampled.
   * @param parent what the client sent
   * @param isTrusted whether the client is a proxy in --trust
   */
  begin(parent: TraceContext | undefined, isTrusted: boolean, nowMs: number): RequestTrace | undefined {
    const isAsked = parent !== undefined && (parent.flags & SAMPLED) !== 0;
    const isDrawn = this.#drawnBelow > 0 && this.#options.random.below(DRAWS) < this.#drawnBelow;
    if (!isAsked && !isDrawn) return undefined;
    this.#left = Math.min(SPANS_PER_SECOND, this.#left + ((nowMs - this.#filledAtMs) * SPANS_PER_SECOND) / 1000);
    this.#filledAtMs = nowMs;
    // What anybody can ask for must not crowd out what the balancer draws, or a proxy in front.
    const least = isDrawn || isTrusted ? 1 : SPANS_PER_SECOND / 2;
    if (this.#left < least) {
      this.#dropped++;
      this.#schedule();
      return undefined;
    }
    this.#left--;
    const ids = randomFillSync(this.#bytes).toString('hex');
    const flags = SAMPLED | (parent === undefined ? RANDOM : parent.flags & RANDOM);
    const { traceId = ids.slice(16), parentId = '', state = '' } = parent ?? {};
    return new RequestTrace(this, { traceId, spanId: ids.slice(0, 16), parentId, state, flags });
  }

  nextSpanId(): string {
    this.#left--;
    return randomFillSync(this.#bytes, 0, 8).toString('hex', 0, 8);
  }

  get isTrustedAddress(): (address: string) => boolean {
    return this.#options.isTrustedAddress;
  }

  add(record: TraceRecord): void {
    this.#records.push(record);
    if (this.#records.length >= BATCH) this.flush();
    else this.#schedule();
  }

  /** Hands over what is there. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#records.length === 0 && this.#dropped === 0) return;
    const [records, dropped] = [this.#records, this.#dropped];
    this.#records = [];
    this.#dropped = 0;
    this.#options.onRecords(records, dropped);
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS).unref();
  }
}
