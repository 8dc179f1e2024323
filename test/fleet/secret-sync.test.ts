// Which secret a balancer goes by, on a real Redis: one for all, none while it is not needed, and never garbage.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SecretSync, type SecretSyncOptions } from '../../lib/fleet/secret-sync.js';
import type { Commands } from '../../lib/redis/connect.js';
import { KeyRing, newFleetKey } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { newSecret } from '../../lib/redis/secret-store.js';
import type { Site } from '../../lib/site-model.js';
import { withRedis } from '../support/brackets.js';
import { withClients } from '../support/redis-client.js';

const test = suite('secret sync');

const KEYS = buildKeys('secret-sync');

const siteWith = (affinity: object | null): Site =>
  ({ paths: 'strict', pools: [{ name: 'web', affinity }], routes: [] }) as unknown as Site;
const STICKY = siteWith({ kind: 'cookie', name: 'id', ttlMs: null });

interface Stage {
  readonly sync: SecretSync;
  readonly ring: KeyRing;
  /** What the thread that serves was told, the last at the end. */
  readonly told: { readonly secrets: readonly string[]; readonly shared: string }[];
  readonly lines: string[];
}

function open(client: Commands, overrides: Partial<SecretSyncOptions> = {}): Stage {
  const [told, lines, ring]: [Stage['told'], string[], KeyRing] = [[], [], overrides.ring ?? new KeyRing()];
  const sync = new SecretSync({
    client,
    keys: KEYS,
    ring,
    log: (level, message) => void lines.push(`${level} ${message}`),
    post: ({ secrets, shared }) => void told.push({ secrets, shared }),
    isMaster: () => false,
    known: '',
    file: undefined,
    ...overrides,
  });
  return { sync, ring, told, lines };
}

const withClient = (fn: (client: Commands) => Promise<void>): Promise<void> =>
  withRedis((redis) => withClients([redis.url], (client) => fn(client)));

/** The secret after a check. */
async function checked({ sync, told }: Stage): Promise<string> {
  await sync.check();
  return told.at(-1)?.shared ?? '';
}

test('balancers that need a secret at the same time come to one, and only a site with sticky cookies needs one', () =>
  withClient(async (client) => {
    const stages = Array.from({ length: 4 }, () => open(client));
    for (const { sync } of stages) {
      for (const site of [null, siteWith(null), siteWith({ kind: 'hash', key: { of: 'path' } })]) sync.onSite(site);
      await sync.check();
    }
    assert.is(await client.exists(KEYS.secret), 0);
    for (const { sync } of stages) sync.onSite(STICKY);
    await Promise.all(stages.map(({ sync }) => sync.check()));
    const secret = (await client.hget(KEYS.secret, 'secret')) ?? '';
    for (const { sync, told } of stages) {
      await sync.check();
      assert.equal(told, [
        { secrets: [], shared: '' },
        { secrets: [secret], shared: secret },
      ]);
    }
  }));

test('garbage is never taken for a secret: a slave waits for the master, which replaces it', () =>
  withClient(async (client) => {
    for (const write of [
      () => client.hset(KEYS.secret, 'secret', 'z'.repeat(64)),
      () => client.hset(KEYS.secret, 'secret', 'a'.repeat(65)),
      () => client.hset(KEYS.secret, 'secret', 'A'.repeat(64)),
      () => client.set(KEYS.secret, 'a'.repeat(64)),
      () => client.sadd(KEYS.secret, 'a'),
    ]) {
      await client.del(KEYS.secret);
      await write();
      const [slave, master] = [open(client), open(client, { isMaster: () => true })];
      slave.sync.onSite(STICKY);
      for (let i = 0; i < 3; i++) await slave.sync.check();
      assert.equal(slave.told, [{ secrets: [], shared: '' }]);
      assert.equal(slave.lines, ['warn Redis holds no secret of sticky cookies, but garbage']);
      master.sync.onSite(STICKY);
      const secret = await checked(master);
      assert.is(await client.hget(KEYS.secret, 'secret'), secret);
      assert.match(secret, /^[0-9a-f]{64}$/);
      assert.is(await checked(slave), secret);
    }
  }));

test('what an earlier thread knew is in force at once, is written where Redis has none, and gives way to what Redis has', () =>
  withClient(async (client) => {
    const [known, other] = [newSecret(), newSecret()];
    const stage = open(client, { known });
    assert.equal(stage.told, [{ secrets: [known], shared: known }]);
    stage.sync.onSite(STICKY);
    await stage.sync.check();
    assert.is(await client.hget(KEYS.secret, 'secret'), known);
    await client.hset(KEYS.secret, 'secret', other);
    await checked(stage);
    assert.equal(stage.told.at(-1), { secrets: [other, known], shared: other });
    assert.equal(open(client, { known: 'no secret' }).told, [{ secrets: [], shared: '' }]);
  }));

test('with a fleet key Redis has no say; while the key is introduced, the shared secret signs and all count', () =>
  withClient(async (client) => {
    const shared = newSecret();
    await client.hset(KEYS.secret, 'secret', shared);
    const key = newFleetKey();
    const stage = open(client, { ring: new KeyRing('', key) });
    stage.sync.onSite(STICKY);
    await stage.sync.check();
    const [{ secrets: [derived = ''] = [] } = {}] = stage.told;
    assert.equal(stage.told, [{ secrets: [derived], shared: '' }]);
    assert.match(derived, /^[0-9a-f]{64}$/);
    assert.is.not(derived, shared);
    assert.not.ok(key.includes(derived), 'derived, not the key itself');
    stage.ring.replace('', `${key}\naccept-unsigned`);
    stage.sync.onKeys();
    await checked(stage);
    assert.equal(stage.told.at(-1), { secrets: [shared, derived], shared });
    stage.ring.replace('', `${newFleetKey()}\n${key}`);
    stage.sync.onKeys();
    const last = stage.told.at(-1)?.secrets ?? [];
    assert.equal([last.length, last[1]], [2, derived]);
  }));

test('a Redis that denies the key is said once, and nothing is used', () =>
  withRedis((redis) =>
    withClients([redis.url], async (admin) => {
      await admin.call('ACL', 'SETUSER', 'ann', 'on', '>pw', '~other', '+@all');
      await withClients([redis.url.replace('//', '//ann:pw@')], async (client) => {
        const { sync, told, lines } = open(client);
        sync.onSite(STICKY);
        for (let i = 0; i < 3; i++) await sync.check();
        assert.equal(told, [{ secrets: [], shared: '' }]);
        assert.equal(lines, ['warn the secret of sticky cookies can’t be read from Redis, or not be written there']);
      });
    }),
  ));

test.run();
