// Request costs in Redis, informational: a hash from class to figures, as `cost_ms=5.1 error_ms=0.3 confidence=0.94
// samples=1200`. The master writes it; balancers get the costs from its tables.

import type { CostEstimate } from '../learning/cost-model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { isClassName } from './load-message.js';
import { defineScript, runScript } from './script.js';
import { READ_TERM, termArg } from './term.js';

/** How long the hash outlives the last write. */
const COSTS_TTL_MS = 30_000;

/** Maximum number of classes written and read: the hash is for people. */
const MAX_COSTS = 1000;

// KEYS: term, costs. ARGV: term, TTL, then classes and their figures.
const WRITE_COSTS = defineScript(`${READ_TERM}
if term > floor then return 'fenced' end
redis.call('DEL', KEYS[2])
if #ARGV > 2 then
  redis.call('HSET', KEYS[2], unpack(ARGV, 3))
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return 'written'`);

/** Writes the estimates, of which the first 1000 count; a no-op for a stale master. Rejects if Redis is unreachable or returns an error. */
export async function writeCosts(client: Commands, keys: Keys, term: number, estimates: readonly CostEstimate[]): Promise<void> {
  await runScript(
    client,
    WRITE_COSTS,
    [keys.term, keys.costs],
    [termArg(term), COSTS_TTL_MS, ...estimates.slice(0, MAX_COSTS).flatMap((each) => [each.name, figuresOf(each)])],
  );
}

/** Reads the estimates, most expensive first; malformed ones are skipped. Rejects if Redis is unreachable. */
export async function readCosts(client: Commands, keys: Keys): Promise<CostEstimate[]> {
  const stored = await client.hgetall(keys.costs);
  return Object.entries(stored)
    .slice(0, MAX_COSTS)
    .flatMap(([name, text]) => parseCost(name, text) ?? [])
    .toSorted((one, other) => other.costMs * other.samples - one.costMs * one.samples);
}

function figuresOf({ costMs, errorMs, confidence, samples }: CostEstimate): string {
  const plain = (figure: number, places: number): string => (Number.isFinite(figure) ? String(Number(figure.toFixed(places))) : '');
  return `cost_ms=${plain(costMs, 3)} error_ms=${plain(errorMs, 3)} confidence=${plain(confidence, 2)} samples=${plain(samples, 0)}`;
}

/** Parses a class's figures from the hash; undefined if malformed. */
export function parseCost(name: string, text: string): CostEstimate | undefined {
  const match = /^cost_ms=(\d{1,12}(?:\.\d{1,6})?) error_ms=([\d.]{0,20}) confidence=([\d.]{1,6}) samples=(\d{1,15})(?: |$)/.exec(text);
  if (!isClassName(name) || match === null) return undefined;
  const [, cost = '', error = '', confidence = '', samples = ''] = match;
  const figures = {
    costMs: Number(cost),
    errorMs: error === '' ? Number.NaN : Number(error),
    confidence: Number(confidence),
    samples: Number(samples),
  };
  if (!(figures.costMs > 0) || !(figures.confidence >= 0 && figures.confidence <= 1)) return undefined;
  return { name, ...figures };
}
