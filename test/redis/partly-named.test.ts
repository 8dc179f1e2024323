// Hosts that some balancers name and others do not: how that is stored, read back from what anyone may have written, and
// put into words.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { namesField, partlyNamedPhrases, readPartlyNamed } from '../../lib/redis/partly-named.js';

const test = suite('partly named');

test('names survive the round trip, and what is no name is dropped', () => {
  assert.equal(readPartlyNamed(namesField(['b1', 'b2']), namesField(['b3'])), { by: ['b1', 'b2'], notBy: ['b3'] });
  for (const [by, notBy] of [
    [undefined, undefined],
    ['', ''],
    ['b1', ''],
    ['', 'b1'],
    ['\u001b[2J', 'b1'],
    ['b1', 'a b,,é'],
  ])
    assert.is(readPartlyNamed(by, notBy), null, `${by} ${notBy}`);
  const many = Array.from({ length: 5000 }, (_, i) => `b${i}`);
  assert.is(readPartlyNamed(many.join(','), namesField(many))?.by.length, 100);
  assert.is(readPartlyNamed('b1', namesField(many))?.notBy.length, 100);
});

test('one phrase names all hosts of the same balancers, and long lists are cut', () => {
  const naming = (by: string, notBy: string) => ({ by: by.split(' '), notBy: notBy.split(' ') });
  assert.equal(
    partlyNamedPhrases([
      ['h1', naming('b1', 'b2')],
      ['h2', naming('b1 b2', 'b3 b4 b5 b6 b7')],
      ['h3', naming('b1', 'b2')],
    ]),
    [
      'b1 names h1 and h3, which b2 does not: all balancers send to them',
      'b1 and b2 name h2, which b3, b4, b5 and 2 more do not: all balancers send to it',
    ],
  );
  assert.equal(partlyNamedPhrases([]), []);
});

test.run();
