// The first check of every message from Redis: its size, that it is a JSON object, and its version.
// What is wrong is an outcome with a reason that can be counted, never an exception.

/** The version of all messages that this Meercat writes and understands. */
export const MESSAGE_VERSION = 1;

/** Why a message was dropped. */
export type Rejection = 'malformed' | 'oversized' | 'version' | 'out_of_range' | 'name';

/** A message's content, or why it was dropped. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: Rejection };

/** A message that was dropped. */
export function rejected(reason: Rejection): { readonly ok: false; readonly reason: Rejection } {
  return { ok: false, reason };
}

/** An object from outside: any field can be anything. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields (and not null or a list). */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of a message of our version, no longer than `maxBytes` UTF-16 units. */
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

/** A finite number within [min, max]; null when absent or null; undefined when it is anything else. */
export function numberWithin(value: unknown, min: number, max: number): number | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === 'number' && value >= min && value <= max ? value : undefined;
}

/** A count: an integer within [0, 2^53). */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
