// The site in Redis: what is read there whatever anybody wrote, applications by compare-and-set, and what a master puts
// back.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_SITE_BYTES } from '../../lib/config/site/limits.js';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageChecker, MessageSigner } from '../../lib/redis/sign.js';
import { applySite, type ApplyOutcome, putBackSite, type SiteApplication, signSiteAgain } from '../../lib/redis/site-store.js';
import {
  decodeStoredSite,
  encodeStoredSite,
  fieldsOf,
  isSiteVersion,
  MAX_DOCUMENT_BYTES,
  NO_SITE_MARK,
  readStoredSite,
  sealSite,
  SITE_CHECK,
  SITE_MARK,
  signedTextOf,
} from '../../lib/redis/stored-site.js';
import type { StoredSite } from '../../lib/site-model.js';
import { withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('site store');

const KEYS = buildKeys('site-test');
const MASTERSHIP = 'a'.repeat(32);

const withStage = (fn: (client: Commands, other: Commands) => Promise<void>) =>
  withRedis((redis) => withClients([redis.url, redis.url], fn));

const application = (fields: Partial<SiteApplication> = {}): SiteApplication => ({
  document: 'version: 1\n',
  expectedVersion: 0,
  highestVersion: 0,
  by: 'ada@vm',
  at: new Date('2026-11-30T12:00:00Z'),
  ...fields,
});

async function apply(client: Commands, fields: Partial<SiteApplication> = {}): Promise<StoredSite> {
  const outcome = await applySite(client, KEYS, application(fields));
  if (outcome.kind !== 'applied') throw new Error(outcome.kind);
  return outcome.site;
}

const summaryOf = (outcome: ApplyOutcome): string =>
  outcome.kind === 'applied'
    ? `applied ${outcome.site.version}`
    : outcome.kind === 'conflict'
      ? `conflict ${outcome.found?.version} by ${outcome.found?.by}`
      : outcome.reason;

test('a site is read as it was applied, and redis-cli shows each part of it', () =>
  withStage(async (client) => {
    assert.equal(await readStoredSite(client, KEYS), { kind: 'none', mark: NO_SITE_MARK });
    const document = 'version: 1 # größer\r\npools: {}\n';
    const site = await apply(client, { document });
    const found = await readStoredSite(client, KEYS);
    assert.equal(found.kind === 'site' && found.site, site);
    const { checksum, ...fields } = await client.hgetall(KEYS.site);
    assert.equal(fields, {
      version: '1',
      document,
      'applied-by': 'ada@vm',
      'applied-at': '2026-11-30T12:00:00.000Z',
      signature: '',
    });
    assert.match(checksum as string, /^[0-9a-f]{64}$/);
  }));

test('an application publishes an event with the version and who applied it', () =>
  withStage(async (client, listener) => {
    const events: string[] = [];
    listener.on('message', (_channel: string, text: string) => void events.push(text));
    await listener.subscribe(KEYS.events);
    await apply(client);
    await listener.unsubscribe(KEYS.events);
    const [event = '{}', ...more] = events;
    assert.equal(more, []);
    assert.equal(JSON.parse(event), { v: 1, at: '2026-11-30T12:00:00.000Z', event: 'site', name: 'fleet', version: 1, by: 'ada@vm' });
  }));

test('of two operators who read the same version the first one wins, in both orders, and the other is told by whom', () =>
  withStage(async (client, other) => {
    await apply(client);
    for (const [first, second, version] of [
      [client, other, 1],
      [other, client, 2],
    ] as const) {
      await apply(first, { expectedVersion: version, by: `the first of ${version}` });
      const late = await applySite(second, KEYS, application({ expectedVersion: version, by: 'late' }));
      assert.is(summaryOf(late), `conflict ${version + 1} by the first of ${version}`);
    }
  }));

test('of two applications at the same moment exactly one is in force', () =>
  withStage(async (client, other) => {
    for (let version = 0; version < 20; version++) {
      const outcomes = await Promise.all(
        [client, other].map((each, index) => applySite(each, KEYS, application({ expectedVersion: version, by: `operator ${index}` }))),
      );
      assert.equal(outcomes.map(({ kind }) => kind).toSorted(), ['applied', 'conflict']);
      const found = await readStoredSite(client, KEYS);
      assert.equal(found.kind === 'site' && found.site, outcomes.find((each) => each.kind === 'applied')?.site);
    }
  }));

test('forced applications at the same moment are all applied, each with a version of its own', () =>
  withStage(async (client, other) => {
    const outcomes = await Promise.all(
      [client, other, client].map((each) => applySite(each, KEYS, application({ expectedVersion: 'any' }))),
    );
    assert.equal(outcomes.map(summaryOf).toSorted(), ['applied 1', 'applied 2', 'applied 3']);
  }));

test('a new version is above every version that a balancer remembers', () =>
  withStage(async (client) => {
    assert.is((await apply(client, { highestVersion: 41 })).version, 42);
    assert.is((await apply(client, { expectedVersion: 42, highestVersion: 7 })).version, 43);
  }));

/** What anybody may do to a site of version 1 with redis-cli, and what is said of it. */
const BAD: readonly (readonly [what: string, reason: RegExp, change: (client: Commands) => Promise<unknown>])[] = [
  ['a list', /another type/, (client) => client.del(KEYS.site).then(() => client.lpush(KEYS.site, 'x'))],
  ['a changed document', /checksum/, (client) => client.hset(KEYS.site, 'document', 'version: 1\npools: {}')],
  ['a document that was cut off', /checksum/, (client) => client.hset(KEYS.site, 'document', 'version')],
  ['bytes that are no text', /checksum/, (client) => client.hset(KEYS.site, 'document', Buffer.from([0xff, 0xfe, 0]))],
  ['a version that was changed', /checksum/, (client) => client.hset(KEYS.site, 'version', '9')],
  ['a version that is no number', /version/, (client) => client.hset(KEYS.site, 'version', 'one')],
  ['a negative version', /version/, (client) => client.hset(KEYS.site, 'version', '-1')],
  ['a fraction of a version', /version/, (client) => client.hset(KEYS.site, 'version', '1.5')],
  ['version 0', /version/, (client) => client.hset(KEYS.site, 'version', '0')],
  ['a version beyond all numbers', /version is longer/, (client) => client.hset(KEYS.site, 'version', '9'.repeat(17))],
  ['a version that nobody can have reached', /version/, (client) => client.hset(KEYS.site, 'version', '9'.repeat(16))],
  ['no version', /version/, (client) => client.hdel(KEYS.site, 'version')],
  ['no document', /no document/, (client) => client.hdel(KEYS.site, 'document')],
  ['nobody', /who/, (client) => client.hdel(KEYS.site, 'applied-by')],
  ['a line break in a name', /who/, (client) => client.hset(KEYS.site, 'applied-by', 'a\nb')],
  ['no time', /when/, (client) => client.hset(KEYS.site, 'applied-at', 'yesterday')],
  ['no checksum', /checksum/, (client) => client.hdel(KEYS.site, 'checksum')],
  ['a document of 2 MiB', /document is longer than 1048576 bytes/, (client) => client.hset(KEYS.site, 'document', 'x'.repeat(2 << 20))],
  ['a version of 2 MiB', /version is longer than 16 bytes/, (client) => client.hset(KEYS.site, 'version', 'x'.repeat(2 << 20))],
];

test('what is no site is told with its reason; only a forced application replaces it, and the script sees the same as the reader', () =>
  withStage(async (client) => {
    for (const [what, reason, change] of BAD) {
      await client.del(KEYS.site);
      await apply(client);
      await change(client);
      const found = await readStoredSite(client, KEYS);
      assert.is(found.kind, 'bad', what);
      assert.match(found.kind === 'bad' ? found.reason : '', reason, what);
      assert.is(await client.eval(`${SITE_MARK} return siteMark(KEYS[1])`, 1, KEYS.site), found.mark, what);
      assert.match(summaryOf(await applySite(client, KEYS, application({ expectedVersion: 1 }))), reason, what);
      const forced = await applySite(client, KEYS, application({ expectedVersion: 'any', highestVersion: 1 }));
      assert.is(summaryOf(forced), 'applied 2', what);
    }
  }));

test('after a version at the bound, which somebody forged, the next one is plausible a moment later', () => {
  const nowMs = Date.UTC(2027, 0, 1);
  const bound = nowMs - Date.UTC(2025, 0, 1);
  assert.equal(
    [bound, bound + 1].map((version) => isSiteVersion(version, nowMs)),
    [true, false],
  );
  assert.is(isSiteVersion(bound + 1, nowMs + 1), true);
  assert.is(isSiteVersion(1000, 0), true, 'with a clock far behind');
  for (const wrong of [0, -1, 1.5, Number.NaN, Infinity, '1', null]) assert.is(isSiteVersion(wrong, nowMs), false);
});

test('the largest document that is read is the largest one that Redis holds', () => {
  assert.is(MAX_DOCUMENT_BYTES, MAX_SITE_BYTES);
});

test('a value beyond its bound is not loaded', () =>
  withStage(async (client, reader) => {
    await client.hset(KEYS.site, 'version', '1', 'document', 'x'.repeat(8 << 20));
    const readBytes = () => (reader as unknown as { stream: { bytesRead: number } }).stream.bytesRead;
    const before = readBytes();
    await readStoredSite(reader, KEYS);
    assert.ok(readBytes() - before < 4096, `${readBytes() - before} bytes were read`);
  }));

test('any hash leads to a site or a reason, and script and reader agree on its mark', () =>
  withStage(async (client) => {
    const value = fc.oneof(
      fc.string({ maxLength: 70, unit: 'binary' }),
      fc.stringMatching(/^[0-9a-f]{0,80}$/),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    );
    const names = ['version', 'document', 'applied-by', 'applied-at', 'checksum', 'signature', 'other'] as const;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1 }), async (fields) => {
        await client.del(KEYS.site);
        await client.hset(KEYS.site, fields);
        const found = await readStoredSite(client, KEYS);
        assert.is.not(found.kind, 'site');
        assert.is(await client.eval(`${SITE_MARK} return siteMark(KEYS[1])`, 1, KEYS.site), found.mark);
      }),
      { numRuns: 100 },
    );
  }));

