// Forwards the questions of `meercat why` to the traffic thread, and its answers to Redis. The rate is limited, so that
// nobody who can publish an event can keep the traffic thread busy.

import type { Clock } from '../clock.js';
import type { WhyAnswer } from '../explanation.js';
import type { Commands } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { Keys } from '../redis/keys.js';
import { storeAnswer } from '../redis/why-store.js';
import type { Count } from '../table/counters.js';
import type { FromFleet } from '../thread-messages.js';

/** Token bucket: questions forwarded per second, and burst size. */
const PER_SECOND = 20;
const AT_ONCE = 20;

/** The dependencies of `WhyAnswers`. */
export interface WhyAnswersOptions {
  readonly client: Commands;
  readonly keys: Keys;
  /** This balancer's name. */
  readonly name: string;
  readonly clock: Clock;
  readonly count: Count;
  readonly post: (message: FromFleet) => void;
}

/** Forwards the questions for one balancer. */
export class WhyAnswers {
  readonly #options: WhyAnswersOptions;
  #left = AT_ONCE;
  #filledAtMs: number;

  constructor(options: WhyAnswersOptions) {
    this.#options = options;
    this.#filledAtMs = options.clock();
  }

  /** Handles a published question; ignores those for other balancers. */
  ask({ name, asked }: FleetEvent): void {
    const { count, post } = this.#options;
    if (name !== this.#options.name) return;
    if (asked === undefined || !this.#mayPass()) {
      count('why_dropped');
      return;
    }
    const { token, ...question } = asked;
    post({ type: 'why', token, question });
  }

  /** Stores the traffic thread's answer. */
  answer(token: string, answer: WhyAnswer): void {
    const { client, keys, count } = this.#options;
    if (client.status !== 'ready') return;
    count('why_answered');
    storeAnswer(client, keys, token, answer).catch(() => undefined);
  }

  #mayPass(): boolean {
    const nowMs = this.#options.clock();
    this.#left = Math.min(AT_ONCE, this.#left + ((nowMs - this.#filledAtMs) * PER_SECOND) / 1000);
    this.#filledAtMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
