// When a balancer begins to serve: not before the hosts that it was told of may be picked.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StartGate } from '../lib/start-gate.js';

const test = suite('start gate');

/** Whether the gate is open, after all that is to happen at once has happened. */
const isOpen = (gate: StartGate): Promise<boolean> => Promise.race([gate.opened.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

test('the gate opens when nothing more can be known and every announced host may be picked', async () => {
  const gate = new StartGate(true);
  gate.onAnnounced();
  gate.onAnnounced();
  gate.onSynced();
  assert.is(await isOpen(gate), false);
  gate.onListed();
  assert.is(await isOpen(gate), false);
  gate.onListed();
  assert.is(await isOpen(gate), true);
});

test('without hosts the gate opens when nothing more can be known', async () => {
  const gate = new StartGate(false);
  assert.is(await isOpen(gate), false);
  gate.onSynced();
  assert.is(await isOpen(gate), true);
});

test('what a fleet thread had announced when it died is not waited for', async () => {
  const gate = new StartGate(true);
  gate.onAnnounced();
  gate.onThreadDeath();
  gate.onSynced();
  assert.is(await isOpen(gate), true);
});

test('hosts that may be picked are not kept waiting for Redis', async () => {
  const gate = new StartGate(true);
  gate.onAnnounced();
  gate.onListed();
  await gate.opened;
});

test.run();
