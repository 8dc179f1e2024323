// Validates names and origins. Host and balancer names come from outside and become parts of keys, log lines and
// terminal output: anything unusual is rejected here.

import { originOf } from '../host-origin.js';
import { bareNameOf, poolOf } from '../host-id.js';
import { DEFAULT_POOL } from '../site-model.js';

/** Letters, digits, dot, dash, underscore, colon; starts with a letter or digit; up to 128 characters. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Whether this is a valid host or balancer name. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** Letters, digits, dash, underscore; starts with a letter or digit; up to 63 characters. */
const POOL = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Whether this is a valid name of a pool. */
export function isPoolName(value: unknown): value is string {
  return typeof value === 'string' && POOL.test(value);
}

/** The rule of {@link isPoolName}, for error messages. */
export const POOL_RULE = 'letters, digits and _ - only, starting with a letter or digit, at most 63';

/** A media type with parameters, as a Content-Type has it. */
export const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/;

/** Maximum pools that one host serves in; with the longest names, a report is still short enough. */
export const MAX_POOLS_PER_HOST = 16;

/** Whether these are names of pools, none of them twice. */
export function arePools(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= MAX_POOLS_PER_HOST &&
    value.every(isPoolName) &&
    new Set(value).size === value.length
  );
}

/** Whether this is a host's id: its name, or `POOL/NAME` outside of the pool `default`. */
export function isHostId(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const pool = poolOf(value);
  return isName(bareNameOf(value)) && (!value.includes('/') || (isPoolName(pool) && pool !== DEFAULT_POOL));
}

/**
 * A colon ends the namespace in every key: with another one, keys of two fleets could be the same. The others are
 * patterns in Redis: a rule of an ACL for such a namespace would let its user into other fleets.
 */
const NOT_IN_NAMESPACE = /[:*?[\]\\]/;

/** Whether this is a valid namespace. */
export function isNamespace(value: string): boolean {
  return /^[!-~]{1,64}$/.test(value) && !NOT_IN_NAMESPACE.test(value);
}

/** The rule of {@link isNamespace}, for error messages. */
export const NAMESPACE_RULE = '1 to 64 printable ASCII characters without spaces and : * ? [ ] \\';

/** A lease's random value. */
const MASTERSHIP = /^[0-9a-f]{16,64}$/;

/** Whether this is a well-formed mastership identity. */
export function isMastership(value: unknown): value is string {
  return typeof value === 'string' && MASTERSHIP.test(value);
}

/** The rule of {@link isName}, for error messages. */
export const NAME_RULE = 'letters, digits and . _ : - only, starting with a letter or digit, at most 128';

/** A DNS name, perhaps with a port. */
const AUTHORITY = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}(?::\d{1,5})?$/;

/** Whether this is the authority of a host that was found by DNS. */
export function isHostAuthority(value: unknown): value is string {
  return typeof value === 'string' && AUTHORITY.test(value) && originOf(`http://${value}`) !== null;
}
