// When a balancer begins to serve: not before its announced hosts are candidates.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StartGate } from '../lib/start-gate.js';

const test = suite('start gate');

/** Whether the gate is open, after all immediate work is done. */
const isOpen = (gate: StartGate): Promise<boolean> =>
  Promise.race([gate.opened.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))]);

/** The gate of a balancer whose name is known to be free. */
function named(): StartGate {
  const gate = new StartGate();
  gate.onNameChecked();
  return gate;
}

test('the gate opens once the fleet thread has synchronized and every announced host is a candidate', async () => {
  const gate = named();
  gate.onAnnounced();
  gate.onAnnounced();
  gate.onSynced();
  assert.is(await isOpen(gate), false);
  gate.onListed();
  assert.is(await isOpen(gate), false);
  gate.onListed();
  assert.is(await isOpen(gate), true);
});

test('without hosts the gate opens once the fleet thread has synchronized', async () => {
  const gate = named();
  assert.is(await isOpen(gate), false);
  gate.onSynced();
  assert.is(await isOpen(gate), true);
});

test('a Redis that is lost for a moment does not open the gate of a balancer without hosts', async () => {
  const gate = named();
  gate.onRedisLost();
  gate.onRedisLost();
  assert.is(await isOpen(gate), false);
  gate.onAnnounced();
  gate.onSynced();
  assert.is(await isOpen(gate), false);
  gate.onListed();
  assert.is(await isOpen(gate), true);
});

test('without hosts and without Redis the gate opens after a few seconds', async () => {
  const gate = named();
  gate.onRedisLost();
  await gate.opened;
});

test('with hosts a balancer does not wait for a Redis that is lost', async () => {
  const gate = named();
  gate.onAnnounced();
  gate.onListed();
  gate.onRedisLost();
  assert.is(await isOpen(gate), true);
});

test('announcements of a dead fleet thread are not waited for', async () => {
  const gate = named();
  gate.onAnnounced();
  gate.onThreadDeath();
  gate.onSynced();
  assert.is(await isOpen(gate), true);
});

test('hosts of a site do not open the gate while the site is not known: not at once when Redis is lost, and not by themselves', async () => {
  const gate = named();
  gate.onAnnounced(true);
  gate.onListed();
  gate.onRedisLost();
  assert.is(await isOpen(gate), false);
  gate.onSite();
  assert.is(await isOpen(gate), false, 'the fleet thread has not synchronized');
  gate.onRedisLost();
  assert.is(await isOpen(gate), true);
});

test('hosts of pools without a site open the gate once all is read', async () => {
  const gate = named();
  gate.onAnnounced(true);
  gate.onListed();
  gate.onSynced();
  assert.is(await isOpen(gate), true);
});

test('the gate stays closed until the name is checked, and returns its holder', async () => {
  const [free, taken] = [new StartGate(), new StartGate()];
  for (const gate of [free, taken]) gate.onSynced();
  assert.equal([await isOpen(free), await isOpen(taken)], [false, false]);
  free.onNameChecked();
  taken.onNameTaken('process 12 on m');
  assert.equal(await Promise.all([free.opened, taken.opened]), [null, 'process 12 on m']);
});

test('until the gate is open it reports what it waits for', async () => {
  const gate = new StartGate();
  assert.match(gate.waitingFor, /is still being read$/);
  gate.onAnnounced();
  gate.onSynced();
  assert.match(gate.waitingFor, /may not be picked yet$/);
  gate.onListed();
  assert.match(gate.waitingFor, /another balancer has this name/);
  assert.is(gate.isOpen, false);
  gate.onNameChecked();
  assert.equal([gate.waitingFor, gate.isOpen], ['', true]);
});

test('the gate of a balancer whose name is taken never opens', async () => {
  const gate = new StartGate();
  gate.onNameTaken('process 12 on m');
  gate.onSynced();
  gate.onNameChecked();
  assert.is(await gate.opened, 'process 12 on m');
  assert.equal([gate.isOpen, gate.waitingFor === ''], [false, false]);
});

test.run();