test('with a key the signature covers version and document, and is made anew with the next key', () =>
  withStage(async (client) => {
    const [key, next] = [newFleetKey(), newFleetKey()];
    const outcome = await applySite(client, KEYS, application(), new MessageSigner(new KeyRing('', key), 'ada'));
    assert.is(outcome.kind, 'applied');
    const found = await readStoredSite(client, KEYS);
    const site = found.kind === 'site' ? found.site : sealSite({ version: 9, document: '', by: '', at: '' });
    const isGood = (ring: KeyRing, each: StoredSite): boolean =>
      new MessageChecker(ring).check(KEYS.site, signedTextOf(each) + each.signature, SITE_CHECK).ok;
    const ring = new KeyRing('', key);
    assert.is(isGood(ring, site), true);
    assert.is(isGood(ring, { ...sealSite({ ...site, document: 'other' }), signature: site.signature }), false);
    assert.is(isGood(ring, { ...sealSite({ ...site, version: 2 }), signature: site.signature }), false);
    assert.is(signSiteAgain(ring, KEYS, site), null, 'it is signed with this key');
    const both = new KeyRing('', `${next}\n${key}`);
    const again = signSiteAgain(both, KEYS, site) as StoredSite;
    assert.is(isGood(new KeyRing('', next), again), true);
    assert.is(again.checksum, site.checksum);
  }));

