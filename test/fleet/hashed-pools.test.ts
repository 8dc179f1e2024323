// Pools with `affinity: { hash: … }` through two real balancers: both send each key to the same host, a host that goes moves
// its own keys only, and a hot key is spread when its host has more than its share.

import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withTempDir } from '../support/brackets.js';
import { SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { applyTo, hostsOf, withHosts } from '../support/sticky-fleet.js';

const test = suite('hashed pools of a fleet');

const NAMES = ['a', 'b', 'c', 'd'];

const PATHS = Array.from({ length: 40 }, (_, i) => `/asset/${i}`);

const siteOf = (urls: ReadonlyMap<string, string>, key = 'path'): string => `
version: 1
pools: { cache: { hosts: ${hostsOf(urls)}, affinity: { hash: ${key} } } }
routes: [{ match: { path: /asset }, to: cache, rewrite: { path: /same } }, { to: cache }]
`;

/** The host of each path, asked for one after the other. */
async function hostsThrough({ port }: TestBalancer): Promise<string[]> {
  const found: string[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one in flight at a time, so that no host has more than its share
  for (const path of PATHS) found.push((await ask(port, { path: `${path}?v=${found.length % 2}` })).body);
  return found;
}

test('two balancers send each path to the same host, and a host that goes and comes back moves its own paths only', () =>
  withHosts(NAMES, (urls) =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
          withBalancer({ redis: [redis.url], name: 'b2' }, async (second) => {
            const all = [first, second];
            await applyTo(client, all, siteOf(urls));
            const agrees = (expected: (before: string) => boolean, before: readonly string[]): Promise<string[]> =>
              until(
                async () => {
                  const [one, two] = [await hostsThrough(first), await hostsThrough(second)];
                  return one.join() === two.join() && one.every((host, i) => host === before[i] || expected(before[i] as string))
                    ? one
                    : undefined;
                },
                { timeoutMs: SLOW_MS, everyMs: 50, what: () => [...first.lines, ...second.lines].join('\n') },
              );
            const before = await agrees(() => true, []);
            assert.equal([...new Set(before)].toSorted(), NAMES, 'all hosts have a part of the paths');
            const [gone] = before as [string];
            await applyTo(client, all, siteOf(new Map([...urls].filter(([name]) => name !== gone))));
            const without = await until(async () => {
              const now = await agrees((host) => host === gone, before);
              return now.includes(gone) ? undefined : now;
            });
            assert.ok(new Set(without.filter((_, i) => before[i] === gone)).size > 1, 'its paths are spread over the others');
            await applyTo(client, all, siteOf(urls));
            await until(async () => (await agrees((host) => host === gone, before)).join() === before.join() || undefined, {
              timeoutMs: SLOW_MS,
              everyMs: 50,
            });
          }),
        ),
      ),
    ),
  ));

/** Runs one balancer by itself on a site. */
const withSite = (document: string, fn: (each: TestBalancer) => Promise<void>): Promise<void> =>
  withTempDir(async (folder) => {
    const siteFile = join(folder, 'site.yaml');
    await writeFile(siteFile, document);
    await withBalancer({ siteFile }, fn);
  });

test('of many requests for one path, no host holds more than 1.25 times its share, rounded up, and its own host holds that', () => {
  const held = new Map<string, ServerResponse[]>(NAMES.map((name) => [name, []]));
  const counts = (): number[] => [...held.values()].map(({ length }) => length).toSorted((a, b) => b - a);
  const total = (): number => counts().reduce((sum, count) => sum + count, 0);
  return withHosts(
    NAMES,
    (urls) =>
      withSite(siteOf(urls), async ({ port }) => {
        const answers: Promise<unknown>[] = [];
        for (let sent = 1; sent <= 40; sent++) {
          answers.push(ask(port, { path: '/hot' }));
          // oxlint-disable-next-line no-await-in-loop -- each is picked on the requests before
          await until(() => total() === sent || undefined, { timeoutMs: SLOW_MS, everyMs: 1 });
          assert.ok((counts()[0] as number) <= Math.ceil((1.25 * sent) / NAMES.length), `${sent} requests: ${counts().join(' ')}`);
        }
        assert.is(counts()[0], 13, 'its own host has all that the bound allows');
        for (const responses of held.values()) for (const response of responses) response.end();
        await Promise.all(answers);
      }),
    (name) => (_request, response) => void held.get(name)?.push(response),
  );
});

test('keys of a header, a cookie or a query parameter are the client’s own, and a request without one is picked by the policy', () =>
  withHosts(NAMES, async (urls) => {
    const cases = [
      ['{ header: X-User }', (key: string) => ({ headers: { 'x-user': key } })],
      ['{ cookie: user }', (key: string) => ({ headers: { cookie: `a=b; user=${key}` } })],
      ['{ query: user }', (key: string) => ({ path: `/asset?user=${key}` })],
    ] as const;
    for (const [key, asking] of cases)
      await withSite(siteOf(urls, key), async ({ port }) => {
        const hosts = new Set<string>();
        for (let i = 0; i < 12; i++) {
          const bodies = [await ask(port, asking(`u${i}`)), await ask(port, asking(`u${i}`))].map(({ body }) => body);
          assert.is(bodies[0], bodies[1], key);
          hosts.add(bodies[0] as string);
        }
        assert.ok(hosts.size > 1, `${key} leads to several hosts`);
        const without = new Set<string>();
        for (let i = 0; i < NAMES.length; i++) without.add((await ask(port, { path: '/asset' })).body);
        assert.is(without.size, NAMES.length, 'round-robin');
      });
  }));

test.run();
