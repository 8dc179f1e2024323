// `meercat drain`, `undrain` and `eject`: what stands in Redis afterwards, what is announced, what a person reads, and
// what is refused. The fleet is written here as the master writes it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { until, withRedis } from '../support/brackets.js';
import { meercat, meercatHere, type Outcome } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('operator');

/** A Redis with these hosts and balancers, and a way to run a command on it. */
function withFleet(
  hosts: readonly string[],
  balancers: readonly string[],
  fn: (run: (...args: string[]) => Promise<Outcome>, client: Commands, events: readonly string[]) => Promise<void>,
  runCommand = meercatHere,
): Promise<void> {
  return withRedis(({ url }) =>
    withClients([url, url], async (client, listener) => {
      const events: string[] = [];
      await listener.subscribe('meercat:events');
      listener.on('message', (_channel: string, text: string) => {
        const { event, name } = JSON.parse(text) as { event: string; name: string };
        events.push(`${event} ${name}`);
      });
      for (const [i, name] of hosts.entries()) await client.zadd('meercat:hosts', i, name);
      for (const [i, name] of balancers.entries()) {
        await client.zadd('meercat:balancers', i, name);
        await client.hset(`meercat:balancer:${name}`, 'role', 'slave');
      }
      await client.zadd('meercat:balancers', 99, 'dead');
      await fn((...args) => runCommand([...args, '--redis', url]), client, events);
    }),
  );
}

test('drain, eject and undrain set and take back a field, say so to the fleet, and tell a person what is true', () =>
  withFleet(['h1', 'h2'], ['b1', 'b2', 'b3'], async (run, client, events) => {
    const fleet = '3 balancers are in the fleet; each goes by it within a second';
    const steps: readonly (readonly [action: string, says: string, field: string | null])[] = [
      ['drain', 'h1 is drained: it gets no new requests, and finishes what it has', 'drained'],
      ['drain', 'h1 is drained already: it gets no new requests, and finishes what it has', 'drained'],
      ['eject', 'h1 is ejected: it gets no new requests, and what it has in flight is ended', 'ejected'],
      ['undrain', 'h1 is let in again: it gets requests when it is well', null],
      ['undrain', 'h1 was neither drained nor ejected', null],
    ];
    for (const [action, says, field] of steps) {
      const { code, stdout, stderr } = await run(action, 'h1');
      assert.equal([code, stdout, stderr], [0, `${says}\n${fleet}`, '']);
      assert.is(await client.hget('meercat:settings', 'host:h1'), field);
    }
    await until(() => events.length === steps.length);
    assert.equal(events, ['host-drained h1', 'host-drained h1', 'host-ejected h1', 'host-undrained h1', 'host-undrained h1']);
  }));

test('a process of its own prints JSON: the host, what is set now and was before, and how many balancers live', () =>
  withFleet(
    ['h1'],
    ['b1'],
    async (run, client) => {
      await client.hset('meercat:settings', 'host:h1', 'drunk');
      const { stdout } = await run('drain', 'h1', '--json');
      assert.equal(JSON.parse(stdout), { host: 'h1', operator: 'drained', before: 'drunk', balancers: 1 });
      const back = await run('undrain', 'h1', '--json');
      assert.equal(JSON.parse(back.stdout), { host: 'h1', operator: null, before: 'drained', balancers: 1 });
    },
    meercat,
  ));

test('a host that the fleet does not know is refused with the names that it knows, and nothing is written', () =>
  withFleet(['h10', 'h9', ...Array.from({ length: 10 }, (_, i) => `k${i}`)], ['b1'], async (run, client, events) => {
    for (const action of ['drain', 'undrain', 'eject']) {
      const { code, stdout, stderr } = await run(action, 'h99');
      assert.equal([code, stdout], [1, '']);
      assert.is(
        stderr,
        'meercat: the fleet knows no host "h99": it knows h9, h10, k0, k1, k2, k3, k4, k5 and 4 more (meercat status shows all)',
      );
    }
    assert.equal([await client.exists('meercat:settings'), events], [0, []]);
  }));

test('a fleet without hosts knows none, and says so; without a balancer it is said who will go by it', () =>
  withFleet([], [], async (run, client) => {
    await client.hset('meercat:balancer:dead', 'role', 'slave');
    const { code, stderr } = await run('eject', 'h1');
    assert.equal([code, stderr], [1, 'meercat: the fleet knows no host "h1": it knows none at all (meercat status shows all)']);
    await client.del('meercat:balancer:dead');
    await client.zadd('meercat:hosts', 1, 'h1');
    assert.match((await run('drain', 'h1')).stdout, /\nno balancer is in the fleet; one that starts goes by it$/);
  }));

test('what is set can be taken back, also of a host that is gone', () =>
  withFleet([], ['b1'], async (run, client) => {
    await client.hset('meercat:settings', 'host:gone', 'ejected');
    const { code, stdout } = await run('undrain', 'gone');
    assert.equal(
      [code, stdout],
      [0, 'gone is let in again: it gets requests when it is well\n1 balancer is in the fleet; each goes by it within a second'],
    );
    assert.is(await client.exists('meercat:settings'), 0);
  }));

test('a name that none can have is wrong usage, and so is none', () =>
  withFleet(['h1'], [], async (run) => {
    const wrong = await run('drain', '\u001b[2J');
    assert.equal(
      [wrong.code, wrong.stderr],
      [
        2,
        'meercat: "\\u001b[2J" can\'t be the name of a host: letters, digits and . _ : - only, starting with a letter or digit, at most 128',
      ],
    );
    const none = await run('undrain');
    assert.is(none.code, 2);
    assert.match(none.stderr, /^meercat: missing required argument 'host'/);
  }));

test('a Redis that does not take it is one line and exit code 1', () =>
  withFleet(['h1'], [], async (run, client) => {
    await client.config('SET', 'maxmemory', '1');
    const { code, stderr } = await run('drain', 'h1');
    assert.is(code, 1);
    assert.match(stderr, /^meercat: Redis did not take it: OOM [^\n]*$/);
  }));

test.run();
