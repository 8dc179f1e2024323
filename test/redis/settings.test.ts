// Operator settings: read from a hash that anyone may have written to, written in a form that redis-cli shows, and
// restored in a Redis that came back empty.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { heartbeat, restoreFleet } from '../../lib/redis/fleet-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore } from '../../lib/redis/lease-store.js';
import { parseSettings, changeSettings, readSettings, readWord, writeOperatorState } from '../../lib/redis/settings.js';
import * as fc from 'fast-check';
import { encodeMaintenance } from '../../lib/redis/maintenance.js';
import { MAX_POOLS, type OperatorState } from '../../lib/model.js';
import { withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('settings');

const KEYS = buildKeys('settings-test');
const WORDS: ReadonlyMap<string, OperatorState> = new Map([
  ['h1', 'drained'],
  ['h2', 'ejected'],
]);

const withStage = (fn: (client: Commands) => Promise<void>) => withRedis((redis) => withClients([redis.url], fn));

const FIELDS: readonly (readonly [
  fields: Record<string, string>,
  algorithm: string | null,
  operatorStates: readonly (readonly [string, string])[],
  wrong: number,
])[] = [
  [{}, null, [], 0],
  [{ algorithm: 'resource' }, 'resource', [], 0],
  [{ algorithm: 'luck', algoritm: 'resource' }, null, [], 2],
  [
    { 'host:h1': 'drained', 'host:h2': 'ejected', algorithm: 'round-robin' },
    'round-robin',
    [
      ['h1', 'drained'],
      ['h2', 'ejected'],
    ],
    0,
  ],
  [{ 'host:h1': 'Drained', 'host:h2': '', 'host:h3': 'up', 'host:h4': 'drained ' }, null, [], 4],
  [{ 'host:': 'drained', 'host:a b': 'drained', 'host:\u001b[2J': 'ejected', 'Host:h': 'drained', h1: 'drained' }, null, [], 5],
  [{ 'host:__proto__': 'drained', 'host:constructor': 'toString', toString: 'drained' }, null, [], 3],
  [{ 'host:a:b': 'ejected' }, null, [['a:b', 'ejected']], 0],
];

test('valid fields are used, and invalid ones are counted', () => {
  for (const [fields, algorithm, operatorStates, wrong] of FIELDS) {
    const settings = parseSettings(fields);
    assert.equal(
      [settings.algorithm, [...settings.operatorStates], settings.wrong],
      [algorithm, operatorStates, wrong],
      JSON.stringify(fields),
    );
  }
});

test('pools in maintenance are read as JSON with defaults, and what no answer can have is counted', () => {
  const good: readonly (readonly [value: string, status: number, body: string | null])[] = [
    ['{}', 503, null],
    ['{"status":200,"body":"ok","type":"text/html; charset=utf-8"}', 200, 'ok'],
    ['{"body":"später","more":1}', 503, 'später'],
  ];
  for (const [value, status, body] of good) {
    const { maintenance, wrong } = parseSettings({ 'maintenance:api': value });
    assert.equal([wrong, maintenance.get('api')?.status, maintenance.get('api')?.body], [0, status, body], value);
  }
  const wrong = [
    ...['', 'on', '[]', 'null', '7', '{"status":"503"}', '{"status":199}', '{"status":600}', '{"status":503.5}', '{"body":7}'],
    ...['{"type":"text"}', '{"type":"text/plain\\r\\nX: 1"}', `{"body":"${'x'.repeat(3400)}"}`],
  ];
  for (const value of wrong)
    assert.equal(
      [parseSettings({ 'maintenance:api': value }).wrong, parseSettings({ 'maintenance:api': value }).maintenance.size],
      [1, 0],
      value,
    );
  for (const field of ['maintenance:', 'maintenance:a/b', 'maintenance:a b', 'Maintenance:api', 'maintenance'])
    assert.is(parseSettings({ [field]: '{}' }).wrong, 1, field);
  assert.is(parseSettings({ 'maintenance:api': 'none' }).wrong, 0);
  const many = parseSettings(Object.fromEntries(Array.from({ length: MAX_POOLS + 1 }, (_, i) => [`maintenance:p${i}`, '{}'])));
  assert.equal([many.maintenance.size, many.wrong], [MAX_POOLS, 1]);
});

test('what is written is what is read, for any answer that fits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fc.option(fc.string({ maxLength: 200, unit: 'grapheme' })), (status, body) => {
      const maintenance = { status, body, type: 'text/plain; charset=utf-8' };
      assert.equal(parseSettings({ 'maintenance:x': encodeMaintenance(maintenance) }).maintenance.get('x'), maintenance);
    }),
  );
});

