// Every act of the console in a fleet of two balancers on a real Redis: what it changes, what the event says, what is refused
// and changes nothing; with and without a fleet key.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACT_PATH, actPage } from '../../lib/console/acts.js';
import type { FleetSight } from '../../lib/fleet-sight.js';
import type { Commands } from '../../lib/redis/connect.js';
import { decodeEvent, type FleetEvent } from '../../lib/redis/event-message.js';
import { publishEvent } from '../../lib/redis/fleet-store.js';
import { readSettings } from '../../lib/redis/settings.js';
import { withoutSignature } from '../../lib/redis/signature.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, picksOnly, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { withPages } from '../support/fleet-pages.js';
import { type Answered, ask } from '../support/http-client.js';
import { KEY, withKeyedFleet } from '../support/keyed-fleet.js';
import { withClients } from '../support/redis-client.js';

const test = suite('console acts');

const TOKEN = '0123456789abcdef0123';

interface Stage {
  readonly first: TestBalancer;
  readonly second: TestBalancer;
  readonly client: Commands;
  /** The events so far, without those of balancers and hosts that come. */
  readonly events: readonly FleetEvent[];
}

/** Asks a balancer's console, with the token. */
function act(each: TestBalancer, body: object, headers: Record<string, string> = {}): Promise<Answered> {
  return ask(each.balancer.consolePort, {
    path: ACT_PATH,
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

const said = ({ status, body }: Answered): unknown[] => [status, JSON.parse(Buffer.from(body, 'latin1').toString())];

/** Two balancers with the hosts a and b. */
async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  const withHost = (name: string, then: (url: string) => Promise<void>): Promise<void> =>
    withServer(
      (_request, response) => void response.end(name),
      ({ url }) => then(url),
    );
  await withRedis((redis) =>
    withClients([redis.url, redis.url], (client, listener) =>
      withHost('a', (a) =>
        withHost('b', async (b) => {
          const events: FleetEvent[] = [];
          await listener.subscribe(KEYS.events);
          listener.on('message', (_channel: string, text: string) => {
            const decoded = decodeEvent(text);
            if (decoded.ok && !/joined|elected|left|released/.test(decoded.value.kind)) events.push(decoded.value);
          });
          const statics = [
            { name: 'a', url: a },
            { name: 'b', url: b },
          ];
          const config = { redis: [redis.url], statics, consoleToken: TOKEN };
          await withBalancer({ ...config, name: 'b1' }, async (first) => {
            await first.becomes('master');
            await withBalancer({ ...config, name: 'b2' }, async (second) => {
              await until(async () => (await client.zcard(KEYS.balancers)) === 2, { timeoutMs: SLOW_MS, what: 'two balancers' });
              await fn({ first, second, client, events });
            });
          });
        }),
      ),
    ),
  );
}

/** Resolves with the event of this kind. */
function eventOf(events: readonly FleetEvent[], kind: FleetEvent['kind']): Promise<FleetEvent> {
  return until(() => events.find((event) => event.kind === kind), { timeoutMs: SLOW_MS, what: `an event ${kind}` });
}

const BY = 'console of b2 from 127.0.0.1';

test('drain, undrain and eject count in the whole fleet, and their events say who did it from where', () =>
  withStage(async ({ first, second, events }) => {
    const [status, body] = said(await act(second, { act: 'drain', target: 'a' }));
    assert.is(status, 200);
    assert.match((body as { text: string }).text, /^a is drained: it gets no new requests.*\n2 balancers are in the fleet/);
    await Promise.all([picksOnly(first, 'b'), picksOnly(second, 'b')]);
    assert.is((await eventOf(events, 'host-drained')).by, BY);
    assert.is(said(await act(second, { act: 'undrain', target: 'a' }))[0], 200);
    await Promise.all([picksOnly(first, 'a', 'b'), picksOnly(second, 'a', 'b')]);
    assert.equal(await eventOf(events, 'host-undrained'), { kind: 'host-undrained', name: 'a', detail: `by ${BY}`, by: BY });
    assert.is(said(await act(second, { act: 'eject', target: 'b' }))[0], 200);
    await Promise.all([picksOnly(first, 'a'), picksOnly(second, 'a')]);
    assert.is((await eventOf(events, 'host-ejected')).by, BY);
  }));

test('the last usable host is refused unless it is forced, also when both are taken out at the same time', () =>
  withStage(async ({ second, client }) => {
    const answers = await Promise.all([act(second, { act: 'drain', target: 'a' }), act(second, { act: 'eject', target: 'b' })]);
    assert.equal(
      answers.map(({ status }) => status),
      [200, 409],
    );
    const [, refusal] = said(answers[1] as Answered) as [number, Record<string, unknown>];
    assert.equal([refusal['error'], refusal['needsForce']], ['MEERCAT_LAST_HOST', true]);
    assert.equal([...(await readSettings(client, KEYS)).operatorStates], [['a', 'drained']]);
    assert.is((await act(second, { act: 'eject', target: 'b', force: true })).status, 200);
    assert.is((await readSettings(client, KEYS)).operatorStates.get('b'), 'ejected');
  }));

test('a preview says what would be, and changes nothing', () =>
  withStage(async ({ second, client, events }) => {
    for (const [body, needsForce, isHurting] of [
      [{ act: 'drain', target: 'a' }, false, false],
      [{ act: 'eject', target: 'a' }, false, true],
      [{ act: 'maintenance', target: 'default', on: true }, false, true],
      [{ act: 'algorithm', target: 'round-robin' }, false, false],
      [{ act: 'restart', target: 'fleet' }, false, false],
    ] as const) {
      const [status, preview] = said(await act(second, { ...body, preview: true })) as [number, Record<string, unknown>];
      assert.equal([status, preview['ok'], preview['needsForce'], preview['isHurting']], [200, true, needsForce, isHurting], body.act);
      if (body.act === 'drain')
        assert.equal(
          (preview['effects'] as { host: string }[]).map(({ host }) => host),
          ['b'],
        );
    }
    assert.is((await readSettings(client, KEYS)).fields.size, 0);
    assert.equal(events, []);
  }));

test('maintenance and the algorithm are set for the whole fleet and taken back', () =>
  withStage(async ({ first, second, client, events }) => {
    assert.is((await act(second, { act: 'maintenance', target: 'default', on: true })).status, 200);
    await until(async () => (await ask(first.port)).status === 503, { timeoutMs: SLOW_MS, what: 'maintenance on the other balancer' });
    assert.equal(await eventOf(events, 'maintenance-began'), { kind: 'maintenance-began', name: 'default', detail: `by ${BY}`, by: BY });
    assert.is((await act(second, { act: 'maintenance', target: 'default', on: false })).status, 200);
    await until(async () => (await ask(first.port)).status === 200, { timeoutMs: SLOW_MS, what: 'the end of maintenance' });
    assert.is((await act(second, { act: 'algorithm', target: 'round-robin' })).status, 200);
    assert.equal(await eventOf(events, 'algorithm-set'), { kind: 'algorithm-set', name: 'fleet', detail: 'round-robin', by: BY });
    await until(() => first.lines.some((line) => line.includes('the algorithm is set for the whole fleet')), {
      timeoutMs: SLOW_MS,
      what: 'the algorithm on the other balancer',
    });
    assert.is((await readSettings(client, KEYS)).algorithm, 'round-robin');
    assert.is((await act(second, { act: 'algorithm', target: 'own' })).status, 200);
    assert.is((await readSettings(client, KEYS)).algorithm, null);
  }));

test('what is not understood, not known, or not allowed is refused and changes nothing', () =>
  withStage(async ({ second, client, events }) => {
    const drain = { act: 'drain', target: 'a' };
    for (const [status, error, body, headers] of [
      [400, 'MEERCAT_BAD_ACT', { act: 'drain' }, {}],
      [404, 'MEERCAT_UNKNOWN_HOST', { act: 'drain', target: 'absent' }, {}],
      [404, 'MEERCAT_UNKNOWN_HOST', { act: 'undrain', target: 'absent' }, {}],
      [404, 'MEERCAT_UNKNOWN_POOL', { act: 'maintenance', target: 'absent', on: true }, {}],
      [415, 'MEERCAT_BAD_ACT', drain, { 'Content-Type': 'text/plain' }],
      [415, 'MEERCAT_BAD_ACT', drain, { 'Content-Type': 'application/x-www-form-urlencoded' }],
      [401, 'MEERCAT_UNAUTHORIZED', drain, { Authorization: '' }],
      [401, 'MEERCAT_UNAUTHORIZED', drain, { Authorization: 'Bearer wrong-wrong-wrong' }],
      [403, 'MEERCAT_FORBIDDEN', drain, { Origin: 'http://evil.example' }],
      [403, 'MEERCAT_FORBIDDEN', drain, { 'Sec-Fetch-Site': 'cross-site' }],
    ] as const) {
      const answer = await act(second, body, headers);
      assert.equal([answer.status, (JSON.parse(answer.body) as { error: string }).error], [status, error], JSON.stringify([body, headers]));
    }
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' };
    assert.is((await ask(second.balancer.consolePort, { path: ACT_PATH, headers })).status, 405);
    assert.is((await readSettings(client, KEYS)).fields.size, 0);
    assert.equal(events, []);
    assert.equal([second.counter('console_unauthorized'), second.counter('console_throttled')], [2, 0]);
    const origin = `http://127.0.0.1:${second.balancer.consolePort}`;
    assert.is((await act(second, { ...drain, preview: true }, { Origin: origin, 'Sec-Fetch-Site': 'same-origin' })).status, 200);
  }));

test('a restart is asked of meercat up; the answer says that it began, why it did not, or that nobody reacted', () =>
  withRedis((redis) =>
    withClients([redis.url, redis.url], async (client, listener) => {
      await listener.subscribe(KEYS.events);
      const listeners = new Set<(event: FleetEvent) => void>();
      const requested: FleetEvent[] = [];
      /** What `meercat up` does next; nothing while it is undefined. */
      let reaction: FleetEvent | undefined;
      listener.on('message', (_channel: string, text: string) => {
        const decoded = decodeEvent(withoutSignature(text));
        if (!decoded.ok) return;
        for (const each of listeners) each(decoded.value);
        if (decoded.value.kind !== 'restart-requested') return;
        requested.push(decoded.value);
        if (reaction !== undefined) void publishEvent(client, KEYS, reaction);
      });
      const sight = {
        ...{
          client,
          keys: KEYS,
          ring: { isKeyed: false, ids: [] },
          config: { name: 'b2' },
          order: () => ['b1', 'b2'],
          log: () => undefined,
        },
        onEvent(each: (event: FleetEvent) => void) {
          listeners.add(each);
          return () => void listeners.delete(each);
        },
      } as unknown as FleetSight;
      const restart = (port: number): Promise<Answered> =>
        ask(port, {
          path: ACT_PATH,
          method: 'POST',
          headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
          body: '{"act":"restart","target":"fleet"}',
        });
      await withPages(
        [actPage(sight, 300)],
        async ({ port }) => {
          const [silent, nobody] = said(await restart(port)) as [number, Record<string, unknown>];
          assert.equal([silent, nobody['error']], [409, 'MEERCAT_RESTART_FAILED']);
          assert.match(nobody['message'] as string, /^no meercat up has reacted within 0\.3 s/);
          reaction = { kind: 'restart-began', name: 'b1' };
          assert.equal(said(await restart(port)), [200, { ok: true, text: 'meercat up restarts the balancers one after the other' }]);
          reaction = { kind: 'restart-failed', name: 'fleet', detail: 'one is under way' };
          assert.equal(said(await restart(port)), [409, { error: 'MEERCAT_RESTART_FAILED', message: 'not restarted: one is under way' }]);
        },
        { token: TOKEN },
      );
      assert.equal(
        requested,
        Array.from({ length: 3 }, () => ({ kind: 'restart-requested', name: 'fleet', by: BY })),
      );
      assert.is(listeners.size, 0);
    }),
  ));

test('with a fleet key a balancer signs what is done on its console, and every balancer goes by it', () =>
  withKeyedFleet(
    KEY,
    async ({ balancers, client, heard }) => {
      const [first, second] = balancers as [TestBalancer, TestBalancer];
      assert.is((await act(second, { act: 'maintenance', target: 'default', on: true })).status, 200);
      await until(async () => (await ask(first.port)).status === 503, { timeoutMs: SLOW_MS, what: 'maintenance on the other balancer' });
      assert.is((await act(second, { act: 'eject', target: 'h1', force: true })).status, 200);
      assert.match((await client.hget(KEYS.settings, 'host:h1')) as string, /^ejected sig=1 .* role=operator from=b2 /);
      await until(() => heard.get(KEYS.events)?.some((text) => /"host-ejected".* role=operator from=b2 /.test(text)), {
        what: 'the event',
      });
      for (const each of balancers)
        assert.equal([each.counter('messages_dropped_role'), each.counter('messages_dropped_unsigned')], [0, 0]);
    },
    undefined,
    TOKEN,
  ));

test.run();
