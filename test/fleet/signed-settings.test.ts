// Which settings count with a fleet key: the newest one of each field that an operator signed, whatever stands in Redis.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SignedSettings } from '../../lib/fleet/signed-settings.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { parseSettings, settingPlace } from '../../lib/redis/settings.js';
import { MessageSigner } from '../../lib/redis/sign.js';

const test = suite('signed settings');

const KEYS = buildKeys('x');
const KEY = newFleetKey();

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
    take(fields: Readonly<Record<string, string>>) {
      counted.length = 0;
      const { fields: inForce, refused, missing } = settings.take(new Map(Object.entries(fields)));
      const { algorithm, operatorStates } = parseSettings(Object.fromEntries(inForce));
      return { algorithm, states: Object.fromEntries(operatorStates), refused, missing: [...missing.keys()], counted: counted.slice() };
    },
  };
}

const signer = new MessageSigner(new KeyRing('', KEY), 'operator');
const sign = (field: string, value: string): string => signer.sign(settingPlace(KEYS, field), value, 'operator');

test('signed settings count, and are checked once; unsigned ones do not, and are counted once', () => {
  const { take } = openStage();
  const fields = { algorithm: sign('algorithm', 'resource'), 'host:a': sign('host:a', 'drained'), 'host:b': 'ejected' };
  const expected = { algorithm: 'resource', states: { a: 'drained' }, refused: ['host:b'], missing: [] };
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
  assert.equal(take({}), { algorithm: null, states: { a: 'drained' }, refused: [], missing: ['host:a'], counted: [] });
  const none = sign('host:a', 'none');
  assert.equal(take({ 'host:a': none }).states, {});
  assert.equal(take({}), { algorithm: null, states: {}, refused: [], missing: [], counted: [] });
  // An old value in its place is a replay.
  assert.equal(take({ 'host:a': drained }), {
    algorithm: null,
    states: {},
    refused: ['host:a'],
    missing: [],
    counted: ['messages_dropped_replayed'],
  });
  assert.equal(take({ 'host:a': sign('host:a', 'ejected') }).states, { a: 'ejected' });
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
