// Which site a balancer goes by, on a real Redis: new versions, what can't be applied, what somebody changed by hand, a
// Redis that lost everything, and the file on its own disk.

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MINUTE } from '../../lib/clock.js';
import { SiteFile } from '../../lib/fleet/site-file.js';
import { SiteSync, type SiteSyncOptions } from '../../lib/fleet/site-sync.js';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { applySite } from '../../lib/redis/site-store.js';
import { encodeStoredSite, readStoredSite, sealSite, SITE_MARK } from '../../lib/redis/stored-site.js';
import type { HeldTerm } from '../../lib/redis/term.js';
import type { Site, StoredSite } from '../../lib/site-model.js';
import { until, withRedis, withTempDir } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('site sync');

const KEYS = buildKeys('site-sync');
const MASTERSHIP = 'c'.repeat(32);
const [KEY, NEXT_KEY] = [newFleetKey(), newFleetKey()];

/** A reader that knows documents of version 1 only. */
const read: SiteSyncOptions['read'] = (text) =>
  text.startsWith('v1 ')
    ? { site: { paths: 'strict', pools: [{ name: text.slice(3) }], routes: [] } as unknown as Site }
    : { problems: [1, 2].map((line) => ({ line, column: 1, message: 'this version is not known' })) };

interface Stage {
  readonly sync: SiteSync;
  readonly ring: KeyRing;
  /** What was put into force: `VERSION NAME`. */
  readonly sites: string[];
  readonly counts: Record<string, number>;
  readonly events: string[];
  readonly lines: string[];
  /** A heartbeat later. */
  beat(laterMs?: number): Promise<void>;
  becomeMaster(term: number): Promise<void>;
}

function open(client: Commands, overrides: Partial<SiteSyncOptions> = {}, key = ''): Stage {
  let nowMs = 0;
  let held: HeldTerm | null = null;
  const [sites, events, lines]: [string[], string[], string[]] = [[], [], []];
  const counts: Record<string, number> = {};
  const ring = new KeyRing('', key);
  const count: SiteSyncOptions['count'] = (name) => void (counts[name] = (counts[name] ?? 0) + 1);
  const sync = new SiteSync({
    client,
    keys: KEYS,
    gate: new MessageGate(ring, count, () => undefined),
    signer: new MessageSigner(ring, 'b1'),
    clock: () => nowMs,
    count,
    log: (level, message) => void lines.push(`${level} ${message}`),
    name: 'b1',
    read,
    known: null,
    file: undefined,
    ownDocument: '',
    isOwnPublished: false,
    held: () => held,
    announce: ({ kind, name, version, detail }) => void events.push(`${kind} ${name} ${version} ${detail}`),
    onSite: ({ version, site }) => void sites.push(`${version} ${site === null ? 'none' : site.pools[0]?.name}`),
    ...overrides,
  });
  return {
    sync,
    ring,
    sites,
    counts,
    events,
    lines,
    async beat(laterMs = 1000) {
      nowMs += laterMs;
      await sync.take(String(await client.eval(`${SITE_MARK} return siteMark(KEYS[1])`, 1, KEYS.site)));
    },
    async becomeMaster(term) {
      await client.set(KEYS.term, `${term} ${MASTERSHIP}`);
      held = { term, mastership: MASTERSHIP };
    },
  };
}

async function apply(client: Commands, document: string, key = ''): Promise<StoredSite> {
  const signer = key === '' ? undefined : new MessageSigner(new KeyRing('', key), 'ada');
  const application = { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date(0) } as const;
  const outcome = await applySite(client, KEYS, application, signer);
  if (outcome.kind !== 'applied') throw new Error(outcome.kind);
  return outcome.site;
}

async function stored(client: Commands): Promise<string> {
  const found = await readStoredSite(client, KEYS);
  return found.kind === 'site' ? `${found.site.version} ${found.site.document}` : found.kind;
}

const withStage = (fn: (client: Commands, redis: Commands) => Promise<void>) =>
  withRedis((redis) => withClients([redis.url, redis.url], fn));

test('each version is applied once, and an operator who removes the site removes it', () =>
  withStage(async (client) => {
    const { sync, beat, sites, counts } = open(client);
    await beat();
    assert.equal([sites, sync.facts], [[], { site: '', siteRefused: '' }]);
    await apply(client, 'v1 a');
    await beat();
    await beat();
    assert.equal([sites, sync.facts], [['1 a'], { site: 1, siteRefused: '' }]);
    await apply(client, 'v1 b');
    await apply(client, '');
    await beat();
    assert.equal([sites, sync.facts.site], [['1 a', '3 none'], 3]);
    await apply(client, 'v1 c');
    await beat();
    assert.equal([sites.at(-1), counts], ['4 c', { sites_applied: 3 }]);
  }));

