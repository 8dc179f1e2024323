// Hosts of --host in a fleet: what is said where balancers name different ones, and what becomes of them beside a site
// that names hosts itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, picksOnly, SLOW_MS, withBalancer } from '../support/fleet.js';
import { meercatHere } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('given hosts');

/** Hosts that answer with their names. */
function withHosts(names: readonly string[], fn: (...urls: string[]) => Promise<void>, found: readonly string[] = []): Promise<void> {
  const [name, ...rest] = names;
  if (name === undefined) return fn(...found);
  return withServer(
    (_request, response) => void response.end(name),
    ({ url }) => withHosts(rest, fn, [...found, url]),
  );
}

test('where balancers name different hosts, all send to all of them, and the log of the master and meercat status say so', () =>
  withRedis((redis) =>
    withHosts(['a', 'b'], async (a, b) => {
      const shared = { name: 'a', url: a };
      await withBalancer({ redis: [redis.url], name: 'b1', statics: [shared, { name: 'b', url: b }] }, async (first) => {
        await first.becomes('master');
        await withBalancer({ redis: [redis.url], name: 'b2', statics: [shared] }, async (second) => {
          await picksOnly(second, 'a', 'b');
          const phrase = 'b1 names b, which b2 does not: all balancers send to it';
          const warnings = () => first.lines.filter((line) => line.startsWith('warn --host differs'));
          await until(() => warnings().length > 0 || undefined, { timeoutMs: SLOW_MS, what: 'the warning' });
          let stdout = '';
          await until(
            async () => {
              ({ stdout } = await meercatHere(['status', '--redis', redis.url, '--namespace', KEYS.namespace]));
              return stdout.split('\n').includes(phrase) || undefined;
            },
            { timeoutMs: SLOW_MS, what: () => `the phrase in:\n${stdout}` },
          );
          assert.equal(warnings(), [`warn --host differs between balancers: ${phrase} {}`], 'once');
        });
      });
    }),
  ));

test('while the site names hosts of the pool default, those of --host are ignored, which the log says', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withHosts(['a', 'b'], (a, b) =>
        withBalancer({ redis: [redis.url], name: 'b1', statics: [{ name: 'a', url: a }] }, async (each) => {
          await each.becomes('master');
          await picksOnly(each, 'a');
          const apply = async (pools: object) => {
            const document = JSON.stringify({ version: 1, pools, routes: [{ to: 'default' }] });
            const change = { document, expectedVersion: 'any' as const, highestVersion: 0, by: 'ada', at: new Date() };
            assert.is((await applySite(client, KEYS, change)).kind, 'applied');
          };
          const said = () => each.lines.filter((line) => line.includes('--host')).map((line) => line.replace(/:.*/, ''));
          await apply({ default: { hosts: [{ url: b, name: 'b' }] } });
          await picksOnly(each, 'b');
          assert.equal(said(), ['warn the site names the hosts of the pool default']);
          await apply({ default: { hosts: [{ url: b, name: 'other' }] } });
          await until(async () => (await client.exists(KEYS.host('other'))) === 1 || undefined, { timeoutMs: SLOW_MS });
          assert.is(said().length, 1, 'once');
          await apply({ default: {} });
          await picksOnly(each, 'a');
          assert.equal(said().slice(1), ['info the site no longer names hosts of the pool default']);
        }),
      ),
    ),
  ));

test.run();
