// The term in Redis, and which terms are believed. Terms come from outside: a single absurd one must not stop all
// elections. The key holds `TERM MASTERSHIP`: a term belongs to one mastership, and a term that stands alone to none.

import { isMastership } from './names.js';

/** Above this, terms could not be counted further. */
export const MAX_TERM = 2 ** 52;

/**
 * A term this far above the highest one seen is garbage: terms grow by one at each election, and a
 * million elections cannot have gone unnoticed.
 */
export const MAX_TERM_JUMP = 1_000_000;

/** Whether a term from outside is believed by someone who has seen `highest`. */
export function isPlausibleTerm(term: number, highest: number): boolean {
  return Number.isSafeInteger(term) && term >= 0 && term <= Math.min(highest + MAX_TERM_JUMP, MAX_TERM);
}

/** A term and the mastership that holds it. */
export interface HeldTerm {
  readonly term: number;
  /** '' when nobody holds the term, or when its holder is not known. */
  readonly mastership: string;
}

const TERM = /^(\d{1,16})(?: ([0-9a-f]+))?$/;

/** Reads the text of the term key for someone who has seen `highest`; garbage and absurd terms count as term 0. */
export function parseTerm(text: unknown, highest: number): HeldTerm {
  const [, digits = '0', mastership = ''] = (typeof text === 'string' && TERM.exec(text)) || [];
  const term = Number(digits);
  return isPlausibleTerm(term, highest) ? { term, mastership: isMastership(mastership) ? mastership : '' } : { term: 0, mastership: '' };
}

/**
 * Lua: reads the key KEYS[1] as `term` and `holder` ('' for none), with garbage and other types as 0; `floor` is the
 * highest term that the caller saw, ARGV[1]. The same rules as `parseTerm`.
 */
export const READ_TERM = `
local floor = tonumber(ARGV[1])
local raw = redis.pcall('GET', KEYS[1])
raw = type(raw) == 'string' and raw or ''
local digits, holder = string.match(raw, '^(%d+) ([0-9a-f]+)$')
if not digits then digits = string.match(raw, '^%d+$') end
local term = digits and #digits <= 16 and tonumber(digits) or 0
if term > floor + ${MAX_TERM_JUMP} then
  term = 0
  holder = ''
end
holder = holder or ''
`;

/**
 * Lua, after `READ_TERM`, for a master whose term is ARGV[1] and whose mastership is ARGV[2]: `newer` is the term that
 * shuts it out, or false.
 * - Two masterships in one term are both shut out by the next term, which nobody holds: a balancer that applied a table
 *   of one could not tell which tables of the other are newer.
 * - A master does not write its term into a Redis that lost it: the others would not see any more that the settings were
 *   lost too. It is shut out, and the next heartbeat of any balancer puts back all that was lost.
 */
export const FENCE = `
local newer = term > floor and string.format('%.0f', term)
if term < floor then newer = string.format('%.0f', floor + 1) end
if term == floor and holder ~= '' and holder ~= ARGV[2] then
  newer = string.format('%.0f', floor + 1)
  redis.call('SET', KEYS[1], newer)
end
`;
