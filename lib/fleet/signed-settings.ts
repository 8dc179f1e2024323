// Which of the settings in Redis count, with a fleet key. Each is signed by an operator, and numbered. Invariant: of a
// setting the newest one that was ever read here stays in force, whatever stands in Redis; taking it back is signed too.

import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { isTakenBack, SETTING_CHECK, settingPlace } from '../redis/settings.js';
import { splitSignature } from '../redis/signature.js';

/** The fields in force, and what is wrong with those in Redis. */
export interface SettingsInForce {
  readonly fields: ReadonlyMap<string, string>;
  /** Fields that do not count: unsigned, altered, older than what is known. */
  readonly refused: readonly string[];
  /** In force, and gone from Redis without an operator's word. */
  readonly missing: ReadonlyMap<string, string>;
}

const NONE: ReadonlyMap<string, string> = new Map();

/** The settings as one balancer knows them. */
export class SignedSettings {
  readonly #gate: MessageGate;
  readonly #keys: Keys;
  readonly #known = new Map<string, { readonly raw: string; readonly seq: number }>();
  /** What was refused already, so that it is counted once. */
  #refused = new Map<string, string>();
  #ring = '';

  /** @param known the fields in force when the fleet thread was started again */
  constructor(gate: MessageGate, keys: Keys, known: ReadonlyMap<string, string> = NONE) {
    this.#gate = gate;
    this.#keys = keys;
    for (const [field, raw] of known) this.#known.set(field, { raw, seq: splitSignature(raw)?.signature.seq ?? 0 });
  }

  /** Takes what stands in Redis. Without a key all of it counts. */
  take(fields: ReadonlyMap<string, string>): SettingsInForce {
    const { ring } = this.#gate;
    if (!ring.isKeyed) return { fields, refused: [], missing: NONE };
    if (ring.summary !== this.#ring) {
      this.#refused = new Map();
      this.#ring = ring.summary;
    }
    const refused: string[] = [];
    for (const [field, raw] of fields) {
      if (this.#known.get(field)?.raw === raw) continue;
      if (this.#refused.get(field) !== raw && this.#isGood(field, raw)) continue;
      this.#refused.set(field, raw);
      refused.push(field);
    }
    for (const field of this.#refused.keys()) if (!fields.has(field)) this.#refused.delete(field);
    const missing = new Map<string, string>();
    for (const [field, { raw, seq }] of this.#known) {
      if (fields.has(field)) continue;
      // Whoever took it back without a signature may do so while unsigned messages count.
      if (ring.acceptsUnsigned) this.#known.delete(field);
      else if (seq > 0 && !isTakenBack(raw)) missing.set(field, raw);
    }
    return { fields: new Map([...this.#known].map(([field, { raw }]) => [field, raw])), refused, missing };
  }

  #isGood(field: string, raw: string): boolean {
    const place = settingPlace(this.#keys, field);
    const checked = this.#gate.check(place, raw, SETTING_CHECK);
    if (!checked.ok) return false;
    const seq = checked.by?.seq ?? 0;
    if (checked.by !== null && seq <= (this.#known.get(field)?.seq ?? 0)) {
      this.#gate.refuse(place, 'replayed', checked.by);
      return false;
    }
    this.#known.set(field, { raw, seq });
    return true;
  }
}
