// Replies as redis-cli prints them: each expected text is what redis-cli 7.0 printed for that reply.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatReply } from '../../lib/console/redis-reply.js';

const test = suite('replies of Redis');

const CASES: readonly (readonly [what: string, reply: unknown, bare: string, numbered: string])[] = [
  ['a text', 'b1', 'b1', '"b1"'],
  ['a status', 'OK', 'OK', 'OK'],
  ['a number', 12, '12', '(integer) 12'],
  ['nothing', null, '', '(nil)'],
  ['an error', new Error("ERR unknown command 'x'"), "ERR unknown command 'x'", "(error) ERR unknown command 'x'"],
  ['an empty list', [], '', '(empty array)'],
  ['a list', ['a', 1, null], 'a\n1\n', '1) "a"\n2) (integer) 1\n3) (nil)'],
  ['a list of lists', [['a', 'b'], 'c'], 'a\nb\nc', '1) 1) "a"\n   2) "b"\n2) "c"'],
  ['a map', new Map([['name', 'b1']]), 'name\nb1', '1) "name"\n2) "b1"'],
  ['an object', { name: 'b1' }, 'name\nb1', '1) "name"\n2) "b1"'],
  ['what a terminal would act on', 'a"\\\n\u001b[2J', 'a"\\\n\u001b[2J', '"a\\"\\\\\\n\\x1b[2J"'],
];

for (const [what, reply, bare, numbered] of CASES) {
  test(`${what} is printed as redis-cli prints it`, () => {
    assert.is(formatReply(reply, false), bare);
    assert.is(formatReply(reply, true), numbered);
  });
}

test('ten lines and more have their numbers under one another', () => {
  const lines = formatReply(
    Array.from({ length: 10 }, (_, index) => index),
    true,
  ).split('\n');
  assert.equal([lines[0], lines[9]], [' 1) (integer) 0', '10) (integer) 9']);
});

test.run();
