// Which settings count with a fleet key: the newest one of each field that an operator signed, whatever stands in Redis.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SignedSettings } from '../../lib/fleet/signed-settings.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { parseSettings, settingPlace } from '../../lib/redis/settings.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { splitSignature } from '../../lib/redis/signature.js';

const test = suite('signed settings');

const KEYS = buildKeys('x');
const [KEY, OTHER_KEY] = [newFleetKey(), newFleetKey()];

function openStage(text = KEY, known: Readonly<Record<string, string>> = {}) {
  const counted: string[] = [];
  const ring = new KeyRing('', text);
  const gate = new MessageGate(
    ring,
    (name) => void counted.push(name),
    () => undefined,
  );
  const settings = new SignedSettings(gate, KEYS, new Map(Object.entries(known)));
  return {
    ring,
    take(fields: Readonly<Record<string, string>>, isMaster = false) {
      counted.length = 0;
      const { fields: inForce, refused, changes } = settings.take(new Map(Object.entries(fields)), isMaster);
      const { algorithm, operatorStates } = parseSettings(Object.fromEntries(inForce));
      return {
        algorithm,
        states: Object.fromEntries(operatorStates),
        refused,
        changes: changes.map(({ field, fault }) => `${field} ${fault}`),
        counted: counted.slice(),
      };
    },
    /** What Redis holds after a heartbeat, by the rule of `changeSettings`. */
    beat(redis: Record<string, string>, isMaster = false): void {
      for (const { field, from, to } of settings.take(new Map(Object.entries(redis)), isMaster).changes)
        if ((redis[field] ?? null) === from) redis[field] = to;
    },
  };
}

const signer = new MessageSigner(new KeyRing('', KEY), 'operator');
const sign = (field: string, value: string): string => signer.sign(settingPlace(KEYS, field), value, 'operator');

test('signed settings count, and are checked once; unsigned ones do not, and are counted once', () => {
  const { take } = openStage();
  const fields = { algorithm: sign('algorithm', 'resource'), 'host:a': sign('host:a', 'drained'), 'host:b': 'ejected' };
  const expected = { algorithm: 'resource', states: { a: 'drained' }, refused: ['host:b'], changes: [] };
  assert.equal(take(fields), { ...expected, counted: ['messages_dropped_unsigned'] });
  assert.equal(take(fields), { ...expected, counted: [] });
  assert.equal(take({ ...fields, 'host:b': 'drained' }), { ...expected, counted: ['messages_dropped_unsigned'] });
});

test("a setting of one host is none of another's, and what a balancer signs is none at all", () => {
  const { take } = openStage();
  const balancer = new MessageSigner(new KeyRing('', KEY), 'b1').sign(settingPlace(KEYS, 'host:c'), 'drained', 'balancer');
  const { states, counted } = take({ 'host:a': sign('host:b', 'drained'), 'host:c': balancer });
  assert.equal([states, counted], [{}, ['messages_dropped_altered', 'messages_dropped_role']]);
});

test('a deleted setting stays in force and is missing; one that was taken back is neither', () => {
  const { take } = openStage();
  const drained = sign('host:a', 'drained');
  take({ 'host:a': drained });
  assert.equal(take({}), { algorithm: null, states: { a: 'drained' }, refused: [], changes: ['host:a missing'], counted: [] });
  const none = sign('host:a', 'none');
  assert.equal(take({ 'host:a': none }).states, {});
  assert.equal(take({}), { algorithm: null, states: {}, refused: [], changes: [], counted: [] });
  // An old value in its place is a replay.
  assert.equal(take({ 'host:a': drained }), {
    algorithm: null,
    states: {},
    refused: ['host:a'],
    changes: ['host:a overwritten'],
    counted: ['messages_dropped_replayed'],
  });
  assert.equal(take({ 'host:a': sign('host:a', 'ejected') }).states, { a: 'ejected' });
});

