// Which terms are believed. Terms come from outside, and a single absurd one must not stop all elections.

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

/** Lua: the term in KEYS[1] as `term`, with garbage and other types as 0; `floor` is the highest term that the caller saw, ARGV[1]. */
export const READ_TERM = `
local floor = tonumber(ARGV[1])
local raw = redis.pcall('GET', KEYS[1])
local term = type(raw) == 'string' and tonumber(raw) or 0
if not term or term ~= term or term < 0 or term > floor + ${MAX_TERM_JUMP} then term = 0 end
`;
