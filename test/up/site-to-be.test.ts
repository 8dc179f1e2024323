// The site whose pools get demo hosts is the one that the fleet will go by.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { savedSitePath } from '../../lib/config/saved-site.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { applySite } from '../../lib/redis/site-store.js';
import { encodeStoredSite, sealSite } from '../../lib/redis/stored-site.js';
import { readSiteToBe } from '../../lib/up/site-to-be.js';
import { withRedis, withTempDir } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('site to be');

const documentOf = (pool: string): string => `version: 1\npools: { ${pool}: {} }\nroutes: [{ to: ${pool} }]\n`;

test('it is the newest of Redis and --state-dir, and else that of --site; a removed or unreadable one has no pools', () =>
  withTempDir((folder) =>
    withRedis((redis) =>
      withClients([redis.url], async (client) => {
        const [namespace, siteFile, keys] = ['to/be', join(folder, 'site.yaml'), buildKeys('to/be')];
        await writeFile(siteFile, documentOf('file'));
        const lines: string[] = [];
        const poolsOf = async (over: { siteFile?: string; stateDir?: string } = {}): Promise<string | null> => {
          const places = { client, keys, namespace, siteFile, stateDir: folder, onLine: (line: string) => void lines.push(line), ...over };
          const site = await readSiteToBe(places);
          return site === null ? null : site.pools.map(({ name }) => name).join(' ');
        };
        const apply = async (document: string, highestVersion: number): Promise<void> => {
          const application = { document, expectedVersion: 'any', highestVersion, by: 'ada', at: new Date() } as const;
          assert.is((await applySite(client, keys, application)).kind, 'applied');
        };
        assert.is(await poolsOf({ siteFile: '' }), null);
        assert.is(await poolsOf(), 'default file');
        assert.equal(lines, []);
        const saved = sealSite({ version: 5, document: documentOf('saved'), by: 'ada', at: new Date().toISOString() });
        await writeFile(savedSitePath(folder, namespace), encodeStoredSite(saved));
        assert.is(await poolsOf(), 'default saved');
        assert.is(await poolsOf({ stateDir: '' }), 'default file');
        await apply(documentOf('redis'), 0);
        assert.is(await poolsOf(), 'default saved', 'version 5 after version 1');
        assert.is(await poolsOf({ stateDir: '' }), 'default redis');
        await apply(documentOf('redis'), 5);
        assert.is(await poolsOf(), 'default redis');
        assert.match(
          lines.at(-1) ?? '',
          /^the fleet has version 6 of a site, which stays in force: meercat apply \S+site\.yaml replaces it$/,
        );
        await apply('', 6);
        assert.is(await poolsOf(), null, 'removed by an operator');
        await client.set(keys.site, 'garbage');
        await writeFile(savedSitePath(folder, namespace), 'garbage');
        assert.is(await poolsOf(), 'default file');
      }),
    ),
  ));

test.run();
