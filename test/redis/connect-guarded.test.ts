// Sentinels with their own passwords, and Sentinel and Cluster over TLS: which clients are accepted, and which are
// rejected with a reason. Real servers, with a private CA.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openCommands, openSubscription } from '../../lib/redis/connect.js';
import { type RunningProcess, until, withServer } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { ended, type Environment, logOf, meercat, meercatHere, withMeercat } from '../support/meercat.js';
import { FAILOVER_MS, withCluster, withSentinel } from '../support/redis-group.js';
import { withClients } from '../support/redis-client.js';
import { reasonFor } from '../support/redis-events.js';

const test = suite('guarded groups');

const SECRETS = { password: 'data-s3cret', sentinelPassword: 'guard+s3cret' };

function withBalancer(
  redis: string,
  env: Environment,
  fn: (child: RunningProcess) => Promise<void>,
  more: readonly string[] = [],
): Promise<void> {
  return withServer(
    (_request, response) => void response.end('hello'),
    (host) =>
      withMeercat(
        [
          'balancer',
          '--redis',
          redis,
          '--port',
          '0',
          '--console-port',
          '0',
          '--bind',
          '127.0.0.1',
          '--name',
          'b1',
          '--host',
          host.url,
          ...more,
        ],
        fn,
        env,
      ),
  );
}

const untilMaster = (child: RunningProcess, times = 1): Promise<unknown> =>
  until(() => logOf(child).filter(({ msg }) => msg === 'this balancer is master').length >= times || undefined, {
    timeoutMs: FAILOVER_MS,
    what: () => `a mastership in\n${child.lines.join('\n')}`,
  });

/** Nothing but log lines, and none of them with a secret. */
function isClean(child: RunningProcess): void {
  assert.is(logOf(child).length, child.lines.length, `nothing but log lines:\n${child.lines.join('\n')}`);
  for (const secret of Object.values(SECRETS)) assert.not.ok(child.lines.join('\n').includes(secret), 'a secret in the log');
}

test('a Sentinel has a password of its own: a client with both is accepted, and one with a single one learns which is wrong', () =>
  withSentinel(async ({ url }) => {
    const own = url.replace('//', `//:${SECRETS.password}@`);
    assert.is(await reasonFor(`${own}?sentinelPassword=${SECRETS.sentinelPassword}`), 'connected');
    assert.is(await reasonFor(`${own}?sentinelPassword=${SECRETS.sentinelPassword}&sentinelUsername=default`), 'connected');
    assert.match(await reasonFor(own), /^a Sentinel wants a password \(NOAUTH\): give it in MEERCAT_SENTINEL_PASSWORD/);
    assert.match(await reasonFor(`${own}?sentinelPassword=wrong`), /^a Sentinel refuses the user or the password \(WRONGPASS\)/);
    assert.match(await reasonFor(`${url}?sentinelPassword=${SECRETS.sentinelPassword}`), /^Redis wants a password \(NOAUTH\)/);
    assert.match(
      await reasonFor(`${url.replace('//', '//:wrong@')}?sentinelPassword=${SECRETS.sentinelPassword}`),
      /^Redis refuses the user or the password \(WRONGPASS\)/,
    );
  }, SECRETS));

test('a fleet behind such a Sentinel elects a master and follows a failover; the password comes by a variable', () =>
  withSentinel(async (group) => {
    const redis = group.url.replace('//', `//:${SECRETS.password}@`);
    const env = { MEERCAT_SENTINEL_PASSWORD: SECRETS.sentinelPassword };
    await withBalancer(redis, env, async (child) => {
      await untilMaster(child);
      // Earlier than the old master disconnects its clients: so the Sentinels' announcement arrived.
      await group.failover();
      await withClients([(await group.master()).url.replace('//', `//:${SECRETS.password}@`)], async (next) => {
        await next.del('meercat:balancer:b1', 'meercat:master');
        await until(async () => (await next.exists('meercat:balancer:b1', 'meercat:master')) === 2, {
          timeoutMs: FAILOVER_MS,
          what: 'the fleet to write to the new master',
        });
      });
      let shown = '';
      await until(
        async () => {
          const { code, stdout, stderr } = await meercatHere(['status', '--redis', redis], env);
          shown = stdout + stderr;
          return code === 0 && /^fleet meercat: 1 balancer, .*; master b1, term \d/m.test(stdout);
        },
        { timeoutMs: FAILOVER_MS, everyMs: 200, what: () => `the fleet with its master:\n${shown}` },
      );
      const refused = await meercat(['status', '--redis', redis]);
      assert.match(
        refused.stderr,
        /^meercat: Redis at redis\+sentinel:[^ ]+ can't be used: a Sentinel wants a password \(NOAUTH\): [^;]+$/,
      );
      child.kill();
      assert.is((await ended(child)).code, 0);
      isClean(child);
    });
  }, SECRETS));

test('a balancer without the password of its Sentinel says so once, and serves its static hosts', () =>
  withSentinel(
    (group) =>
      withBalancer(
        group.url,
        { MEERCAT_SENTINEL_PASSWORD: 'wrong' },
        async (child) => {
          await child.waitForLine(/a Sentinel refuses the user or the password \(WRONGPASS\)/);
          const [, url] = await child.waitForLine(/"url":"(http:[^"]+)","console".*"msg":"serving"/);
          assert.is(await (await fetch(url as string)).text(), 'hello');
          await until(() => logOf(child).filter(({ msg }) => msg === 'a heartbeat could not be written').length > 2, {
            what: 'three heartbeats',
          });
          assert.is(
            logOf(child).filter(
              ({ level, msg, reason }) => level === 'warn' && String(msg).startsWith('redis ') && /WRONGPASS/.test(String(reason)),
            ).length,
            1,
          );
          isClean(child);
        },
        ['--log-level', 'debug'],
      ),
    SECRETS,
  ));

