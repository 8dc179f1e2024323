// Wire format of the part of a `meercat why` answer that tells the route. Untrusted, as it ends on a terminal: every text
// is a known keyword, a pool's name or printable ASCII of bounded length.

import { type ExplainedRoute, MAX_CHANGES, MAX_PARTS, MAX_SPLIT } from '../explanation.js';
import type { MatchPart, PassedRoute } from '../routing/route-explanation.js';
import { type Fields, isCount, isFields } from './decode.js';
import { isPoolName } from './names.js';

const PARTS: ReadonlySet<unknown> = new Set<MatchPart['part']>(['host', 'path', 'scheme', 'method', 'header', 'query']);
const HOWS: ReadonlySet<unknown> = new Set<MatchPart['how']>(['exact', 'wildcard', 'prefix']);

const MAX_PASSED_TOLD = 16;

/** The longest text, besides targets. */
const MAX_TEXT = 256;
/** The longest target: a rewrite may make it longer than it was asked. */
const MAX_TARGET = 8192;

/** An array of at most `most` elements that all pass `check`; otherwise null. */
export function listOf<Part>(value: unknown, most: number, check: (fields: Fields) => Part | null): Part[] | null {
  if (!Array.isArray(value) || value.length > most) return null;
  const parts: Part[] = [];
  for (const each of value) {
    const part = isFields(each) ? check(each) : null;
    if (part === null) return null;
    parts.push(part);
  }
  return parts;
}

/** Validates a route and copies only what was validated; null if invalid. */
export function checkRoute({ version, index, line, unlisted, changes, target, location, ...lists }: Fields): ExplainedRoute | null {
  const parts = listOf(lists.parts, MAX_PARTS, partOf);
  const passed = listOf(lists.passed, MAX_PASSED_TOLD, passedOf);
  const split = listOf(lists.split, MAX_SPLIT, sharesOf);
  if (parts === null || passed === null || split === null) return null;
  if (!isCount(version) || !isCount(unlisted) || !isCountOrNull(index) || !isCountOrNull(line)) return null;
  if (!Array.isArray(changes) || changes.length > MAX_CHANGES || !changes.every((each) => isText(each, MAX_TEXT))) return null;
  if (!isTextOrNull(target, MAX_TARGET) || !isTextOrNull(location, MAX_TARGET)) return null;
  return { version, index, line, parts, passed, unlisted, split, target, changes, location };
}

function partOf({ part, how, wanted, found }: Fields): MatchPart | null {
  if (!PARTS.has(part) || !HOWS.has(how) || !isText(wanted, MAX_TEXT) || !isTextOrNull(found, MAX_TEXT)) return null;
  return { part: part as MatchPart['part'], how: how as MatchPart['how'], wanted, found };
}

function passedOf({ index, line, failed }: Fields): PassedRoute | null {
  const part = isFields(failed) ? partOf(failed) : null;
  return part === null || !isCount(index) || !isCount(line) ? null : { index, line, failed: part };
}

function sharesOf({ pool, weight }: Fields): ExplainedRoute['split'][number] | null {
  return isPoolName(pool) && isCount(weight) ? { pool, weight } : null;
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value.length <= longest && /^[ -~]*$/.test(value);
}

function isTextOrNull(value: unknown, longest: number): value is string | null {
  return value === null || isText(value, longest);
}

function isCountOrNull(value: unknown): value is number | null {
  return value === null || isCount(value);
}
