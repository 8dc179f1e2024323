// Two balancers with one name: how each heartbeat's result changes the state of a name, on a simulated clock; and real
// processes, of which the second is refused while the first is alive, and continues once it is dead.

import { connect, createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NameWatch } from '../../lib/fleet/name-watch.js';
import { OwnName } from '../../lib/fleet/own-name.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import type { NameStanding } from '../../lib/redis/fleet-store.js';
import { freePort, until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, NO_REDIS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { ended, logOf, refusedStart, withMeercat } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('own name');

const OURS: NameStanding = { kind: 'ours' };
const FREE: NameStanding = { kind: 'free' };
const heldBy = (instance: string, leftMs: number): NameStanding => ({
  kind: 'held',
  holder: { instance, machine: 'm', pid: '7', pidSpace: '', since: 'today', leftMs },
});

test('a held name is waited for: if the heartbeat is renewed it is taken, if it expires it is ours', () => {
  const living = new OwnName();
  assert.is(living.state, 'unknown');
  assert.equal(
    [living.take(heldBy('i', 2600), 0), living.take(heldBy('i', 2400), 200), living.take(heldBy('i', 2990), 400)],
    ['waiting', 'waiting', 'taken'],
  );
  const dead = new OwnName();
  for (let nowMs = 0; nowMs < 2900; nowMs += 200) {
    assert.is(dead.take(heldBy('i', 2900 - nowMs + (nowMs % 3)), nowMs), 'waiting');
    assert.is(dead.mayClaim(nowMs), true);
  }
  assert.equal([dead.take(OURS, 3000), dead.holder], ['ours', null]);
});

test('a reply that comes late is no sign that the other one lives; a renewed heartbeat is, however late', () => {
  const dead = new OwnName();
  // Redis looked at 0, 200 and 400; the process stalled before it read the second reply, and the third was sent after it.
  assert.equal(
    [dead.take(heldBy('i', 2600), 0, 0), dead.take(heldBy('i', 2400), 900, 200), dead.take(heldBy('i', 1700), 950, 900)],
    ['waiting', 'waiting', 'waiting'],
  );
  const living = new OwnName();
  assert.equal([living.take(heldBy('i', 2600), 500, 0), living.take(heldBy('i', 2900), 1800, 900)], ['waiting', 'taken']);
});

test('another one that took the name during the wait has just started: the name is taken', () => {
  const name = new OwnName();
  name.take(heldBy('dead', 100), 0);
  assert.is(name.take(heldBy('quicker', 2900), 200), 'taken');
});

test('a balancer that lost its name claims it again only if the other was not seen for 3 s, so that a data loss of Redis changes nothing', () => {
  const name = new OwnName();
  name.take(OURS, 0);
  assert.is(name.take(heldBy('i', 2900), 1000), 'taken');
  assert.equal([name.mayClaim(2000), name.take(FREE, 2000), name.mayClaim(3999), name.mayClaim(4000)], [false, 'taken', false, true]);
  assert.equal([name.take(heldBy('i', 2900), 4000), name.mayClaim(5000)], ['taken', false]);
  assert.is(name.take(OURS, 7000), 'ours');
});

test('a conflict is reported at once during the start; a running balancer counts it once and logs it every minute', () => {
  const done: string[] = [];
  let nowMs = 0;
  const openWatch = (name: OwnName) =>
    new NameWatch({
      name,
      clock: () => nowMs,
      count: (counter) => void done.push(counter),
      log: (level, _message, fields) => void done.push(`${level} ${fields?.holder ?? ''}`.trim()),
      post: (message) => void done.push(JSON.stringify(message)),
      sendHeartbeat: () => undefined,
    });
  const took = () => done.splice(0);
  const starting = new OwnName();
  const first = openWatch(starting);
  for (const found of [heldBy('i', 2000), heldBy('i', 2900)]) {
    starting.take(found, nowMs);
    first.onHeartbeat();
  }
  const holder = 'process 7 on m, since today';
  assert.equal(took(), [`info ${holder}`, JSON.stringify({ type: 'name-taken', holder })]);
  for (; nowMs < 30_000; nowMs += 1000) first.onHeartbeat();
  first.stop();
  assert.equal(took(), [], 'it stops, and does not claim to serve while it does');
  nowMs = 0;
  const serving = new OwnName();
  const second = openWatch(serving);
  second.onUnknown();
  second.onUnknown();
  assert.equal(took(), ['{"type":"name-checked"}']);
  for (const found of [OURS, heldBy('i', 2900)]) {
    serving.take(found, nowMs);
    second.onHeartbeat();
  }
  assert.equal(took(), ['name_conflicts', `error ${holder}`]);
  for (nowMs = 1000; nowMs <= 120_000; nowMs += 1000) second.onHeartbeat();
  assert.equal(took(), [`error ${holder}`, `error ${holder}`]);
  serving.take(OURS, nowMs);
  second.onHeartbeat();
  assert.equal(took(), ['info']);
});

const FLAGS = (redis: string, port: number) => [
  'balancer',
  '--redis',
  redis,
  '--name',
  'b1',
  '--bind',
  '127.0.0.1',
  '--port',
  String(port),
  '--console-port',
  '0',
];
/** The same, in the test's process. */
const sameName = (redis: string) => ({ redis: [redis], name: 'b1', namespace: 'meercat' });
const isServing = (child: Parameters<typeof logOf>[0]) =>
  until(() => logOf(child).some(({ msg }) => msg === 'serving'), {
    timeoutMs: SLOW_MS,
    what: () => `it to serve:\n${child.lines.join('\n')}`,
  });

/** Whether a balancer waited for a heartbeat of another one under its name. */
const hasWaited = ({ lines }: TestBalancer): boolean => lines.some((line) => line.includes('waiting'));

test('a second balancer with the same name is refused with one line that names the owner; after a kill -9 the next one waits only if the dead one was elsewhere', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withMeercat(FLAGS(redis.url, 0), async (first) => {
        const keys = buildKeys('meercat');
        await isServing(first);
        const refused = await refusedStart([...FLAGS(redis.url, 0), '--host', 'http://127.0.0.1:1']);
        assert.is(refused.code, 1);
        assert.match(
          refused.stderr,
          /^meercat: --name: another balancer of this fleet has the name b1 \(process \d+ on .+, since 2.+Z\): give each its own$/,
          refused.stderr,
        );
        assert.ok(refused.stderr.includes(`process ${first.pid} on `), refused.stderr);
        assert.equal(
          [await client.hget(keys.balancer('b1'), 'pid'), await client.zrange(keys.balancers, '0', '-1')],
          [String(first.pid), ['b1']],
          'the first one is still in the fleet',
        );
        await until(async () => (await readFleet(client, keys)).master === 'b1');
        first.kill('SIGKILL');
        await ended(first);
        await withBalancer(sameName(redis.url), async (next) => {
          assert.is(await client.hget(keys.balancer('b1'), 'pid'), String(process.pid));
          assert.is(hasWaited(next), false, next.lines.join('\n'));
        });
        // After a clean stop there is nothing to wait for.
        await withBalancer(sameName(redis.url), (next) => assert.is(hasWaited(next), false, next.lines.join('\n')));
        // Of a process in another PID namespace nothing can be seen from here.
        const elsewhere = { instance: 'i-9', machine: 'm', pid: first.pid, pid_space: '0b8f/1', since: 'today' };
        await client.pipeline().hset(keys.balancer('b1'), elsewhere).pexpire(keys.balancer('b1'), 2900).exec();
        await withBalancer(sameName(redis.url), (next) => assert.is(hasWaited(next), true, next.lines.join('\n')));
      }),
    ),
  ));

