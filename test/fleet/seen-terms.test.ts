// Terms that not every balancer has seen, on a real Redis: whatever each of them knows, the fleet agrees on one master, and
// everybody applies its tables. A term that one balancer alone has heard of must reach the next election.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTable } from '../../lib/redis/table-message.js';
import { parseTerm, MAX_TERM } from '../../lib/redis/term.js';
import { until, withRedis } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { emptyTable } from '../support/keyed-fleet.js';
import { withClients } from '../support/redis-client.js';
import { withRedisLink } from '../support/redis-link.js';

const test = suite('seen terms');

/** Masters that are cut off are waited for; but a machine that stalls shall not cost more elections than these. */
const LEASE_TTL_MS = 3000;

/** The highest term a balancer has seen, and that of the table it routes on. */
async function termsOf({ balancer }: TestBalancer): Promise<readonly [seen: number, applied: number]> {
  const { body } = await ask(balancer.consolePort, { path: '/.meercat/health' });
  const { term, table } = JSON.parse(body) as { readonly term: number; readonly table: { readonly term: number } };
  return [term, table.term];
}

/** Resolves when there is one master, and all have seen and applied its term, above this one. */
async function agree(balancers: readonly TestBalancer[], above: number): Promise<void> {
  let last = '';
  await until(
    async () => {
      const terms = (await Promise.all(balancers.map(termsOf))).flat();
      const roles = balancers.map(({ balancer }) => balancer.role);
      last = `${roles.join()} with the terms ${terms.join()}`;
      return roles.filter((role) => role === 'master').length === 1 && new Set(terms).size === 1 && (terms[0] as number) > above;
    },
    {
      timeoutMs: SLOW_MS,
      everyMs: 50,
      what: () =>
        `one master with a term above ${above} for all, not ${last}; the logs:\n${balancers.map(({ lines }) => lines.join('\n')).join('\n\n')}`,
    },
  );
}

for (const [what, terms, isEmptied] of [
  ['a few ahead', [5], false],
  ['two leaps of 900,000 ahead', [900_000, 1_800_000], false],
  ['two leaps ahead, and Redis is emptied meanwhile', [900_000, 1_800_000], true],
] as const)
  test(`a term that one balancer alone has seen reaches the next election: ${what}`, () =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withRedisLink(redis.port, async (link) => {
          await withBalancer({ redis: [link.url], leaseTtlMs: LEASE_TTL_MS, name: 'b1' }, (b1) =>
            withBalancer({ redis: [link.url], leaseTtlMs: LEASE_TTL_MS, name: 'b2' }, (b2) =>
              withBalancer({ redis: [redis.url], leaseTtlMs: LEASE_TTL_MS, name: 'b3' }, async (b3) => {
                const fleet = [b1, b2, b3];
                await agree(fleet, 0);
                await link.become({ isRefusing: true });
                for (const term of terms) {
                  await b3.becomes('master');
                  await client.publish(KEYS.stats, encodeTable(emptyTable(term)));
                  await until(async () => (await termsOf(b3))[0] >= term, { timeoutMs: SLOW_MS, what: `${term} to be seen` });
                }
                const highest = Math.max(...terms);
                assert.ok((await termsOf(b1))[0] < 5, 'the others know nothing of it');
                if (isEmptied) await client.flushall();
                await link.become({});
                await agree(fleet, highest);
                assert.ok(parseTerm(await client.get(KEYS.term), MAX_TERM).term > highest);
                await withBalancer({ redis: [redis.url], name: 'late' }, (late) => agree([...fleet, late], highest));
              }),
            ),
          );
        }),
      ),
    ));

test.run();
