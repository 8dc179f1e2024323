// First validation of every message from Redis: size, JSON object, version. An invalid message is a result with a
// countable reason, never an exception.

/** Version of all messages written and understood. */
export const MESSAGE_VERSION = 1;

/** Why a message was dropped. */
export type Rejection = 'malformed' | 'oversized' | 'version' | 'out_of_range' | 'name';

/** The content of a message, or why it was dropped. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: Rejection };

/** The result for a dropped message. */
export function rejected(reason: Rejection): { readonly ok: false; readonly reason: Rejection } {
  return { ok: false, reason };
}

/** An untrusted object: a field can have any type. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object, not null or an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a message of our version, of at most `maxBytes` UTF-16 units. */
export function decodeFields(text: unknown, maxBytes: number): Decoded<Fields> {
  if (typeof text !== 'string') return rejected('malformed');
  if (text.length > maxBytes) return rejected('oversized');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return rejected('malformed');
  }
  if (!isFields(value)) return rejected('malformed');
  if (value.v !== MESSAGE_VERSION) return rejected('version');
  return { ok: true, value };
}

/** A finite number in [min, max]; null if absent or null; undefined if invalid. */
export function numberWithin(value: unknown, min: number, max: number): number | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === 'number' && value >= min && value <= max ? value : undefined;
}

/** The largest weight of a host that a site may have. */
const MAX_HOST_WEIGHT = 1000;

/** Whether a value is the weight of a host: above 0, at most 1000. */
export function isHostWeight(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= MAX_HOST_WEIGHT;
}

/** Whether a value is an integer in [0, 2^53). */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
