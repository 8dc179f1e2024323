// The header fields of an answer 429, and of answers that say how much is left. Sources: RFC 6585, section 4 (429); RFC 9110,
// 10.2.3 (Retry-After, in whole seconds); draft-ietf-httpapi-ratelimit-headers (RateLimit, RateLimit-Policy).

import type { RateLimit } from '../site-model.js';

/** What a check found out; `RateLimiter` has these figures after each. */
export interface RateFigures {
  readonly remaining: number;
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/** Name and value of each field, for the answer to a request. `Retry-After` only if it was refused. */
export function rateLimitFields(rule: RateLimit, { remaining, retryAfterMs, resetMs }: RateFigures): string[] {
  const quota = `"default";q=${rule.requests};w=${secondsOf(rule.perMs)}`;
  const fields = [
    'RateLimit-Policy',
    quota,
    'RateLimit',
    `"default";r=${remaining};t=${secondsOf(retryAfterMs > 0 ? retryAfterMs : resetMs)}`,
  ];
  // 0 would ask for another request at once.
  return retryAfterMs > 0 ? ['Retry-After', String(Math.max(1, secondsOf(retryAfterMs))), ...fields] : fields;
}

/** The same for a limit on requests in flight, of which none is left; when there is, depends on those that are served. */
export function fleetLimitFields(limit: number): string[] {
  return ['Retry-After', '1', 'RateLimit-Policy', `"default";q=${limit};qu="concurrent-requests"`, 'RateLimit', '"default";r=0'];
}

/** Whole seconds, rounded up: a client that waits for so long is not refused for being early. */
function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000);
}
