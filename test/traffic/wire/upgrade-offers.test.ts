// Which protocols of an Upgrade header are offered to hosts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { offersWithoutWebSocket, passedOffers } from '../../../lib/traffic/wire/upgrade-offers.js';

const test = suite('offers that pass');

test('HTTP, TLS and malformed protocols are never offered; all others are, in order', () => {
  for (const [upgrade, passed] of [
    ['websocket', 'websocket'],
    ['WebSocket', 'WebSocket'],
    ['SPDY/3.1', 'SPDY/3.1'],
    ['tcp', 'tcp'],
    ['a , b/1,\tc', 'a, b/1, c'],
    ['h2c, websocket, TLS/1.0', 'websocket'],
    ['h2cx', 'h2cx'],
    ['tlsx/1', 'tlsx/1'],
    ['websocket, a b, c/d/e, "f", /g, h/', 'websocket'],
  ] as const) {
    assert.is(passedOffers(upgrade), passed, upgrade);
  }
  for (const upgrade of ['', ',', ' ', 'h2', 'H2C', 'h2-16', 'h3', 'HTTP/2.0', 'http', 'TLS', 'tls/1.3', 'a b', '\xe9'])
    assert.is(passedOffers(upgrade), undefined, upgrade);
});

test('WebSocket is removed from a list, in any letter case', () => {
  assert.is(offersWithoutWebSocket('websocket'), undefined);
  assert.is(offersWithoutWebSocket('a, WebSocket, websocket/13'), 'a, websocket/13');
});

test.run();
