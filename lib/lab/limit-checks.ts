// What a check of a limit costs in real time, compiled, with many keys. Invariant: it measures the code that runs.

import { InflightShare, SHARE_CELLS, ShareKeeper } from '../routing/fleet-limit.js';
import { KeyHash } from '../routing/key-hash.js';
import { RateCells } from '../routing/rate-cells.js';
import { RateLimiter } from '../routing/rate-limit.js';

const CELLS = 65_536;
const KEYS = 4096;
const CHECKS = 500_000;
const ROUNDS = 5;

/** Nanoseconds per check, each the least of some rounds, and bytes of heap that a check leaves behind. */
export interface CheckCosts {
  /** Begin and end of a request. */
  readonly inflightNs: number;
  /** Of keys that are at hand as hashes, and with hashing an IPv4 address. */
  readonly rateNs: number;
  readonly rateWithHashNs: number;
  readonly rateBytes: number;
}

/** Measures all checks; some 2 s. */
export function measureChecks(): CheckCosts {
  const cells = new Float64Array(SHARE_CELLS);
  const share = new InflightShare(cells);
  new ShareKeeper('pool', cells, 1000, 1, 0).apply(1000, Number.MAX_VALUE);
  const rule = { requests: 100, perMs: 1000, burst: 50, key: { of: 'client' } } as const;
  const limiter = new RateLimiter('limit', rule, new RateCells(CELLS), 2500);
  limiter.setBalancers(8);
  const hash = new KeyHash(1, 2);
  const keys = Array.from({ length: KEYS }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  const hashes = keys.map((key) => {
    hash.hash(0, key);
    return [hash.high, hash.low] as const;
  });
  // A variable of a closure would be a new number on the heap each time.
  const clock = new Float64Array(1);
  const checkRate = (): void => {
    for (let i = 0; i < CHECKS; i++) {
      const [high, low] = hashes[i % KEYS] as readonly [number, number];
      limiter.check(high, low, ((clock[0] as number) += 0.01));
    }
  };
  const inflightNs = leastNs(() => {
    for (let i = 0; i < CHECKS; i++) if (share.tryBegin(i)) share.end();
  });
  const rateNs = leastNs(checkRate);
  const heapBefore = process.memoryUsage().heapUsed;
  checkRate();
  const rateBytes = Math.max(0, process.memoryUsage().heapUsed - heapBefore) / CHECKS;
  const rateWithHashNs = leastNs(() => {
    for (let i = 0; i < CHECKS; i++) {
      hash.hash(0, keys[i % KEYS] as string);
      limiter.check(hash.high, hash.low, ((clock[0] as number) += 0.01));
    }
  });
  return { inflightNs, rateNs, rateWithHashNs, rateBytes };
}

function leastNs(run: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return (least * 1e6) / CHECKS;
}