/** What became of two balancers that start at once under one name, and whether Redis answered both in time. */
async function startTwo(redis: string): Promise<{ readonly outcomes: readonly string[]; readonly isTold: boolean }> {
  const outcomes: string[] = [];
  let isTold = true;
  const start = async (): Promise<void> => {
    const outcome = await withBalancer({ redis: [redis], name: 'b1' }, async (each) => {
      // It holds the name until the other one has been refused. One that serves without Redis knows of no other.
      await until(() => outcomes.length > 0 || each.lines.some((line) => /^warn redis|another balancer has this name/.test(line)), {
        timeoutMs: SLOW_MS,
        what: 'the other one to be refused',
      });
      isTold &&= outcomes.length > 0;
      return 'served';
    }).catch((error: Error & { code?: string }) => error.code ?? error.message);
    outcomes.push(outcome);
  };
  await Promise.all([start(), start()]);
  return { outcomes: outcomes.toSorted(), isTold };
}

test('of two that start at the same moment exactly one serves', () =>
  withRedis(async (redis) => {
    for (let attempt = 1; ; attempt++) {
      const { outcomes, isTold } = await startTwo(redis.url);
      if (!isTold && attempt < 5) continue;
      assert.equal(outcomes, ['MEERCAT_NAME_TAKEN', 'served']);
      return;
    }
  }));

