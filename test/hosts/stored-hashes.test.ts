// Which hosts' hashes are due, in virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StoredHashes } from '../../lib/hosts/stored-hashes.js';

const test = suite('stored hosts');

const NO_NEWS: ReadonlySet<string> = new Set();

test('a changed host is stored at once if it never was, and later not too often', () => {
  const stored = new StoredHashes();
  for (const name of ['a', 'b', 'c']) stored.changed(name);
  assert.equal(stored.take(2, NO_NEWS, 0), ['a', 'b'], 'at most so many, the oldest first');
  assert.is(stored.isAnyDue(0), true);
  assert.equal(stored.take(9, NO_NEWS, 0), ['c']);
  stored.changed('c');
  stored.changed('a');
  assert.is(stored.isAnyDue(899), false);
  assert.equal(stored.take(9, NO_NEWS, 899), []);
  assert.equal(stored.take(9, new Set(['a']), 899), ['a'], 'news does not wait');
  assert.equal(stored.take(9, NO_NEWS, 900), ['c']);
});

test('a host that could not be stored is due again once marked as changed', () => {
  const stored = new StoredHashes();
  stored.changed('a');
  assert.equal(stored.take(9, NO_NEWS, 0), ['a']);
  stored.changed('a');
  assert.equal(stored.take(9, NO_NEWS, 900), ['a']);
  assert.is(stored.isAnyDue(9000), false);
});

test('an unchanged host is refreshed before it expires, and one that left is not', () => {
  const stored = new StoredHashes();
  for (const name of ['a', 'b']) stored.changed(name);
  stored.take(9, NO_NEWS, 0);
  stored.tick(3999);
  assert.is(stored.isAnyDue(3999), false);
  stored.left('b');
  stored.tick(4000);
  assert.equal(stored.take(9, NO_NEWS, 4000), ['a']);
});

test('with many hosts each is stored less often', () => {
  const stored = new StoredHashes();
  const names = Array.from({ length: 1000 }, (_, i) => `h${i}`);
  for (const name of names) stored.changed(name);
  stored.take(1000, NO_NEWS, 0);
  for (const name of names) stored.changed(name);
  assert.is(stored.isAnyDue(2999), false);
  assert.is(stored.take(500, NO_NEWS, 3000).length, 500);
});

test.run();
