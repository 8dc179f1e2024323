// The key of a running fleet is introduced, changed, spoilt, forgotten or wrong in one balancer: no request is lost, whoever
// has another key says so, and the others go on.

import { writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { operate } from '../../lib/console/operator.js';
import { agentKeysOf, KeyRing } from '../../lib/redis/fleet-key.js';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { writeOperatorState } from '../../lib/redis/settings.js';
import { splitSignature } from '../../lib/redis/signature.js';
import { until, withTempDir } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, withLoad } from '../support/http-client.js';
import {
  KEY,
  type KeyedFleet,
  OTHER_KEY,
  signerFor,
  reportOf,
  putFile,
  withKeyedFleet,
  counts,
  isCounted,
  isUnharmed,
} from '../support/keyed-fleet.js';

const test = suite('fleet key change');

test('the key is changed in a running fleet without a request that is lost and without another mastership', () =>
  withKeyedFleet(KEY, async (stage) => {
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
        await isCounted(() => client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent')), [b1], 'reports_taken');
      }
      assert.equal(load.failures, []);
      assert.ok(load.served > 0);
    });
    await isUnharmed(stage);
    for (const each of balancers) assert.is(each.lines.filter((line) => /no master is heard/.test(line)).length, 0, each.lines.join('\n'));
    const agent = signerFor(agentKeysOf('', KEY, 'h1')[0] as string, 'h1');
    await isCounted(
      () => client.publish(KEYS.reports, agent.sign(KEYS.reports, reportOf('h1', url), 'agent')),
      [b1],
      'reports_dropped_key',
    );
  }));

/** The settings that do not count for who has this key alone. */
const notSignedWith = async ({ client }: KeyedFleet, key: string): Promise<readonly string[]> =>
  (await readFleet(client, KEYS, new KeyRing('', key))).problems.filter((each) => /not signed with the fleet’s key/.test(each));

test('what operators set stays in force when the key is changed, also for a balancer that has never had the old one', () =>
  withKeyedFleet(KEY, async (stage) => {
    const { balancers, keyFiles, client, redis, operatorFile } = stage;
    const isDrained = async ({ port }: TestBalancer): Promise<boolean> => (await ask(port)).status === 503;
    const command = { host: 'h1', redis, namespace: KEYS.namespace, isJson: true, fleetKeyFile: operatorFile } as const;
    await operate({ ...command, action: 'drain' }, { write: () => true });
    // What was taken back has a number too.
    await writeOperatorState(client, KEYS, 'h2', null, signerFor(KEY, 'operator'));
    await until(async () => (await Promise.all(balancers.map(isDrained))).every(Boolean), { timeoutMs: SLOW_MS, what: 'h1 to be drained' });
    const before = await client.hgetall(KEYS.settings);
    for (const text of [`${KEY}\n${OTHER_KEY}`, `${OTHER_KEY}\n${KEY}`, OTHER_KEY]) {
      const ids = new KeyRing('', text).ids.join(',');
      for (const [index, { balancer }] of balancers.entries()) {
        await putFile(keyFiles[index] as string, text);
        balancer.reloadFleetKey();
      }
      const haveIt = async (): Promise<boolean> =>
        (await Promise.all(balancers.map(({ name }) => client.hget(KEYS.balancer(name), 'fleet_key')))).every((each) => each === ids);
      await until(haveIt, { timeoutMs: SLOW_MS, what: ids });
      const [first = ''] = text.split('\n');
      await until(async () => (await notSignedWith(stage, first)).length === 0, {
        timeoutMs: SLOW_MS,
        what: 'all settings to be signed with the first key',
      });
    }
    await withBalancer({ redis: [redis], leaseTtlMs: 4000, name: 'late', fleetKeyFile: keyFiles[0] as string }, async (late) => {
      await late.knows(1);
      assert.ok(await isDrained(late), late.lines.join('\n'));
      assert.is(late.counter('settings_dropped'), 0);
    });
    // It is the same setting for those that knew it.
    const after = await client.hgetall(KEYS.settings);
    assert.equal(Object.keys(after).toSorted(), ['host:h1', 'host:h2']);
    for (const [field, raw] of Object.entries(after)) {
      const [was, is] = [splitSignature(before[field] as string), splitSignature(raw)];
      assert.equal([is?.text, is?.signature], [was?.text, { ...was?.signature, keyId: new KeyRing('', OTHER_KEY).ids[0] }]);
    }
    for (const each of balancers) {
      assert.ok(await isDrained(each));
      assert.equal([each.counter('settings_dropped'), each.counter('messages_dropped_replayed')], [0, 0]);
      assert.is(each.lines.filter((line) => /an operator (?:took a host out|let a host in)/.test(line)).length, 1, each.lines.join('\n'));
    }
  }));

