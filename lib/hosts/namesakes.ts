// Two balancers under one name: the load messages of only one of them count, or each message would undo what the one
// before it said. The elder counts while it is heard. Has no clock and does no I/O.

import type { LoadMessage } from '../model.js';
import { BALANCER_TTL_MS } from './fleet-loads.js';

interface Holder {
  readonly instance: string;
  heardAtMs: number;
  /** The instance that this one replaced: should it be heard again, it is the elder of two, and this was no restart. */
  readonly before?: string;
  /** The younger one, whose messages are refused while this one is heard. */
  readonly refused?: string;
}

/** Decides whose load messages count, by the balancers' names. */
export class Namesakes {
  readonly #holders = new Map<string, Holder>();

  /** Whether this message counts. A new instance replaces the one before it, since balancers are restarted; when both go on to send, the first one counts. */
  admits({ balancer, instance }: Pick<LoadMessage, 'balancer' | 'instance'>, nowMs: number): boolean {
    const holder = this.#holders.get(balancer);
    if (holder?.instance === instance) {
      holder.heardAtMs = nowMs;
      return true;
    }
    const isHeard = holder !== undefined && nowMs - holder.heardAtMs <= BALANCER_TTL_MS;
    if (isHeard && holder.refused === instance) return false;
    const isElder = isHeard && holder.before === instance;
    this.#holders.set(balancer, {
      instance,
      heardAtMs: nowMs,
      ...(isElder ? { refused: holder.instance } : isHeard && { before: holder.instance }),
    });
    return true;
  }

  /** Lets go of names that are not heard any more. */
  tick(nowMs: number): void {
    for (const [name, { heardAtMs }] of this.#holders) if (nowMs - heardAtMs > BALANCER_TTL_MS) this.#holders.delete(name);
  }
}
