// Dropped headers: each is counted, and one line a minute is logged with their number.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MINUTE } from '../../../lib/clock.js';
import { clientFacts } from '../../../lib/traffic/wire/headers.js';
import { watchDroppedNames } from '../../../lib/traffic/client/dropped-names.js';

const test = suite('dropped names');

test('the first is logged at once, the next ones together after a minute, and each is counted', () => {
  let nowMs = 5000;
  let counted = 0;
  const said: unknown[] = [];
  const onDropped = watchDroppedNames({
    clock: () => nowMs,
    count: (name, times = 1) => {
      assert.is(name, 'header_names_dropped');
      counted += times;
    },
    log: (level, _message, fields) => void said.push([level, fields]),
  });
  const facts = clientFacts('192.0.2.1', 80, false, false);
  onDropped(facts, ['X_A', 'X_B']);
  assert.equal(said.splice(0), [['warn', { header: 'X_A', client: '192.0.2.1', dropped: 2 }]]);
  nowMs += MINUTE - 1;
  onDropped(facts, ['X_C']);
  assert.equal(said, []);
  nowMs += 1;
  onDropped(facts, [`X_${'d'.repeat(500)}`]);
  assert.equal(said, [['warn', { header: `X_${'d'.repeat(78)}`, client: '192.0.2.1', dropped: 2 }]]);
  assert.is(counted, 4);
});

test.run();
