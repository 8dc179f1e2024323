// The setting of a pool in maintenance: JSON in the hash `settings`, which anyone may have written. Invariant: what is
// taken has a status, a media type and a body that an answer may have.

import { isFields } from './decode.js';
import { MEDIA_TYPE } from './names.js';
import type { Maintenance } from '../model.js';

/** The longest setting in bytes: with its signature it still fits in a value that balancers remember. */
export const MAX_MAINTENANCE_BYTES = 3400;

/** The setting as it stands in Redis. */
export function encodeMaintenance({ status, body, type }: Maintenance): string {
  return JSON.stringify({ status, ...(body !== null && { body, type }) });
}

/** Reads a setting; null if it is invalid. The status is 503 and the body our own unless it says otherwise. */
export function decodeMaintenance(text: string): Maintenance | null {
  if (Buffer.byteLength(text) > MAX_MAINTENANCE_BYTES) return null;
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isFields(fields)) return null;
  const { status = 503, body = null, type = 'text/plain; charset=utf-8' } = fields;
  if (!isMaintenanceStatus(status) || !isMediaType(type)) return null;
  if (body !== null && typeof body !== 'string') return null;
  return { status, body, type };
}

/** Whether an answer may have this status. */
export function isMaintenanceStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599;
}

/** Whether this may be a Content-Type. */
export function isMediaType(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 256 && MEDIA_TYPE.test(value);
}
