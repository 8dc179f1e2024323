// Which of the settings in Redis count, with a fleet key. Each is signed by an operator, and numbered. Invariant: of a
// setting the newest one that was ever read here stays in force, whatever stands in Redis; taking it back is signed too.

import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { isTakenBack, SETTING_CHECK, type SettingChange, settingPlace } from '../redis/settings.js';
import { type SignatureFault, signAgain } from '../redis/sign.js';
import { splitSignature } from '../redis/signature.js';

/** Why a field in Redis is to be changed. */
export type SettingFault = 'missing' | 'overwritten' | 'old key';

/** The fields in force, and what is wrong with those in Redis. */
export interface SettingsInForce {
  readonly fields: ReadonlyMap<string, string>;
  /** Fields that do not count: unsigned, altered, older than what is known. */
  readonly refused: readonly string[];
  /** What is to be written to Redis; limited, the rest comes with the next heartbeat. */
  readonly changes: readonly (SettingChange & { readonly fault: SettingFault })[];
}

/**
 * What was refused for one of these reasons nobody has to know: it is replaced with what is known. A key that is not known
 * here may be a newer one, and a clock that is wrong may be that of this machine.
 */
export const REPLACED: ReadonlySet<SignatureFault> = new Set<SignatureFault>(['unsigned', 'altered', 'role', 'replayed']);

/** Fields that are changed with one heartbeat at most: Redis does nothing else meanwhile. */
const MAX_CHANGES = 512;

/** A setting that is in force. */
interface KnownSetting {
  readonly raw: string;
  /** 0 if it is not signed. */
  readonly seq: number;
  readonly keyId: string;
  /** Differs between settings of one number; the same when one is signed again with another key. */
  readonly identity: string;
}

/** The settings as one balancer knows them. */
export class SignedSettings {
  readonly #gate: MessageGate;
  readonly #keys: Keys;
  readonly #known = new Map<string, KnownSetting>();
  /** What was refused already, so that it is counted once. */
  #refused = new Map<string, { readonly raw: string; readonly reason: SignatureFault }>();
  #ring = '';

  /** @param known the fields in force when the fleet thread was started again */
  constructor(gate: MessageGate, keys: Keys, known: ReadonlyMap<string, string> = new Map()) {
    this.#gate = gate;
    this.#keys = keys;
    for (const [field, raw] of known) this.#known.set(field, knownFrom(raw));
  }

  /**
   * Takes what stands in Redis. Without a key all of it counts.
   * @param isMaster the master alone signs again what is signed with an old key: others may have the keys in another order
   */
  take(fields: ReadonlyMap<string, string>, isMaster: boolean): SettingsInForce {
    const { ring } = this.#gate;
    if (!ring.isKeyed) return { fields, refused: [], changes: [] };
    if (ring.summary !== this.#ring) {
      this.#refused = new Map();
      this.#ring = ring.summary;
    }
    const refused: string[] = [];
    for (const [field, raw] of fields) {
      if (this.#known.get(field)?.raw === raw) continue;
      const before = this.#refused.get(field);
      const reason = before?.raw === raw ? before.reason : this.#check(field, raw);
      if (reason === null) continue;
      this.#refused.set(field, { raw, reason });
      refused.push(field);
    }
    for (const field of this.#refused.keys()) if (!fields.has(field)) this.#refused.delete(field);
    // Whoever took one back without a signature may do so while unsigned messages count.
    if (ring.acceptsUnsigned) for (const field of this.#known.keys()) if (!fields.has(field)) this.#known.delete(field);
    return {
      fields: new Map([...this.#known].map(([field, { raw }]) => [field, raw])),
      refused,
      changes: this.#changes(fields, isMaster),
    };
  }

  /** Takes a field that counts; else says why it does not. */
  #check(field: string, raw: string): SignatureFault | null {
    const place = settingPlace(this.#keys, field);
    const checked = this.#gate.check(place, raw, SETTING_CHECK);
    if (!checked.ok) return checked.reason;
    const [found, known] = [knownFrom(raw), this.#known.get(field)];
    if (checked.by !== null && known !== undefined && isOlder(found, known)) return this.#gate.refuse(place, 'replayed', checked.by).reason;
    this.#known.set(field, found);
    return null;
  }

  #changes(fields: ReadonlyMap<string, string>, isMaster: boolean): SettingsInForce['changes'] {
    const { ring } = this.#gate;
    const changes: (SettingChange & { fault: SettingFault })[] = [];
    for (const [field, { raw, seq, keyId }] of this.#known) {
      if (changes.length >= MAX_CHANGES) break;
      if (seq === 0) continue;
      const found = fields.get(field);
      if (found === undefined) {
        if (!isTakenBack(raw)) changes.push({ field, from: null, to: raw, fault: 'missing' });
      } else if (found !== raw) {
        const reason = this.#refused.get(field)?.reason;
        if (reason !== undefined && REPLACED.has(reason)) changes.push({ field, from: found, to: raw, fault: 'overwritten' });
      } else if (isMaster && keyId !== ring.ids[0] && ring.knows(keyId)) {
        const again = signAgain(ring, settingPlace(this.#keys, field), raw, SETTING_CHECK);
        if (again !== null) changes.push({ field, from: raw, to: again, fault: 'old key' });
      }
    }
    return changes;
  }
}

function knownFrom(raw: string): KnownSetting {
  const split = splitSignature(raw);
  if (split === null) return { raw, seq: 0, keyId: '', identity: '' };
  const { seq, keyId, sender, run } = split.signature;
  return { raw, seq, keyId, identity: `${sender} ${run} ${split.text}` };
}

/** Of two settings with one number each balancer takes the same one, or they would replace each other's for ever. */
function isOlder(one: KnownSetting, other: KnownSetting): boolean {
  return one.seq < other.seq || (one.seq === other.seq && one.identity < other.identity);
}
