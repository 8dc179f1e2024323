// `meercat status` against a real Redis: once, as JSON, repeatedly until it is stopped, and what it says
// when Redis goes. The rows are written here as the fleet writes them.

import { getEventListeners } from 'node:events';
import { Writable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { printStatus } from '../../lib/console/status.js';
import type { FleetView } from '../../lib/redis/fleet-view.js';
import type { Commands } from '../../lib/redis/connect.js';
import { until, withRedis } from '../support/brackets.js';
import { ended, meercatHere, withMeercat } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('status');

/** A fleet of one master, one slave and two hosts under this namespace. */
async function writeFleet(client: Commands, namespace = 'meercat'): Promise<void> {
  const balancer = {
    role: 'slave',
    url: 'http://127.0.0.1:8080',
    pid: 7,
    rps: '12.3',
    inflight: 2,
    cpu: '0.1',
    memory_bytes: 2 ** 20,
    'count:requests': 42,
  };
  const host = {
    url: 'http://127.0.0.1:3000',
    state: 'up',
    agent: 'yes',
    cpu: '0.5',
    memory: '0.25',
    cores: 2,
    inflight: 1,
    long_lived: 3,
    rps: 4,
    p50: '3.2',
    p99: '48',
    errors: '0.5',
    ejected_by: 1,
    reported: '2026-01-01T00:00:00.000Z',
  };
  await client
    .pipeline()
    .zadd(`${namespace}:balancers`, 1, 'b1', 2, 'b2')
    .hset(`${namespace}:balancer:b1`, { ...balancer, role: 'master' })
    .hset(`${namespace}:balancer:b2`, balancer)
    .zadd(`${namespace}:hosts`, 1, 'h10', 2, 'h2')
    .hset(`${namespace}:host:h2`, host)
    .hset(`${namespace}:host:h10`, { ...host, state: 'silent', cpu: '', reported: '' })
    .hset(`${namespace}:master`, { name: 'b1', term: 7 })
    .set(`${namespace}:term`, 7)
    .exec();
}

test('once: the fleet as two tables, and it ends', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await writeFleet(client);
      const { code, stdout, stderr } = await meercatHere(['status', '--redis', url]);
      assert.equal([code, stderr], [0, '']);
      const lines = stdout.split('\n');
      assert.is(lines[0], 'fleet meercat: 2 balancers, 2 hosts; master b1, term 7');
      assert.equal(
        lines.map((line) => line.split(/ +/).slice(0, 2)).filter(([name]) => /^[bh]\d/.test(name ?? '')),
        [
          ['b1', 'master'],
          ['b2', 'slave'],
          ['h2', 'ejected'],
          ['h10', 'ejected'],
        ],
      );
    }),
  ));

test('as JSON: everything that is known, one document', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await writeFleet(client, 'other');
      const { code, stdout } = await meercatHere(['status', '--json', '--redis', url, '--namespace', 'other']);
      assert.is(code, 0);
      const view = JSON.parse(stdout) as FleetView;
      assert.equal([view.namespace, view.master, view.term, view.hosts.map(({ name }) => name)], ['other', 'b1', 7, ['h2', 'h10']]);
      assert.equal(view.balancers[0]?.counters, { requests: 42 });
      assert.equal(view.hosts[1], {
        name: 'h10',
        url: 'http://127.0.0.1:3000',
        state: 'silent',
        isUnassigned: false,
        operator: null,
        hasAgent: true,
        cpu: null,
        memory: 0.25,
        cores: 2,
        inflight: 1,
        longLived: 3,
        rps: 4,
        p50Ms: 3.2,
        p99Ms: 48,
        errorRps: 0.5,
        ejectedBy: 1,
        reported: null,
      });
    }),
  ));

test('what others wrote into Redis does not reach the terminal as it is', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await writeFleet(client);
      await client.zadd('meercat:hosts', 1, '\u001b[2Jbad', 2, 'h3', 3, 'h4');
      await client.hset('meercat:host:\u001b[2Jbad', { url: 'http://a:1', state: 'up' });
      await client.hset('meercat:host:h3', { url: 'http://a:1/\u001b[2J', state: 'up' });
      await client.hset('meercat:host:h4', { url: 'http://a:1', state: '\u001b[2J' });
      await client.hset('meercat:balancer:b1', { url: 'http://a\u001b[2J\nforged line' });
      const { code, stdout } = await meercatHere(['status', '--redis', url]);
      assert.is(code, 0);
      // oxlint-disable-next-line no-control-regex -- a control character is what must not be there
      assert.not.match(stdout, /\u001b|^forged|bad|h3|h4/m);
    }),
  ));

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`watching goes on until ${signal}, which ends it well`, () =>
    withRedis(({ url }) =>
      withClients([url], async (client) => {
        await writeFleet(client);
        await withMeercat(['status', '--watch', '--json', '--redis', url], async (child) => {
          await until(() => child.stdout.length >= 2, { what: 'two looks' });
          await client.set('meercat:term', 8);
          await child.waitForLine(/"term":8/);
          for (const line of child.stdout) {
            // A look at a Redis that does not answer in time is one line too.
            const look = JSON.parse(line) as FleetView & { readonly error?: string };
            assert.is(look.error ?? look.master, look.error === undefined ? 'b1' : 'MEERCAT_NO_REDIS', 'each look is one line');
          }
          child.kill(signal);
          assert.equal(await ended(child), { code: 0, signal: null });
          assert.equal(child.stderr, []);
        });
      }),
    ));
}

test('watching survives a Redis that goes: it says so, shows the fleet again when it is back, and listens to its signal once', () =>
  withRedis(async (redis) => {
    let text = '';
    let looks = 0;
    const out = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        looks++;
        done();
      },
    }) as unknown as NodeJS.WriteStream;
    const shows = (pattern: RegExp) =>
      until(() => pattern.test(text), { timeoutMs: 30_000, everyMs: 50, what: () => `${pattern}: ${text}` });
    const abort = new AbortController();
    const watching = printStatus(
      { redis: redis.url, namespace: 'meercat', isWatching: true, isJson: false, isCosts: false },
      out,
      abort.signal,
    );
    try {
      await shows(/^this Redis has no fleet with the namespace meercat/m);
      await redis.kill();
      await shows(/^Redis can't be read: /m);
      await redis.restart();
      await withClients([redis.url], (client) => writeFleet(client));
      await shows(/2 balancers, 2 hosts; master b1/);
      // Node.js warns of more than ten listeners.
      await until(() => looks > 12, { timeoutMs: 60_000, everyMs: 50, what: 'a dozen looks' });
      assert.ok(getEventListeners(abort.signal, 'abort').length <= 1);
    } finally {
      abort.abort();
      await watching;
    }
  }));

test('once, a Redis that hangs is given up with one line and exit code 1', () =>
  withRedis(async (redis) => {
    redis.pause();
    const { code, stdout, stderr } = await meercatHere(['status', '--redis', redis.url]);
    assert.equal([code, stdout], [1, '']);
    assert.match(stderr, /^meercat: Redis at redis:\/\/127\.0\.0\.1:\d+ can't be used: [^\n]+; check --redis$/);
  }));

test('keys of another type are named as what they are, not as a fault of the program', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await client.set('meercat:balancers', 'garbage');
      const { code, stderr } = await meercatHere(['status', '--redis', url]);
      assert.is(code, 1);
      assert.match(stderr, /^meercat: this Redis has no fleet [^\n]+; meercat:balancers holds another type than Meercat writes$/);
    }),
  ));

test.run();
