// `meercat why` in a fleet with a site: one balancer, Redis, a host for each pool. What it says of routes is what requests get.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Explanation } from '../../lib/explanation.js';
import { applySite } from '../../lib/redis/site-store.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { KEYS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { meercatHere } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('why, with a site');

const documentOf = (api: string, web: string): string => `version: 1
paths: strict
pools:
  api: { hosts: [{ name: a, url: '${api}' }] }
  web: { hosts: [{ name: w, url: '${web}' }] }
  closed: { respond: { status: 503, body: later } }
routes:
  - match: { hosts: [api.test], path: /v2, headers: { X-Beta: '1' } }
    to: web
  - match: { hosts: [api.test], path: /v2 }
    to: { api: 95, web: 0 }
    rewrite: { stripPrefix: /v2 }
    headers: { request: { set: { X-A: '1' } } }
  - match: { path: /old }
    redirect: { status: 301, host: api.test, path: /new }
  - match: { path: /closed }
    to: closed
  - match: { path: /tls, scheme: https }
    respond: { status: 200, body: ok }
`;

interface Stage {
  readonly balancer: TestBalancer;
  /** Runs `meercat why`; with --json what it says, also if it fails. */
  why(...args: readonly string[]): ReturnType<typeof meercatHere>;
  json(...args: readonly string[]): Promise<Explanation>;
  logged(lines: number): Promise<Record<string, unknown>[]>;
  apply(document: string, version: string): Promise<void>;
}

function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  return withTempDir((dir) =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withServer(
          (request, response) => void response.end(`api ${request.url}`),
          (api) =>
            withServer(
              (_request, response) => void response.end('web'),
              (web) => {
                const accessLogFile = join(dir, 'access.log');
                const trust = ['192.0.2.0/24'];
                const config = { redis: [redis.url], name: 'b1', accessLog: 'json', accessLogFile, trust } as const;
                return withBalancer(config, async (balancer) => {
                  await balancer.becomes('master');
                  const why: Stage['why'] = (...args) => meercatHere(['why', ...args, '--redis', redis.url, '--namespace', KEYS.namespace]);
                  const stage: Stage = {
                    balancer,
                    why,
                    json: async (...args) => JSON.parse((await why(...args, '--json')).stdout) as Explanation,
                    logged: (count) =>
                      until(
                        () => {
                          const lines = readFileSync(accessLogFile, 'utf8').trim().split('\n').filter(Boolean);
                          return lines.length >= count && lines.map((line) => JSON.parse(line) as Record<string, unknown>);
                        },
                        { timeoutMs: SLOW_MS, what: `${count} lines` },
                      ),
                    async apply(document, version) {
                      await applySite(client, KEYS, { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
                      await until(async () => (await client.hget(KEYS.balancer('b1'), 'site')) === version || undefined, {
                        timeoutMs: SLOW_MS,
                        what: () => `version ${version}; the log:\n${balancer.lines.join('\n')}`,
                      });
                    },
                  };
                  await stage.apply(documentOf(api.url, web.url), '1');
                  await fn(stage);
                });
              },
            ),
        ),
      ),
    ),
  );
}

const URL = 'http://api.test/v2/x';

test('a dry run tells the route, what decided, which did not fit, the share, the changes, and the host of the pool', () =>
  withStage(async ({ why, json }) => {
    const { stdout, stderr, code } = await why('GET', URL, '--header', 'X-Beta: 0');
    assert.equal([code, stderr], [0, '']);
    assert.equal(stdout.split('\n').slice(0, 9), [
      'dry run on b1: GET http://api.test/v2/x',
      'route 2 (line 10) of version 1 of the site',
      '  host api.test, exactly',
      '  path /v2/x, by the prefix /v2',
      'more specific routes that do not fit:',
      '  route 1 (line 8): it asks for header x-beta: 1; the request has x-beta: 0',
      'pool api (95 of 95 go to api, 0 of 95 go to web)',
      'the host gets the target /x',
      'request: set X-A: 1',
    ]);
    const beta = await json('GET', URL, '--header', 'X-Beta: 1');
    assert.equal([beta.route?.index, beta.pool, beta.picks[0]?.picked], [0, 'web', 'web/w']);
    const named = await json('GET', '/v2', '--header', 'Host: API.test:81');
    assert.equal([named.route?.index, named.pool, named.picks[0]?.picked], [1, 'api', 'api/a']);
  }));

