// A tool that is missing fails in CI and is said elsewhere; nothing is skipped without a word.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withTempDir } from './brackets.js';
import { findTool } from './tools.js';

const test = suite('tools');

test('a missing program throws in CI with the package to install, and is null elsewhere', () =>
  withTempDir((dir) => {
    assert.throws(() => findTool('birdc', 'bird2', { path: dir, dirs: [], ci: 'true' }), /birdc is missing: apt-get install bird2/);
    const said: string[] = [];
    const places = { path: dir, dirs: [], ci: '', say: (line: string) => void said.push(line) };
    assert.is(findTool('birdc', 'bird2', places), null);
    assert.is(findTool(`${dir}/module.so`, 'libx', places), null);
    assert.equal(said, [
      'NOT CHECKED: birdc is missing: apt-get install bird2',
      `NOT CHECKED: ${dir}/module.so is missing: apt-get install libx`,
    ]);
  }));

test('a program is found on the PATH and where daemons are, a file by its full path', () => {
  assert.is(findTool('sh', 'dash', { path: '/nowhere:/bin', dirs: [] }), '/bin/sh');
  assert.is(findTool('sh', 'dash', { path: '', dirs: ['/bin'] }), '/bin/sh');
  assert.is(findTool('/etc/passwd', 'base-passwd', {}), '/etc/passwd');
});

test.run();