const SITE = sealSite({ version: 5, document: 'version: 1\n', by: 'ada', at: '2026-11-30T12:00:00.000Z' });

test('a master puts back what is missing, and nothing where something else stands', () =>
  withStage(async (client) => {
    await client.set(KEYS.term, `7 ${MASTERSHIP}`);
    const put = (mark: string, term = 7, mastership = MASTERSHIP) => putBackSite(client, KEYS, SITE, mark, { term, mastership });
    assert.is(await put(NO_SITE_MARK), 'written');
    const found = await readStoredSite(client, KEYS);
    assert.equal(found.kind === 'site' && found.site, SITE);
    assert.is(await put(NO_SITE_MARK), 'changed');
    await client.hset(KEYS.site, 'document', 'garbage');
    assert.is(await put(found.mark), 'changed');
    assert.is(await put((await readStoredSite(client, KEYS)).mark), 'written');
    await client.del(KEYS.site);
    assert.is(await put(NO_SITE_MARK, 6), 'fenced', 'there is a newer master');
    assert.is(await put(NO_SITE_MARK, 7, 'b'.repeat(32)), 'fenced', 'another mastership has the term');
    assert.is(await client.exists(KEYS.site), 0);
  }));

test('a copy in a file is read as it was written, and a damaged one never', () => {
  assert.equal(decodeStoredSite(encodeStoredSite(SITE)), SITE);
  const whole = encodeStoredSite(SITE);
  for (let length = 0; length < whole.length - 2; length++) assert.type(decodeStoredSite(whole.slice(0, length)), 'string');
  for (const text of ['', 'null', '[]', '{}', '5', whole.replace('"version": 5', '"version": 6'), whole.replace('ada', 'eve')])
    assert.type(decodeStoredSite(text), 'string', text);
  assert.is(fieldsOf(SITE).length, 12);
});

test.run();