test('what overwrites a setting is replaced with it; what is signed with an unknown key, or from the future, is not', () => {
  const drained = sign('host:a', 'drained');
  const later = new MessageSigner(new KeyRing('', KEY), 'operator', () => (Date.now() + 600_000) * 1000);
  for (const [what, raw, reason] of [
    ['unsigned text', 'drained', 'unsigned'],
    ['garbage', 'sig=1 \ufffd', 'unsigned'],
    ['an altered text', drained.replace('drained', 'none'), 'altered'],
    ['a setting of another host', sign('host:b', 'none'), 'altered'],
    [
      'what a balancer signed',
      new MessageSigner(new KeyRing('', KEY), 'b1').sign(settingPlace(KEYS, 'host:a'), 'none', 'balancer'),
      'role',
    ],
    ['a newer key', new MessageSigner(new KeyRing('', OTHER_KEY), 'o').sign(settingPlace(KEYS, 'host:a'), 'none', 'operator'), 'key'],
    ['a clock that is wrong', later.sign(settingPlace(KEYS, 'host:a'), 'none', 'operator'), 'clock'],
  ] as const) {
    const { take } = openStage();
    take({ 'host:a': drained });
    const changes = ['key', 'clock'].includes(reason) ? [] : ['host:a overwritten'];
    const expected = { algorithm: null, states: { a: 'drained' }, refused: ['host:a'], changes };
    assert.equal(take({ 'host:a': raw }), { ...expected, counted: [`messages_dropped_${reason}`] }, what);
    // Again with each heartbeat, until it is written; counted once.
    assert.equal(take({ 'host:a': raw }), { ...expected, counted: [] }, what);
    assert.equal(take({ 'host:a': drained }), { ...expected, refused: [], changes: [], counted: [] }, what);
  }
});

test('balancers that know different settings agree on the newest, in whatever order they look', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2 }), { minLength: 30, maxLength: 40 }), (order) => {
      const all = [openStage(), openStage(), openStage()];
      const [first, second, third] = [sign('host:a', 'drained'), sign('host:a', 'none'), sign('host:a', 'ejected')];
      for (const [index, raw] of [second, first, third].entries()) all[index]?.take({ 'host:a': raw });
      const redis: Record<string, string> = { 'host:a': 'garbage' };
      for (const index of [...order, 0, 1, 2, 0, 1, 2]) all[index]?.beat(redis);
      assert.equal(redis, { 'host:a': third });
      for (const { take } of all) assert.equal(take(redis).states, { a: 'ejected' });
    }),
    { numRuns: 30 },
  );
});

test('of two settings with the same number all take the same one', () => {
  const at = (name: string, value: string): string =>
    new MessageSigner(new KeyRing('', KEY), name, () => 1_764_500_000_000_000).sign(settingPlace(KEYS, 'host:a'), value, 'operator');
  const [one, other] = [openStage(), openStage()];
  const redis = { 'host:a': at('alice', 'drained') };
  one.beat(redis);
  redis['host:a'] = at('bob', 'ejected');
  other.beat(redis);
  for (let beat = 0; beat < 5; beat++) for (const each of [one, other]) each.beat(redis);
  const settled = { ...redis };
  for (const each of [one, other]) assert.equal(each.take(settled).changes, []);
});