test('operator states beyond the table’s capacity are counted as wrong', () => {
  const fields = Object.fromEntries(Array.from({ length: 16_390 }, (_, i) => [`host:h${i}`, 'drained']));
  const { operatorStates, wrong } = parseSettings(fields);
  assert.equal([operatorStates.size, wrong], [16_384, 6]);
});

test('an operator state is a field of the hash, as redis-cli would write it, and comes with each heartbeat', () =>
  withStage(async (client) => {
    await writeOperatorState(client, KEYS, 'h1', 'drained');
    await client.hset(KEYS.settings, 'host:h2', 'ejected', 'algorithm', 'resource');
    assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'drained', 'host:h2': 'ejected', algorithm: 'resource' });
    const { settings } = await heartbeat(client, KEYS, 'b1', 1, { role: 'slave' });
    assert.equal([settings.algorithm, settings.operatorStates, settings.wrong], ['resource', WORDS, 0]);
    assert.equal(await readSettings(client, KEYS), settings);
    await writeOperatorState(client, KEYS, 'h1', null);
    await writeOperatorState(client, KEYS, 'nobody', null);
    assert.equal([await readWord(client, KEYS, 'h1'), await readWord(client, KEYS, 'h2')], [null, 'ejected']);
  }));

test('settings of another type count as none and one wrong, and setting a state replaces them', () =>
  withStage(async (client) => {
    await client.set(KEYS.settings, 'garbage');
    for (const settings of [await readSettings(client, KEYS), (await heartbeat(client, KEYS, 'b1', 1, { role: 'slave' })).settings]) {
      assert.equal([settings.algorithm, settings.operatorStates.size, settings.wrong], [null, 0, 1]);
    }
    assert.is(await readWord(client, KEYS, 'h1'), null);
    await writeOperatorState(client, KEYS, 'h1', 'ejected');
    assert.equal(await client.hgetall(KEYS.settings), { 'host:h1': 'ejected' });
  }));

const REMEMBERED = [
  {
    key: KEYS.settings,
    fields: new Map([
      ['host:h1', 'drained'],
      ['host:h2', 'ejected'],
      ['algorithm', 'resource'],
      ['of_a_later_version', '7'],
    ]),
  },
];

test('all fields are remembered, including unknown ones, within limits', () => {
  assert.equal(parseSettings(Object.fromEntries(REMEMBERED[0]?.fields ?? [])).fields, REMEMBERED[0]?.fields);
  assert.equal([...parseSettings({ short: 'x'.repeat(4096), long: 'x'.repeat(4097), ['f'.repeat(257)]: 'x' }).fields.keys()], ['short']);
  assert.is(parseSettings(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, 'x']))).fields.size, 16_640);
});

test('missing fields are restored, and existing ones stay: they were written after the loss', () =>
  withStage(async (client) => {
    await client.hset(KEYS.settings, 'host:h1', 'ejected', 'host:h3', 'drained');
    await restoreFleet(client, KEYS, 7, REMEMBERED);
    assert.equal(await client.hgetall(KEYS.settings), {
      'host:h1': 'ejected',
      'host:h2': 'ejected',
      'host:h3': 'drained',
      algorithm: 'resource',
      of_a_later_version: '7',
    });
    assert.is(await client.get(KEYS.term), '8', 'one more than was seen: one election may have been missed');
  }));