test('a version that can’t be applied is refused, said once, and the one before stays until the next good one', () =>
  withStage(async (client) => {
    const { sync, beat, sites, counts, events, lines } = open(client);
    await apply(client, 'v1 a');
    await beat();
    await apply(client, 'v2 b');
    await beat();
    await beat(2 * MINUTE);
    assert.equal([sites, counts], [['1 a'], { sites_applied: 1, sites_refused: 1 }]);
    assert.equal(sync.facts, { site: 1, siteRefused: '2: line 1: this version is not known (and 1 more)' });
    assert.equal(events, ['site-refused b1 2 2: line 1: this version is not known (and 1 more)']);
    assert.is(lines.filter((line) => line.startsWith('warn')).length, 1);
    await apply(client, 'v1 c');
    await beat();
    assert.equal([sites.at(-1), sync.facts], ['3 c', { site: 3, siteRefused: '' }]);
  }));

test('the master leaves a newer version in Redis that it can’t apply itself: others may know it', () =>
  withStage(async (client) => {
    const { beat, becomeMaster } = open(client);
    await becomeMaster(1);
    await apply(client, 'v1 a');
    await beat();
    await apply(client, 'v2 b');
    await beat();
    assert.is(await stored(client), '2 v2 b');
  }));

test('without a key, what somebody changed by hand is refused and left; an operator who applies again mends it', () =>
  withStage(async (client) => {
    const { sync, beat, sites, becomeMaster } = open(client);
    await becomeMaster(1);
    await apply(client, 'v1 a');
    await beat();
    await client.hset(KEYS.site, 'document', 'v1 longer');
    await beat();
    assert.equal([sites, await stored(client)], [['1 a'], 'bad']);
    assert.match(sync.facts.siteRefused, /not as it was applied/);
    await applySite(client, KEYS, { document: 'v1 b', expectedVersion: 'any', highestVersion: 1, by: 'ada', at: new Date() });
    await beat();
    assert.equal([sites.at(-1), sync.facts], ['2 b', { site: 2, siteRefused: '' }]);
  }));

test('a change by hand that keeps the length shows within a minute, and nothing is read in between', () =>
  withStage(async (client) => {
    const { sync, beat } = open(client);
    await apply(client, 'v1 a');
    await beat();
    await client.hset(KEYS.site, 'document', 'v1 b');
    await beat(MINUTE - 1);
    assert.is(sync.facts.siteRefused, '');
    await beat(1);
    assert.match(sync.facts.siteRefused, /not as it was applied/);
  }));

test('with a key, what is not signed or was changed is written back, by the master alone', () =>
  withStage(async (client) => {
    const good = await apply(client, 'v1 a', KEY);
    const [slave, master] = [open(client, {}, KEY), open(client, {}, KEY)];
    await master.becomeMaster(1);
    for (const each of [slave, master]) await each.beat();
    const isGood = async (): Promise<boolean> => {
      const found = await readStoredSite(client, KEYS);
      return found.kind === 'site' && found.site.checksum === good.checksum && found.site.signature === good.signature;
    };
    const changes: (() => Promise<unknown>)[] = [
      () => client.hset(KEYS.site, 'document', 'garbage'),
      () => apply(client, 'v1 unsigned'),
      () => client.hset(KEYS.site, 'signature', ''),
      () => client.set(KEYS.site, 'garbage'),
      () => apply(client, 'v1 of an agent', newFleetKey()).then(() => client.hset(KEYS.site, 'signature', good.signature)),
    ];
    for (const change of changes) {
      await change();
      await slave.beat();
      assert.is.not(slave.sync.facts.siteRefused, '');
      assert.is(await isGood(), false);
      await master.beat();
      assert.is(await isGood(), true);
      for (const each of [slave, master]) await each.beat();
      assert.equal(
        [slave.sync.facts, master.sync.facts],
        [
          { site: 1, siteRefused: '' },
          { site: 1, siteRefused: '' },
        ],
      );
    }
    assert.equal([slave.sites, master.sites], [['1 a'], ['1 a']]);
  }));

test('what is signed with a key that is not known here is refused and left: it may be the next one', () =>
  withStage(async (client) => {
    const master = open(client, {}, KEY);
    await master.becomeMaster(1);
    await apply(client, 'v1 a', KEY);
    await master.beat();
    await apply(client, 'v1 b', NEXT_KEY);
    await master.beat();
    assert.equal([master.sites, await stored(client)], [['1 a'], '2 v1 b']);
    master.ring.replace('', `${KEY}\n${NEXT_KEY}`);
    await master.beat();
    assert.equal(master.sites, ['1 a', '2 b']);
  }));

