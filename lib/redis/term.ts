// The term in Redis, and which terms are plausible. Terms come from outside: a single absurd one must not stop all
// elections. The key holds `TERM MASTERSHIP`: a term belongs to one mastership; a bare term has no holder.

import { isMastership } from './names.js';

/** The largest term: far enough below 2^53 to be incremented safely. */
export const MAX_TERM = 2 ** 52;

/**
 * Terms above what elections can have reached are garbage. The bound is the same for all balancers, whatever each has
 * seen: if it depended on that, two of them could hold each other's term for garbage for ever, and one that has just
 * started could not follow a fleet far ahead. It grows with the wall clock and far faster than elections, so that the
 * next term becomes plausible even after a forged one at the bound. Clocks that differ delay that by their difference.
 */
const TERMS_PER_MS = 16;
const TERMS_BEGIN_MS = Date.UTC(2025, 0, 1);

/** Plausible on a machine whose clock is years behind, too. */
const ALWAYS_PLAUSIBLE = 1_000_000_000;

/** The highest plausible term; what was `highest` seen once stays plausible, also when the clock is set back. */
export function plausibleUpTo(highest: number, nowEpochMs = Date.now()): number {
  const reachable = Math.floor((nowEpochMs - TERMS_BEGIN_MS) * TERMS_PER_MS);
  return Math.min(Math.max(reachable, ALWAYS_PLAUSIBLE, highest), MAX_TERM);
}

/** Whether a term from outside is plausible, given the `highest` seen. */
export function isPlausibleTerm(term: number, highest: number, nowEpochMs?: number): boolean {
  return Number.isSafeInteger(term) && term >= 0 && term <= plausibleUpTo(highest, nowEpochMs);
}

/** A term and the mastership that holds it. */
export interface HeldTerm {
  readonly term: number;
  /** '' if nobody holds the term, or the holder is unknown. */
  readonly mastership: string;
}

const TERM = /^(\d{1,16})(?: ([0-9a-f]+))?$/;

/** Parses the term key, given the `highest` term seen; garbage and implausible terms count as term 0. */
export function parseTerm(text: unknown, highest: number): HeldTerm {
  const [, digits = '0', mastership = ''] = (typeof text === 'string' && TERM.exec(text)) || [];
  const term = Number(digits);
  return isPlausibleTerm(term, highest) ? { term, mastership: isMastership(mastership) ? mastership : '' } : { term: 0, mastership: '' };
}

/** ARGV[1] of a script that begins with {@link READ_TERM}: the highest term that the caller has seen, and the highest plausible one. */
export function termArg(highest: number): string {
  return `${highest} ${plausibleUpTo(highest)}`;
}

/**
 * Lua: reads KEYS[1] into `term` and `holder` ('' for none); garbage and other types give 0. `floor` is the highest term
 * that the caller has seen, and `own` the same as text; ARGV[1] is a `termArg`. The same rules as `parseTerm`.
 */
export const READ_TERM = `
local own, plausible = string.match(ARGV[1], '^(%d+) (%d+)$')
local floor = tonumber(own)
local raw = redis.pcall('GET', KEYS[1])
raw = type(raw) == 'string' and raw or ''
local digits, holder = string.match(raw, '^(%d+) ([0-9a-f]+)$')
if not digits then digits = string.match(raw, '^%d+$') end
local term = digits and #digits <= 16 and tonumber(digits) or 0
if term > tonumber(plausible) then
  term = 0
  holder = ''
end
holder = holder or ''
`;

/**
 * Lua, after `READ_TERM`, for a master with the term `floor` and mastership ARGV[2]: `newer` is the term that fences it, or
 * false.
 * - Two masterships in one term are both fenced by the next term, which nobody holds: a balancer that has applied a
 *   table of one cannot order it against the tables of the other.
 * - A master does not write its term into a Redis that lost it: this would hide the loss of the settings from the
 *   others. It is fenced, and the next heartbeat of any balancer restores everything.
 */
export const FENCE = `
local newer = term > floor and string.format('%.0f', term)
if term < floor then newer = string.format('%.0f', floor + 1) end
if term == floor and holder ~= '' and holder ~= ARGV[2] then
  newer = string.format('%.0f', floor + 1)
  redis.call('SET', KEYS[1], newer)
end
`;
