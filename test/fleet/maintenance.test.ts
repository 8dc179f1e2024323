// An operator puts pools into maintenance, in a fleet of two balancers on a real Redis: with and without a site, also of a
// balancer that starts later, and until it is taken back.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { meercatHere } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('maintenance in a fleet');

interface Stage {
  readonly first: TestBalancer;
  readonly second: TestBalancer;
  readonly client: Commands;
  readonly redis: string;
  readonly hostUrl: string;
  /** Runs `meercat maintenance`. */
  maintain(...args: readonly string[]): ReturnType<typeof meercatHere>;
}

function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  return withRedis((redis) =>
    withClients([redis.url], (client) =>
      withServer(
        (_request, response) => void response.end('host'),
        ({ url }) => {
          const config = { redis: [redis.url], statics: [{ name: 'h', url }] };
          return withBalancer({ ...config, name: 'first' }, (first) =>
            withBalancer({ ...config, name: 'second' }, (second) =>
              fn({
                ...{ first, second, client, redis: redis.url, hostUrl: url },
                maintain: (...args) => meercatHere(['maintenance', ...args, '--redis', redis.url, '--namespace', KEYS.namespace]),
              }),
            ),
          );
        },
      ),
    ),
  );
}

/** Waits until a path is answered like this by a balancer. */
async function answers({ name, port, lines }: TestBalancer, path: string, status: number, body: RegExp): Promise<void> {
  let last = '';
  await until(
    async () => {
      const answer = await ask(port, { path });
      const text = Buffer.from(answer.body, 'latin1').toString();
      last = `${answer.status} ${text}`;
      return (answer.status === status && body.test(text)) || undefined;
    },
    { timeoutMs: SLOW_MS, everyMs: 20, what: () => `${name}: ${last}; its log:\n${lines.join('\n')}` },
  );
}

test('without a site the pool default answers 503 with Retry-After everywhere, at once on a balancer that starts, until off', () =>
  withStage(async ({ first, second, redis, hostUrl, maintain }) => {
    for (const each of [first, second]) await answers(each, '/', 200, /^host$/);
    const on = await maintain('default', 'on');
    assert.equal([on.code, on.stderr], [0, '']);
    assert.match(
      on.stdout,
      /^pool default is in maintenance: all its requests are answered 503\n2 balancers are in the fleet; each goes by it within a second$/,
    );
    for (const each of [first, second]) await answers(each, '/', 503, /"MEERCAT_MAINTENANCE"/);
    const { headers } = await ask(first.port);
    assert.equal([headers['retry-after'], headers['content-type'], headers['cache-control']], ['60', 'application/json', 'no-store']);
    const status = await meercatHere(['status', '--redis', redis, '--namespace', KEYS.namespace]);
    assert.match(status.stdout, /\nin maintenance: default \(503\)\n/);
    const why = await meercatHere(['why', 'GET', '/', '--redis', redis, '--namespace', KEYS.namespace]);
    assert.match(why.stdout, /\nanswered by the pool, which is in maintenance: 503; no host is asked(?:\n|$)/);
    await withBalancer({ redis: [redis], statics: [{ name: 'h', url: hostUrl }], name: 'third' }, (third) =>
      answers(third, '/', 503, /MAINTENANCE/),
    );
    assert.match((await maintain('default', 'off')).stdout, /^pool default serves again: its hosts get requests\n/);
    for (const each of [first, second]) await answers(each, '/', 200, /^host$/);
    assert.match((await maintain('default', 'off')).stdout, /^pool default was not in maintenance\n/);
  }));

test('one pool of a site is in maintenance with the body and status that were given, the others serve, and it outlasts a new site', () =>
  withStage(async ({ first, second, client, hostUrl, maintain }) => {
    const documentOf = (body: string): string =>
      `version: 1\npools:\n  api: { hosts: ['${hostUrl}'], answers: { 503: { body: ${body} } } }\n  web: { hosts: ['${hostUrl}'] }\n` +
      'routes:\n  - { match: { path: /api }, to: api }\n  - { to: web }\n';
    const apply = (body: string) =>
      applySite(client, KEYS, { document: documentOf(body), expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
    await apply('busy');
    const unknown = await maintain('apo', 'on');
    assert.equal(
      [unknown.code, unknown.stderr],
      [1, "meercat: the fleet's site has no pool apo: it has default, api, web. Did you mean api? --force sets it all the same"],
    );
    assert.is((await maintain('apo', 'on', '--force', '--json')).code, 0);
    assert.match((await maintain('apo', 'off')).stdout, /^pool apo serves again/);
    await maintain('api', 'on', '--status', '429', '--body', '<p>später', '--type', 'text/html; charset=utf-8');
    for (const each of [first, second]) {
      await answers(each, '/api/x', 429, /^<p>später$/);
      await answers(each, '/', 200, /^host$/);
    }
    // A 503 without a body of its own has that of the pool.
    await maintain('api', 'on');
    await answers(first, '/api', 503, /^busy$/);
    await apply('closed');
    await answers(first, '/api', 503, /^closed$/);
    await answers(second, '/', 200, /^host$/);
    await client.del(KEYS.settings);
    for (const each of [first, second]) await answers(each, '/api', 200, /^host$/);
  }));

test('what can be no answer is refused before Redis is asked', async () => {
  const table: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['a/b', 'on'], /^meercat: "a\/b" can't be the name of a pool/],
    [['api', 'yes'], /^meercat: "yes" is neither on nor off/],
    [['api', 'off', '--status', '500'], /^meercat: --status, --body, --body-file and --type go with on/],
    [['api', 'on', '--status', '99'], /--status/],
    [['api', 'on', '--type', 'text/html'], /^meercat: --type is that of a body/],
    [['api', 'on', '--body', 'x', '--type', 'html'], /^meercat: --type: a media type such as/],
    [['api', 'on', '--body', 'x', '--body-file', 'y'], /^meercat: --body and --body-file: give one of them/],
    [['api', 'on', '--body-file', '/nonexistent/x'], /^meercat: --body-file \/nonexistent\/x: /],
    [
      ['api', 'on', '--body', 'ü'.repeat(1700)],
      /^meercat: the body is too long: with status and type it takes \d+ bytes of JSON, 3400 are possible/,
    ],
  ];
  for (const [args, says] of table) {
    // oxlint-disable-next-line no-await-in-loop -- a command prints to this process's output
    const { code, stderr } = await meercatHere(['maintenance', ...args, '--redis', 'redis://127.0.0.1:1']);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
  }
});

test.run();
