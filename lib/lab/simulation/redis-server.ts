// Redis as a resource: one thread that serves commands in the order of their arrival. Pure: times come from outside.

import type { RedisCost } from './balancer-cost.js';

/** The thread of Redis. */
export class RedisServer {
  /** CPU used so far, and messages published. */
  cpuMs = 0;
  published = 0;
  #freeAtMs = 0;
  readonly #cost: RedisCost;

  constructor(cost: RedisCost) {
    this.#cost = cost;
  }

  /** Takes a message with this many rows for this many receivers at this time; returns how much later it is handed to them, in ms. */
  publish(receivers: number, rows: number, nowMs: number): number {
    const { wakeMicros, publishMicros, receiverMicros, rowMicros } = this.#cost;
    const isIdle = this.#freeAtMs <= nowMs;
    const workMs = ((isIdle ? wakeMicros : 0) + publishMicros + receivers * (receiverMicros + rows * rowMicros)) / 1000;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + workMs;
    this.cpuMs += workMs;
    this.published++;
    return this.#freeAtMs - nowMs;
  }
}