test('after a change of the key the master signs the site again, and who has the new key alone takes it', () =>
  withStage(async (client) => {
    await apply(client, 'v1 a', KEY);
    const master = open(client, {}, KEY);
    await master.becomeMaster(1);
    await master.beat();
    master.ring.replace('', `${NEXT_KEY}\n${KEY}`);
    await master.beat();
    const late = open(client, {}, NEXT_KEY);
    await late.beat();
    assert.equal([late.sites, late.sync.facts.siteRefused], [['1 a'], '']);
  }));

test('a Redis that lost the site gets it back from the master with its version, also that it was removed', () =>
  withStage(async (client) => {
    const [slave, master] = [open(client), open(client)];
    for (const [document, kept, term] of [
      ['v1 a', '1 v1 a', 1],
      ['', '2 ', 2],
    ] as const) {
      await apply(client, document);
      for (const each of [slave, master]) await each.beat();
      await client.flushall();
      await slave.beat();
      assert.is(await stored(client), 'none');
      await master.becomeMaster(term);
      await master.beat();
      assert.is(await stored(client), kept);
    }
    await slave.beat();
    assert.equal([slave.sites, slave.sync.facts], [['1 a', '2 none'], { site: 2, siteRefused: '' }]);
  }));

test('a master that was followed by another one puts nothing back', () =>
  withStage(async (client) => {
    const master = open(client);
    await master.becomeMaster(1);
    await apply(client, 'v1 a');
    await master.beat();
    await client.del(KEYS.site);
    await client.set(KEYS.term, `2 ${'d'.repeat(32)}`);
    await master.beat();
    assert.equal([await stored(client), master.sync.facts.site], ['none', 1]);
  }));

test('a replica that took over without the last version gets it from the master', () =>
  withStage(async (client) => {
    const before = await apply(client, 'v1 a');
    const slave = open(client);
    const master = open(client);
    await master.becomeMaster(1);
    await apply(client, 'v1 b');
    for (const each of [slave, master]) await each.beat();
    await client.hset(KEYS.site, { version: 1, document: before.document, 'applied-at': before.at, checksum: before.checksum });
    await slave.beat();
    assert.equal([slave.sites, slave.sync.facts.siteRefused], [['2 b'], '1: it is older than version 2, which is in force']);
    await master.beat();
    await slave.beat();
    assert.equal([await stored(client), slave.sites, slave.sync.facts.siteRefused], ['2 v1 b', ['2 b'], '']);
  }));

test('the site of --site is in force until the fleet has one', () =>
  withStage(async (client) => {
    const own = open(client, { ownDocument: 'v1 own' });
    await own.sync.started;
    assert.equal([own.sites, own.sync.facts.site], [['0 own'], 0]);
    await own.becomeMaster(1);
    await own.beat();
    assert.is(await stored(client), 'none', 'it is not published');
    await apply(client, 'v1 a');
    await own.beat();
    assert.equal([own.sites, own.sync.facts.site], [['0 own', '1 a'], 1]);
  }));

test('with --publish-site it becomes the fleet’s where there is none, of several the first, and never replaces one', () =>
  withStage(async (client) => {
    const [first, second] = ['v1 x', 'v1 y'].map((ownDocument) => open(client, { ownDocument, isOwnPublished: true }, KEY)) as [
      Stage,
      Stage,
    ];
    await Promise.all([first.beat(), second.beat()]);
    const [, winner] = /^1 v1 ([xy])$/.exec(await stored(client)) ?? [];
    await Promise.all([first.beat(), second.beat()]);
    assert.equal([first.sites.at(-1), second.sites.at(-1)], [`1 ${winner}`, `1 ${winner}`]);
    await apply(client, 'v1 a', KEY);
    const third = open(client, { ownDocument: 'v1 z', isOwnPublished: true }, KEY);
    await third.beat();
    assert.equal([third.sites, await stored(client)], [['0 z', '2 a'], '2 v1 a']);
  }));

test('a balancer with --publish-site that starts just after Redis lost the site does not undo it', () =>
  withStage(async (client) => {
    const master = open(client);
    await apply(client, 'v1 a');
    await apply(client, 'v1 b');
    await master.becomeMaster(1);
    await master.beat();
    await client.del(KEYS.site);
    const late = open(client, { ownDocument: 'v1 own', isOwnPublished: true });
    await late.beat();
    assert.is(await stored(client), '1 v1 own');
    await master.beat();
    await late.beat();
    assert.equal([await stored(client), late.sites.at(-1), master.sites], ['2 v1 b', '2 b', ['2 b']]);
  }));

