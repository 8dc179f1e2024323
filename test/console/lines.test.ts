// Lines for a terminal: how wide they are, where they are cut, and when there is colour.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cutLine, type Line, line, paint, wantsColour, widthOf } from '../../lib/console/lines.js';

const test = suite('lines');

const STATE: Line = [{ text: 'h1  ' }, { text: 'down', tone: 'bad' }, { text: '  x' }];

test('a line is as wide as its characters, not as its bytes or its escape sequences', () => {
  for (const [text, width] of [
    ['', 0],
    ['abc', 3],
    ['café', 4],
    ['cafe\u0301', 4],
    ['日本', 4],
    ['👍', 2],
  ] as const)
    assert.is(widthOf(line(text, 'bad')), width, text);
});

test('a line is cut at the width of the terminal, also within a part, and a wide character is not cut in two', () => {
  const cut = (parts: Line, columns: number): string => paint(cutLine(parts, columns), false);
  for (const [columns, text] of [
    [0, ''],
    [5, 'h1  d'],
    [8, 'h1  down'],
    [11, 'h1  down  x'],
    [99, 'h1  down  x'],
  ] as const)
    assert.is(cut(STATE, columns), text);
  assert.is(cut(line('日本'), 3), '日');
  assert.is(cut(line('a👍'), 2), 'a');
});

test('colour surrounds its part alone, and is nothing but basic colours', () => {
  assert.is(paint(STATE, true), 'h1  \u001b[31mdown\u001b[0m  x');
  assert.is(paint(STATE, false), 'h1  down  x');
  assert.is(paint(line('', 'bad'), true), '');
});

test('there is colour on a terminal that can, unless NO_COLOR is set, and as the flag says in any case', () => {
  const [terminal, file] = [{ isTTY: true }, {}];
  for (const [flag, out, env, wanted] of [
    [undefined, terminal, { TERM: 'xterm-256color' }, true],
    [undefined, terminal, { TERM: 'xterm-256color', NO_COLOR: '' }, true],
    [undefined, terminal, { TERM: 'xterm-256color', NO_COLOR: '1' }, false],
    [undefined, terminal, { TERM: 'dumb' }, false],
    [undefined, terminal, {}, false],
    [undefined, file, { TERM: 'xterm-256color' }, false],
    [true, file, { NO_COLOR: '1' }, true],
    [false, terminal, { TERM: 'xterm-256color' }, false],
  ] as const)
    assert.is(wantsColour(flag, out, env), wanted, JSON.stringify([flag, out, env]));
});

test.run();
