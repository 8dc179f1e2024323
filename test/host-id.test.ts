// The ids of hosts in pools: what is put together can be taken apart, and nothing odd passes for an id.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bareNameOf, hostIdOf, poolOf } from '../lib/host-id.js';
import { isHostId, isPoolName } from '../lib/redis/names.js';

const test = suite('host id');

test('the id of a host in the pool default is its name, and elsewhere begins with the pool', () => {
  assert.is(hostIdOf('default', 'web-1'), 'web-1');
  assert.is(hostIdOf('api', 'web-1'), 'api/web-1');
  for (const pool of ['default', 'api']) {
    const id = hostIdOf(pool, '10.0.0.7:80');
    assert.is(poolOf(id), pool);
    assert.is(bareNameOf(id), '10.0.0.7:80');
    assert.ok(isHostId(id));
  }
});

test('what is no id is refused', () => {
  for (const value of [
    '',
    '/',
    'api/',
    '/web',
    'api/web/1',
    'default/web',
    'a:b/web',
    '../web',
    'api/ web',
    7,
    null,
    `${'p'.repeat(64)}/web`,
  ])
    assert.is(isHostId(value), false, String(value));
});

test('names of pools are short and plain', () => {
  for (const name of ['default', 'api', 'api-canary', 'v2_web', 'p'.repeat(63)]) assert.ok(isPoolName(name), name);
  for (const name of ['', '-a', 'a.b', 'a/b', 'a:b', 'p'.repeat(64), 'ä', 1]) assert.is(isPoolName(name), false, String(name));
});

test.run();
