// `meercat why` in a real fleet: two balancers, Redis and hosts. The id comes from the
// access log, as a person would take it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Explanation } from '../../lib/explanation.js';
import type { Commands } from '../../lib/redis/connect.js';
import { publishEvent } from '../../lib/redis/fleet-store.js';
import { readAsked } from '../../lib/redis/why-store.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask, exchangeRaw } from '../support/http-client.js';
import { meercatHere } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('why in a fleet');

type Answer = Explanation & { readonly balancer: string; readonly status: string; readonly picks: readonly { readonly why: string }[] };

interface Stage {
  readonly first: TestBalancer;
  readonly second: TestBalancer;
  readonly client: Commands;
  /** Runs `meercat why`. */
  why(...args: readonly string[]): ReturnType<typeof meercatHere>;
  /** The lines of the first balancer's access log, once there are this many. */
  logged(lines: number): Promise<Record<string, unknown>[]>;
}

/** `first` is master and has an access log, `second` has none and trusts its clients; a and b answer, and nobody listens at dead. */
function withStage(fn: (stage: Stage) => Promise<void>, isDeadThere = false): Promise<void> {
  return withTempDir((dir) =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withServer(
          (_request, response) => void response.end('a'),
          (a) =>
            withServer(
              (_request, response) => void response.end('b'),
              async (b) => {
                const file = join(dir, 'access.log');
                const statics = [
                  { name: 'a', url: a.url },
                  { name: 'b', url: b.url },
                  ...(isDeadThere ? [{ name: 'dead', url: 'http://127.0.0.1:1' }] : []),
                ];
                // The lease outlasts what keeps a slow machine from renewing it.
                const config = {
                  redis: [redis.url],
                  statics,
                  algorithm: 'adaptive',
                  healthIntervalMs: 600_000,
                  leaseTtlMs: 30_000,
                } as const;
                await withBalancer({ ...config, name: 'first', accessLog: 'json', accessLogFile: file }, async (first) => {
                  await first.becomes('master');
                  await withBalancer({ ...config, name: 'second', trust: ['127.0.0.1/32'] }, async (second) => {
                    await until(async () => (await readAsked(client, KEYS)).balancers.length === 2, {
                      timeoutMs: SLOW_MS,
                      what: 'both heartbeats',
                    });
                    await fn({
                      first,
                      second,
                      client,
                      why: async (...args) => {
                        for (let attempt = 1; ; attempt++) {
                          const outcome = await meercatHere(['why', ...args, '--redis', redis.url, '--namespace', KEYS.namespace]);
                          // A balancer that stalls answers too late; one should try again, as the message says.
                          const isLate = /^meercat: (?:first|second) did not answer within/.test(outcome.stderr);
                          if (!isLate || attempt === 5) return outcome;
                        }
                      },
                      logged: (count) =>
                        until(
                          () => {
                            const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
                            return lines.length >= count && lines.map((line) => JSON.parse(line) as Record<string, unknown>);
                          },
                          { timeoutMs: SLOW_MS, what: `${count} lines` },
                        ),
                    });
                  });
                });
              },
            ),
        ),
      ),
    ),
  );
}

const answerOf = ({ code, stdout, stderr }: Awaited<ReturnType<typeof meercatHere>>): Answer => {
  assert.equal([code, stderr], [0, '']);
  return JSON.parse(stdout) as Answer;
};

test('a request in the access log is explained: which hosts were considered, which was picked, and why', () =>
  withStage(async ({ first, why, logged }) => {
    const { body } = await ask(first.port, { path: '/users/17' });
    const [line] = await logged(1);
    const id = line?.['id'] as string;
    assert.match(id, /^[0-9a-f]{8}-1$/);
    const answer = answerOf(await why(id, '--json'));
    const [pick] = answer.picks;
    assert.equal(
      [answer.balancer, answer.status, answer.id, pick?.algorithm, pick?.end, pick?.picked, pick?.candidates],
      ['first', 'explained', id, 'adaptive', 'taken', body, 2],
    );
    assert.equal(pick?.looked.map(({ host }) => host).toSorted(), ['a', 'b']);
    assert.match(pick?.why ?? '', new RegExp(`^${body} was taken: of all 2 hosts, `));
    const { stdout } = await why(id);
    assert.match(stdout, new RegExp(`^request ${id} on first, picked at .*\\n.*\\n\\nHOST .*\\n${body} .* taken\\n`));
  }));

