// What an operator set: read from a hash that anyone may have written to, written so that redis-cli reads it, and
// put back into a Redis that came back empty.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { heartbeat, restoreFleet } from '../../lib/redis/fleet-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore } from '../../lib/redis/lease-store.js';
import { parseSettings, readSettings, readWord, writeWord } from '../../lib/redis/settings.js';
import type { OperatorWord } from '../../lib/model.js';
import { withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('settings');

const KEYS = buildKeys('settings-test');
const WORDS: ReadonlyMap<string, OperatorWord> = new Map([['h1', 'drained'], ['h2', 'ejected']]);

const withStage = (fn: (client: Commands) => Promise<void>) => withRedis((redis) => withClients([redis.url], fn));

const FIELDS: readonly (readonly [fields: Record<string, string>, algorithm: string | null, words: readonly (readonly [string, string])[], wrong: number])[] = [
  [{}, null, [], 0],
  [{ algorithm: 'resource' }, 'resource', [], 0],
  [{ algorithm: 'luck', algoritm: 'resource' }, null, [], 2],
  [{ 'host:h1': 'drained', 'host:h2': 'ejected', algorithm: 'round-robin' }, 'round-robin', [['h1', 'drained'], ['h2', 'ejected']], 0],
  [{ 'host:h1': 'Drained', 'host:h2': '', 'host:h3': 'up', 'host:h4': 'drained ' }, null, [], 4],
  [{ 'host:': 'drained', 'host:a b': 'drained', 'host:\u001b[2J': 'ejected', 'Host:h': 'drained', h1: 'drained' }, null, [], 5],
  [{ 'host:__proto__': 'drained', 'host:constructor': 'toString', toString: 'drained' }, null, [], 3],
  [{ 'host:a:b': 'ejected' }, null, [['a:b', 'ejected']], 0],
];

test('what is understood is taken, and each field that is not is counted', () => {
  for (const [fields, algorithm, words, wrong] of FIELDS) {
    const settings = parseSettings(fields);
    assert.equal([settings.algorithm, [...settings.words], settings.wrong], [algorithm, words, wrong], JSON.stringify(fields));
  }
});

test('words beyond as many as a table holds are counted as wrong', () => {
  const fields = Object.fromEntries(Array.from({ length: 16_390 }, (_, i) => [`host:h${i}`, 'drained']));
  const { words, wrong } = parseSettings(fields);
  assert.equal([words.size, wrong], [16_384, 6]);
});

test('a word is a field of the hash, as redis-cli would write it, and comes with each heartbeat', () => withStage(async (client) => {
  await writeWord(client, KEYS, 'h1', 'drained');
  await client.hset(KEYS.settings, 'host:h2', 'ejected', 'algorithm', 'resource');
  assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'drained', 'host:h2': 'ejected', algorithm: 'resource' });
  const { settings } = await heartbeat(client, KEYS, 'b1', 1, { role: 'slave' });
  assert.equal([settings.algorithm, settings.words, settings.wrong], ['resource', WORDS, 0]);
  assert.equal(await readSettings(client, KEYS), settings);
  await writeWord(client, KEYS, 'h1', null);
  await writeWord(client, KEYS, 'nobody', null);
  assert.equal([await readWord(client, KEYS, 'h1'), await readWord(client, KEYS, 'h2')], [null, 'ejected']);
}));

test('settings of another type count as none and one wrong, and a word writes them anew', () => withStage(async (client) => {
  await client.set(KEYS.settings, 'garbage');
  for (const settings of [await readSettings(client, KEYS), (await heartbeat(client, KEYS, 'b1', 1, { role: 'slave' })).settings]) {
    assert.equal([settings.algorithm, settings.words.size, settings.wrong], [null, 0, 1]);
  }
  assert.is(await readWord(client, KEYS, 'h1'), null);
  await writeWord(client, KEYS, 'h1', 'ejected');
  assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'ejected' });
}));

test('what is put back is what is missing: what stands in Redis is newer', () => withStage(async (client) => {
  await client.hset(KEYS.settings, 'host:h1', 'ejected');
  await restoreFleet(client, KEYS, 7, WORDS);
  assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'ejected', 'host:h2': 'ejected' });
  assert.is(await client.get(KEYS.term), '8', 'one more than was seen: one election may have been missed');
}));

test('who takes a term on a Redis that came back empty puts the words back in the same step, and else leaves them alone', () => withStage(async (client) => {
  const store = createLeaseStore([client], KEYS, 1000, () => WORDS);
  const master = { name: 'b1', url: 'http://b1', since: '' };
  assert.equal(await store.takeTerm({ mastership: 'f00d', floor: 4, mayFound: false }, master), { kind: 'taken', term: 6 });
  assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'drained', 'host:h2': 'ejected' });
  await client.hdel(KEYS.settings, 'host:h1');
  assert.equal(await store.takeTerm({ mastership: 'f00d', floor: 6, mayFound: false }, master), { kind: 'taken', term: 7 });
  assert.equal(await client.hgetall(KEYS.settings), { 'host:h2': 'ejected' }, 'an undrain while Redis is well stays');
}));

test.run();
