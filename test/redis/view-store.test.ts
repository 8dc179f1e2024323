// The fleet's figures in a real Redis: written by the master in office alone, read by whoever may check them, and signed in
// a fleet with a key.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { figuresIntervalMs, viewIntervalMs } from '../../lib/redis/figures-interval.js';
import { encodeFigures } from '../../lib/redis/figures-message.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { openEvent, openFigures, openView } from '../../lib/redis/signed-messages.js';
import { encodeEvent } from '../../lib/redis/event-message.js';
import { encodeView } from '../../lib/redis/view-message.js';
import { readView, VIEW_TTL_MS, writeView } from '../../lib/redis/view-store.js';
import { withRedis } from '../support/brackets.js';
import { FIGURES, VIEW } from '../support/fleet-views.js';
import { withClients } from '../support/redis-client.js';

const test = suite('view store');

const KEYS = buildKeys('view-test');
const KEY = newFleetKey();
const { term, mastership } = VIEW.figures;

/** A gate of a fleet with this key, '' for none, and what it counted. */
function gateOf(text: string): { readonly gate: MessageGate; readonly counted: string[] } {
  const counted: string[] = [];
  return {
    gate: new MessageGate(
      new KeyRing('', text),
      (name) => void counted.push(name),
      () => undefined,
    ),
    counted,
  };
}

const signerOf = (text: string, name = 'b1'): MessageSigner => new MessageSigner(new KeyRing('', text), name);
const OPEN = signerOf('');

const withStore = (fn: (client: Commands) => Promise<void>): Promise<void> =>
  withRedis((redis) => withClients([redis.url], (client) => fn(client)));

test('what the master in office stores is read again, and expires', () =>
  withStore(async (client) => {
    await client.set(KEYS.term, `${term} ${mastership}`);
    assert.is(await readView(client, KEYS, gateOf('').gate), null);
    await writeView(client, KEYS, VIEW, OPEN);
    assert.equal(await readView(client, KEYS, gateOf('').gate), VIEW);
    const ttlMs = await client.pttl(KEYS.view);
    assert.ok(ttlMs > 0 && ttlMs <= VIEW_TTL_MS);
  }));

test('a stale master stores nothing, and neither does a second one of the same term', () =>
  withStore(async (client) => {
    await client.set(KEYS.term, `${term + 1} ${mastership}`);
    await writeView(client, KEYS, VIEW, OPEN);
    assert.is(await client.exists(KEYS.view), 0);
    await client.set(KEYS.term, `${term} ${'abcd'.repeat(8)}`);
    await writeView(client, KEYS, VIEW, OPEN);
    assert.is(await client.exists(KEYS.view), 0);
  }));

test('garbage in the key reads as nothing, and a key of another type is overwritten', () =>
  withStore(async (client) => {
    await client.set(KEYS.view, 'garbage');
    assert.is(await readView(client, KEYS, gateOf('').gate), null);
    await client.del(KEYS.view);
    await client.hset(KEYS.view, { a: 'b' });
    await client.set(KEYS.term, `${term} ${mastership}`);
    await writeView(client, KEYS, VIEW, OPEN);
    assert.equal(await readView(client, KEYS, gateOf('').gate), VIEW);
  }));

test('with a fleet key only what is signed by a master counts', () =>
  withStore(async (client) => {
    await client.set(KEYS.term, `${term} ${mastership}`);
    await writeView(client, KEYS, VIEW, OPEN);
    const { gate, counted } = gateOf(KEY);
    assert.is(await readView(client, KEYS, gate), null);
    assert.equal(counted, ['messages_dropped_unsigned']);
    await writeView(client, KEYS, VIEW, signerOf(KEY));
    assert.equal(await readView(client, KEYS, gate), VIEW);
    assert.equal(await readView(client, KEYS, gate), VIEW, 'a key may be read again');
  }));

test('a view that another than a master signed, or for another term, is refused', () => {
  const text = encodeView(VIEW.figures);
  const { gate, counted } = gateOf(KEY);
  const signer = signerOf(KEY);
  assert.not(openView(gate, KEYS.view, signer.sign(KEYS.view, text, 'balancer')).ok);
  assert.not(openView(gate, KEYS.view, signer.sign(KEYS.view, text, 'master', term + 1)).ok);
  assert.ok(openView(gate, KEYS.view, signer.sign(KEYS.view, text, 'master', term)).ok);
  assert.equal(counted, ['messages_dropped_role', 'messages_dropped_role']);
});

test('a balancer can send its own figures only, and each message once', () => {
  const { gate, counted } = gateOf(KEY);
  const text = encodeFigures(FIGURES);
  const own = signerOf(KEY).sign(KEYS.figures, text, 'balancer');
  assert.not(openFigures(gate, KEYS.figures, text).ok);
  assert.not(openFigures(gate, KEYS.figures, signerOf(KEY, 'b2').sign(KEYS.figures, text, 'balancer')).ok);
  assert.not(openFigures(gate, KEYS.figures, own.replace('"seq":7', '"seq":8')).ok);
  assert.ok(openFigures(gate, KEYS.figures, own).ok);
  assert.not(openFigures(gate, KEYS.figures, own).ok);
  assert.equal(
    counted,
    ['unsigned', 'role', 'altered', 'replayed'].map((reason) => `figures_dropped_${reason}`),
  );
});

test('a balancer can tell of its own ejections only', () => {
  const { gate } = gateOf(KEY);
  const text = encodeEvent({ kind: 'ejection-began', name: 'api/h1', by: 'b1', detail: 'reset' }, new Date(0));
  assert.not(openEvent(gate, KEYS.events, signerOf(KEY, 'b2').sign(KEYS.events, text, 'balancer')).ok);
  assert.ok(openEvent(gate, KEYS.events, signerOf(KEY, 'b1').sign(KEYS.events, text, 'balancer')).ok);
});

test('figures come once a second in usual fleets, and less often in large ones', () => {
  assert.equal([figuresIntervalMs(1, 0), figuresIntervalMs(8, 700), viewIntervalMs(200)], [1000, 1000, 1000]);
  assert.equal([figuresIntervalMs(32, 1000), viewIntervalMs(5000)], [5600, 4000]);
  assert.equal([figuresIntervalMs(64, 16_384), viewIntervalMs(16_384)], [10_000, 10_000]);
});

test.run();
