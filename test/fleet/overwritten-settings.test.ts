// Somebody who can write in Redis, and has no operator's key, writes over what an operator has set. Running balancers go on
// with what they know and write it back, so that one that starts after that knows it too.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { operate } from '../../lib/console/operator.js';
import { settingPlace } from '../../lib/redis/settings.js';
import { until } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { KEY, type KeyedFleet, OTHER_KEY, signerFor, withKeyedFleet } from '../support/keyed-fleet.js';

const test = suite('overwritten settings');

const FIELD = 'host:h1';

const isDrained = async ({ port }: TestBalancer): Promise<boolean> => (await ask(port)).status === 503;

/** Drains h1, or lets it in again; returns what stands in Redis then. */
async function set({ balancers, client, redis, operatorFile }: KeyedFleet, action: 'drain' | 'undrain'): Promise<string> {
  const command = { host: 'h1', redis, namespace: KEYS.namespace, isJson: true, fleetKeyFile: operatorFile } as const;
  await operate({ ...command, action }, { write: () => true });
  for (const each of balancers)
    await until(async () => (await isDrained(each)) === (action === 'drain'), { timeoutMs: SLOW_MS, what: `${action} at ${each.name}` });
  return (await client.hget(KEYS.settings, FIELD)) as string;
}

test('a drained host stays drained for a balancer that starts after somebody wrote over the setting', () =>
  withKeyedFleet(KEY, async (stage) => {
    const { balancers, client, redis, keyFiles } = stage;
    const oldest = await set(stage, 'drain');
    await set(stage, 'undrain');
    const drained = await set(stage, 'drain');
    const place = settingPlace(KEYS, FIELD);
    for (const [what, raw] of [
      ['unsigned text', 'none'],
      ['what is no text', Buffer.from([0xff, 0xfe, 0x00])],
      ['what is too long to be read', 'x'.repeat(10_000)],
      ['an altered setting', drained.replace('drained', 'none')],
      ['an older setting', oldest],
      ['what a balancer signed', signerFor(KEY, 'b1').sign(place, 'none', 'balancer')],
    ] as const) {
      await client.hset(KEYS.settings, FIELD, raw);
      await until(async () => (await client.hget(KEYS.settings, FIELD)) === drained, {
        timeoutMs: SLOW_MS,
        what: `${what} to be replaced`,
      });
    }
    await withBalancer({ redis: [redis], leaseTtlMs: 4000, name: 'late', fleetKeyFile: keyFiles[0] as string }, async (late) => {
      await late.knows(1);
      for (const each of [...balancers, late]) assert.ok(await isDrained(each), each.lines.join('\n'));
    });
    assert.ok(balancers.some(({ lines }) => lines.some((line) => /warn settings were overwritten with what does not count/.test(line))));
  }));

test('what is signed with a key that the fleet does not have yet is left alone', () =>
  withKeyedFleet(KEY, async (stage) => {
    const { balancers, client } = stage;
    await set(stage, 'drain');
    const foreign = signerFor(OTHER_KEY, 'operator').sign(settingPlace(KEYS, FIELD), 'none', 'operator');
    await client.hset(KEYS.settings, FIELD, foreign);
    await until(() => balancers.every((each) => each.counter('messages_dropped_key') > 0), {
      timeoutMs: SLOW_MS,
      what: 'all to refuse it',
    });
    // Each has had another heartbeat since.
    await client.hset(KEYS.settings, 'host:other', 'unsigned');
    await until(() => balancers.every((each) => each.counter('messages_dropped_unsigned') > 0), {
      timeoutMs: SLOW_MS,
      what: 'a heartbeat',
    });
    assert.is(await client.hget(KEYS.settings, FIELD), foreign);
    for (const each of balancers) assert.ok(await isDrained(each));
  }));

test.run();