test('what an operator signs with the old key, once the new one signs, is in force and signed again', () =>
  withKeyedFleet(`${OTHER_KEY}\n${KEY}`, async (stage) => {
    const { balancers, redis, operatorFile } = stage;
    const command = { host: 'h1', redis, namespace: KEYS.namespace, isJson: true, fleetKeyFile: operatorFile } as const;
    await operate({ ...command, action: 'drain' }, { write: () => true });
    for (const { port } of balancers)
      await until(async () => (await ask(port)).status === 503, { timeoutMs: SLOW_MS, what: 'h1 to be drained' });
    await until(async () => (await notSignedWith(stage, OTHER_KEY)).length === 0, {
      timeoutMs: SLOW_MS,
      what: 'a setting under the new key',
    });
    for (const { port } of balancers) assert.is((await ask(port)).status, 503);
  }));

test('a key file that is spoilt while the fleet runs is refused, and the old key stays', () =>
  withKeyedFleet(KEY, async (stage) => {
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
  withKeyedFleet(KEY, (stage) =>
    withTempDir(async (dir) => {
      const { balancers, client } = stage;
      await putFile(`${dir}/other.key`, OTHER_KEY);
      await withBalancer({ redis: [stage.redis], leaseTtlMs: 4000, name: 'wrong', fleetKeyFile: `${dir}/other.key` }, (wrong) =>
        withBalancer({ redis: [stage.redis], leaseTtlMs: 4000, name: 'keyless' }, async (keyless) => {
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
          const [b1, b2, b3] = balancers as [TestBalancer, TestBalancer, TestBalancer];
          await b1.balancer.stop();
          await until(() => b2.balancer.role === 'master' || b3.balancer.role === 'master', {
            timeoutMs: SLOW_MS,
            what: () => `another master:\n${[b2, b3, wrong, keyless].map(({ lines }) => lines.join('\n')).join('\n\n')}`,
          });
          for (const each of [b2, b3]) await counts([each], 'tables_applied', each.counter('tables_applied') + 5);
          assert.equal([wrong.counter('masterships'), keyless.counter('masterships')], [0, 0]);
        }),
      );
    }),
  ));

test('a master whose key was forgotten in a rotation steps down for those that have the new one, and says why', () =>
  withKeyedFleet(
    KEY,
    async ({ balancers, keyFiles, client, url }) => {
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
    },
    4000,
  ));

test('a key is introduced in a running fleet: with accept-unsigned what is not signed counts, until the line is taken out', () =>
  withKeyedFleet(`accept-unsigned\n${KEY}`, async (stage) => {
    const { balancers, client, keyFiles, url } = stage;
    const [b1] = balancers as [TestBalancer];
    await withBalancer({ redis: [stage.redis], name: 'old' }, async (old) => {
      await old.knows(1);
      // It may even become master.
      assert.not.match(old.lines.join('\n'), /does not have the fleet's key/);
      assert.match(old.lines.join('\n'), /info messages of this fleet are signed/);
      await until(() => b1.counter('loads_accepted_unsigned') > 0, { timeoutMs: SLOW_MS, what: 'its load messages' });
      await isCounted(() => client.publish(KEYS.reports, reportOf('h1', url)), [b1], 'reports_accepted_unsigned');
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
