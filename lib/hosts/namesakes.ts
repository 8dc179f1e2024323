// Two balancers with one name: only one's load messages count, since each message would undo the other's. The older
// instance counts while it is heard. Has no clock and does no I/O.

import type { LoadMessage } from '../model.js';
import { BALANCER_TTL_MS } from './fleet-loads.js';

interface Holder {
  readonly instance: string;
  heardAtMs: number;
  /** The instance this one replaced: if it is heard again, it is the older of two, and this was no restart. */
  readonly before?: string;
  /** The younger instance, whose messages are refused while this one is heard. */
  readonly refused?: string;
}

/** Decides by name whose load messages count. */
export class Namesakes {
  readonly #holders = new Map<string, Holder>();

  /**
   * Whether this message counts. A new instance replaces the previous one, as after a restart; if both keep sending,
   * the first one counts.
   */
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

  /** Drops names that are no longer heard. */
  tick(nowMs: number): void {
    for (const [name, { heardAtMs }] of this.#holders) if (nowMs - heardAtMs > BALANCER_TTL_MS) this.#holders.delete(name);
  }
}
