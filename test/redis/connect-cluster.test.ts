// A fleet on Redis Cluster: all keys in one slot, scripts and pipelines to its owner, messages from any server to
// any other. Real servers with cluster-enabled.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openCommands, openSubscription } from '../../lib/redis/connect.js';
import { type FleetView, readFleet } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { type RunningProcess, type TestRedis, until, withServer } from '../support/brackets.js';
import { ended, logOf, meercatHere, withMeercat } from '../support/meercat.js';
import { sendUntil, SLOW_MS } from '../support/fleet.js';
import { withClients } from '../support/redis-client.js';
import { withCluster } from '../support/redis-group.js';

const test = suite('cluster');

const NAMESPACE = '{meercat}';

async function statusOf(url: string): Promise<FleetView> {
  const { code, stdout, stderr } = await meercatHere(['status', '--json', '--redis', url, '--namespace', NAMESPACE]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as FleetView;
}

/** Polls the state in Redis until it is as expected; in this process, since it polls often. */
function untilStatus(url: string, what: string, isGood: (view: FleetView) => boolean): Promise<unknown> {
  return withClients([url], (client) =>
    until(async () => isGood(await readFleet(client, buildKeys(NAMESPACE))), { timeoutMs: SLOW_MS, everyMs: 50, what }),
  );
}

/** Starts a balancer without static hosts, and an agent for a real host: routing depends on Redis. */
function withBalancerAndAgent(
  url: string,
  fn: (balancer: RunningProcess, agent: RunningProcess, origin: string, sayGoodbye: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const shared = ['--redis', url, '--namespace', NAMESPACE];
  const agentOf = (host: string): string[] => [
    ...['agent', ...shared, '--url', host, '--name', 'h1', '--interval', '200ms', '--probe', 'machine'],
  ];
  return withServer(
    (_request, response) => void response.end('hello'),
    (host) =>
      withMeercat(['balancer', ...shared, '--port', '0', '--console-port', '0', '--bind', '127.0.0.1', '--name', 'b1'], (balancer) =>
        withMeercat(agentOf(host.url), async (agent) => {
          const [, origin] = await balancer.waitForLine(/"url":"(http:[^"]+)","console".*"msg":"serving"/);
          const sayGoodbye = (): Promise<void> =>
            withMeercat(agentOf(host.url), async (next) => {
              await next.waitForLine(/redis is reachable/);
              next.kill();
              assert.is((await ended(next)).code, 0);
            });
          await fn(balancer, agent, origin as string, sayGoodbye);
        }),
      ),
  );
}

const isAnswered = async (origin: string): Promise<boolean> => {
  const response = await fetch(origin);
  return response.ok && (await response.text()) === 'hello';
};

async function startsWell(url: string, origin: string): Promise<void> {
  await until(() => isAnswered(origin), { timeoutMs: SLOW_MS, what: 'a request to be answered by the host of the agent' });
  let last = '';
  await until(
    async () => {
      const { namespace, master, term, balancers, hosts } = await statusOf(url);
      last = JSON.stringify([namespace, master, balancers.length, hosts.map(({ name, state }) => `${name} ${state}`)]);
      return last === JSON.stringify([NAMESPACE, 'b1', 1, ['h1 up']]) && (term ?? 0) >= 1;
    },
    { timeoutMs: SLOW_MS, what: () => `the whole fleet in the status: ${last}` },
  );
}

test('on three servers a fleet elects a master and its table flows, also when one that holds none of the keys goes', () =>
  withCluster(3, async ({ url, servers, ownerOf }) => {
    const owner = await ownerOf(NAMESPACE);
    await withBalancerAndAgent(url, async (balancer, agent, origin, sayGoodbye) => {
      await startsWell(url, origin);

      await servers.find((server) => server !== owner)?.kill();
      const goneAt = new Date().toISOString();
      await untilStatus(url, 'newer figures', ({ hosts: [host] }) => host?.state === 'up' && String(host.reported) > goneAt);
      assert.ok(await isAnswered(origin));

      agent.kill();
      assert.is((await ended(agent)).code, 0);
      // Its goodbye may take two seconds: if the machine stalls for as long, another one has to be said.
      for (let attempt = 1; (await statusOf(url)).hosts.length > 0; attempt++) {
        assert.ok(attempt < 5, 'the host is still there');
        await sayGoodbye();
      }
      balancer.kill();
      assert.is((await ended(balancer)).code, 0);
      // On a machine that stalls, the command may give up on Redis before.
      let last = '';
      await until(
        async () => {
          const { code, stderr } = await meercatHere(['status', '--redis', url, '--namespace', NAMESPACE]);
          assert.is(code, 1);
          last = stderr;
          return stderr.startsWith('meercat: the fleet {meercat} has ended: ');
        },
        { timeoutMs: 30_000, what: () => `the end of the fleet, not ${last}` },
      );
    });
  }));

test('on one server too; it comes back empty, and the fleet writes everything again', () =>
  withCluster(1, async ({ url, servers }) => {
    const heard: string[] = [];
    const client = openCommands(parseRedisAddress(url), { onReady: () => heard.push('ready'), onLost: () => heard.push('lost') });
    try {
      await withBalancerAndAgent(url, async (balancer, _agent, origin) => {
        await startsWell(url, origin);
        await until(() => heard.at(-1) === 'ready', { what: 'the connection of our own' });
        // On a slow machine Redis may have been lost and found before.
        const states = (): string[] =>
          logOf(balancer).flatMap(({ msg }) => /^redis is (?:not )?reachable/.exec(String(msg))?.slice(0, 1) ?? []);
        await until(() => states().at(-1) === 'redis is reachable', { what: 'Redis to be reachable' });
        heard.length = 0;
        await servers[0]?.kill();
        await until(() => states().at(-1) === 'redis is not reachable', { what: 'the loss to be logged' });
        assert.ok(await isAnswered(origin), 'routing goes on');
        assert.not.match(states().join(', '), /(redis is(?: not)? reachable), \1/, 'each loss and each return is logged once');
        await servers[0]?.restart();
        await untilStatus(
          url,
          'the whole fleet in Redis',
          ({ master, term, balancers, hosts }) => master === 'b1' && (term ?? 0) > 1 && balancers.length === 1 && hosts[0]?.state === 'up',
        );
        await until(() => heard.at(-1) === 'ready', { what: 'the connection of our own' });
        assert.equal(heard.slice(0, 2), ['lost', 'ready']);
      });
    } finally {
      client.disconnect();
    }
  }));

/** The server to which a subscription to this channel is connected. */
async function subscribedTo(servers: readonly TestRedis[], channel: string): Promise<TestRedis> {
  return until(
    async () => {
      const all = await Promise.all(
        servers.map(({ url }) =>
          withClients([url], async (client) => ((await client.call('PUBSUB', 'CHANNELS')) as string[]).includes(channel)),
        ),
      );
      return servers[all.indexOf(true)];
    },
    { what: 'a subscriber' },
  );
}

test('a subscription gets messages published on any server, and moves to another when its own goes down or hangs', () =>
  withCluster(3, async ({ url, servers }) => {
    const heard: string[] = [];
    const got: string[] = [];
    const subscription = openSubscription(parseRedisAddress(url), ['channel'], (_channel, text) => got.push(text), {
      onReady: () => heard.push('ready'),
      onLost: () => heard.push('lost'),
    });
    try {
      await until(() => heard.length === 1);
      const publishOn = (all: readonly TestRedis[]): Promise<void[]> =>
        Promise.all(
          all.map(({ url: one, port }) => withClients([one], async (client) => void (await client.publish('channel', `from ${port}`)))),
        );
      // Servers that stall do not pass on what others are told.
      const passesOn = (all: readonly TestRedis[]): Promise<void> =>
        sendUntil(
          () => publishOn(all),
          () => all.every(({ port }) => got.includes(`from ${port}`)),
          () => `a message from each of ${all.length} servers, not ${got.join()}`,
        );
      await passesOn(servers);

      const first = await subscribedTo(servers, 'channel');
      await first.kill();
      await until(() => heard.length >= 3 && heard.at(-1) === 'ready', { what: () => `another ready after ${heard.join(', ')}` });
      const left = servers.filter((server) => server !== first);
      const second = await subscribedTo(left, 'channel');
      const before = heard.length;
      second.pause();
      await until(() => heard.length > before && heard.at(-1) === 'ready', { what: () => `another ready after ${heard.join(', ')}` });
      assert.match(heard.join(' '), /^ready( lost ready)+$/);
      second.resume();
      const last = left.filter((server) => server !== second);
      got.length = 0;
      await passesOn(last);
    } finally {
      subscription.close();
    }
  }));

test.run();