test('a request retried on a second host has both picks, and the second says which host had failed', () =>
  withStage(async ({ first, why, logged }) => {
    for (let requests = 1; ; requests++) {
      await ask(first.port);
      const line = (await logged(requests)).at(-1);
      if (line?.['attempts'] !== 2) {
        assert.ok(requests < 200, 'the dead host was never picked');
        continue;
      }
      const { picks } = answerOf(await why(line['id'] as string, '--json'));
      assert.equal(
        picks.map(({ attempt, picked, excluded }) => [attempt, picked, excluded]),
        [
          [1, 'dead', null],
          [2, line['host'], 'dead'],
        ],
      );
      assert.match(picks[1]?.why ?? '', /^dead had just failed this request and was not to be picked again\./);
      return;
    }
  }, true));

test('what was refused, and what failed on a host, is reported with its reason', () =>
  withStage(async ({ first, why, logged }) => {
    await exchangeRaw(first.port, 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n');
    const [refused] = await logged(1);
    const id = refused?.['id'] as string;
    const answer = answerOf(await why(id, '--json'));
    const reason = 'content-length "+1"';
    assert.equal(
      [answer.status, answer.id, answer.code, answer.failures, answer.picks],
      ['explained', id, 'MEERCAT_BAD_REQUEST', [{ attempt: 0, host: null, outcome: 'refused', reason }], []],
    );
    assert.match(
      (await why(id)).stdout,
      new RegExp(
        `^request ${id} on first, at .*\\nrefused: content-length "\\+1"\\nanswered by the balancer itself: MEERCAT_BAD_REQUEST\\n?$`,
      ),
    );
    for (let requests = 2; ; requests++) {
      await ask(first.port);
      const line = (await logged(requests)).at(-1);
      if (line?.['attempts'] !== 2) {
        assert.ok(requests < 200, 'the dead host was never picked');
        continue;
      }
      assert.is(line['reason'], 'connect ECONNREFUSED 127.0.0.1:1');
      const { failures, code } = answerOf(await why(line['id'] as string, '--json'));
      assert.equal(
        [failures, code],
        [[{ attempt: 1, host: 'dead', outcome: 'connect-failed', reason: 'connect ECONNREFUSED 127.0.0.1:1' }], ''],
      );
      assert.match((await why(line['id'] as string)).stdout, /\ntry 1 on dead, connect-failed: connect ECONNREFUSED 127\.0\.0\.1:1\n/);
      return;
    }
  }, true));

test('a dry run is made by the master or by the named balancer, and counts nothing', () =>
  withStage(async ({ first, second, why }) => {
    const before = [first, second].map((each) => each.counter('requests'));
    const byMaster = answerOf(await why('GET', '/work?ms=5', '--json'));
    assert.equal([byMaster.balancer, byMaster.id, byMaster.picks.length, byMaster.picks[0]?.end], ['first', null, 1, 'taken']);
    assert.is(answerOf(await why('POST', '/work', '--balancer', 'second', '--json')).balancer, 'second');
    assert.match((await why('/work')).stdout, /^dry run on first: GET \/work\n/);
    assert.equal(
      [first, second].map((each) => each.counter('requests')),
      before,
    );
  }));

test('a request is found by the id that a trusted client gave it, at whichever balancer, and without an access log', () =>
  withStage(async ({ first, second, why }) => {
    const [, own = ''] = /\r\nX-Request-Id: (\S+)/.exec(await exchangeRaw(second.port, 'GET / HTTP/1.0\r\n\r\n')) ?? [];
    assert.match(own, /^[0-9a-f]{8}-1$/);
    assert.is(answerOf(await why(own, '--json')).balancer, 'second');
    // `first` trusts nobody, and gives an id of its own.
    for (const { port } of [first, second]) await exchangeRaw(port, 'GET / HTTP/1.0\r\nX-Request-Id: of/a=front\r\n\r\n');
    const answer = answerOf(await why('of/a=front', '--json'));
    assert.equal([answer.balancer, answer.id, answer.picks.length], ['second', 'of/a=front', 1]);
    await exchangeRaw(
      second.port,
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: looped\r\nVia: 1.1 meercat-' + own.slice(0, 8) + '\r\n\r\n',
    );
    assert.is(answerOf(await why('looped', '--json')).code, 'MEERCAT_LOOP');
  }));

test('what cannot be explained is reported, with exit code 1', () =>
  withStage(async ({ client, why }) => {
    const { balancers } = await readAsked(client, KEYS);
    const prefix = (name: string): string => balancers.find((each) => each.name === name)?.instance.slice(0, 8) ?? '';
    const table: readonly (readonly [args: readonly string[], says: RegExp])[] = [
      [[`${prefix('first')}-zz`], /^meercat: no balancer of the fleet \S+ knows the request [0-9a-f]{8}-zz: /],
      [['00000000-1'], /^meercat: no balancer of the fleet test knows the request 00000000-1: /],
      [['of-nobody'], /^meercat: no balancer of the fleet test knows the request of-nobody: /],
      [['CONNECT', '/'], /^meercat: first refuses such a request: MEERCAT_METHOD_NOT_ALLOWED, status 405, method "CONNECT"$/],
      [['GET', '/#a'], /^meercat: first refuses such a request: MEERCAT_BAD_REQUEST, status 400, /],
      [['GET', '/', '--balancer', 'third'], /^meercat: no balancer third is in the fleet: it has first, second$/],
    ];
    for (const [args, says] of table) {
      const { code, stdout, stderr } = await why(...args);
      assert.equal([code, stdout], [1, '']);
      assert.match(stderr, says);
    }
    // A balancer known only by its heartbeat.
    await client.zadd(KEYS.balancers, 99, 'mute');
    await client.hset(KEYS.balancer('mute'), 'instance', 'ffffffff-0000');
    const { code, stderr } = await why('GET', '/', '--balancer', 'mute');
    assert.is(code, 1);
    assert.match(stderr, /^meercat: mute did not answer within 3 s/);
  }));

test('a flood of questions is limited to twenty a second, and requests are still served', () =>
  withStage(async ({ first, client }) => {
    const startMs = performance.now();
    await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        publishEvent(client, KEYS, {
          kind: 'why-asked',
          name: 'first',
          asked: { token: String(i).padStart(16, '0'), method: 'GET', target: '/' },
        }),
      ),
    );
    await publishEvent(client, KEYS, { kind: 'why-asked', name: 'first' });
    await until(() => first.counter('why_answered') + first.counter('why_dropped') >= 501, {
      timeoutMs: SLOW_MS,
      what: 'all to be answered or dropped',
    });
    const seconds = (performance.now() - startMs) / 1000;
    assert.ok(first.counter('why_answered') <= 21 + 20 * seconds, `${first.counter('why_answered')} in ${seconds} s`);
    assert.is((await ask(first.port)).status, 200);
    // Answers expire soon.
    for (const key of await client.keys(`${KEYS.why('')}*`)) assert.ok((await client.pttl(key)) <= 10_000);
  }));

test('without a balancer the command fails at once', () =>
  withRedis(async ({ url }) => {
    const { code, stderr } = await meercatHere(['why', 'GET', '/', '--redis', url]);
    assert.is(code, 1);
    assert.match(stderr, /^meercat: no balancer is in the fleet meercat: check --redis and --namespace$/);
  }));

test.run();
