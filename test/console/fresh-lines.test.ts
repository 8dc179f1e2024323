// What happened lately on a terminal: for how long it is shown, and that it is safe to show.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FreshLines } from '../../lib/console/fresh-lines.js';
import { paint } from '../../lib/console/lines.js';

const test = suite('fresh lines');

const LIFETIME_MS = 60_000;
const NOON_MS = new Date(2026, 0, 1, 12, 0, 0).getTime();

const textOf = (lines: FreshLines, nowMs: number): string[] => lines.list(nowMs).map((each) => paint(each, false));

test('a line is shown with its time until it expires, the oldest first', () => {
  const lines = new FreshLines(LIFETIME_MS, 10);
  lines.addText('b1 died', NOON_MS);
  lines.addEvent({ kind: 'host-down', name: 'h7', detail: 'no answer' }, NOON_MS + 30_000);
  assert.equal(textOf(lines, NOON_MS + 59_999), ['12:00:00  b1 died', '12:00:30  Host h7 is down: no answer']);
  assert.equal(textOf(lines, NOON_MS + 60_000), ['12:00:30  Host h7 is down: no answer']);
  assert.equal(textOf(lines, NOON_MS + 90_000), []);
});

test('there are never more than asked for, and the newest stay', () => {
  const lines = new FreshLines(LIFETIME_MS, 2);
  for (const text of ['one', 'two', 'three']) lines.addText(text, NOON_MS);
  assert.equal(textOf(lines, NOON_MS), ['12:00:00  two', '12:00:00  three']);
});

test('questions of `meercat why` are not shown, and say so', () => {
  const lines = new FreshLines(LIFETIME_MS, 10);
  assert.is(lines.addEvent({ kind: 'why-asked', name: 'b1' }, NOON_MS), false);
  assert.is(lines.addEvent({ kind: 'host-up', name: 'h1' }, NOON_MS), true);
  assert.equal(textOf(lines, NOON_MS), ['12:00:00  Host h1 is up']);
});

test('what several balancers say of one host is one line', () => {
  const lines = new FreshLines(LIFETIME_MS, 10);
  for (const by of ['b1', 'b2']) lines.addEvent({ kind: 'ejection-began', name: 'h7', detail: 'errors', by }, NOON_MS);
  const shown = textOf(lines, NOON_MS);
  assert.is(shown.length, 1);
  assert.match(shown[0] ?? '', /h7.*b1, b2/);
});

test('what a part of the fleet says cannot move the cursor or forge a line', () => {
  const lines = new FreshLines(LIFETIME_MS, 10);
  lines.addText('b1: \u001b[2J\u202eforged\n12:00:00  Host h1 is up', NOON_MS);
  assert.equal(textOf(lines, NOON_MS), ['12:00:00  b1: ?[2J?forged?12:00:00  Host h1 is up']);
});

test('after a clock was set back nothing stays for longer than its time', () => {
  const lines = new FreshLines(LIFETIME_MS, 10);
  lines.addText('one', NOON_MS);
  assert.equal(textOf(lines, NOON_MS - 1), []);
});

test.run();
