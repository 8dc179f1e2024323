// The rate limit of one route, where requests meet it: reads the key from the request, asks the limiter, and composes the
// answer to a request that is refused. A request without the header, cookie or parameter shares one budget with all of
// its kind: leaving it out evades nothing.

import { AffinityKey } from '../../routing/affinity-key.js';
import type { KeyHash } from '../../routing/key-hash.js';
import type { RateLimiter } from '../../routing/rate-limit.js';
import { rateLimitFields } from '../../routing/rate-limit-fields.js';
import type { HashKey } from '../../site-model.js';
import type { ClientSide } from '../client/client-side.js';
import { type PreparedAnswer, prepareLimited } from '../wire/prepared-answers.js';
import { clientAddressOf } from './logged-client.js';

/** Reads a key as `AffinityKey` does, and hashes it with the fleet's seeds: clients can't choose collisions. */
class LimitedKey extends AffinityKey {
  readonly #hash: KeyHash;
  readonly #limit: number;

  constructor(key: HashKey, hash: KeyHash, limit: number) {
    super(key);
    this.#hash = hash;
    this.#limit = limit;
  }

  override take(text: string, from = 0, to = text.length): void {
    this.#hash.hash(this.#limit, text.slice(from, to));
    this.hi = this.#hash.high;
    this.lo = this.#hash.low;
  }
}

/** The rate limit of one route. */
export class RouteLimit {
  readonly #limiter: RateLimiter;
  readonly #isTrusted: (address: string) => boolean;
  /** Undefined: one budget for all. */
  readonly #key: LimitedKey | undefined;
  /** The bucket of no key. */
  readonly #high: number;
  readonly #low: number;

  /** @param isTrusted whether an address belongs to a trusted proxy, behind which the client's is looked for */
  constructor(limiter: RateLimiter, hash: KeyHash, isTrusted: (address: string) => boolean) {
    const { key } = limiter.rule;
    // All limits have one table of keys; a part of the id keeps them apart, the same at all balancers.
    const limit = Number.parseInt(limiter.limit.slice(0, 8), 16) | 0;
    this.#limiter = limiter;
    this.#isTrusted = isTrusted;
    this.#key = key.of === 'route' ? undefined : new LimitedKey({ ...key } as HashKey, hash, limit);
    this.#high = limit;
    this.#low = Number.parseInt(limiter.limit.slice(8), 16) | 0;
  }

  /** Whether the limit lets a request in; then it is counted. */
  admits({ head, facts }: Pick<ClientSide, 'head' | 'facts'>, nowMs: number): boolean {
    const key = this.#key;
    const address = this.#limiter.rule.key.of === 'client' ? clientAddressOf(facts, head.headers, this.#isTrusted) : '';
    if (key === undefined || !key.read(head.target, head.headers, address)) return this.#limiter.check(this.#high, this.#low, nowMs);
    return this.#limiter.check(key.hi, key.lo, nowMs);
  }

  /** The answer to the request that was just refused. */
  refusal(): PreparedAnswer {
    return prepareLimited('MEERCAT_RATE_LIMITED', rateLimitFields(this.#limiter.rule, this.#limiter));
  }
}
