// Real fleets with a fleet key, and somebody who can publish and write in their Redis but does not have the key. What is
// forged, moved or replayed is dropped and counted, and the fleet goes on; without a key it is believed.

import { rename, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../lib/config/config.js';
import { operate } from '../../lib/console/operator.js';
import type { HostTable } from '../../lib/model.js';
import type { Commands } from '../../lib/redis/connect.js';
import { encodeEvent } from '../../lib/redis/event-message.js';
import { agentKeysOf, KeyRing, newFleetKey, operatorKeysOf, type SenderRole } from '../../lib/redis/fleet-key.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { encodeReport } from '../../lib/redis/report-message.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { withoutSignature } from '../../lib/redis/signature.js';
import { encodeTable } from '../../lib/redis/table-message.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { inSteps } from '../support/steps.js';

const test = suite('fleet key');

const [KEY, OTHER_KEY] = [newFleetKey(), newFleetKey()];

const signerFor = (text: string, name: string): MessageSigner =>
  new MessageSigner(new KeyRing('', text, ['fleet', 'agent', 'operator']), name);

const reportOf = (host: string, url: string, fields: object = {}): string =>
  encodeReport({ host, url, cpu: 0.2, memory: 0.3, cores: 4, rps: null, intervalMs: 60_000, bye: false, ...fields });

/** A full table without hosts, of a mastership that never was. */
const emptyTable = (term: number): HostTable => ({
  stamp: { term, mastership: 'f'.repeat(32), seq: 1 },
  isFull: true,
  previousSeq: 1,
  hosts: [],
  figures: [],
  loads: [],
  acks: [],
  costs: null,
  gone: [],
});

interface Stage {
  readonly client: Commands;
  readonly redis: string;
  readonly balancers: readonly TestBalancer[];
  readonly url: string;
  /** What was heard on each channel. */
  readonly heard: ReadonlyMap<string, readonly string[]>;
  /** The key file of each balancer. */
  readonly keyFiles: readonly string[];
  readonly operatorFile: string;
}

/** As an operator does it: a file is never read half written. */
async function putFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** Three balancers, the first one master, and one host whose agent has its own key. */
async function withStage(keyText: string, fn: (stage: Stage) => Promise<void>): Promise<void> {
  await withTempDir((dir) =>
    withRedis((redis) =>
      withClients([redis.url, redis.url], (client, listener) =>
        withServer(
          (_request, response) => response.end('h1'),
          async ({ url }) => {
            const keyFiles = ['b1', 'b2', 'b3'].map((name) => `${dir}/${name}.key`);
            const operatorFile = `${dir}/operator.key`;
            for (const file of keyFiles) await putFile(file, keyText);
            await putFile(operatorFile, operatorKeysOf('', KEY).join('\n'));
            const heard = new Map<string, string[]>();
            await listener.subscribe(KEYS.reports, KEYS.load, KEYS.stats, KEYS.events);
            listener.on(
              'message',
              (channel: string, text: string) => void heard.set(channel, [...(heard.get(channel) ?? []).slice(-50), text]),
            );
            const optionsOf = (index: number): Partial<BalancerConfig> => ({
              redis: [redis.url],
              name: `b${index + 1}`,
              fleetKeyFile: keyText === '' ? '' : (keyFiles[index] as string),
            });
            await withBalancer(optionsOf(0), async (b1) => {
              await b1.becomes('master');
              await withBalancer(optionsOf(1), (b2) =>
                withBalancer(optionsOf(2), async (b3) => {
                  const balancers = [b1, b2, b3];
                  const agent = signerFor(keyText === '' ? '' : (agentKeysOf('', keyText, 'h1')[0] as string), 'h1');
                  await until(() => client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent')), {
                    what: 'a master that listens',
                  });
                  await Promise.all(balancers.map((each) => each.knows(1)));
                  await until(async () => (await client.zcard(KEYS.balancers)) === 3, { what: 'three balancers' });
                  await fn({ client, redis: redis.url, balancers, url, heard, keyFiles, operatorFile });
                }),
              );
            });
          },
        ),
      ),
    ),
  );
}

/** Resolves when the counter of each of these balancers has grown to this. */
async function counts(balancers: readonly TestBalancer[], counter: string, atLeast: number): Promise<void> {
  await until(() => balancers.every((each) => each.counter(counter) >= atLeast), {
    timeoutMs: SLOW_MS,
    what: () =>
      `${counter} ≥ ${atLeast}: ${balancers.map((each) => each.counter(counter)).join()}; the log of the first:\n${balancers[0]?.lines.join('\n')}`,
  });
}

