// Who counts as dead: a process of the same PID namespace that no longer exists, and nobody else.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDead, pidSpace } from '../lib/pid-space.js';
import { ended, withMeercat } from './support/meercat.js';

const test = suite('pid space');

test('only a process of the same PID namespace that no longer exists is dead', async () => {
  const space = pidSpace() || 'boot/1';
  const pid = await withMeercat(['--version'], async (child) => {
    await ended(child);
    return String(child.pid);
  });
  assert.is(isDead({ pid, pidSpace: space }, space), true);
  assert.is(isDead({ pid, pidSpace: `${space}1` }, space), false, 'elsewhere');
  assert.is(isDead({ pid, pidSpace: '' }, ''), false, 'unknown');
  assert.is(isDead({ pid: String(process.pid), pidSpace: space }, space), false, 'it lives');
  assert.is(isDead({ pid: '1', pidSpace: space }, space), false, 'it lives, and may not be signalled by everybody');
  // Groups of processes, and what is no process id.
  for (const bad of ['0', '-1', `-${pid}`, '', 'x', '1e9', ' 7', '99999999999'])
    assert.is(isDead({ pid: bad, pidSpace: space }, space), false, JSON.stringify(bad));
});

test('on Linux the PID namespace is known, and the same for all processes of it', () => {
  if (process.platform === 'linux') assert.match(pidSpace(), /^[\da-f-]{36}\/\d+$/);
  assert.is(pidSpace(), pidSpace());
});

test.run();
