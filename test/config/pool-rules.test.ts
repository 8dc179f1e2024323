// The rules of a pool: what the site says of it wins over the flags, and what it does not say is as the flags have it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { poolRulesOf, USUAL_ATTEMPTS } from '../../lib/config/pool-rules.js';
import { readSite } from '../../lib/config/site/read-site.js';
import { TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import type { SitePool } from '../../lib/site-model.js';

const test = suite('pool rules');

async function poolOf(text: string): Promise<SitePool> {
  const reading = await readSite(`version: 1\npools: { web: ${text} }\nroutes: [{ to: web }]\n`);
  assert.ok('site' in reading, JSON.stringify(reading));
  return reading.site.pools.find(({ name }) => name === 'web') as SitePool;
}

test('each rule of a pool is as the site says', async () => {
  const pool = await poolOf(
    '{ algorithm: least-request, protocol: h2, limits: { perHost: 7, queue: 0, queueTimeout: 2s }, retries: { budget: 35%, attempts: 3 }, timeouts: { connect: 3s, response: 4s }, health: { path: /up } }',
  );
  const rules = poolRulesOf(pool, TRAFFIC_DEFAULTS);
  const { algorithm, hostMaxInflight, hostQueue, queueTimeoutMs, retryBudgetPercent, maxAttempts, connectTimeoutMs, responseTimeoutMs } =
    rules;
  assert.equal(
    { algorithm, hostMaxInflight, hostQueue, queueTimeoutMs, retryBudgetPercent, maxAttempts, connectTimeoutMs, responseTimeoutMs },
    {
      algorithm: 'least-request',
      hostMaxInflight: 7,
      hostQueue: 0,
      queueTimeoutMs: 2000,
      retryBudgetPercent: 35,
      maxAttempts: 3,
      connectTimeoutMs: 3000,
      responseTimeoutMs: 4000,
    },
  );
  assert.is(rules.isHttp2, true);
  assert.is(rules.healthPath, '/up');
  assert.is(rules.healthIntervalMs, TRAFFIC_DEFAULTS.healthIntervalMs);
});

test('what the site does not say is as the flags have it, as without a site', async () => {
  const without = poolRulesOf(undefined, TRAFFIC_DEFAULTS);
  assert.equal(poolRulesOf(await poolOf('{}'), TRAFFIC_DEFAULTS), without);
  assert.is(without.isHttp2, false);
  assert.is(poolRulesOf(await poolOf('{ protocol: http1 }'), TRAFFIC_DEFAULTS).isHttp2, false);
  assert.is(without.hostQueue, TRAFFIC_DEFAULTS.hostQueue);
  assert.is(without.maxAttempts, USUAL_ATTEMPTS);
});

test.run();