test('after a change of the key the master signs again what an operator signed, as the same setting; nobody else does', () => {
  const fields = { algorithm: sign('algorithm', 'resource'), 'host:a': sign('host:a', 'drained'), 'host:b': sign('host:b', 'none') };
  const [master, slave, late] = [openStage(), openStage(), openStage(OTHER_KEY)];
  const redis: Record<string, string> = { ...fields };
  for (const stage of [master, slave]) stage.take(redis);
  master.ring.replace('', `${KEY}\n${OTHER_KEY}`);
  assert.equal(master.take(redis, true).changes, [], 'a second key changes nothing');
  for (const { ring } of [master, slave]) ring.replace('', `${OTHER_KEY}\n${KEY}`);
  assert.equal(slave.take(redis, false).changes, []);
  assert.equal(master.take(redis, true).changes, ['algorithm old key', 'host:a old key', 'host:b old key']);
  master.beat(redis, true);
  const expected = { algorithm: 'resource', states: { a: 'drained' }, refused: [], changes: [], counted: [] };
  for (const stage of [master, slave]) {
    assert.equal(stage.take(redis, true), expected);
    assert.equal(stage.take(redis, false), expected);
  }
  // One that never had the old key knows all of it, and what was taken back stays so.
  assert.equal(late.take(redis), expected);
  for (const [field, raw] of Object.entries(fields)) {
    const [before, after] = [splitSignature(raw), splitSignature(redis[field] as string)];
    assert.equal([after?.text, after?.signature], [before?.text, { ...before?.signature, keyId: late.ring.ids[0] }]);
  }
  // The old text is the same setting, while its key is valid.
  assert.equal(slave.take({ ...redis, 'host:a': fields['host:a'] }), expected);
  // Once the old key is gone, its texts are refused.
  for (const stage of [master, slave, late]) {
    stage.ring.replace('', OTHER_KEY);
    stage.take(redis);
    assert.equal(stage.take({ ...redis, 'host:a': fields['host:a'] }).counted, ['messages_dropped_key']);
  }
});

test('what is not signed, or not with a key of the ring, gets no signature of the master', () => {
  const { take, ring } = openStage(`accept-unsigned\n${KEY}`);
  const fields = { 'host:a': 'drained', 'host:b': sign('host:b', 'drained') };
  take(fields, true);
  ring.replace('', `accept-unsigned\n${OTHER_KEY}`);
  assert.equal(take(fields, true).changes, []);
  ring.replace('', OTHER_KEY);
  assert.equal(take(fields, true).changes, []);
  // Nor what a thread was told to be in force, if its signature is wrong.
  const altered = fields['host:b'].replace('drained', 'ejected');
  assert.equal(openStage(`${OTHER_KEY}\n${KEY}`, { 'host:b': altered }).take({ 'host:b': altered }, true).changes, []);
});

test('with one heartbeat a limited number of settings is written, and the rest with the next ones', () => {
  const stage = openStage();
  const redis: Record<string, string> = Object.fromEntries(
    Array.from({ length: 1200 }, (_, index) => [`host:h${index}`, sign(`host:h${index}`, 'drained')]),
  );
  stage.take(redis);
  for (const field of Object.keys(redis)) redis[field] = 'garbage';
  const left = [1, 2, 3].map(() => {
    stage.beat(redis);
    return Object.values(redis).filter((raw) => raw === 'garbage').length;
  });
  assert.equal(left, [688, 176, 0]);
});

test('a fleet thread that is started again knows what was in force', () => {
  const drained = sign('host:a', 'drained');
  const none = sign('host:a', 'none');
  const { take } = openStage(KEY, { 'host:a': none });
  assert.equal(take({ 'host:a': drained }).states, {});
});

test('while unsigned settings are accepted they count, and can be deleted; after that those known stay in force', () => {
  const { take, ring } = openStage(`accept-unsigned\n${KEY}`);
  assert.equal(take({ 'host:a': 'drained', 'host:b': 'drained' }).states, { a: 'drained', b: 'drained' });
  assert.equal(take({ 'host:a': 'drained' }).states, { a: 'drained' });
  ring.replace('', KEY);
  assert.equal(take({ 'host:a': 'drained', 'host:c': 'drained' }).states, { a: 'drained' });
});

test('without a key whatever stands in Redis counts, signed or not', () => {
  const { take } = openStage('');
  assert.equal(take({ 'host:a': sign('host:zzz', 'drained'), 'host:b': 'ejected' }).states, { a: 'drained', b: 'ejected' });
  assert.equal(take({}).states, {});
});

test.run();
