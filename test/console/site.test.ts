// `meercat diff`, `apply` and `site`: what they print, what stands in Redis afterwards, two operators at once, and what
// can't be read or is refused. Balancers are real ones, but where a test says that they write their heartbeats here.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { awaitRollout, checkRollout } from '../../lib/console/site-rollout.js';
import type { Commands } from '../../lib/redis/connect.js';
import { newFleetKey } from '../../lib/redis/fleet-key.js';
import { withRedis, withTempDir } from '../support/brackets.js';
import { KEYS, withBalancer } from '../support/fleet.js';
import { meercatHere, meercatProcess, type Outcome } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { spawnSync } from 'node:child_process';

const test = suite('site commands');

const A = 'version: 1\npools: { web: { hosts: [http://10.0.0.7:3000] } }\nroutes: [{ to: web }]\n';
const B =
  'version: 1\npools: { web: { hosts: [http://10.0.0.7:3000] }, api: {} }\nroutes: [{ match: { path: /v2 }, to: api }, { to: web }]\n';

interface Stage {
  readonly client: Commands;
  readonly folder: string;
  readonly redis: string;
  /** Runs a command on this fleet. */
  run(...args: string[]): Promise<Outcome>;
  /** The file of a document. */
  file(name: string, text: string): Promise<string>;
}

const withRedisStage = (fn: (stage: Stage) => Promise<void>): Promise<void> =>
  withTempDir((folder) =>
    withRedis(({ url }) =>
      withClients([url], (client) =>
        fn({
          client,
          folder,
          redis: url,
          run: (...args) => meercatHere([...args, '--redis', url, '--namespace', KEYS.namespace]),
          async file(name, text) {
            const path = join(folder, name);
            await writeFile(path, text);
            return path;
          },
        }),
      ),
    ),
  );

const withFleet = (fn: (stage: Stage) => Promise<void>): Promise<void> =>
  withRedisStage((stage) =>
    withBalancer({ redis: [stage.redis], name: 'b1' }, () => withBalancer({ redis: [stage.redis], name: 'b2' }, () => fn(stage))),
  );

/** A fleet of heartbeats that are written here: balancers that stay as they are. */
const withStill = (balancers: Readonly<Record<string, object>>, fn: (stage: Stage) => Promise<void>): Promise<void> =>
  withRedisStage(async (stage) => {
    for (const [index, [name, fields]] of Object.entries(balancers).entries()) {
      await stage.client.zadd(KEYS.balancers, index, name);
      await stage.client.hset(KEYS.balancer(name), { role: 'slave', ...fields });
    }
    await fn(stage);
  });

