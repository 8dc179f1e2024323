// When a balancer reports that it is ready, on real sockets, from its start to its stop. It must never be ready when
// every request would get a 503, and always give the reason when it is not.

import type { RequestListener } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBalancer } from '../../lib/balancer.js';
import { operate, type OperatorAction } from '../../lib/console/operator.js';
import type { Log } from '../../lib/log.js';
import type { FromFleet, ToFleet } from '../../lib/thread-messages.js';
import type { KeepThread, Thread, ThreadOptions } from '../../lib/threads.js';
import { freePort, until, withRedis, withServer } from '../support/brackets.js';
import { buildConfig, deliverReport, KEYS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { keepInnerThread } from '../support/inner-threads.js';
import { ended, withMeercat } from '../support/meercat.js';
import { withProxy } from '../support/proxy.js';
import { withClients } from '../support/redis-client.js';

const test = suite('balancer ready');

const OK: RequestListener = (_request, response) => void response.end('ok');

interface Pages {
  readonly live: number;
  readonly ready: number;
  readonly health: number;
  readonly reason: string;
}

async function pagesOf(consolePort: number): Promise<Pages> {
  const read = (name: string): ReturnType<typeof ask> => ask(consolePort, { path: `/.meercat/${name}` });
  const [live, ready, health] = [await read('live'), await read('ready'), await read('health')];
  const { reason } = JSON.parse(ready.body) as { reason: string };
  return { live: live.status, ready: ready.status, health: health.status, reason };
}

async function becomes(consolePort: number, wanted: Pages): Promise<void> {
  let last: Pages | undefined;
  await until(async () => JSON.stringify((last = await pagesOf(consolePort))) === JSON.stringify(wanted), {
    timeoutMs: SLOW_MS,
    what: () => `${JSON.stringify(wanted)}, not ${JSON.stringify(last)}`,
  });
}

test('a balancer without hosts is not ready, and answers every request with 503', () =>
  withBalancer({}, async ({ balancer, port }) => {
    await becomes(balancer.consolePort, { live: 200, ready: 503, health: 503, reason: 'no-hosts' });
    assert.is((await ask(port)).status, 503);
  }));

test('a balancer whose hosts all look dead is not ready, although requests are still sent to them', async () => {
  const dead = await freePort();
  await withBalancer({ statics: [{ name: 'dead', url: `http://127.0.0.1:${dead}` }] }, async ({ balancer, port }) => {
    await becomes(balancer.consolePort, { live: 200, ready: 200, health: 200, reason: 'ready' });
    assert.is((await ask(port)).status, 502);
    await becomes(balancer.consolePort, { live: 200, ready: 503, health: 503, reason: 'all-down' });
    assert.is((await ask(port)).status, 502);
  });
});

test('a balancer is not ready while operators have taken out every host', () =>
  withRedis((redis) =>
    withServer(OK, ({ url }) =>
      withBalancer({ redis: [redis.url], statics: [{ name: 'a', url }] }, async ({ balancer, port, becomes: becomesRole }) => {
        const say = (action: OperatorAction): Promise<void> =>
          operate({ action, host: 'a', redis: redis.url, namespace: KEYS.namespace, isJson: true }, { write: () => true });
        await becomesRole('master');
        await becomes(balancer.consolePort, { live: 200, ready: 200, health: 200, reason: 'ready' });
        // The command knows hosts from Redis, where a new master writes them soon.
        await until(
          () =>
            say('drain').then(
              () => true,
              () => false,
            ),
          { timeoutMs: SLOW_MS, what: 'the host to be known' },
        );
        await becomes(balancer.consolePort, { live: 200, ready: 503, health: 503, reason: 'all-taken-out' });
        assert.is((await ask(port)).status, 503);
        await say('undrain');
        await becomes(balancer.consolePort, { live: 200, ready: 200, health: 200, reason: 'ready' });
        assert.is((await ask(port)).status, 200);
      }),
    ),
  ));

/** Inner threads whose messages are held back until `release`. */
function heldThreads(): { readonly keep: KeepThread; release(): void } {
  const held: (() => void)[] = [];
  let isHeld = true;
  return {
    keep: <To, From extends { readonly type: string }>(options: ThreadOptions<To, From>) =>
      keepInnerThread<To, From>({
        ...options,
        onMessage: (message) => void (isHeld ? held.push(() => options.onMessage(message)) : options.onMessage(message)),
      }),
    release() {
      isHeld = false;
      for (const deliver of held.splice(0)) deliver();
    },
  };
}

test('a starting balancer is live but not ready, and the console is up before it serves', () =>
  withServer(OK, async ({ url }) => {
    const [port, consolePort] = [await freePort(), await freePort()];
    const { keep, release } = heldThreads();
    const starting = startBalancer(buildConfig({ port, consolePort, statics: [{ name: 'a', url }] }), () => undefined, keep);
    try {
      const page = await until(() => pagesOf(consolePort).catch(() => undefined), { what: 'the console' });
      assert.equal(page, { live: 200, ready: 503, health: 503, reason: 'starting' });
      const early = until(() => ask(port).catch(() => undefined), { what: 'the port for clients' });
      const { message, name } = JSON.parse((await ask(consolePort, { path: '/.meercat/health' })).body) as {
        message: string;
        name: string;
      };
      assert.match(message, /^requests wait: /);
      assert.ok(name.endsWith(`-${port}`), name);
      release();
      await becomes(consolePort, { live: 200, ready: 200, health: 200, reason: 'ready' });
      assert.is((await early).body, 'ok', 'a request that came before waited');
    } finally {
      release();
      await (await starting).stop();
    }
  }));

/** The health page's role. */
const roleOf = async (consolePort: number): Promise<string> =>
  (JSON.parse((await ask(consolePort, { path: '/.meercat/health' })).body) as { role: string }).role;

test('with a drain delay, SIGTERM makes a balancer unready at once and resigns mastership while it keeps serving; a second one forces the exit', () =>
  withRedis((redis) =>
    withServer(OK, async ({ url }) => {
      const [port, consolePort] = [await freePort(), await freePort()];
      const ports = ['--port', String(port), '--bind', '127.0.0.1', '--console-port', String(consolePort)];
      await withMeercat(
        ['balancer', '--redis', redis.url, '--host', url, ...ports],
        async (child) => {
          await child.waitForLine(/"msg":"serving"/);
          await until(async () => (await roleOf(consolePort)) === 'master', { timeoutMs: SLOW_MS, what: 'the balancer to be master' });
          await becomes(consolePort, { live: 200, ready: 200, health: 200, reason: 'ready' });
          child.kill('SIGTERM');
          // The delay is longer than the slowest machine takes.
          await becomes(consolePort, { live: 200, ready: 503, health: 503, reason: 'stopping' });
          await until(async () => (await roleOf(consolePort)) === 'slave', { timeoutMs: SLOW_MS, what: 'the lease to be given back' });
          // Each on its own connection.
          for (let i = 0; i < 5; i++) assert.is((await ask(port)).body, 'ok');
          await child.waitForLine(/"for":"60m","msg":"not ready any more; requests are still accepted"/);
          child.kill('SIGTERM');
          assert.equal(await ended(child), { code: 1, signal: null });
        },
        { MEERCAT_DRAIN_DELAY: '60m' },
      );
    }),
  ));

test('after the drain delay the drain begins: nothing new is accepted, and requests in flight are finished', () => {
  const waiting: (() => void)[] = [];
  const handler: RequestListener = ({ url }, response) =>
    void (url === '/slow' ? waiting.push(() => response.end('done')) : response.end('ok'));
  return withProxy(
    handler,
    async (each) => {
      const slow = ask(each.port, { path: '/slow' });
      await until(() => waiting.length === 1, { what: 'the request to be in flight' });
      const stopped = each.balancer.stop();
      await until(
        () =>
          ask(each.port).then(
            () => false,
            (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
          ),
        { timeoutMs: SLOW_MS, what: 'the port to be closed' },
      );
      for (const answer of waiting.splice(0)) answer();
      assert.is((await slow).body, 'done');
      await stopped;
    },
    { drainDelayMs: 1, drainTimeoutMs: 30_000 },
  );
});

test('a start that fails waits for no drain delay', () =>
  withServer(OK, async ({ port }) => {
    const startMs = performance.now();
    const delayed = { drainDelayMs: 60 * 60_000 };
    for (const taken of [{ port }, { consolePort: port }]) {
      const error = await withBalancer({ ...delayed, ...taken }, () => undefined).then(
        () => null,
        (thrown: unknown) => thrown as Error & { code: string },
      );
      assert.is(error?.code, 'MEERCAT_PORT_TAKEN');
    }
    const keep: KeepThread = <To, From extends { readonly type: string }>(options: ThreadOptions<To, From>): Thread<To> => {
      setImmediate(() => options.onMessage({ type: 'name-taken', holder: 'process 12' } satisfies FromFleet as unknown as From));
      return { post: () => undefined, stop: () => Promise.resolve() };
    };
    const error = await startBalancer(buildConfig(delayed), () => undefined, keep).then(
      () => null,
      (thrown: unknown) => thrown as Error & { code: string },
    );
    assert.is(error?.code, 'MEERCAT_NAME_TAKEN');
    assert.ok(performance.now() - startMs < 60_000);
  }));

/** Starts a balancer whose Redis answers only once it was found unreachable; returns the status of a request sent meanwhile. */
async function statusWithLateRedis(redisPort: number): Promise<{ readonly status: number; readonly tookMs: number }> {
  const [late, port] = [await freePort(), await freePort()];
  const links = new Set<Socket>();
  const forwarder = createServer((near) => {
    const far = connect(redisPort, '127.0.0.1');
    for (const socket of [near, far]) links.add(socket.on('error', () => [near, far].forEach((each) => each.destroy())));
    near.pipe(far).pipe(near);
  });
  let lostAtMs = Number.NaN;
  const log: Log = (_level, message) => {
    if (!message.startsWith('redis is not reachable') || !Number.isNaN(lostAtMs)) return;
    lostAtMs = performance.now();
    forwarder.listen(late, '127.0.0.1');
  };
  const config = buildConfig({ name: 'late', port, redis: [`redis://127.0.0.1:${late}`] });
  const starting = startBalancer(config, log, keepInnerThread);
  try {
    const answer = await until(() => ask(port).catch(() => undefined), { timeoutMs: SLOW_MS, what: 'an answer' });
    return { status: answer.status, tookMs: performance.now() - lostAtMs };
  } finally {
    await (await starting).stop();
    links.forEach((socket) => socket.destroy());
    forwarder.close();
  }
}

test('a balancer that misses Redis for a moment at its start refuses no request that a host of the fleet can take', () =>
  withRedis((redis) =>
    withServer(OK, ({ url }) =>
      withBalancer({ redis: [redis.url] }, ({ becomes: becomesRole, knows }) =>
        withClients([redis.url], async (client) => {
          await becomesRole('master');
          await deliverReport(client, 'h1', url);
          await knows(1);
          let late = await statusWithLateRedis(redis.port);
          // A machine that stands still for two seconds proves nothing.
          for (let i = 0; i < 4 && late.tookMs > 1500; i++) late = await statusWithLateRedis(redis.port);
          assert.is(late.status, 200);
        }),
      ),
    ),
  ));

test('a balancer that joins a living fleet waits for the first host, which may be published just then', () =>
  withRedis((redis) =>
    withServer(OK, ({ url }) =>
      withBalancer({ redis: [redis.url], name: 'b1' }, ({ becomes: becomesRole }) =>
        withClients([redis.url], async (client) => {
          await becomesRole('master');
          const startMs = performance.now();
          const report = sleep(800).then(() => deliverReport(client, 'h1', url));
          const [status, tookMs] = await withBalancer(
            { redis: [redis.url], name: 'b2' },
            async ({ port }) => [(await ask(port)).status, performance.now() - startMs] as const,
          );
          await report;
          // It waits for two seconds, and a machine may stand still for longer.
          if (tookMs < 1900) assert.is(status, 200);
          else assert.ok(status === 200 || status === 503);
        }),
      ),
    ),
  ));

test('messages that the fleet thread sends while it is being started are handled, too', () =>
  withServer(OK, async ({ url }) => {
    const heard: string[] = [];
    /** Threads that send messages before their starter has received them. */
    const keep: KeepThread = <To, From extends { readonly type: string }>(options: ThreadOptions<To, From>): Thread<To> => {
      const isFleet = options.entry.pathname.endsWith('/fleet-entry.js');
      const say = (message: FromFleet): void => options.onMessage(message as unknown as From);
      if (isFleet) {
        const slot = { slot: 0, name: 'a', url };
        say({ type: 'hosts', added: [slot], removed: [] });
        say({ type: 'hosts', added: [], removed: [slot] });
        for (const type of ['listed', 'synced', 'name-checked'] as const) say({ type });
      }
      return {
        post: (message) => void (isFleet && heard.push((message as unknown as ToFleet).type)),
        stop: () => Promise.resolve(),
      };
    };
    const balancer = await startBalancer(buildConfig(), () => undefined, keep);
    await balancer.stop();
    assert.equal(heard, ['hosts-known', 'slot-released', 'resign']);
  }));

test.run();
