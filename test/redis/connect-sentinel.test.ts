// A fleet behind Sentinel: it finds the master, and the next one after a failover, while its balancers keep serving.
// Real servers, a real Sentinel.

import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openCommands, openSubscription } from '../../lib/redis/connect.js';
import type { FleetView } from '../../lib/redis/fleet-view.js';
import { freePort, type RunningProcess, until, withServer } from '../support/brackets.js';
import { ended, logOf, meercatHere, withMeercat } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { FAILOVER_MS, withSentinel } from '../support/redis-group.js';

const test = suite('sentinel');

/** In a manual failover the old master disconnects its clients only after 8 s; the Sentinels announce the switch at once. */
const TOLD_MS = 6000;

async function statusOf(url: string): Promise<FleetView> {
  const { code, stdout, stderr } = await meercatHere(['status', '--json', '--redis', url]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as FleetView;
}

/** The fleet with its master: where the machine stalls, there may be none for a moment. */
function untilLed(url: string): Promise<FleetView> {
  return until(
    async () => {
      const view = await statusOf(url);
      return view.master === 'b1' && view;
    },
    { timeoutMs: FAILOVER_MS, everyMs: 100, what: 'a status with the master' },
  );
}

/** Sends sequential requests while `fn` runs; counts those without a 200. */
async function underLoad(url: string, fn: (counts: { readonly sent: number }) => Promise<void>): Promise<{ sent: number; failed: number }> {
  const counts = { sent: 0, failed: 0 };
  const over = new AbortController();
  const loop = (async () => {
    while (!over.signal.aborted) {
      counts.sent++;
      const isGood = await fetch(url).then(
        async (response) => response.ok && (await response.text()) === 'hello',
        () => false,
      );
      if (!isGood) counts.failed++;
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  })();
  try {
    await fn(counts);
  } finally {
    over.abort();
    await loop;
  }
  return counts;
}

/** A subscription, with its events and its messages. */
async function withChannel(url: string, fn: (heard: string[], got: string[]) => Promise<void>): Promise<void> {
  const heard: string[] = [];
  const got: string[] = [];
  const events = { onReady: () => void heard.push('ready'), onLost: () => void heard.push('lost') };
  const subscription = openSubscription(parseRedisAddress(url), ['channel'], (_channel, text) => got.push(text), events);
  try {
    await fn(heard, got);
  } finally {
    subscription.close();
  }
}

async function urlOf(child: RunningProcess): Promise<string> {
  const [, url] = await child.waitForLine(/"url":"(http:[^"]+)","console".*"msg":"serving"/);
  return url as string;
}

for (const [how, isKilled] of [
  ['when the master is killed', true],
  ['in good order', false],
] as const) {
  test(`a fleet follows a failover ${how}, and no request fails`, () =>
    withSentinel((group) =>
      withChannel(group.url, (heard, got) =>
        withServer(
          (_request, response) => void response.end('hello'),
          (host) => {
            // One of the Sentinels is down all the time.
            const redis = group.url.replace('//', '//127.0.0.1:1,');
            const flags = [
              '--redis',
              redis,
              '--port',
              '0',
              '--console-port',
              '0',
              '--bind',
              '127.0.0.1',
              '--name',
              'b1',
              '--host',
              `${host.url},name=h1`,
            ];
            return withMeercat(['balancer', ...flags], async (child) => {
              await until(() => heard.length === 1, { what: 'the subscription' });
              const url = await urlOf(child);
              await until(() => logOf(child).some(({ msg }) => msg === 'this balancer is master'), {
                timeoutMs: FAILOVER_MS,
                what: 'the first mastership',
              });
              const before = await untilLed(group.url);
              assert.equal(before.balancers.length, 1);
              const { code, stderr } = await meercatHere(['status', '--redis', group.url.replace('mymaster', 'other')]);
              assert.is(code, 1);
              assert.match(
                stderr,
                /^meercat: Redis at redis\+sentinel:.*\/other can't be used: no Sentinel can be reached, or none knows this master; check --redis$/,
              );

              const { sent, failed } = await underLoad(url, async (counts) => {
                if (isKilled) await group.servers[0].kill();
                else await group.failover();
                if (isKilled)
                  await until(async () => (await group.masterPort()) === group.servers[1].port, {
                    timeoutMs: FAILOVER_MS,
                    what: 'the failover',
                  });
                await withClients([(await group.master()).url], async (next) => {
                  // The old master's data may have been replicated to the new one; only writes from now on count.
                  await next.del('meercat:balancer:b1', 'meercat:hosts', 'meercat:master');
                  const timeoutMs = isKilled ? FAILOVER_MS : TOLD_MS;
                  await until(async () => (await next.exists('meercat:balancer:b1', 'meercat:hosts', 'meercat:master')) === 3, {
                    timeoutMs,
                    what: 'the fleet to write to the new master',
                  });
                  await until(async () => (await next.publish('channel', 'from the new master')) > 0 && got.length > 0, {
                    what: 'a message to the subscriber at the new master',
                  });
                });
                // A slow machine needs longer for so many than for the failover.
                await until(() => counts.sent > 20, { what: () => `20 requests, not ${counts.sent}` });
              });
              // A client that reconnects before the Sentinels' announcement reconnects once more.
              assert.match(heard.join(' '), /^ready( lost ready)+$/);
              assert.is(failed, 0, `${failed} of ${sent} requests`);

              const after = await untilLed(group.url);
              assert.equal([after.balancers.map(({ name }) => name), after.hosts.map(({ name }) => name)], [['b1'], ['h1']]);
              assert.ok((after.term ?? 0) >= (before.term ?? 0));
              child.kill();
              assert.is((await ended(child)).code, 0);
              assert.equal((await statusOf(group.url)).balancers, []);
              assert.is(logOf(child).length, child.lines.length, `nothing but log lines:\n${child.lines.join('\n')}`);
            });
          },
        ),
      ),
    ));
}

test('a client that must reconnect while it queries the Sentinels keeps querying; one that must end ends', async () => {
  const port = await freePort();
  const client = openCommands(parseRedisAddress(`redis+sentinel://127.0.0.1:${port}/mymaster`));
  await until(() => client.status === 'connecting');
  client.disconnect(true);
  let asked = 0;
  const sentinel = createServer((socket) => {
    asked++;
    socket.destroy();
  }).listen(port, '127.0.0.1');
  try {
    await until(() => asked > 4, { what: 'further questions' });
    assert.is(client.status, 'connecting');
    client.disconnect();
    await until(() => client.status === 'end', { what: 'the end' });
  } finally {
    client.disconnect();
    sentinel.close();
  }
});

test('while no Sentinel answers a balancer serves its static hosts, and logs once that Redis is unreachable', () =>
  withServer(
    (_request, response) => void response.end('hello'),
    (host) => {
      const flags = [
        '--redis',
        'redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster',
        '--port',
        '0',
        '--bind',
        '127.0.0.1',
        '--host',
        host.url,
      ];
      return withMeercat(['balancer', ...flags, '--log-level', 'debug'], async (child) => {
        assert.is(await (await fetch(await urlOf(child))).text(), 'hello');
        // It checks its hosts itself after a while, and says so: until then it is not certain how many lines there are.
        const isAlone = (): boolean => logOf(child).some(({ msg }) => String(msg).startsWith('no master is heard'));
        await until(() => isAlone() && logOf(child).filter(({ msg }) => msg === 'a heartbeat could not be written').length > 1, {
          what: 'two heartbeats, and the search for a master to be given up',
        });
        const warnings = logOf(child).filter(({ level }) => level === 'warn' || level === 'error');
        const reason = 'no Sentinel can be reached, or none knows this master';
        assert.equal(
          warnings.map(({ redis, reason: told }) => [redis, told]),
          [
            ['redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster', reason],
            [undefined, `Redis can't be used: ${reason}`],
          ],
        );
        child.kill();
        assert.is((await ended(child)).code, 0);
      });
    },
  ));

test.run();