test('a file is compared, applied to all balancers, printed again, and removed', () =>
  withFleet(async ({ run, file, client }) => {
    const [a, b] = [await file('a.yaml', A), await file('b.yaml', B)];
    const none = await run('site');
    assert.equal([none.code, none.stderr], [1, 'meercat: the fleet test has no site: meercat apply FILE gives it one']);
    const diff = await run('diff', a);
    assert.equal([diff.code, diff.stderr, await client.exists(KEYS.site)], [0, '', 0]);
    assert.match(diff.stdout, /^compared with what runs: the fleet has no site\n(?:.*\n)*\+ pool web with 1 host$/m);

    const first = await run('apply', a, '--by', 'ada');
    assert.equal([first.code, first.stderr], [0, '']);
    assert.match(first.stdout, /\+ pool web with 1 host\n(?:.*\n)*version 1 is in force on 2 balancers$/);
    assert.equal(await client.hmget(KEYS.site, 'version', 'document', 'applied-by'), ['1', A, 'ada']);

    const second = await run('apply', b, '--json');
    const { changes, ...rest } = JSON.parse(second.stdout) as { changes: { change: string }[] };
    assert.equal(rest, {
      version: 2,
      before: 1,
      isNew: true,
      balancers: ['b1', 'b2'].map((name) => ({ name, version: 2, refused: '' })),
    });
    assert.equal(changes.map(({ change }) => change).toSorted(), ['pool-added', 'route-added']);
    assert.is((await run('site')).stdout, B.trimEnd());
    const shown = JSON.parse((await run('site', '--json')).stdout) as Record<string, unknown>;
    assert.equal([shown.version, shown.document], [2, B]);
    assert.match(String(shown.by), /.@./);

    const again = await run('apply', b);
    assert.match(again.stdout, /^nothing to do: the fleet has this already \(version 2, applied by/);
    assert.is(await client.hget(KEYS.site, 'version'), '2');

    const status = await run('status');
    assert.match(status.stdout, /^site: version 2, applied by \S+ at 20/m);
    assert.not.match(status.stdout, /in force on|refused/);

    const removed = await run('apply', '--remove', '--by', 'ada');
    assert.match(removed.stdout, /- pool api with 0 hosts\n(?:.*\n)*version 3 is in force on 2 balancers$/);
    assert.match((await run('site')).stderr, /has no site: ada removed it at .* \(version 3\)$/);
    assert.match((await run('status')).stdout, /^site: version 3, removed by ada at/m);
  }));

test('who was slower than another operator is told by whom, and overwrites nothing, in both orders', () =>
  withFleet(async ({ run, file, client }) => {
    const [a, b] = [await file('a.yaml', A), await file('b.yaml', B)];
    for (const [first, second, version] of [
      [a, b, 0],
      [b, a, 1],
    ] as const) {
      const looked = JSON.parse((await run('diff', second, '--json')).stdout) as { version: number };
      assert.is(looked.version, version);
      assert.is((await run('apply', first, '--by', 'ada', '--no-wait')).code, 0);
      const late = await run('apply', second, '--by', 'bob', '--if-version', String(looked.version), '--json');
      assert.is(late.code, 1);
      const { error, message } = JSON.parse(late.stdout) as { error: string; message: string };
      assert.is(error, 'MEERCAT_SITE_CONFLICT');
      assert.match(message, new RegExp(`now it is another one: version ${version + 1}, applied by ada at .*--force`));
      assert.equal(await client.hmget(KEYS.site, 'version', 'document'), [String(version + 1), await readFile(first, 'utf8')]);
    }
    const forced = await run('apply', a, '--force', '--by', 'bob');
    assert.match(forced.stdout, /version 3 is in force on 2 balancers$/);
  }));

test('a balancer that refuses the version or does not answer is named, and the version stays written', () =>
  withStill({ old: { site: '', site_refused: '1: line 1: this format is not known' } }, async ({ run, file, client }) => {
    const refused = await run('apply', await file('a.yaml', A), '--json');
    assert.equal([refused.code, (JSON.parse(refused.stdout) as { error: string }).error], [1, 'MEERCAT_SITE_REFUSED']);
    assert.match(refused.stderr, /version 1 was written, but old refuses it \(1: line 1: this format is not known\) \(meercat status\)$/m);
    assert.is(await client.hget(KEYS.site, 'document'), A);
    assert.match((await run('status')).stdout, /^the site is refused by old: 1: line 1: this format is not known$/m);
    await client.hset(KEYS.balancer('old'), 'site', '2', 'site_refused', '');
    await client.zadd(KEYS.balancers, 1, 'own', 2, 'none');
    await client.hset(KEYS.balancer('own'), 'site', '0');
    await client.hset(KEYS.balancer('none'), 'role', 'slave');
    const { problems } = JSON.parse((await run('status', '--json')).stdout) as { problems: string[] };
    assert.equal(problems, [
      'version 2 of the site is in force on old, not version 1',
      'the file of --site is in force on own, not version 1',
      'no site is in force on none, not version 1',
    ]);
    const rollout = await awaitRollout(client, KEYS, 3, 0);
    assert.throws(
      () => checkRollout(3, rollout),
      /^version 3 was written, but old goes by version 2; own goes by the file of --site; none goes by no site \(meercat status\)$/,
    );
  }));

test('a new version is above all that balancers remember, as after a Redis that lost the site', () =>
  withStill({ b1: { site: 41 } }, async ({ run, file, client }) => {
    await run('apply', await file('a.yaml', A), '--no-wait');
    assert.is(await client.hget(KEYS.site, 'version'), '42');
    // Heartbeats are not signed.
    for (const [index, forged] of ['1e300', '4503599627370496', '-7', '\u001b[2J'].entries()) {
      await client.hset(KEYS.balancer('b1'), 'site', forged);
      await run('apply', await file('b.yaml', index % 2 === 0 ? B : A), '--no-wait');
      assert.is(await client.hget(KEYS.site, 'version'), String(43 + index), forged);
    }
  }));

const GARBAGE: readonly (readonly [what: string, reason: RegExp, write: (client: Commands) => Promise<unknown>])[] = [
  ['a text', /the key holds another type/, (client) => client.set(KEYS.site, 'x')],
  ['half a document', /it is not as it was applied/, (client) => client.hset(KEYS.site, 'document', A.slice(0, 20))],
  ['garbage fields', /its version is none that a site can have/, (client) => client.hset(KEYS.site, 'version', '\u001b[2J')],
  ['2 MiB', /its field document is longer/, (client) => client.hset(KEYS.site, 'document', 'x'.repeat(2 << 20))],
];

test('what somebody wrote there by hand is named by every command, and only --force replaces it', () =>
  withFleet(async ({ run, file, client }) => {
    const a = await file('a.yaml', A);
    for (const [what, reason, write] of GARBAGE) {
      await run('apply', a, '--force', '--no-wait');
      await write(client);
      for (const command of [['site'], ['diff', a], ['apply', a]]) {
        const { code, stdout, stderr } = await run(...command, '--json');
        assert.equal([code, (JSON.parse(stdout) as { error: string }).error], [1, 'MEERCAT_BAD_SITE'], `${what}: ${command.join(' ')}`);
        assert.match(stderr, reason);
        assert.match(stderr, /--force/);
        assert.not.ok(stderr.includes('\u001b'));
      }
      assert.match((await run('status')).stdout, /^test:site: .*; balancers keep the site that they have$/m);
      const { code, stdout } = await run('apply', a, '--force');
      assert.equal([code, stdout.endsWith('in force on 2 balancers')], [0, true], stdout);
      assert.match(stdout, /^what stands in Redis can’t be read, and is replaced$/m);
    }
  }));

test('a site for a newer Meercat is printed, not compared, and only --force replaces it', () =>
  withFleet(async ({ run, file, client }) => {
    const { applySite } = await import('../../lib/redis/site-store.js');
    const newer = { document: 'version: 2\n', expectedVersion: 0, highestVersion: 0, by: 'ada', at: new Date() };
    await applySite(client, KEYS, newer);
    const a = await file('a.yaml', A);
    assert.is((await run('site')).stdout, 'version: 2');
    for (const command of ['diff', 'apply'])
      assert.match(
        (await run(command, a)).stderr,
        /version 1, applied by ada at \S+, can’t be read by this Meercat: line 1: .*newer Meercat/,
      );
    assert.match((await run('apply', a, '--force')).stdout, /version 2 is in force on 2 balancers$/);
  }));

test('nothing is written where no fleet lives, but with --force; and what is wrong in the file is said before', () =>
  withRedisStage(async ({ run, file, client }) => {
    const a = await file('a.yaml', A);
    const bad = await file('bad.yaml', 'version: 1\npools:\n  web: { colour: red }\nroutes: [{ to: web }]\n');
    const none = await run('apply', a);
    assert.equal([none.code, await client.exists(KEYS.site)], [1, 0]);
    assert.match(none.stderr, /no fleet with the namespace test: .*--force writes the site before the first balancer starts$/);
    for (const command of ['diff', 'apply']) {
      const wrong = await run(command, bad);
      assert.is(wrong.code, 2);
      assert.match(wrong.stderr, new RegExp(`^meercat: ${bad}:3:\\d+: .*colour`));
    }
    const unused = await run('diff', await file('unused.yaml', A.replace('web: {', 'spare: {}, web: {')));
    assert.is(unused.code, 0);
    assert.match(unused.stderr, /^meercat: warning: .*unused\.yaml:2:\d+: pool `spare` is used by no route/);
    assert.match(
      (await run('apply', a, '--force')).stdout,
      /version 1 is written; no balancer is in the fleet: one that starts goes by it$/,
    );
    assert.is(await client.hget(KEYS.site, 'version'), '1');
    for (const args of [[], [a, '--remove'], [a, '--force', '--if-version', '1'], [a, '--by', 'a\nb'], [a, '--if-version', '-1']])
      assert.is((await run('apply', ...args)).code, 2, args.join(' '));
  }));

test('status and site say which version is in force while what stands in Redis is refused', () =>
  withStill({ b1: { site: '', site_refused: '' }, b2: {} }, async ({ run, file, client }) => {
    const inForce = async (): Promise<string> => /^site: (.*)$/m.exec((await run('status')).stdout)?.[1] ?? '';
    const b1 = KEYS.balancer('b1');
    assert.is((await run('apply', await file('a.yaml', A), '--by', 'ada', '--no-wait')).code, 0);
    await client.hset(b1, { site: 1 });
    await client.hset(KEYS.balancer('b2'), { site: 1 });
    assert.match(await inForce(), /^version 1, applied by ada at \S+$/);
    assert.is((await run('site')).stderr, '');

    assert.is((await run('apply', await file('b.yaml', B), '--by', 'ada', '--no-wait')).code, 0);
    await client.hset(KEYS.balancer('b2'), { site: 2 });
    await client.hset(b1, { site_refused: '2: line 1: this format is not known' });
    assert.match(await inForce(), /^version 2, applied by ada at \S+; version 1 is in force on b1$/);
    const printed = await run('site');
    assert.is(printed.stdout, B.trimEnd());
    assert.is(printed.stderr, 'meercat: version 2 is refused, and version 1 is in force on b1: meercat status says why');

    await client.hset(KEYS.site, 'document', 'changed by hand');
    await client.hset(KEYS.balancer('b2'), { site_refused: 'its checksum is another' });
    assert.is(await inForce(), 'version 1 is in force on b1, version 2 is in force on b2; the one in Redis is refused');
    await client.hset(b1, { site: 2, site_refused: 'its checksum is another' });
    assert.is(await inForce(), 'version 2 is in force; the one in Redis is refused');
    const bad = await run('site');
    assert.is(bad.code, 1);
    assert.match(
      bad.stderr,
      /balancers keep the site that they have: version 2 is in force; meercat apply FILE --force writes another one$/,
    );
  }));

test('a document comes on standard input too, and bytes that are no text are refused', () =>
  withStill({ b1: {} }, async ({ redis, client }) => {
    const apply = (input: string | Buffer) => {
      const { command, args = [], env } = meercatProcess(['apply', '-', '--no-wait', '--redis', redis, '--namespace', KEYS.namespace]);
      return spawnSync(command, args, { input, env: { ...process.env, ...env }, encoding: 'utf8', timeout: 20_000 });
    };
    assert.is(apply(A).status, 0);
    assert.is(await client.hget(KEYS.site, 'document'), A);
    const wrong = apply(Buffer.from([0xff, 0xfe]));
    assert.equal([wrong.status, wrong.stderr], [2, 'meercat: standard input: it is not text in UTF-8\n']);
    const large = apply('x'.repeat(3 << 20));
    assert.is(large.status, 2);
    assert.match(large.stderr, /standard input: it is larger than 1MiB/);
  }));

test('in a fleet that signs, an operator needs the key, and what is not signed is named and replaced', () =>
  withRedisStage(async ({ redis, run, file, client }) => {
    const key = await file('key', newFleetKey());
    const a = await file('a.yaml', A);
    await withBalancer({ redis: [redis], name: 'b1', fleetKeyFile: key }, async (each) => {
      await each.becomes('master');
      const without = await run('apply', a);
      assert.equal([without.code, await client.exists(KEYS.site)], [1, 0]);
      assert.match(without.stderr, /give the key with --fleet-key/);
      assert.match((await run('apply', a, '--fleet-key', key)).stdout, /version 1 is in force on 1 balancer$/);
      assert.match(String(await client.hget(KEYS.site, 'signature')), /role=operator/);
      assert.is((await run('site', '--fleet-key', key)).stdout, A.trimEnd());
    });
    await client.hset(KEYS.site, 'signature', '');
    assert.match((await run('site', '--fleet-key', key)).stderr, /not signed with the fleet’s key/);
  }));

test.run();