test('a new fleet thread goes by what the last one did, before it hears from Redis', () =>
  withStage(async (client) => {
    const again = open(client, { known: sealSite({ version: 7, document: 'v1 a', by: 'ada', at: new Date(0).toISOString() }) });
    await again.sync.started;
    assert.equal([again.sites, again.sync.facts.site], [['7 a'], 7]);
  }));

const withFile = (fn: (client: Commands, folder: string, file: () => SiteFile, lines: string[]) => Promise<void>) =>
  withStage((client) =>
    withTempDir((folder) => {
      const lines: string[] = [];
      return fn(client, folder, () => new SiteFile(folder, 'a/b', (level, message) => void lines.push(`${level} ${message}`)), lines);
    }),
  );

test('with --state-dir the last site is in force again before Redis is heard, and its file is for its owner alone', () =>
  withFile(async (client, folder, file) => {
    await apply(client, 'v1 a');
    const first = open(client, { file: file() });
    await first.beat();
    await apply(client, 'v1 b');
    await first.beat();
    await until(() => (file().read() as StoredSite | null)?.version === 2, { what: 'the second version on the disk' });
    await file().save(sealSite({ version: 1, document: 'v1 late', by: 'ada', at: new Date(0).toISOString() }));
    assert.equal(await readdir(folder), ['a%2Fb.site.json'], 'nothing else is left behind');
    assert.is((await stat(join(folder, 'a%2Fb.site.json'))).mode & 0o777, 0o600);
    const again = open(client, { file: file(), ownDocument: 'v1 own' });
    await again.sync.started;
    assert.equal([again.sites, again.sync.facts.site], [['2 b'], 2]);
  }));

test('several processes that save at the same moment leave the newest site, whole', () =>
  withFile(async (_client, folder, file) => {
    const versions = Array.from({ length: 20 }, (_, index) => index + 1);
    const siteOf = (version: number) => sealSite({ version, document: 'x'.repeat(1 << 16), by: 'ada', at: new Date(0).toISOString() });
    // The newest is saved last, as by processes that apply one version after the other.
    const processes = Array.from({ length: 4 }, file);
    await Promise.all(
      processes.map(async (each) => {
        for (const version of versions) await each.save(siteOf(version));
      }),
    );
    assert.equal(file().read(), siteOf(20));
    assert.is((await readdir(folder)).length, 1);
  }));

const BAD_FILES: readonly (readonly [what: string, content: string])[] = [
  ['nothing', ''],
  ['garbage', '\u0000\u0001'],
  [
    'another document',
    encodeStoredSite(sealSite({ version: 3, document: 'v1 a', by: 'a', at: new Date(0).toISOString() })).replace('v1 a', 'v1 b'),
  ],
  ['half of it', encodeStoredSite(sealSite({ version: 3, document: 'v1 a', by: 'a', at: new Date(0).toISOString() })).slice(0, 80)],
  ['a newer schema', encodeStoredSite(sealSite({ version: 3, document: 'v2 a', by: 'a', at: new Date(0).toISOString() }))],
];

test('a file that can’t be used is said, counted and ignored, and --site takes its place', () =>
  withFile(async (client, folder, file) => {
    for (const [what, content] of BAD_FILES) {
      await writeFile(join(folder, 'a%2Fb.site.json'), content);
      const { sync, sites, counts, lines } = open(client, { file: file(), ownDocument: 'v1 own' });
      await sync.started;
      assert.equal(
        [sites, counts.sites_refused, lines[0]],
        [['0 own'], 1, 'warn the saved site can’t be used and is ignored (--state-dir)'],
        what,
      );
    }
  }));

test('a file that can’t be written is said once, and the site is in force all the same', () =>
  withFile(async (client, folder, file, lines) => {
    await mkdir(join(folder, 'a%2Fb.site.json'));
    const { beat, sites } = open(client, { file: file() });
    for (const name of ['a', 'b']) {
      await apply(client, `v1 ${name}`);
      await beat();
    }
    await file().save(sealSite({ version: 9, document: 'v1 x', by: 'ada', at: new Date(0).toISOString() }));
    assert.equal(sites, ['1 a', '2 b']);
    assert.equal(await readFile(join(folder, 'a%2Fb.site.json')).catch(({ code }: NodeJS.ErrnoException) => code), 'EISDIR');
    assert.is(new Set(lines).size, 1);
  }));

test.run();
