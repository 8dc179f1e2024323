// Two balancers on a real Redis: what stands there of pools and hosts agrees with what clients saw, the master publishes and
// stores the whole fleet's figures, and an ejection is an event.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FleetFigures } from '../../lib/fleet-figures.js';
import type { Commands } from '../../lib/redis/connect.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { decodeStoredView, decodeView } from '../../lib/redis/view-message.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('figures of a fleet');

interface Stage {
  readonly balancers: readonly TestBalancer[];
  readonly client: Commands;
  /** Texts that came on a channel. */
  heard(channel: string): readonly string[];
}

/** Two balancers with one host, which answers after `delayMs(path)` with the status of the path. */
async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  await withRedis((redis) =>
    withClients([redis.url, redis.url], async (client, listener) => {
      const heard = new Map<string, string[]>();
      listener.on('message', (channel: string, text: string) => heard.set(channel, [...(heard.get(channel) ?? []), text]));
      await (listener as unknown as { subscribe(...channels: string[]): Promise<unknown> }).subscribe(KEYS.view, KEYS.events);
      await withServer(
        (request, response) => {
          const [, status = '200', delayMs = '0'] = (request.url ?? '').split('/');
          setTimeout(() => {
            response.statusCode = Number(status);
            response.end('x');
          }, Number(delayMs));
        },
        ({ url }) => {
          const flags = { redis: [redis.url], statics: [{ name: 'h1', url }], ejectAfter: 3, ejectTimeMs: 3000 };
          return withBalancer({ ...flags, name: 'b1' }, async (b1) => {
            await b1.becomes('master');
            await withBalancer({ ...flags, name: 'b2' }, async (b2) => {
              await until(async () => (await client.zcard(KEYS.balancers)) === 2, { what: 'both in the fleet' });
              await fn({ balancers: [b1, b2], client, heard: (channel) => heard.get(channel) ?? [] });
            });
          });
        },
      );
    }),
  );
}

/** Sends requests one by one to both balancers in turn, and returns how long each took, in ascending order. */
async function timesOf({ balancers }: Stage, paths: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const [i, path] of paths.entries()) {
    const { port } = balancers[i % balancers.length] as TestBalancer;
    const atMs = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that none waits for another
    await ask(port, { path });
    times.push(performance.now() - atMs);
  }
  return times.toSorted((a, b) => a - b);
}

const lastView = (stage: Stage): FleetFigures | undefined => {
  const decoded = decodeView(stage.heard(KEYS.view).at(-1));
  return decoded.ok ? decoded.value : undefined;
};

test('the last minute of a pool and of its host in Redis agrees with what clients saw', () =>
  withStage(async (stage) => {
    const { client } = stage;
    const times = await timesOf(
      stage,
      Array.from({ length: 60 }, (_, i) => (i % 20 === 19 ? '/200/500' : '/200/20')),
    );
    const read = async (): Promise<(number | null)[]> => {
      const { pools, hosts } = await readFleet(client, KEYS);
      return [pools[0]?.p50Ms ?? null, pools[0]?.p99Ms ?? null, hosts[0]?.p50Ms ?? null, hosts[0]?.p99Ms ?? null];
    };
    // All of them have arrived once the quantile is one of the slow tenth.
    await until(async () => ((await read())[1] ?? 0) > 450, { timeoutMs: SLOW_MS, what: 'the slow ones in Redis' });
    const [p50 = 0, p99 = 0, hostP50 = 0, hostP99 = 0] = (await read()) as number[];
    const [fastest, median, slowest] = [times[0], times[30], times.at(-1)] as [number, number, number];
    // A bucket's middle is within 5 %; a client sees a little more than the balancer.
    assert.ok(p50 >= 19 && p50 <= median * 1.05 && fastest > 19, `p50 ${p50}, clients ${median}`);
    assert.ok(p99 >= 475 && p99 <= slowest * 1.05, `p99 ${p99}, clients ${slowest}`);
    assert.ok(hostP50 >= 19 && hostP50 <= median * 1.05 && hostP99 >= 475 && hostP99 <= slowest * 1.05, `host ${hostP50} ${hostP99}`);
    assert.is(await client.hget(KEYS.pool('default'), 'p99'), String(p99));
  }));

test('the master publishes what both balancers did, and stores it', () =>
  withStage(async (stage) => {
    const { client } = stage;
    let rounds = 0;
    await until(
      async () => {
        await timesOf(stage, ['/200/0', '/200/0', '/404/0', '/200/0']);
        rounds++;
        const picks = lastView(stage)?.picks;
        return picks !== undefined && picks.balancers.join(' ') === 'b1 b2' && picks.picks.every(([count = 0]) => count > 0);
      },
      { timeoutMs: SLOW_MS, everyMs: 50, what: () => `picks of both, not ${JSON.stringify(lastView(stage)?.picks)}` },
    );
    const view = lastView(stage) as FleetFigures;
    assert.ok(rounds > 0 && view.total.rps > 0 && view.total.minute.p50Ms !== null, JSON.stringify(view));
    assert.equal(
      [view.balancers, view.pools.map(({ name }) => name), view.hosts.map(({ name }) => name)],
      [['b1', 'b2'], ['default'], ['h1']],
    );
    assert.is(view.hosts[0]?.p99Share, 1);
    assert.ok(view.slowest.every(({ pool, host }) => pool === 'default' && host === 'h1') && view.slowest.length > 0);
    await until(
      async () => {
        await timesOf(stage, ['/200/0']);
        const decoded = decodeStoredView(await client.get(KEYS.view));
        return decoded.ok && decoded.value.history.some(({ rps }) => rps > 0) && decoded.value.hostRps.length === 1;
      },
      { timeoutMs: SLOW_MS, everyMs: 50, what: 'a stored view with a history' },
    );
    assert.ok((await client.pttl(KEYS.view)) <= 20_000);
    const { balancers } = await readFleet(client, KEYS);
    assert.ok(balancers.every(({ exchangeMs, redisRttMs }) => exchangeMs !== null && redisRttMs !== null));
    assert.equal(
      balancers.map(({ leaseMs }) => leaseMs !== null),
      [true, false],
    );
  }));

test('an ejection is an event of the balancer that ejected, stands in the view and the host’s hash, and ends', () =>
  withStage(async (stage) => {
    const { client, balancers } = stage;
    const events = (): string[] =>
      stage.heard(KEYS.events).flatMap((text) => {
        const { event, name, by, detail = '' } = JSON.parse(text) as Record<string, string>;
        return event?.startsWith('ejection') ? [`${event} ${name} ${by} ${detail}`.trim()] : [];
      });
    // The pages' own 503s count as failures of the host.
    await until(
      async () => {
        await ask((balancers[0] as TestBalancer).port, { path: '/503/0' });
        return events().length > 0;
      },
      { timeoutMs: SLOW_MS, everyMs: 20, what: 'an ejection' },
    );
    assert.is(events()[0], 'ejection-began h1 b1 5xx');
    await until(() => stage.heard(KEYS.view).some((text) => text.includes('"b1","5xx"')), { timeoutMs: SLOW_MS, what: 'it in the view' });
    await until(() => events().includes('ejection-ended h1 b1'), { timeoutMs: SLOW_MS, what: 'its end' });
    await until(async () => (await client.hget(KEYS.host('h1'), 'ejected_by')) === '0', { timeoutMs: SLOW_MS, what: 'nobody in the hash' });
    const { hosts } = await readFleet(client, KEYS);
    assert.ok((hosts[0]?.errorRps ?? 0) > 0);
  }));

test.run();
