// The last events of a fleet as people see them: bounded, newest first, and what several balancers say once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EventsRing } from '../../../lib/console/overview/events-ring.js';
import { eventSentence } from '../../../lib/console/overview/event-words.js';
import { EVENT_KINDS, type FleetEvent } from '../../../lib/redis/event-message.js';

const test = suite('events of the dashboard');

const MINUTE = 60_000;
const joined = (name: string): FleetEvent => ({ kind: 'balancer-joined', name });

test('Events are listed newest first, and for 15 minutes', () => {
  const ring = new EventsRing();
  ring.add(joined('b1'), 0);
  ring.add({ kind: 'master-elected', name: 'b1', term: 7 }, 1000);
  assert.equal(
    ring.list(2000).map(({ atMs, text }) => `${atMs} ${text}`),
    ['1000 b1 is master, term 7', '0 b1 joined the fleet'],
  );
  assert.equal(
    ring.list(15 * MINUTE).map(({ atMs }) => atMs),
    [1000],
  );
});

test('A flood of events leaves the last 200', () => {
  const ring = new EventsRing();
  for (let i = 0; i < 1000; i++) ring.add(joined(`b${i}`), i);
  const list = ring.list(1000);
  assert.is(list.length, 200);
  assert.is(list[0]?.name, 'b999');
  assert.is(list.at(-1)?.name, 'b800');
});

test('Questions of meercat why are nothing to show', () => {
  const ring = new EventsRing();
  assert.is(ring.add({ kind: 'why-asked', name: 'b1' }, 0), false);
  assert.equal(ring.list(1), []);
});

test('Every other kind of event has a sentence that names what it is about', () => {
  for (const kind of EVENT_KINDS.filter((each) => each !== 'why-asked')) {
    const text = eventSentence({ kind, name: 'thing', version: 3, detail: 'reason' });
    assert.ok(
      text?.includes('thing') || text?.includes('version 3') || /^(?:restart-requested|algorithm-set)$/.test(kind),
      `${kind}: ${text}`,
    );
  }
});

test('What an operator did says who did it', () => {
  assert.is(eventSentence({ kind: 'host-drained', name: 'h1' }), 'Host h1 was drained by an operator');
  assert.is(eventSentence({ kind: 'host-drained', name: 'h1', detail: 'by meercat drain' }), 'Host h1 was drained by meercat drain');
  assert.is(
    eventSentence({ kind: 'maintenance-began', name: 'api', by: 'console of b1 from 127.0.0.1' }),
    'Pool api was put into maintenance by console of b1 from 127.0.0.1',
  );
  assert.is(eventSentence({ kind: 'site', name: 'fleet', version: 4, by: 'ann@ops' }), 'Site version 4 was applied by ann@ops');
});

test('What several balancers find out about one host within two seconds is one event', () => {
  const ring = new EventsRing();
  const ejected = (by: string): FleetEvent => ({ kind: 'ejection-began', name: 'h7', detail: 'connect_failed', by });
  assert.is(ring.add(ejected('b1'), 0), true);
  assert.is(ring.add(ejected('b2'), 1500), true);
  assert.is(ring.add(ejected('b2'), 1600), false, 'it has said so');
  assert.is(ring.add({ ...ejected('b3'), name: 'h8' }, 1700), true);
  assert.is(ring.add(ejected('b3'), 2001), true);
  assert.equal(
    ring.list(3000).map(({ text }) => text),
    [
      'Host h7 is ejected by b3: connect_failed',
      'Host h8 is ejected by b3: connect_failed',
      'Host h7 is ejected by b1, b2: connect_failed',
    ],
  );
});

test.run();