/** The fleet is as it was: one master, its first term, one host that answers on each balancer. */
async function isUnharmed({ balancers, client }: Stage): Promise<void> {
  assert.equal(
    balancers.map(({ balancer }) => balancer.role),
    ['master', 'slave', 'slave'],
  );
  assert.equal(
    balancers.map((each) => each.counter('masterships')),
    [1, 0, 0],
  );
  for (const each of balancers) {
    assert.is((await ask(each.port)).body, 'h1');
    assert.equal([(await each.health()).term, (await each.health()).hosts], [1, 1]);
    assert.is(each.counter('requests_failed'), 0);
  }
  assert.equal(await client.zrange(KEYS.hosts, '0', '-1'), ['h1']);
}

const publishAll = async (client: Commands, channel: string, texts: readonly string[]): Promise<void> => {
  for (const text of texts) await client.publish(channel, text);
};

/** The next message of a channel. */
const nextOn = (stage: Stage, channel: string, like: RegExp = /./): Promise<string> => {
  const before = stage.heard.get(channel)?.at(-1);
  return until(() => stage.heard.get(channel)?.findLast((text) => text !== before && like.test(text)), {
    timeoutMs: SLOW_MS,
    what: `a message on ${channel}`,
  });
};

test('without a key, a forged table with a plausible higher term deposes the master', () =>
  withStage('', async ({ client, balancers }) => {
    await client.publish(KEYS.stats, encodeTable(emptyTable(2)));
    await until(() => balancers.reduce((sum, each) => sum + each.counter('masterships'), 0) > 1, {
      timeoutMs: SLOW_MS,
      what: 'another mastership',
    });
    assert.match(balancers[0]?.lines.join('\n') ?? '', /this balancer is slave .*a newer term, 2, exists/);
  }));

test('with a key, who does not have it can publish and write what he likes: it is dropped and counted, and the fleet is unharmed', () =>
  withStage(KEY, (stage) =>
    inSteps(stage, [
      [
        'tables and elections',
        async ({ client, balancers }) => {
          const text = encodeTable(emptyTable(2));
          const sign = (key: string, role: SenderRole, term: number): string => signerFor(key, 'b2').sign(KEYS.stats, text, role, term);
          await client.publish(KEYS.stats, text);
          await counts(balancers, 'messages_dropped_unsigned', 1);
          await client.publish(KEYS.stats, sign(OTHER_KEY, 'master', 2));
          await counts(balancers, 'messages_dropped_key', 1);
          // These are made with the fleet's key, so that nothing else is wrong with them.
          await publishAll(client, KEYS.stats, [sign(KEY, 'balancer', 2), sign(KEY, 'master', 1), sign(KEY, 'operator', 2)]);
          await counts(balancers, 'messages_dropped_role', 3);
          await client.publish(KEYS.stats, sign(KEY, 'master', 2).replace('"seq":1', '"seq":2'));
          await client.publish(KEYS.stats, signerFor(KEY, 'b2').sign('shop:stats', text, 'master', 2));
          await counts(balancers, 'messages_dropped_altered', 2);
          for (const kind of ['master-elected', 'master-released'] as const)
            await client.publish(KEYS.events, encodeEvent({ kind, name: 'b2', term: 2, mastership: 'f'.repeat(32) }, new Date()));
          await counts(balancers, 'messages_dropped_unsigned', 3);
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
          await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('evil', url), 'agent'));
          await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('evil', url, { via: 'inband' }), 'agent'));
          await counts([b1], 'reports_dropped_role', 2);
          await client.publish(KEYS.reports, reportOf('evil', url));
          await counts([b1], 'reports_dropped_unsigned', 1);
          await client.publish(
            KEYS.reports,
            signerFor(OTHER_KEY, 'b2').sign(KEYS.reports, reportOf('evil', url, { via: 'inband' }), 'balancer'),
          );
          await counts([b1], 'reports_dropped_key', 1);
          const goodbye = agent.sign(KEYS.reports, reportOf('h1', url), 'agent').replace('"interval"', '"bye":true,"interval"');
          await client.publish(KEYS.reports, goodbye);
          await counts([b1], 'reports_dropped_altered', 1);
          // What a host says in its answers comes from a balancer, and its agent goes before.
          await client.publish(KEYS.reports, signerFor(KEY, 'b2').sign(KEYS.reports, reportOf('h1', url, { via: 'inband' }), 'balancer'));
          await counts([b1], 'reports_dropped_agent', 1);
          const load = await nextOn(stage, KEYS.load, /"balancer":"b2"/);
          await publishAll(client, KEYS.load, [
            load,
            load,
            withoutSignature(load),
            signerFor(KEY, 'b3').sign(KEYS.load, withoutSignature(load), 'balancer'),
          ]);
          await counts([b1], 'loads_dropped_replayed', 2);
          await counts([b1], 'loads_dropped_unsigned', 1);
          await counts([b1], 'loads_dropped_role', 1);
          await isUnharmed(stage);
        },
      ],
      [
        'replays',
        async ({ client, balancers }) => {
          const before = balancers.map((each) => each.counter('messages_dropped_replayed'));
          const table = await nextOn(stage, KEYS.stats);
          await publishAll(client, KEYS.stats, [table, table]);
          for (const [index, each] of balancers.entries()) await counts([each], 'messages_dropped_replayed', (before[index] as number) + 2);
          // In the other channel it is no message at all.
          const altered = balancers[0]?.counter('messages_dropped_altered') ?? 0;
          await client.publish(KEYS.events, table);
          await counts(balancers, 'messages_dropped_altered', altered + 1);
          const old = new MessageSigner(new KeyRing('', KEY), 'b2', () => (Date.now() - 61_000) * 1000);
          await client.publish(KEYS.stats, old.sign(KEYS.stats, encodeTable(emptyTable(2)), 'master', 2));
          await counts(balancers, 'messages_dropped_clock', 1);
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
          const replayed = balancers.map((each) => each.counter('messages_dropped_replayed'));
          await client.hset(KEYS.settings, { 'host:h1': drained, 'host:h2': drained });
          for (const [index, each] of balancers.entries())
            await counts([each], 'messages_dropped_replayed', (replayed[index] as number) + 1);
          assert.ok(await isServed());
          const { problems } = await readFleet(client, KEYS, new KeyRing('', KEY));
          assert.match(problems.join('\n'), /not signed with the fleet’s key: host:h2/);
          assert.equal(
            balancers.map(({ balancer }) => balancer.role),
            ['master', 'slave', 'slave'],
          );
        },
      ],
    ]),
  ));

