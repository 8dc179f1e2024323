// Whether the other balancers of the fleet have the master's fleet key, and its time, seen from their load messages. What can't be
// checked proves nothing: it counts only while nothing that can be checked arrives.

import { SECOND } from '../clock.js';
import type { LoadMessage } from '../model.js';
import type { Opened } from '../redis/signed-messages.js';

/** Every balancer sends load messages more often than this. */
const UNHEARD_AFTER_MS = 5 * SECOND;

/** The load messages of the others during one mastership. */
export class OtherBalancers {
  readonly #name: string;
  readonly #isKeyed: () => boolean;
  /** Of a good message; at first the beginning of the mastership. */
  #heardAtMs: number;
  #refusedAtMs = Number.NEGATIVE_INFINITY;

  /** @param name the master's own name */
  constructor(name: string, nowMs: number, isKeyed: () => boolean) {
    this.#name = name;
    this.#isKeyed = isKeyed;
    this.#heardAtMs = nowMs;
  }

  /** A load message arrived. */
  onLoad(opened: Opened<LoadMessage>, nowMs: number): void {
    const { claimed } = opened;
    // Without a key, what others sign and take only signed is as foreign as another key.
    const isForeign = opened.ok
      ? !this.#isKeyed() && claimed !== null && !claimed.isOpen
      : opened.reason === 'key' || opened.reason === 'clock';
    if (isForeign && claimed?.sender !== this.#name) this.#refusedAtMs = nowMs;
    if (opened.ok && !isForeign && opened.value.balancer !== this.#name) this.#heardAtMs = nowMs;
  }

  /** Whether others send messages, and all of them with a key that the master does not have, or at another time. */
  areUnheard(nowMs: number): boolean {
    return nowMs - this.#heardAtMs >= UNHEARD_AFTER_MS && nowMs - this.#refusedAtMs < UNHEARD_AFTER_MS;
  }
}
