// What requests cost, in Redis and on the terminal: written by a master of a term, read back, and no older master's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderCosts } from '../../lib/console/costs.js';
import { parseCost, readCosts, writeCosts } from '../../lib/redis/cost-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import type { CostEstimate } from '../../lib/learning/cost-model.js';
import { withClients } from '../support/redis-client.js';
import { withRedis } from '../support/brackets.js';

const test = suite('costs');

const PAGE: CostEstimate = { name: 'GET /page/:id', costMs: 5.125, errorMs: 0.25, confidence: 0.95, samples: 1200 };
const REPORT: CostEstimate = { name: 'POST /report', costMs: 200, errorMs: 10, confidence: 0.9, samples: 70 };

test("what a master writes is read back, dearest work first, and an older master's write does nothing", () =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      const keys = buildKeys('costs-test');
      assert.equal(await readCosts(client, keys), []);
      await client.set(keys.term, 3);
      await writeCosts(client, keys, 3, [PAGE, REPORT]);
      assert.equal(await readCosts(client, keys), [REPORT, PAGE]);
      await writeCosts(client, keys, 2, []);
      assert.is((await readCosts(client, keys)).length, 2);
      await client.hset(keys.costs, 'GET /x', 'cost_ms=nonsense', 'GET /y', 'cost_ms=-1 error_ms= confidence=2 samples=1');
      assert.is((await readCosts(client, keys)).length, 2, 'what is malformed is left out');
      await writeCosts(client, keys, 4, []);
      assert.equal(await readCosts(client, keys), []);
    }),
  ));

test('a guess by duration has no error yet', () => {
  const guess = parseCost('GET /', 'cost_ms=1.5 error_ms= confidence=0 samples=3');
  assert.equal([guess?.costMs, Number.isNaN(guess?.errorMs), guess?.confidence], [1.5, true, 0]);
  for (const text of ['', 'cost_ms=0 error_ms= confidence=0 samples=3', `cost_ms=${'9'.repeat(30)} error_ms= confidence=0 samples=3`])
    assert.is(parseCost('GET /', text), undefined, text);
  assert.is(parseCost('\u001b[31m', 'cost_ms=1.5 error_ms= confidence=0 samples=3'), undefined);
});

test('the table says class, estimate, confidence and samples', () => {
  assert.equal(renderCosts([REPORT, PAGE]).split('\n'), [
    'CLASS              COST       +-  CONFIDENCE  SAMPLES',
    'POST /report   200.0 ms  10.0 ms         90%       70',
    'GET /page/:id   5.13 ms  0.25 ms         95%     1200',
  ]);
  assert.match(renderCosts([]), /nothing is known yet/);
});

test.run();