test('what the key does not cover costs masterships and no request, and recovers', () =>
  withStage(KEY, async ({ balancers, client }) => {
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

test('the key is changed in a running fleet without a request that is lost and without another mastership', () =>
  withStage(KEY, async (stage) => {
    const { balancers, keyFiles, client, url } = stage;
    const [b1] = balancers as [TestBalancer];
    await withLoad(b1.port, async (load) => {
      for (const text of [`${KEY}\n${OTHER_KEY}`, `${OTHER_KEY}\n${KEY}`, OTHER_KEY]) {
        const ids = new KeyRing('', text).ids.join(',');
        // One after the other, as machines get a file: those that have it and those that don't understand each other.
        for (const [index, { balancer }] of balancers.entries()) {
          await putFile(keyFiles[index] as string, text);
          balancer.reloadFleetKey();
          await until(async () => (await client.hget(KEYS.balancer(balancer.name), 'fleet_key')) === ids, {
            timeoutMs: SLOW_MS,
            what: `${balancer.name} to have ${ids}`,
          });
        }
        for (const each of balancers) {
          const applied = each.counter('tables_applied');
          await until(() => each.counter('tables_applied') > applied + 2, { timeoutMs: SLOW_MS, what: 'tables' });
        }
        const agent = signerFor(agentKeysOf('', text, 'h1')[0] as string, 'h1');
        const taken = b1.counter('reports_taken');
        await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent'));
        await counts([b1], 'reports_taken', taken + 1);
      }
      assert.equal(load.failures, []);
      assert.ok(load.served > 0);
    });
    await isUnharmed(stage);
    for (const each of balancers) assert.is(each.lines.filter((line) => /no master is heard/.test(line)).length, 0, each.lines.join('\n'));
    const agent = signerFor(agentKeysOf('', KEY, 'h1')[0] as string, 'h1');
    await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent'));
    await counts([b1], 'reports_dropped_key', 1);
  }));

test('a key file that is spoilt while the fleet runs is refused, and the old key stays', () =>
  withStage(KEY, async (stage) => {
    const [b1] = stage.balancers as [TestBalancer];
    for (const text of ['', 'nonsense', agentKeysOf('', KEY, 'h1').join('\n')]) {
      await writeFile(stage.keyFiles[0] as string, text);
      assert.throws(() => b1.balancer.reloadFleetKey(), /--fleet-key .*b1\.key/);
    }
    // It is also looked at without being told.
    await until(() => b1.lines.some((line) => /error the fleet key could not be read again: the old one stays/.test(line)), {
      timeoutMs: SLOW_MS,
      what: 'the log',
    });
    await isUnharmed(stage);
  }));

test('a balancer with another key, or without one, says so, never becomes master, and harms nobody', () =>
  withStage(KEY, (stage) =>
    withTempDir(async (dir) => {
      const { balancers, client } = stage;
      await putFile(`${dir}/other.key`, OTHER_KEY);
      await withBalancer({ redis: [stage.redis], name: 'wrong', fleetKeyFile: `${dir}/other.key` }, (wrong) =>
        withBalancer({ redis: [stage.redis], name: 'keyless' }, async (keyless) => {
          const said = (each: TestBalancer, like: RegExp): Promise<unknown> =>
            until(() => each.lines.some((line) => like.test(line)), {
              timeoutMs: SLOW_MS,
              what: () => `${like} in\n${each.lines.join('\n')}`,
            });
          await said(
            wrong,
            /error this balancer does not have the fleet's key.*fleet key is [0-9a-f]{8}, and the tables of b1 are signed with [0-9a-f]{8}/,
          );
          await said(keyless, /error this balancer does not have the fleet's key.*has no --fleet-key, and b1 signs its tables/);
          const { problems } = await until(
            async () => {
              const view = await readFleet(client, KEYS);
              return view.balancers.length === 5 && view.problems.some((each) => each.includes('no master is heard by wrong')) && view;
            },
            { timeoutMs: SLOW_MS, what: 'the status' },
          );
          assert.match(problems.join('\n'), /no fleet key: keyless; the others sign/);
          assert.match(problems.join('\n'), /wrong signs with the fleet key [0-9a-f]{8}, which b1, b2, b3 do not have/);
          await isUnharmed(stage);
          // The master goes. Neither of the two takes its place.
          const [b1, b2] = balancers as [TestBalancer, TestBalancer];
          await b1.balancer.stop();
          await b2.becomes('master');
          const applied = balancers[2]?.counter('tables_applied') ?? 0;
          await counts(balancers.slice(2), 'tables_applied', applied + 5);
          assert.equal([wrong.counter('masterships'), keyless.counter('masterships')], [0, 0]);
        }),
      );
    }),
  ));

test('a master whose key was forgotten in a rotation steps down for those that have the new one, and says why', () =>
  withStage(KEY, async ({ balancers, keyFiles, client, url }) => {
    const [b1, b2, b3] = balancers as [TestBalancer, TestBalancer, TestBalancer];
    for (const [index, { balancer }] of [b2, b3].entries()) {
      await putFile(keyFiles[index + 1] as string, OTHER_KEY);
      balancer.reloadFleetKey();
    }
    await until(() => [b2, b3].some(({ balancer }) => balancer.role === 'master'), {
      timeoutMs: SLOW_MS,
      what: () => `another master; b1:\n${b1.lines.join('\n')}\nb2:\n${b2.lines.join('\n')}`,
    });
    assert.is(b1.balancer.role, 'slave');
    assert.match(b1.lines.join('\n'), /error no other balancer has the fleet key of this one, or its time: it steps down/);
    const agent = signerFor(agentKeysOf('', OTHER_KEY, 'h1')[0] as string, 'h1');
    for (const each of [b2, b3]) {
      const applied = each.counter('tables_applied');
      await until(
        async () => {
          await client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent'));
          return each.counter('tables_applied') > applied + 3;
        },
        { timeoutMs: SLOW_MS, everyMs: 50, what: 'tables of the new master' },
      );
    }
    for (const { port } of balancers) assert.is((await ask(port)).body, 'h1');
  }));

test('a key is introduced in a running fleet: with accept-unsigned what is not signed counts, until the line is taken out', () =>
  withStage(`accept-unsigned\n${KEY}`, async (stage) => {
    const { balancers, client, keyFiles, url } = stage;
    const [b1] = balancers as [TestBalancer];
    await withBalancer({ redis: [stage.redis], name: 'old' }, async (old) => {
      await old.knows(1);
      // It may even become master.
      assert.not.match(old.lines.join('\n'), /does not have the fleet's key/);
      assert.match(old.lines.join('\n'), /info messages of this fleet are signed/);
      await until(() => b1.counter('loads_accepted_unsigned') > 0, { timeoutMs: SLOW_MS, what: 'its load messages' });
      await client.publish(KEYS.reports, reportOf('h1', url));
      await counts([b1], 'reports_accepted_unsigned', 1);
      await client.hset(KEYS.settings, 'host:gone', 'drained');
      await counts(balancers, 'messages_accepted_unsigned', 1);
    });
    for (const [index, { balancer }] of balancers.entries()) {
      await putFile(keyFiles[index] as string, KEY);
      balancer.reloadFleetKey();
    }
    await until(
      async () => {
        await client.publish(KEYS.reports, reportOf('h1', url));
        return b1.counter('reports_dropped_unsigned') > 0;
      },
      { timeoutMs: SLOW_MS, what: 'unsigned reports to be dropped' },
    );
    await client.hset(KEYS.settings, 'host:h1', 'drained');
    await counts(balancers, 'settings_dropped', 1);
    await isUnharmed(stage);
  }));

test.run();
