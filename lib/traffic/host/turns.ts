// Whose turn it is in each request in flight. While the host owes the next byte, the request is work on the host, and
// that time alone is evidence of the host's speed. While its client is slow to send or to read, it is neither. A
// long-lived request counts apart, and is no evidence at all. The clock is the caller's, who has read it in most cases.

import { isLongWait, LONG_LIVED_MS, LongLivedClasses } from '../../learning/long-lived-classes.js';
import type { TableColumns } from '../../table/layout.js';
import { beginTurn, countInflight, countLongLived, endTurn } from '../../table/own-requests.js';
import type { InFlight } from './in-flight.js';

/** Counts the turns of one balancer's requests in the shared table. */
export class Turns {
  readonly #columns: TableColumns;
  readonly #classes = new LongLivedClasses();

  constructor(columns: TableColumns) {
    this.#columns = columns;
  }

  /** Whether a request of this class is expected to be long-lived. */
  isLongLived(classId: number): boolean {
    return this.#classes.has(classId);
  }

  /** Begins a request: connecting is the host's turn too. An expected stream counts as one from the start. */
  begin(request: InFlight, slot: number): void {
    countInflight(this.#columns, slot, 1);
    if (request.isLongLived) countLongLived(this.#columns, slot, 1);
    else this.toHost(request, slot, request.startedAtMs);
  }

  /** It is the host's turn; no change if it was already. */
  toHost(request: InFlight, slot: number, nowMs: number): void {
    if (request.isLongLived || !Number.isNaN(request.awaitedSinceMs)) return;
    request.awaitedSinceMs = nowMs;
    beginTurn(this.#columns, slot, request.cost, nowMs);
  }

  /** It is the client's turn, to send or to read; no change if it was already. */
  toClient(request: InFlight, slot: number, nowMs: number): void {
    const sinceMs = request.awaitedSinceMs;
    if (Number.isNaN(sinceMs)) return;
    request.awaitedSinceMs = Number.NaN;
    request.hostMs += nowMs - sinceMs;
    endTurn(this.#columns, slot, request.cost, sinceMs, nowMs);
  }

  /** The request has proved to be long-lived: an upgrade or a stream. */
  becomeLongLived(request: InFlight, slot: number, nowMs: number): void {
    this.toClient(request, slot, nowMs);
    if (!request.isLongLived) countLongLived(this.#columns, slot, 1);
    if (!request.isProvenLong) this.#classes.note(request.classId, true);
    request.isLongLived = request.isProvenLong = true;
  }

  /** Moves the answers that have lasted too long: without a head, the host may be hung, and its requests must show. */
  moveLongOnes(requests: readonly InFlight[], slot: number, nowMs: number): void {
    for (const request of requests) {
      if (Number.isNaN(request.awaitedSinceMs) || Number.isNaN(request.firstByteAtMs)) continue;
      if (request.hostMs + nowMs - request.awaitedSinceMs >= LONG_LIVED_MS) this.becomeLongLived(request, slot, nowMs);
    }
  }

  /** Ends a request; its turns are in `hostMs` then. */
  end(request: InFlight, slot: number, nowMs: number): void {
    this.toClient(request, slot, nowMs);
    countInflight(this.#columns, slot, -1);
    if (request.isLongLived) countLongLived(this.#columns, slot, -1);
  }

  /** Learns from a good answer which classes are long-lived; true when its duration is evidence of the host's speed. */
  isEvidence(request: InFlight, nowMs: number): boolean {
    const { classId, isLongLived, isProvenLong, hostMs } = request;
    if (isProvenLong) return false;
    const tookMs = isLongLived ? nowMs - request.startedAtMs : hostMs;
    this.#classes.note(classId, isLongWait(tookMs, this.#columns.classCost[classId] as number));
    return !isLongLived && tookMs < LONG_LIVED_MS;
  }

  /** The id belongs to another class from now on. */
  forgetClass(classId: number): void {
    this.#classes.forget(classId);
  }
}
