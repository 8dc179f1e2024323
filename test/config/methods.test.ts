// How `--methods` is read.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMethods } from '../../lib/config/methods.js';

const test = suite('methods');

const refusal = (text: string): string => {
  try {
    return `read as ${parseMethods('--methods', text).join()}`;
  } catch (error) {
    return (error as Error).message;
  }
};

test('methods are separated by commas, and any is no restriction', () => {
  assert.equal(parseMethods('--methods', 'any'), []);
  assert.equal(parseMethods('--methods', 'GET'), ['GET']);
  assert.equal(parseMethods('--methods', ' GET, HEAD ,VERSION-CONTROL,GET,brew'), ['GET', 'HEAD', 'VERSION-CONTROL', 'brew']);
});

test('what can be no list of methods is refused by the name of the flag, and what is most likely a mistake too', () => {
  for (const text of ['', ',', 'GET,', 'GET POST', 'G(T', 'A'.repeat(33), '\xe9'])
    assert.match(refusal(text), /^--methods: methods separated by commas, such as GET,HEAD,POST, or any; "/, text);
  for (const text of ['CONNECT', 'GET,trace']) assert.match(refusal(text), /^--methods: (?:CONNECT|TRACE) is never served: leave it out$/);
  assert.is(refusal('get'), '--methods: methods are case-sensitive: write GET, not "get"');
});

test.run();
