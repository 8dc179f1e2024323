// Rise and fall: transcripts of checks and the resulting state of a host.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { afterCheck, FALLEN, type RiseAndFall, UNCHECKED } from '../../lib/routing/health.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('health');

/** The state after each check: `+` is a good one, `-` a failed one; `u` is up, `d` down. */
function play(checks: string, rules: RiseAndFall, start = UNCHECKED): string {
  let checked = start;
  return [...checks]
    .map((check) => {
      checked = afterCheck(checked, check === '+', rules);
      return checked.isDown ? 'd' : 'u';
    })
    .join('');
}

const TRANSCRIPTS: readonly (readonly [fall: number, rise: number, checks: string, states: string])[] = [
  [2, 2, '++++', 'uuuu'],
  [2, 2, '+-+-+-', 'uuuuuu'],
  [2, 2, '--', 'ud'],
  [2, 2, '--+-+-+', 'udddddd'],
  [2, 2, '--++--++', 'udduuddu'],
  [1, 1, '-+-+', 'dudu'],
  [3, 1, '--+---+', 'uuuuudu'],
  [1, 3, '-++-+++', 'ddddddu'],
];

test('a host changes state after enough checks in a row, and one contrary check restarts the count', () => {
  for (const [healthFall, healthRise, checks, states] of TRANSCRIPTS) assert.is(play(checks, { healthFall, healthRise }), states, checks);
});

test('a host that is out needs the full number of good checks', () => {
  assert.is(play('+++', { healthFall: 1, healthRise: 3 }, FALLEN), 'ddu');
});

test('a host changes state only after a full row, for any sequence of checks', () => {
  const random = new Random(11);
  for (let round = 0; round < 200; round++) {
    const rules = { healthFall: 1 + random.below(4), healthRise: 1 + random.below(4) };
    const checks = Array.from({ length: 60 }, () => (random.below(2) === 0 ? '+' : '-')).join('');
    const states = play(checks, rules);
    for (let i = 0; i < states.length; i++) {
      const before = i === 0 ? 'u' : states[i - 1];
      if (states[i] === before) continue;
      const [row, length] = states[i] === 'd' ? ['-', rules.healthFall] : ['+', rules.healthRise];
      assert.is(checks.slice(i + 1 - length, i + 1), row.repeat(length));
    }
  }
});

test.run();
