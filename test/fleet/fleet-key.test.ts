// Real fleets with a fleet key, and somebody who can publish and write in their Redis but does not have the key. What is
// forged, moved or replayed is dropped and counted, and the fleet goes on; without a key it is believed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { operate } from '../../lib/console/operator.js';
import { encodeEvent } from '../../lib/redis/event-message.js';
import { agentKeysOf, KeyRing, type SenderRole } from '../../lib/redis/fleet-key.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { withoutSignature } from '../../lib/redis/signature.js';
import { encodeTable } from '../../lib/redis/table-message.js';
import { until } from '../support/brackets.js';
import { KEYS, sendUntil, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { inSteps } from '../support/steps.js';
import {
  KEY,
  OTHER_KEY,
  signerFor,
  reportOf,
  emptyTable,
  withKeyedFleet,
  counts,
  isCounted,
  isUnharmed,
  publishAll,
  nextOn,
} from '../support/keyed-fleet.js';

const test = suite('fleet key');

test('without a key, a forged table with a plausible higher term deposes the master', () =>
  withKeyedFleet('', async ({ client, balancers }) => {
    await sendUntil(
      () => client.publish(KEYS.stats, encodeTable(emptyTable(2))),
      () => balancers.reduce((sum, each) => sum + each.counter('masterships'), 0) > 1,
      () => 'another mastership',
    );
    assert.match(balancers[0]?.lines.join('\n') ?? '', /this balancer is slave .*a newer term, 2, exists/);
  }));

test('with a key, who does not have it can publish and write what he likes: it is dropped and counted, and the fleet is unharmed', () =>
  withKeyedFleet(KEY, (stage) =>
    inSteps(stage, [
      [
        'tables and elections',
        async ({ client, balancers }) => {
          const text = encodeTable(emptyTable(2));
          const sign = (key: string, role: SenderRole, term: number): string => signerFor(key, 'b2').sign(KEYS.stats, text, role, term);
          const areDropped = (why: string, send: () => Promise<unknown>, more = 1): Promise<void> =>
            isCounted(send, balancers, `messages_dropped_${why}`, more);
          await areDropped('unsigned', () => client.publish(KEYS.stats, text));
          await areDropped('key', () => client.publish(KEYS.stats, sign(OTHER_KEY, 'master', 2)));
          // These are made with the fleet's key, so that nothing else is wrong with them.
          const inRoles = (): string[] => [sign(KEY, 'balancer', 2), sign(KEY, 'master', 1), sign(KEY, 'operator', 2)];
          await areDropped('role', () => publishAll(client, KEYS.stats, inRoles()), 3);
          const altered = (): string[] => [
            sign(KEY, 'master', 2).replace('"seq":1', '"seq":2'),
            signerFor(KEY, 'b2').sign('shop:stats', text, 'master', 2),
          ];
          await areDropped('altered', () => publishAll(client, KEYS.stats, altered()), 2);
          const events = (['master-elected', 'master-released'] as const).map((kind) =>
            encodeEvent({ kind, name: 'b2', term: 2, mastership: 'f'.repeat(32) }, new Date()),
          );
          await areDropped('unsigned', () => publishAll(client, KEYS.events, events), 2);
          // A stored table too: who joins now would start from it.
          await client.set(KEYS.table, text);
          const [b1] = balancers as [TestBalancer];
          await withBalancer({ redis: [stage.redis], fleetKeyFile: stage.keyFiles[0] as string, name: 'late' }, async (late) => {
            await late.knows(1);
            assert.is((await late.health()).term, 1);
            assert.is((await ask(late.port)).body, 'h1');
          });
          await until(async () => (await client.zcard(KEYS.balancers)) === 3, { what: 'three balancers again' });
          assert.match(b1.lines.join('\n'), /warn a message was dropped .*it is not signed/);
          await isUnharmed(stage);
        },
      ],
      [
        'reports and load messages',
        async ({ client, balancers, url }) => {
          const [b1] = balancers as [TestBalancer];
          const agent = signerFor(agentKeysOf('', KEY, 'h1')[0] as string, 'h1');
          // h1's agent for another host, and as a balancer that reads headers.
          const isDropped = (why: string, ...messages: (() => string)[]): Promise<void> =>
            isCounted(
              () =>
                publishAll(
                  client,
                  KEYS.reports,
                  messages.map((message) => message()),
                ),
              [b1],
              `reports_dropped_${why}`,
              messages.length,
            );
          const inband = (host: string): string => reportOf(host, url, { via: 'inband' });
          await isDropped(
            'role',
            () => agent.sign(KEYS.reports, reportOf('evil', url), 'agent'),
            () => agent.sign(KEYS.reports, inband('evil'), 'agent'),
          );
          await isDropped('unsigned', () => reportOf('evil', url));
          await isDropped('key', () => signerFor(OTHER_KEY, 'b2').sign(KEYS.reports, inband('evil'), 'balancer'));
          await isDropped('altered', () =>
            agent.sign(KEYS.reports, reportOf('h1', url), 'agent').replace('"interval"', '"bye":true,"interval"'),
          );
          // A balancer passes on what a host says in its answers; its agent takes precedence.
          await isDropped('agent', () => signerFor(KEY, 'b2').sign(KEYS.reports, inband('h1'), 'balancer'));
          const load = await nextOn(stage, KEYS.load, /"balancer":"b2"/);
          await sendUntil(
            () =>
              publishAll(client, KEYS.load, [
                load,
                load,
                withoutSignature(load),
                signerFor(KEY, 'b3').sign(KEYS.load, withoutSignature(load), 'balancer'),
              ]),
            () =>
              b1.counter('loads_dropped_replayed') >= 2 &&
              b1.counter('loads_dropped_unsigned') >= 1 &&
              b1.counter('loads_dropped_role') >= 1,
            () => `load messages to be dropped:\n${b1.lines.join('\n')}`,
          );
          await isUnharmed(stage);
        },
      ],
      [
        'replays',
        async ({ client, balancers }) => {
          const table = await nextOn(stage, KEYS.stats);
          await isCounted(() => publishAll(client, KEYS.stats, [table, table]), balancers, 'messages_dropped_replayed', 2);
          // In the other channel it is no message at all.
          await isCounted(() => client.publish(KEYS.events, table), balancers, 'messages_dropped_altered');
          const old = new MessageSigner(new KeyRing('', KEY), 'b2', () => (Date.now() - 61_000) * 1000);
          await isCounted(
            () => client.publish(KEYS.stats, old.sign(KEYS.stats, encodeTable(emptyTable(2)), 'master', 2)),
            balancers,
            'messages_dropped_clock',
          );
          await isUnharmed(stage);
        },
      ],
      [
        'settings and operators',
        async ({ client, balancers, redis, operatorFile }) => {
          const isDrained = (): Promise<boolean> =>
            Promise.all(balancers.map(async ({ port }) => (await ask(port)).status)).then((all) => all.every((status) => status === 503));
          const isServed = (): Promise<boolean> =>
            Promise.all(balancers.map(async ({ port }) => (await ask(port)).status)).then((all) => all.every((status) => status === 200));
          await client.hset(KEYS.settings, { 'host:h1': 'drained', algorithm: 'resource' });
          await counts(balancers, 'settings_dropped', 2);
          await client.publish(KEYS.events, encodeEvent({ kind: 'host-drained', name: 'h1' }, new Date()));
          assert.ok(await isServed());
          const command = { host: 'h1', redis, namespace: KEYS.namespace, isJson: true } as const;
          const out = { write: () => true };
          let said = '';
          await operate({ ...command, action: 'drain' }, out).catch((error: Error) => void (said = error.message));
          assert.match(said, /the fleet signs its messages .*--fleet-key FILE or MEERCAT_FLEET_KEY/);
          assert.ok(await isServed());
          // An operator's own key is enough, and what it says stays whatever is deleted.
          await operate({ ...command, action: 'drain', fleetKeyFile: operatorFile }, out);
          await until(isDrained, { timeoutMs: SLOW_MS, what: 'h1 to be drained' });
          const drained = (await client.hget(KEYS.settings, 'host:h1')) as string;
          await client.del(KEYS.settings);
          await until(async () => (await client.hget(KEYS.settings, 'host:h1')) === drained, {
            timeoutMs: SLOW_MS,
            what: 'the setting to be back',
          });
          assert.ok(await isDrained());
          await operate({ ...command, action: 'undrain', fleetKeyFile: operatorFile }, out);
          await until(isServed, { timeoutMs: SLOW_MS, what: 'h1 to be back' });
          const replayed = (): number => balancers.reduce((sum, each) => sum + each.counter('messages_dropped_replayed'), 0);
          const altered = balancers.map((each) => each.counter('messages_dropped_altered'));
          const [before, undrained] = [replayed(), (await client.hget(KEYS.settings, 'host:h1')) as string];
          await client.hset(KEYS.settings, { 'host:h1': drained, 'host:h2': drained });
          // The first balancer that looks writes the newer setting back. Of h2 there is none.
          await until(async () => (await client.hget(KEYS.settings, 'host:h1')) === undrained && replayed() > before, {
            timeoutMs: SLOW_MS,
            what: 'the newer setting to be back',
          });
          for (const [index, each] of balancers.entries()) await counts([each], 'messages_dropped_altered', (altered[index] as number) + 1);
          assert.ok(await isServed());
          const { problems } = await readFleet(client, KEYS, new KeyRing('', KEY));
          assert.match(problems.join('\n'), /not signed with the fleet’s key, and ignored: 'host:h2'/);
          assert.equal(
            balancers.map(({ balancer }) => balancer.role),
            ['master', 'slave', 'slave'],
          );
        },
      ],
    ]),
  ));

test('what the key does not cover costs masterships and no request, and recovers', () =>
  withKeyedFleet(KEY, async ({ balancers, client }) => {
    const [b1] = balancers as [TestBalancer];
    const masterships = (): number => balancers.reduce((sum, each) => sum + each.counter('masterships'), 0);
    const isWell = (more: number, term: number): Promise<unknown> =>
      until(
        async () =>
          masterships() >= more &&
          balancers.filter(({ balancer }) => balancer.role === 'master').length === 1 &&
          (await Promise.all(balancers.map(async (each) => (await each.health()).term))).every((each) => each > term) &&
          (await client.exists(KEYS.table, KEYS.term, KEYS.lease)) === 3,
        { timeoutMs: SLOW_MS, everyMs: 50, what: () => `a master: ${balancers.map(({ lines }) => lines.slice(-3).join('\n')).join('\n')}` },
      );
    await withLoad(b1.port, async (load) => {
      await client.set(KEYS.term, '50');
      await isWell(2, 50);
      await client.del(KEYS.lease);
      await isWell(2, 50);
      await client.set(KEYS.lease, 'f'.repeat(32), 'PX', 1000);
      await isWell(3, 51);
      await client.del(KEYS.term, KEYS.table, KEYS.master, KEYS.balancers, KEYS.hosts, KEYS.host('h1'));
      await isWell(3, 51);
      assert.equal(load.failures, []);
      assert.ok(load.served > 0);
    });
    for (const { port } of balancers) assert.is((await ask(port)).body, 'h1');
  }));

test.run();