test('a setting is changed if it still is what was read, and what somebody wrote meanwhile stays', () =>
  withStage(async (client) => {
    await client.hset(KEYS.settings, 'host:h1', 'read', 'host:h2', 'newer', 'host:h3', 'there', 'host:h5', 'x'.repeat(4097));
    const changes = ['host:h1', 'host:h2', 'host:gone'].map((field) => ({ field, from: 'read', to: 'known' }));
    const missing = ['host:h3', 'host:h4', 'host:h5'].map((field) => ({ field, from: null, to: 'known' }));
    assert.is(await changeSettings(client, KEYS, [...changes, ...missing]), 3);
    // What is longer than any setting was not read at all.
    assert.equal(
      { ...(await client.hgetall(KEYS.settings)) },
      { 'host:h1': 'known', 'host:h2': 'newer', 'host:h3': 'there', 'host:h4': 'known', 'host:h5': 'known' },
    );
  }));

test('what is no UTF-8, or long in bytes only, is changed like any other text', () =>
  withStage(async (client) => {
    const long = '€'.repeat(2000);
    await client.hset(KEYS.settings, 'host:h1', Buffer.from([0xff, 0x00, 0xfe]), 'host:h2', long, 'host:h3', Buffer.from([0xfd]));
    const read = parseSettings(await client.hgetall(KEYS.settings)).fields;
    await client.hset(KEYS.settings, 'host:h3', 'newer');
    await changeSettings(
      client,
      KEYS,
      [...read].map(([field, from]) => ({ field, from, to: 'known' })),
    );
    assert.equal({ ...(await client.hgetall(KEYS.settings)) }, { 'host:h1': 'known', 'host:h2': 'known', 'host:h3': 'newer' });
  }));

test('a key of another type is replaced by what is missing', () =>
  withStage(async (client) => {
    await client.rpush(KEYS.settings, 'garbage');
    await changeSettings(client, KEYS, [{ field: 'host:h1', from: null, to: 'drained' }]);
    assert.equal({ ...(await client.hgetall(KEYS.settings)) }, { 'host:h1': 'drained' });
  }));

test('several hashes are restored in the same way, and one that can’t be written does not affect the others', () =>
  withStage(async (client) => {
    await client.set('x:garbage', 'of another type');
    const fields = new Map([
      ['version', '3'],
      ['document', 'pools: {}'],
    ]);
    await restoreFleet(client, KEYS, 7, [
      { key: 'x:empty', fields: new Map() },
      { key: 'x:garbage', fields },
      { key: 'x:site', fields },
      ...REMEMBERED,
    ]);
    assert.equal(
      [await client.exists('x:empty'), await client.hgetall('x:site'), await client.hget(KEYS.settings, 'algorithm')],
      [0, { version: '3', document: 'pools: {}' }, 'resource'],
    );
  }));

test('taking a term on a Redis that lost its data restores the settings in the same step, and otherwise leaves them alone', () =>
  withStage(async (client) => {
    const store = createLeaseStore([client], KEYS, 1000, () => REMEMBERED);
    const master = { name: 'b1', url: 'http://b1', since: '' };
    assert.equal(await store.takeTerm({ mastership: 'f00d', floor: 4, mayFound: false }, master), { kind: 'taken', term: 6 });
    assert.equal(await client.hgetall(KEYS.settings), Object.fromEntries(REMEMBERED[0]?.fields ?? []));
    await client.hdel(KEYS.settings, 'host:h1', 'algorithm');
    assert.equal(await store.takeTerm({ mastership: 'f00d', floor: 6, mayFound: false }, master), { kind: 'taken', term: 7 });
    assert.equal(
      await client.hgetall(KEYS.settings),
      { 'host:h2': 'ejected', of_a_later_version: '7' },
      'what an operator takes back while Redis is well stays so',
    );
  }));

test.run();
