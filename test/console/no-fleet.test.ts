// What commands say where no fleet lives: that there is none, with exit code 1, and never a table without rows. With
// --json the output is JSON in any case.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withRedis } from '../support/brackets.js';
import { meercat, meercatHere, withMeercat } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('no fleet');

const NONE = 'this Redis has no fleet with the namespace nope: check --redis and --namespace';

const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['status', '--costs'],
  ['drain', 'h1'],
  ['undrain', 'h1'],
  ['eject', 'h1'],
  ['restart'],
];

test('in a namespace where none ever was, each command says so with exit code 1', () =>
  withRedis(async ({ url }) => {
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await meercatHere([...command, '--redis', url, '--namespace', 'nope']);
      assert.equal([code, stdout, stderr], [1, '', `meercat: ${NONE}`], command.join(' '));
    }
  }));

test('with --json the error is an object on stdout, with its code', () =>
  withRedis(async ({ url }) => {
    for (const command of [...COMMANDS, ['why', 'GET', '/x']]) {
      const { code, stdout, stderr } = await meercatHere([...command, '--json', '--redis', url, '--namespace', 'nope']);
      const { error, message } = JSON.parse(stdout) as { error: string; message: string };
      assert.equal([code, stderr], [1, `meercat: ${message}`], command.join(' '));
      assert.is(error, command[0] === 'why' ? 'MEERCAT_UNKNOWN_BALANCER' : 'MEERCAT_NO_FLEET');
    }
  }));

test('so is the error of a Redis that is not there; wrong usage prints nothing on stdout', async () => {
  const away = await meercat(['status', '--json', '--redis', 'redis://127.0.0.1:1']);
  assert.equal([away.code, (JSON.parse(away.stdout) as { error: string }).error], [1, 'MEERCAT_NO_REDIS']);
  const wrong = await meercatHere(['status', '--json', '--redis', 'redis://127.0.0.1:1', '--namespace', 'a b']);
  assert.equal([wrong.code, wrong.stdout], [2, '']);
});

test('a fleet that has ended is distinguished from one that never was, with what is left of it', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await client.set('nope:term', '7');
      await client.hset('nope:settings', 'host:h1', 'drained');
      await client.zadd('nope:balancers', 1, 'dead');
      const { code, stderr } = await meercatHere(['status', '--redis', url, '--namespace', 'nope']);
      assert.is(code, 1);
      assert.match(stderr, /^meercat: the fleet nope has ended: neither a balancer nor a host .* \(its last term was 7\); h1 is drained, /);
      const undrained = await meercatHere(['undrain', 'h1', '--redis', url, '--namespace', 'nope']);
      assert.is(undrained.code, 0, 'what is set can be taken back');
    }),
  ));

test('watching waits for a fleet that is still to come, and each look is JSON', () =>
  withRedis(({ url }) =>
    withMeercat(['status', '--watch', '--json', '--redis', url, '--namespace', 'nope'], async (child) => {
      await child.waitForLine(/./);
      assert.equal(JSON.parse(child.stdout[0] as string), { error: 'MEERCAT_NO_FLEET', message: NONE });
      await withClients([url], async (client) => {
        await client.zadd('nope:balancers', 1, 'b1');
        await client.hset('nope:balancer:b1', 'role', 'slave');
      });
      await child.waitForLine(/^\{"namespace":"nope"/);
      assert.equal(child.stderr, []);
    }),
  ));

test.run();
