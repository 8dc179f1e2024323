// Signs messages and checks signatures, with the keys of a ring. Without a key nothing is signed, and a signature is cut
// off unread. Invariant: with a key that does not accept unsigned messages, nothing counts whose MAC is not good.

import { randomBytes } from 'node:crypto';
import { isInScope, type KeyRing, macOf, type SenderRole, type SigningKey } from './fleet-key.js';
import { isSameMac } from './mac.js';
import { ReplayGuard } from './replay-guard.js';
import { formatSignature, MAX_SIGNATURE, type Signature, splitSignature } from './signature.js';

/** Why a message does not count. `key`: signed with a key that is not known here. `role`: its sender may not say this. */
export type SignatureFault = 'unsigned' | 'altered' | 'key' | 'role' | 'replayed' | 'clock';

/** How far the clocks of two machines may differ, and how old a message may be. */
export const FRESH_FOR_MS = 60_000;

const MICROS = 1000;

/** What is expected of a message. */
export interface Expected {
  /** Who may say this at all. */
  readonly roles: readonly SenderRole[];
  /** Longer texts are not looked at. */
  readonly maxLength: number;
  /** For how long a message counts after it was sent; {@link FRESH_FOR_MS} by default, Infinity for a setting. */
  readonly maxAgeMs?: number;
  /** Whether it may be read again and again, as a key is: the reader orders the values itself. */
  readonly isStored?: boolean;
}

/** A message that counts, with its signature; null where none was checked. */
export interface CheckedMessage {
  readonly ok: true;
  readonly text: string;
  readonly by: Signature | null;
  /** What the signature says, also where it could not be checked for want of a key; null where there is none. */
  readonly claimed: Signature | null;
}

/** A message that does not count. */
export interface RefusedMessage {
  readonly ok: false;
  readonly reason: SignatureFault;
  readonly claimed: Signature | null;
}

/** The wall clock in µs since 1970. */
export const wallMicros = (): number => Date.now() * MICROS;

/** Signs the messages of one sender. Each thread needs its own. */
export class MessageSigner {
  readonly #ring: KeyRing;
  readonly #sender: string;
  readonly #nowMicros: () => number;
  readonly #run = randomBytes(4).toString('hex');
  #lastSeq = 0;

  constructor(ring: KeyRing, sender: string, nowMicros: () => number = wallMicros) {
    this.#ring = ring;
    this.#sender = sender;
    this.#nowMicros = nowMicros;
  }

  /** The text with a signature; as it is, when there is no key for this role. `place` is the whole name of the channel or key. */
  sign(place: string, text: string, role: SenderRole, term = 0): string {
    const signing = this.#ring.signingKey(role);
    if (signing === undefined) return text;
    // Grows also when the clock is set back.
    this.#lastSeq = Math.max(this.#lastSeq + 1, this.#nowMicros());
    return signedWith(signing, place, text, {
      keyId: signing.id,
      role,
      sender: this.#sender,
      run: this.#run,
      scope: signing.scope,
      term,
      seq: this.#lastSeq,
      isOpen: this.#ring.acceptsUnsigned,
    });
  }
}

/** Checks the messages that come to one thread. */
export class MessageChecker {
  readonly #ring: KeyRing;
  readonly #nowMicros: () => number;
  readonly #guards = new Map<string, ReplayGuard>();

  constructor(ring: KeyRing, nowMicros: () => number = wallMicros) {
    this.#ring = ring;
    this.#nowMicros = nowMicros;
  }

  /** Checks one message of this place, and remembers that it was there. */
  check(place: string, whole: string, expected: Expected): CheckedMessage | RefusedMessage {
    const split = whole.length > expected.maxLength + MAX_SIGNATURE ? null : splitSignature(whole);
    const claimed = split?.signature ?? null;
    if (!this.#ring.isKeyed) return { ok: true, text: split?.text ?? whole, by: null, claimed };
    if (split === null || claimed === null)
      return this.#ring.acceptsUnsigned
        ? { ok: true, text: whole, by: null, claimed: null }
        : { ok: false, reason: 'unsigned', claimed: null };
    const { keyId, role, sender, run, scope, seq } = claimed;
    const refuse = (reason: SignatureFault): RefusedMessage => ({ ok: false, reason, claimed });
    if (!this.#ring.knows(keyId)) return refuse('key');
    if ((role === 'agent') !== (scope !== '')) return refuse('altered');
    const key = this.#ring.checkingKey(keyId, role, scope);
    // An operator can check what operators say, and nothing else.
    if (key === undefined) return refuse('role');
    if (!isSameMac(macOf(key, place, split.covered), split.mac)) return refuse('altered');
    if (role === 'agent') this.#ring.keep(keyId, scope, key);
    if (!expected.roles.includes(role) || (role === 'agent' && !isInScope(sender, scope))) return refuse('role');
    const nowMicros = this.#nowMicros();
    const maxAgeMs = expected.maxAgeMs ?? FRESH_FOR_MS;
    const oldestMicros = nowMicros - maxAgeMs * MICROS;
    if (seq < oldestMicros || seq > nowMicros + FRESH_FOR_MS * MICROS) return refuse('clock');
    if (expected.isStored !== true && !this.#guardOf(place).isNew(`${role} ${sender}`, run, seq, oldestMicros)) return refuse('replayed');
    return { ok: true, text: split.text, by: claimed, claimed };
  }

  #guardOf(place: string): ReplayGuard {
    let guard = this.#guards.get(place);
    if (guard === undefined) this.#guards.set(place, (guard = new ReplayGuard()));
    return guard;
  }
}

/**
 * A stored message under the key that signs now: the same text, sender, run and number. Null when it is signed with that
 * key already, or does not count with the keys of this ring; what is unsigned never gets a signature here.
 */
export function signAgain(ring: KeyRing, place: string, whole: string, expected: Expected): string | null {
  const checked = new MessageChecker(ring).check(place, whole, expected);
  if (!checked.ok || checked.by === null) return null;
  const signing = ring.signingKey(checked.by.role);
  if (signing === undefined || signing.id === checked.by.keyId) return null;
  return signedWith(signing, place, checked.text, { ...checked.by, keyId: signing.id });
}

function signedWith({ key }: SigningKey, place: string, text: string, signature: Signature): string {
  const covered = text + formatSignature(signature);
  return `${covered} mac=${macOf(key, place, covered)}`;
}