test('redirects, fixed answers, maintenance, the scheme and what no route fits are told, and are what a client gets', () =>
  withStage(async ({ balancer, why, json }) => {
    const moved = await json('GET', 'http://x.test/old?q=1');
    assert.equal([moved.answered, moved.route?.location, moved.picks], [301, 'http://api.test/new?q=1', []]);
    assert.is((await ask(balancer.port, { path: '/old?q=1', headers: { Host: 'x.test' } })).headers['location'], 'http://api.test/new?q=1');
    const closed = await json('GET', '/closed');
    assert.equal([closed.answered, closed.pool, (await ask(balancer.port, { path: '/closed' })).status], [503, 'closed', 503]);
    assert.is((await json('GET', 'https://x.test/tls')).answered, 200);
    const trusted = ['--client', '192.0.2.7', '--header', 'X-Forwarded-Proto: https'];
    assert.is((await json('GET', '/tls', ...trusted)).answered, 200);
    const foreign = await why('GET', '/tls', '--client', '198.51.100.7', '--header', 'X-Forwarded-Proto: https');
    assert.is(foreign.code, 1);
    assert.match(foreign.stdout, /\nno route of version 1 of the site fits: MEERCAT_NO_ROUTE\nroutes that come nearest:\n/);
    assert.match(foreign.stdout, /\n {2}route 5 \(line 18\): it asks for scheme https; the request has http\n/);
    assert.match(foreign.stderr, /^meercat: b1 refuses such a request: MEERCAT_NO_ROUTE, status 404, no route of the site fits$/);
    assert.match(
      (await why('GET', '/a//b')).stderr,
      /^meercat: b1 refuses such a request: MEERCAT_BAD_REQUEST, status 400, the path is one that a host might read differently/,
    );
    assert.match(
      (await why('GET', '/', '--header', 'Content-Length: +1')).stderr,
      /: MEERCAT_BAD_REQUEST, status 400, content-length "\+1"$/,
    );
  }));

test('route and pool are in the access log, and of past requests, also when the site is another one by then', () =>
  withStage(async ({ balancer, json, why, logged, apply }) => {
    // oxlint-disable-next-line no-await-in-loop -- in this order in the log
    for (const path of ['/v2/x', '/old', '/closed', '/nowhere']) await ask(balancer.port, { path, headers: { Host: 'api.test' } });
    const lines = await logged(4);
    assert.equal(
      lines.map(({ route, pool, host, outcome }) => [route, pool, host, outcome]),
      [
        [10, 'api', 'api/a', 'ok'],
        [14, '', '', 'answered'],
        [16, 'closed', '', 'answered'],
        [null, '', '', 'refused'],
      ],
    );
    await apply('version: 1\npools: { web: {} }\nroutes: [{ to: web }]\n', '2');
    const past: Explanation[] = [];
    // oxlint-disable-next-line no-await-in-loop -- a command prints to this process's standard output
    for (const { id } of lines) past.push(await json(id as string));
    assert.equal(
      past.map(({ route, pool, answered, code }) => [route?.version, route?.index, route?.line, pool, answered, code]),
      [
        [1, 1, 10, 'api', 0, ''],
        [1, 2, 14, '', 301, ''],
        [1, 3, 16, 'closed', 503, ''],
        [undefined, undefined, undefined, '', 0, 'MEERCAT_NO_ROUTE'],
      ],
    );
    assert.match((await why(lines[0]?.['id'] as string)).stdout, /\nroute 2 \(line 10\) of version 1 of the site\npool api\n/);
  }));

test.run();
