// The shortest history of a violation: what shows it stays, everything else goes, in histories of thousands of events.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHistory } from '../../../lib/lab/chaos/check.js';
import { violationText } from '../../../lib/lab/chaos/event-text.js';
import type { ChaosEvent, Violation } from '../../../lib/lab/chaos/events.js';
import { shortestHistory } from '../../../lib/lab/chaos/shortest.js';
import { Random } from '../../../lib/routing/random.js';
import { claim, failed, health, request, tableOf } from '../../support/chaos-events.js';

const test = suite('shortest history');

const NO_TABLE = { term: 0, mastership: '', seq: 0 };

/** A history without a fault, of this many moments 50 ms apart. */
function quiet(moments: number): ChaosEvent[] {
  return Array.from({ length: moments }, (_, i): ChaosEvent[] => {
    const atMs = i * 50;
    const table = tableOf(1, i, atMs);
    return [
      table,
      health(atMs, { balancer: `b${i % 3}`, table: table.stamp }),
      request(atMs, { sentMs: atMs - 5 }),
      { kind: 'log', atMs, text: `line ${i}` },
    ];
  }).flat();
}

/** The history with these events put in where their time is. */
const withEvents = (history: readonly ChaosEvent[], more: readonly ChaosEvent[]): ChaosEvent[] =>
  [...history, ...more].toSorted((a, b) => a.atMs - b.atMs);

/** The only violation. */
function violationOf(events: readonly ChaosEvent[]): Violation {
  const all = checkHistory(events);
  assert.is(all.length, 1, JSON.stringify(all.slice(0, 3)));
  return all[0] as Violation;
}

test('two claims to one term are all that is left of two thousand events', () => {
  const claims = ['b1', 'b2'].map((name, i) => claim(name, 3, null, 5000 + 9000 * i));
  const events = withEvents(quiet(500), [...claims, claim('b0', 2, null, 200), claim('b0', 4, null, 20_000)]);
  assert.equal(shortestHistory(events, violationOf(events)), claims);
});

test('of two masters at once the pages stay that show how long', () => {
  const pages = (['b7', 'b8'] as const).flatMap((balancer) =>
    Array.from({ length: 60 }, (_, i) => health(3000 + i * 50, { balancer, role: 'master', table: NO_TABLE })),
  );
  const events = withEvents(quiet(200), pages);
  const violation = violationOf(events);
  const shortest = shortestHistory(events, violation);
  assert.ok(shortest.every((event) => event.kind === 'health' && event.role === 'master' && /b[78]/.test(event.balancer)));
  // The least that shows 1.5 s with no gap above 0.5 s: four pages of the one, and one more than that of the other.
  assert.ok(shortest.length >= 8 && shortest.length <= 12, `${shortest.length} events`);
  assert.equal(violationOf(shortest), violation);
  for (const left of shortest)
    assert.not.ok(
      checkHistory(shortest.filter((event) => event !== left)).some(({ atMs }) => atMs === violation.atMs),
      'one could be left out',
    );
});

test('no event of the result can be left out, wherever a violation lies', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new Random(seed);
    const atMs = random.below(9000);
    const step = health(atMs, { balancer: `b${random.below(3)}`, term: 0, table: NO_TABLE });
    const events = withEvents(quiet(200), [step]);
    for (const violation of checkHistory(events)) {
      const shortest = shortestHistory(events, violation);
      assert.ok(shortest.length > 0 && shortest.length <= 2, JSON.stringify(shortest));
      const isShown = (some: readonly ChaosEvent[]): boolean =>
        checkHistory(some).some(({ what, rule }) => what === violation.what && rule === violation.rule);
      assert.ok(isShown(shortest));
      for (const left of shortest) assert.not.ok(isShown(shortest.filter((event) => event !== left)));
    }
  }
});

test('a history that does not show the violation has no shortest part', () => {
  assert.equal(shortestHistory(quiet(10), { rule: 'one claim', atMs: 100, what: 'invented' }), []);
});

test('a violation is printed with its shortest history, and with what was done and logged before', () => {
  const events = withEvents(quiet(100), [
    { kind: 'action', atMs: 2000, text: 'kill -9 b1' },
    failed(2130, { sentMs: 2100, balancer: 'b2', status: 503, problem: '503 MEERCAT_NO_HOST' }),
  ]);
  const text = violationText(events, violationOf(events));
  const [first = '', second = '', third = ''] = text.split('\n');
  assert.match(first, /^requests are answered, at 2\.13 s: a GET to b2, sent at 2\.10 s, failed after 30 ms: 503 MEERCAT_NO_HOST$/);
  assert.match(second, /shortest history that shows it, 1 of 402 events/);
  assert.match(third, /2\.13 s {2}GET to b2, sent at 2\.10 s: 503 MEERCAT_NO_HOST$/);
  assert.match(text, /2\.00 s {2}kill -9 b1/);
  assert.match(text, /\| line 4[012]/);
  assert.not.match(text, /\| line 60/);
});

test.run();