test('a balancer that was stopped for longer than its heartbeat lives, and finds another under its name, serves on and stays apart', () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withServer(
        (_request, response) => void response.end('a'),
        async ({ url }) => {
          const port = await freePort();
          const keys = buildKeys('meercat');
          await withMeercat([...FLAGS(redis.url, port), '--host', url], async (paused) => {
            await isServing(paused);
            await until(async () => (await readFleet(client, keys)).master === 'b1', { timeoutMs: SLOW_MS });
            process.kill(paused.pid, 'SIGSTOP');
            await withBalancer({ ...sameName(redis.url), statics: [{ name: 'a', url }] }, async () => {
              process.kill(paused.pid, 'SIGCONT');
              const conflict = (): boolean =>
                logOf(paused).some(({ msg }) => String(msg).startsWith('another balancer has this name: this one serves'));
              await until(conflict, { timeoutMs: SLOW_MS, what: () => `it to notice:\n${paused.lines.join('\n')}` });
              assert.is((await ask(port)).body, 'a', 'its clients lose nothing');
              await until(async () => (await readFleet(client, keys)).master === 'b1', {
                timeoutMs: SLOW_MS,
                what: 'the other one to lead',
              });
              assert.is(await client.hget(keys.balancer('b1'), 'pid'), String(process.pid));
              paused.kill();
              assert.is((await ended(paused, SLOW_MS)).code, 0);
              assert.is(await client.hget(keys.balancer('b1'), 'pid'), String(process.pid), 'nor does it take the other out when it stops');
            });
          });
        },
      ),
    ),
  ));

/** Forwards connections on `port` to another loopback port. */
async function withRelay<T>(port: number, to: number, fn: () => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(to, '127.0.0.1');
    for (const each of [socket, onward]) sockets.add(each.on('error', () => undefined));
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  try {
    return await fn();
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("of two balancers started without Redis the loser keeps serving, and the table keeps the other's hosts", () =>
  withRedis((redis) =>
    withClients([redis.url], (client) =>
      withServer(
        (_request, response) => void response.end('a'),
        async ({ url }) => {
          const port = await freePort();
          const statics = [{ name: 'a', url }];
          await withBalancer({ redis: [redis.url], name: 'watcher' }, async (watcher) => {
            await watcher.becomes('master');
            await withBalancer({ redis: [redis.url], name: 'b1', statics }, async (elder) => {
              await watcher.knows(1);
              await withBalancer({ redis: [`redis://127.0.0.1:${port}`], name: 'b1' }, (younger) =>
                withRelay(port, redis.port, async () => {
                  await until(() => younger.counter('name_conflicts') === 1, { timeoutMs: SLOW_MS, what: 'the younger one to notice' });
                  await younger.knows(1);
                  // Longer than hosts that nobody names stay in the table.
                  for (let i = 0; i < 32; i++) {
                    assert.equal([(await ask(watcher.port)).body, (await ask(younger.port)).body], ['a', 'a']);
                    await new Promise((resolve) => setTimeout(resolve, 250));
                  }
                  assert.is(await client.hget(KEYS.balancer('b1'), 'url'), `http://127.0.0.1:${elder.port}`);
                  assert.is(younger.counter('name_conflicts'), 1);
                  assert.is(elder.counter('name_conflicts'), 0);
                }),
              );
              assert.is(
                await client.hget(KEYS.balancer('b1'), 'url'),
                `http://127.0.0.1:${elder.port}`,
                'nor does it take the other out when it stops',
              );
            });
          });
        },
      ),
    ),
  ));

test('without Redis a balancer starts under any name', () =>
  withBalancer({ redis: [NO_REDIS], name: 'b1' }, async ({ health }: TestBalancer) => {
    assert.is((await health()).status, 'serving');
  }));

test.run();
