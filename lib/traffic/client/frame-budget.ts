// What a client's HTTP/2 connection may cost beside its requests. node:http2 keeps the protocol; this bounds what the
// protocol allows without end: resets, and frames that ask nothing of a host. It sees the frames of both directions.
//
// A budget is `maxStreams` (at least 100) at once, and again after each second, and more for work that was done: for
// resets one per answered stream, for the other frames two per useful one. So what an attacker gets for free is of the
// order of what it could have by honest requests, at any speed of the machine.

import { SECOND, type Clock } from '../../clock.js';
import type { CounterName } from '../../table/counters.js';
import { ALL_STREAMS, errorCodeOf, FLAG, FRAME, type FrameView } from '../wire/http2-frames.js';

/** The limits that the budgets come from. */
export interface FrameRules {
  /** Streams that may be open at once. */
  readonly maxStreams: number;
  /** Bytes of a request's head. */
  readonly maxHeaderSize: number;
}

/** A bound that was broken. */
export interface Excess {
  readonly counter: CounterName;
  /** For the reason log. */
  readonly reason: string;
}

const excess = (counter: CounterName, reason: string): Excess => ({ counter, reason });

const RAPID_RESET = excess('http2_refused_rapid_reset', 'the client resets streams faster than they are answered');
const MADE_RESET = excess('http2_refused_made_reset', 'the client makes the balancer reset streams faster than they are answered');
const CONTINUATION = excess('http2_refused_continuation', 'a header block in too many frames, or far above --max-header-size');
const SETTINGS = excess('http2_refused_settings', 'too many SETTINGS frames');
const PING = excess('http2_refused_ping', 'too many PING frames');
const PRIORITY = excess('http2_refused_priority', 'too many PRIORITY frames');
const WINDOW_UPDATE = excess('http2_refused_window_update', 'too many WINDOW_UPDATE frames');
const EMPTY_DATA = excess('http2_refused_empty_data', 'too many DATA frames without data');
const STRAY = excess('http2_refused_stray', 'too many frames for streams that have ended, or of types that are not known');

/**
 * The least that a budget is at once: RFC 9113 (section 6.5.2) recommends to allow at least 100 streams, and clients
 * assume it before they have read our SETTINGS.
 */
const LEAST = 100;

/**
 * How many times --max-header-size a header block may be before its connection ends, and the least bytes that this is. A
 * block must be read to its end to refuse its request alone, since later blocks may refer to its fields.
 */
const BLOCK_FACTOR = 4;
const LEAST_BLOCK = 64 << 10;

/** The most CONTINUATION frames of one header block: nghttp2 allows as many. Full ones are 128 KiB. */
const MAX_CONTINUATIONS = 8;

/**
 * Data that a client may acknowledge with one pair of WINDOW_UPDATE frames (stream and connection), as a power of two:
 * 1 KiB. Programs that are known acknowledge at least 4 KiB at a time.
 */
const ACKNOWLEDGED_BITS = 10;

/** Resets that are our own decision: the client did not cause them by what it sent. */
const OWN_RESETS: ReadonlySet<number> = new Set((['NO_ERROR', 'INTERNAL_ERROR', 'CANCEL', 'HTTP_1_1_REQUIRED'] as const).map(errorCodeOf));

/** One thing that is bounded. */
class Allowance {
  #spent = 0;
  #renewedMs: number;
  readonly #atOnce: number;
  readonly #clock: Clock;

  constructor(atOnce: number, clock: Clock) {
    this.#atOnce = atOnce;
    this.#clock = clock;
    this.#renewedMs = clock();
  }

