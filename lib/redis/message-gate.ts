// Where signed messages come in: checks them, counts what is refused, and says each kind once.

import { MINUTE } from '../clock.js';
import type { Log } from '../log.js';
import type { Count, CounterName } from '../table/counters.js';
import type { KeyRing } from './fleet-key.js';
import { type CheckedMessage, type Expected, MessageChecker, type RefusedMessage, type SignatureFault } from './sign.js';
import type { Signature } from './signature.js';

/** The counters of one kind of message are called so: `reports_dropped_unsigned`, `reports_accepted_unsigned`. */
export type CountedKind = 'messages' | 'reports' | 'loads' | 'figures';

/** A kind is said again after this time, if it goes on. */
const SAY_AGAIN_MS = 60 * MINUTE;

const REASONS: Readonly<Record<SignatureFault, string>> = {
  unsigned: 'it is not signed, and this balancer has a fleet key',
  altered: 'its signature is wrong: it was altered, moved, or is forged',
  key: 'it is signed with a fleet key that this balancer does not have',
  role: 'its sender may not say this',
  replayed: 'it was here before',
  clock: 'it is too old, or from the future: do the clocks of the machines agree?',
};

/** Checks the messages of one thread. */
export class MessageGate {
  readonly ring: KeyRing;
  readonly #checker: MessageChecker;
  readonly #count: Count;
  readonly #log: Log;
  readonly #saidAtMs = new Map<string, number>();

  constructor(ring: KeyRing, count: Count, log: Log) {
    this.ring = ring;
    this.#checker = new MessageChecker(ring);
    this.#count = count;
    this.#log = log;
  }

  /** Checks a message; one that is refused is counted and said. */
  check(place: string, whole: string, expected: Expected, kind: CountedKind = 'messages'): CheckedMessage | RefusedMessage {
    const outcome = this.#checker.check(place, whole, expected);
    if (!outcome.ok) return this.refuse(place, outcome.reason, outcome.claimed, kind);
    if (!this.ring.isKeyed && outcome.claimed !== null)
      this.#say('unchecked', 'info', 'messages of this fleet are signed: without --fleet-key this balancer does not check them', { place });
    if (this.ring.isKeyed && outcome.by === null) this.#count(`${kind}_accepted_unsigned`);
    return outcome;
  }

  /** Counts and says a message that does not count, such as one whose sender may not say just this. */
  refuse(place: string, reason: SignatureFault, claimed: Signature | null, kind: CountedKind = 'messages'): RefusedMessage {
    this.#count(`${kind}_dropped_${reason}` satisfies CounterName);
    const { sender, role, keyId } = claimed ?? {};
    // A setting's place ends with its field, of which anybody can write any number.
    const [channel = ''] = place.split(' ', 1);
    this.#say(`${channel} ${reason}`, 'warn', 'a message was dropped', {
      place: channel,
      reason: REASONS[reason],
      ...(claimed !== null && { claims: `${role} ${sender}` }),
      ...(reason === 'key' && { key: keyId, known: this.ring.ids.join(',') }),
    });
    return { ok: false, reason, claimed };
  }

  /** The keys were replaced: what is still wrong is said again. */
  onKeys(): void {
    this.#saidAtMs.clear();
  }

  #say(what: string, level: 'info' | 'warn', message: string, fields: Readonly<Record<string, string | undefined>>): void {
    const nowMs = performance.now();
    if (nowMs - (this.#saidAtMs.get(what) ?? Number.NEGATIVE_INFINITY) < SAY_AGAIN_MS) return;
    this.#saidAtMs.set(what, nowMs);
    this.#log(level, message, fields);
  }
}
