// Which names hosts may take for others: all with `_`, and those that become a name with a meaning if signs read as `-`.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isOddName, oddNamesOf, withoutOddNames } from '../../../lib/traffic/wire/header-names.js';

const test = suite('header names');

test('names with _ are odd; names with other signs only if they could be read as a name with a meaning', () => {
  for (const name of [
    'x-amz-meta-realm_id',
    'content_length',
    'Transfer_Encoding',
    'host_',
    '_',
    'X_Forwarded_For',
    'Content.Length',
    'TRANSFER~ENCODING',
    'X.Forwarded.For',
    'x-forwarded+anything',
    'Keep|Alive',
    'HTTP2.Settings',
    'X.Real.IP',
    'Proxy!Authorization',
  ]) {
    assert.ok(isOddName(name), name);
  }
  for (const name of [
    'X-A',
    'x.a',
    'x-amz-meta-a.b',
    "!#$%&'*+-.^`|~9",
    'Content-Length',
    'Content..Length',
    'Host.',
    'Forwarded.',
    '.Host',
    '0',
  ])
    assert.not.ok(isOddName(name), name);
});

test('odd names are found and removed with their values, and nothing else is', () => {
  const raw = ['X-A', 'a_b', 'X_B', 'x', 'X.C', 'c.d', 'x_b', 'X_B'];
  assert.equal(oddNamesOf(raw), ['X_B', 'x_b']);
  assert.equal(withoutOddNames(raw), ['X-A', 'a_b', 'X.C', 'c.d']);
  assert.equal(oddNamesOf(['X-A', '_']), []);
});

test.run();