  /** Takes one; returns whether it was there. @param earned what work has added */
  take(earned: number): boolean {
    if (++this.#spent <= this.#atOnce + earned) return true;
    const nowMs = this.#clock();
    if (nowMs - this.#renewedMs < SECOND) return false;
    this.#renewedMs = nowMs;
    this.#spent -= this.#atOnce;
    return true;
  }
}

/** The budgets of one connection. */
export class FrameBudget {
  /** The highest stream that the client has opened. */
  lastStreamId = 0;
  readonly #rules: FrameRules;
  readonly #onReset: (code: number) => void;
  readonly #onGoaway: (code: number) => void;
  /** Streams that were opened and not answered yet. */
  readonly #unanswered = new Set<number>();
  #opened = 0;
  #answered = 0;
  /** Frames that carried a request or data, either way; of ours, KiB begun. */
  #useful = 0;
  /** Trailers and resets: a stream has at most one of each. */
  #trailers = 0;
  #ended = 0;
  /** Streams above this one are not served any more: a GOAWAY went out. */
  #servedUpTo = ALL_STREAMS;
  readonly #maxBlock: number;
  #blockBytes = 0;
  #blockFrames = 0;
  readonly #resets: Allowance;
  readonly #settings: Allowance;
  readonly #pings: Allowance;
  readonly #priorities: Allowance;
  readonly #windowUpdates: Allowance;
  readonly #emptyData: Allowance;
  readonly #stray: Allowance;

  /**
   * @param onReset we reset a stream with this error code
   * @param onGoaway we sent a GOAWAY with this error code
   */
  constructor(rules: FrameRules, clock: Clock, onReset: (code: number) => void, onGoaway: (code: number) => void) {
    this.#rules = rules;
    this.#maxBlock = Math.max(BLOCK_FACTOR * rules.maxHeaderSize, LEAST_BLOCK);
    this.#onReset = onReset;
    this.#onGoaway = onGoaway;
    const allowance = (): Allowance => new Allowance(Math.max(rules.maxStreams, LEAST), clock);
    this.#resets = allowance();
    this.#settings = allowance();
    this.#pings = allowance();
    this.#priorities = allowance();
    this.#windowUpdates = allowance();
    this.#emptyData = allowance();
    this.#stray = allowance();
  }

  /** A frame of the client; undefined if it is within bounds. */
  onReceived(frame: FrameView): Excess | undefined {
    switch (frame.type) {
      case FRAME.data:
        return this.#onData(frame);
      case FRAME.headers:
        return this.#onHeaders(frame);
      case FRAME.continuation:
        this.#blockBytes += frame.length;
        this.#blockFrames++;
        return this.#blockFrames > MAX_CONTINUATIONS || this.#blockBytes > this.#maxBlock ? CONTINUATION : undefined;
      case FRAME.rstStream:
        if (this.#unanswered.delete(frame.streamId)) return this.#resets.take(this.#answered) ? undefined : RAPID_RESET;
        return ++this.#ended > this.#opened ? this.#takeStray() : undefined;
      case FRAME.settings:
        return this.#takes(this.#settings, SETTINGS);
      case FRAME.ping:
        return this.#takes(this.#pings, PING);
      case FRAME.priority:
        return this.#takes(this.#priorities, PRIORITY);
      case FRAME.windowUpdate:
        return this.#takes(this.#windowUpdates, WINDOW_UPDATE);
      default:
        return this.#takeStray();
    }
  }

  /** A frame of ours; what it shows of the client's earlier ones is undefined if within bounds. */
  onSent(frame: FrameView): Excess | undefined {
    switch (frame.type) {
      case FRAME.data:
        this.#useful += (frame.length + (1 << ACKNOWLEDGED_BITS) - 1) >> ACKNOWLEDGED_BITS;
        return undefined;
      case FRAME.headers:
        if (this.#unanswered.delete(frame.streamId)) this.#answered++;
        return undefined;
      case FRAME.rstStream: {
        this.#unanswered.delete(frame.streamId);
        const code = frame.word(0);
        this.#onReset(code);
        return OWN_RESETS.has(code) || this.#resets.take(this.#answered) ? undefined : MADE_RESET;
      }
      case FRAME.goaway:
        this.#servedUpTo = Math.min(this.#servedUpTo, frame.word(0) & ALL_STREAMS);
        this.#onGoaway(frame.word(4));
        return undefined;
      default:
        return undefined;
    }
  }

  #onData(frame: FrameView): Excess | undefined {
    const padding = (frame.flags & FLAG.padded) === 0 ? 0 : 1 + frame.firstByte;
    if (frame.length > padding) this.#useful++;
    else if ((frame.flags & FLAG.endStream) === 0) return this.#takes(this.#emptyData, EMPTY_DATA);
    return undefined;
  }

  #onHeaders({ streamId, length }: FrameView): Excess | undefined {
    this.#blockBytes = length;
    this.#blockFrames = 0;
    if (streamId <= this.lastStreamId) return ++this.#trailers > this.#opened ? this.#takeStray() : undefined;
    this.lastStreamId = streamId;
    this.#opened++;
    // Ignored, but decoded.
    if (streamId > this.#servedUpTo) return this.#resets.take(this.#answered) ? undefined : RAPID_RESET;
    this.#useful++;
    this.#unanswered.add(streamId);
    // As many may be open, and as many be refused; the refusals may not have been written yet.
    return this.#unanswered.size > 2 * Math.max(this.#rules.maxStreams, LEAST) ? MADE_RESET : undefined;
  }

  #takes(allowance: Allowance, bound: Excess): Excess | undefined {
    return allowance.take(2 * this.#useful) ? undefined : bound;
  }

  #takeStray(): Excess | undefined {
    return this.#takes(this.#stray, STRAY);
  }
}
