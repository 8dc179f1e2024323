// The limit of a pool's requests in flight over the whole fleet, where requests meet it: each takes a place of this balancer's
// share, or waits for one in a short queue. Invariant: a place that was taken is given back once, to the one who waits longest.

import type { Deadlines } from '../../deadlines.js';
import { InflightShare } from '../../routing/fleet-limit.js';
import { fleetLimitFields } from '../../routing/rate-limit-fields.js';
import { HostQueue, type QueueEnd } from '../host/host-queue.js';
import { type PreparedAnswer, prepareLimited } from '../wire/prepared-answers.js';

/** The limit of one pool. */
export class PoolLimit {
  /** For a request that finds no place. */
  answer: PreparedAnswer;
  readonly #share: InflightShare;
  readonly #queue: HostQueue;

  /**
   * @param cells the pool's part of the shared table
   * @param limit of the whole fleet
   * @param queue how many may wait here
   */
  constructor(cells: Float64Array, limit: number, queue: number, deadlines: Deadlines) {
    this.#share = new InflightShare(cells);
    this.#queue = new HostQueue(queue, deadlines);
    this.answer = answerOf(limit);
  }

  /** The site says something else. The share follows by itself. */
  change(limit: number, queue: number): void {
    this.#queue.length = queue;
    this.answer = answerOf(limit);
  }

  /** Takes a place, if there is one. */
  tryBegin(nowMs: number): boolean {
    return this.#share.tryBegin(nowMs);
  }

  get isQueueFull(): boolean {
    return this.#queue.isFull;
  }

  /** Waits for a place, which is taken if the result is `room`; `gone`: the pool has no limit any more. Never rejects. */
  wait(deadlineMs: number, isWaiting: () => boolean): Promise<QueueEnd> {
    return this.#queue.wait(deadlineMs, isWaiting);
  }

  /** Gives a place back. */
  end(nowMs: number): void {
    this.#share.end();
    this.letIn(nowMs);
  }

  /** Gives what places there are to those who wait; call it when the share may have grown. */
  letIn(nowMs: number): void {
    while (this.#queue.isWaitedFor && this.#share.tryBeginWaiting(nowMs)) if (!this.#queue.letIn()) this.#share.end();
  }

  /** The pool has no limit any more: nobody waits. */
  retire(): void {
    this.#queue.sendAway();
  }
}

function answerOf(limit: number): PreparedAnswer {
  return prepareLimited('MEERCAT_FLEET_LIMIT', fleetLimitFields(limit));
}