test('over TLS a fleet trusts its Sentinel and both servers by the configured CA, and follows a failover', () =>
  withCertificates((tls) =>
    withSentinel(
      async (group) => {
        assert.match(group.url, /^rediss\+sentinel:/);
        const redis = group.url.replace('//', `//:${SECRETS.password}@`);
        const env = { MEERCAT_SENTINEL_PASSWORD: SECRETS.sentinelPassword, MEERCAT_REDIS_CA: tls.caFile };
        await withBalancer(
          redis,
          env,
          async (child) => {
            await untilMaster(child);
            await group.failover();
            await withClients([(await group.master()).url.replace('//', `//:${SECRETS.password}@`)], async (next) => {
              await next.del('meercat:balancer:b1', 'meercat:master');
              await until(async () => (await next.exists('meercat:balancer:b1', 'meercat:master')) === 2, {
                timeoutMs: FAILOVER_MS,
                what: 'the fleet to write to the new master',
              });
            });
            const { code, stderr } = await meercatHere(['status', '--redis', `${redis}?ca=${encodeURIComponent(tls.caFile)}`], {
              MEERCAT_SENTINEL_PASSWORD: SECRETS.sentinelPassword,
            });
            assert.is(code, 0, stderr);
            // On a busy machine the command's own timeout can expire first.
            let refusal = '';
            await until(
              async () => {
                refusal = (await meercat(['status', '--redis', redis], { MEERCAT_SENTINEL_PASSWORD: SECRETS.sentinelPassword })).stderr;
                return /a Sentinel's certificate is not trusted \(.+\): name its authority with \?ca=FILE in --redis, or in MEERCAT_REDIS_CA$/.test(
                  refusal,
                );
              },
              { timeoutMs: FAILOVER_MS, what: () => `the refusal to name the certificate: ${refusal}` },
            );
            child.kill();
            assert.is((await ended(child)).code, 0);
            isClean(child);
          },
          [],
        );
      },
      { ...SECRETS, tls },
    ),
  ));

test('a certificate that does not name the address of a Sentinel is refused', () =>
  withCertificates((tls) => {
    const elsewhere = tls.issue('elsewhere', { names: ['redis.example'] });
    return withSentinel(
      async ({ url }) => {
        assert.match(
          await reasonFor(`${url}?ca=${encodeURIComponent(tls.caFile)}`),
          /^a Sentinel's certificate is for another name \(Hostname\/IP does not match certificate's altnames: /,
        );
      },
      { tls: { ...elsewhere, caFile: tls.caFile } },
    );
  }));

test('over TLS a fleet works on a Cluster, whose servers are trusted by the configured CA', () =>
  withCertificates((tls) =>
    withCluster(
      3,
      async ({ url, servers }) => {
        assert.match(url, /^rediss\+cluster:/);
        const flags = ['--namespace', '{meercat}'];
        await withBalancer(
          url,
          { MEERCAT_REDIS_CA: tls.caFile },
          async (child) => {
            await untilMaster(child);
            // The master's first heartbeat and table come a moment after its election.
            const status = ['status', '--redis', `${url}?ca=${encodeURIComponent(tls.caFile)}`, ...flags];
            let last = '';
            await until(
              async () => {
                const { code, stdout, stderr } = await meercatHere(status);
                last = stdout + stderr;
                return code === 0 && /1 balancer, 1 host; master b1/.test(stdout);
              },
              { timeoutMs: FAILOVER_MS, everyMs: 200, what: () => `the whole fleet in status:\n${last}` },
            );
            const refused = await meercat(['status', '--redis', url, ...flags]);
            assert.match(refused.stderr, /its certificate is not trusted/);
            isClean(child);
          },
          flags,
        );
        const got: string[] = [];
        let isReady = false;
        const subscription = openSubscription(
          parseRedisAddress(`${url}?ca=${tls.caFile}`),
          ['channel'],
          (_channel, text) => got.push(text),
          { onReady: () => (isReady = true) },
        );
        try {
          await until(() => isReady || undefined, { what: 'the subscription' });
          for (const { url: one } of servers) await withClients([one], (client) => client.publish('channel', 'x'));
          await until(() => got.length === servers.length || undefined, { what: 'a message from each server' });
        } finally {
          subscription.close();
        }
      },
      { tls },
    ),
  ));

test('a Cluster that is configured by names, and announces names, needs no addresses in its certificate', () =>
  withCertificates((tls) => {
    const named = tls.issue('named', { names: ['localhost'] });
    const args = ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname'];
    return withCluster(
      1,
      async ({ url }) => {
        const client = openCommands(parseRedisAddress(`${url.replace('127.0.0.1', 'localhost')}?ca=${tls.caFile}`));
        try {
          await until(() => client.status === 'ready' || undefined, { what: 'the connection' });
          assert.is(await client.set('key', 'value'), 'OK');
        } finally {
          client.disconnect();
        }
        assert.match(await reasonFor(`${url}?ca=${tls.caFile}`), /^its certificate is for another name/);
      },
      { tls: { ...named, caFile: tls.caFile }, args },
    );
  }));

test('a Redis that asks clients for a certificate is given one', () =>
  withCertificates((tls) => {
    const mine = tls.issue('client', { names: ['meercat'] });
    return withCluster(
      1,
      async ({ url }) => {
        const trusted = `${url}?ca=${tls.caFile}`;
        assert.is(await reasonFor(`${trusted}&cert=${mine.certFile}&key=${mine.keyFile}`), 'connected');
        assert.is.not(await reasonFor(trusted), 'connected');
      },
      { tls, args: ['--tls-auth-clients', 'yes'] },
    );
  }));

test.run();
