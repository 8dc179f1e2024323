// The example of the README as a new user runs it: `meercat up --site` with demo hosts in every pool. Each rule of the site
// is seen from outside, on every balancer; what is applied is in force on all of them.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withRedis, withTempDir } from '../support/brackets.js';
import { readPage } from '../support/documents.js';
import { freePortsInRow, withFleet } from '../support/fleet-process.js';
import { type Answered, ask } from '../support/http-client.js';
import { BUSY_MS, untilStatus } from '../support/local-fleet.js';
import { meercat } from '../support/meercat.js';

const test = suite('meercat up --site');

const DEMO = readPage('deploy/demo-site.yaml').text;

/** The balancers trust this client, as one that ends TLS in front of them. */
const TRUSTING = { MEERCAT_TRUST: '127.0.0.1' };

interface Example {
  readonly ports: readonly number[];
  readonly redis: string;
  /** The file of --site. */
  readonly file: string;
  /** Its text, which has free ports. */
  readonly document: string;
}

function withExample(fn: (example: Example) => Promise<void>): Promise<void> {
  return withTempDir(async (folder) => {
    const [port, first, second] = [await freePortsInRow(2), await freePort(), await freePort()];
    const document = DEMO.replace(':3001', `:${first}`).replace(':3002', `:${second}`);
    const file = join(folder, 'site.yaml');
    await writeFile(file, document);
    await withFleet(
      ['--site', file, '--balancers', '2', '--port', String(port)],
      async (fleet) => {
        await fleet.ready();
        const [, redis = ''] = await fleet.waitForLine(/^redis +(redis:\/\/\S+) /);
        await fleet.waitForLine(new RegExp(`^demo hosts web/127\\.0\\.0\\.1-${first} at \\S+, web/web-2 at \\S+, as the site says$`));
        await fleet.waitForLine(new RegExp(`^try +curl -i -H 'Host: legacy.example.test' http://127.0.0.1:${port}/$`));
        await fn({ ports: [port, port + 1], redis, file, document });
      },
      { env: TRUSTING },
    );
  });
}

const hostOf = ({ body }: Answered): string => body.split('\n')[0] ?? '';
const poolOfAnswer = (answer: Answered): string => hostOf(answer).split('/')[0] ?? '';

/** What the demo host got: the request's line, and its fields. */
function requestOf({ body }: Answered): { readonly line: string; readonly fields: readonly string[] } {
  const [, line = '', ...fields] = body.trimEnd().split('\n');
  return { line, fields };
}

const ON_API = { Host: 'api.example.test', 'X-Beta': '1', Cookie: 'a=b' };

/** Checks by HTTP, on one balancer, what each route of the example does. */
async function checkRules(port: number): Promise<void> {
  const api = await ask(port, { path: '/v2/users?q=1', headers: ON_API });
  assert.is(api.status, 200);
  assert.match(poolOfAnswer(api), /^api(-canary)?$/);
  assert.is(api.headers['strict-transport-security'], 'max-age=31536000');
  const { line, fields } = requestOf(api);
  assert.is(line, 'GET /users?q=1 HTTP/1.1', 'the prefix is stripped');
  assert.ok(fields.includes('X-Api: 2'), 'the field is set');
  assert.not(
    fields.some((field) => /^cookie:/i.test(field)),
    'and the cookie removed',
  );

  // Whatever the route does not match goes to the next one that fits: *.example.test.
  for (const [method, path, headers] of [
    ['PUT', '/v2/users', ON_API],
    ['GET', '/v20', ON_API],
    ['GET', '/v2/users', { Host: 'api.example.test' }],
    ['GET', '/x', { Host: 'WWW.example.test:80' }],
  ] as const) {
    const web = await ask(port, { method, path, headers });
    assert.is(poolOfAnswer(web), 'web', `${method} ${path}`);
    assert.is(requestOf(web).line, `${method} ${path} HTTP/1.1`, 'nothing is rewritten');
    assert.is(web.headers['strict-transport-security'], undefined);
  }
  assert.is(poolOfAnswer(await ask(port, { headers: { Host: 'legacy.example.test' } })), 'legacy');
  assert.is(poolOfAnswer(await ask(port, { headers: { Host: 'cache.example.test' } })), 'cache');

  const redirect = await ask(port, { path: '/a?b', headers: { Host: 'example.test' } });
  assert.equal([redirect.status, redirect.headers.location], [308, 'https://example.test/a?b']);
  const missing = await ask(port, { headers: { Host: 'example.test', 'X-Forwarded-Proto': 'https' } });
  assert.equal([missing.status, missing.headers['content-type'], missing.body], [404, 'text/plain', 'not here\n']);
}

/** A client of `legacy` stays with its host on all balancers, and each path of `cache` has one host there. */
async function checkAffinity(ports: readonly number[]): Promise<void> {
  const legacy = { Host: 'legacy.example.test' };
  const first = await until(
    async () => {
      const answer = await ask(ports[0] as number, { headers: legacy });
      return answer.headers['set-cookie'] === undefined ? undefined : answer;
    },
    { timeoutMs: BUSY_MS, what: 'the secret of cookies to be known' },
  );
  const Cookie = String(first.headers['set-cookie']?.[0]).split(';')[0] as string;
  assert.match(Cookie, /^MEERCATID=/);
  for (const port of ports) {
    await until(async () => (await ask(port, { headers: { ...legacy, Cookie } })).headers['set-cookie'] === undefined, {
      timeoutMs: BUSY_MS,
      what: `the cookie to count on ${port}`,
    });
    for (let i = 0; i < 5; i++) assert.is(hostOf(await ask(port, { headers: { ...legacy, Cookie } })), hostOf(first));
  }
  const hosts = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const found = new Set<string>();
    // One after the other: of two at once, the second may come to the next host.
    for (const port of ports) found.add(hostOf(await ask(port, { path: `/${i}`, headers: { Host: 'cache.example.test' } })));
    assert.is(found.size, 1, `/${i}`);
    for (const host of found) hosts.add(host);
  }
  assert.is(hosts.size, 2);
}

/** Both hosts of a pool serve on each balancer, and of a hundred requests in turn five are for the canary. */
async function checkSpread(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const found = new Set<string>();
    const headers = { Host: 'www.example.test' };
    await until(async () => found.add(hostOf(await ask(port, { headers }))).size === 2, { timeoutMs: BUSY_MS, what: 'both hosts of web' });
    let canary = 0;
    // Below the rate limit, which is for each client's address.
    for (let i = 0; i < 100; i++) {
      const answer = await ask(port, { path: '/v2/', headers: { ...ON_API, 'X-Forwarded-For': `10.0.0.${i}` } });
      assert.is(answer.status, 200);
      if (poolOfAnswer(answer) === 'api-canary') canary++;
    }
    // Exact to within one request, whatever came before.
    assert.ok(canary >= 4 && canary <= 6, `${canary} of 100`);
  }
}

test('each rule of the example is in force on every balancer, and so is what is applied; Redis and the commands show it', () =>
  withExample(async ({ ports, redis, file, document }) => {
    for (const port of ports) await checkRules(port);
    await checkSpread(ports);
    await checkAffinity(ports);

    const before = await untilStatus(redis, 'the first version', ({ balancers }) => balancers.every(({ site }) => site === 1));
    assert.equal(
      before.hosts.map(({ name, hasAgent }) => `${name.replace(/\d{4,5}$/, 'PORT')}${hasAgent ? '' : ' of the site'}`),
      [
        ...['api-canary/h3', 'api-canary/h4', 'api/h1', 'api/h2', 'cache/h7', 'cache/h8', 'legacy/h5', 'legacy/h6'],
        ...['web/127.0.0.1-PORT of the site', 'web/web-2 of the site'],
      ],
    );

    await writeFile(
      file,
      document.replace('body: "not here\\n"', 'body: "gone\\n"').replace('api: 95, api-canary: 5', 'api: 0, api-canary: 1'),
    );
    const diff = await meercat(['diff', file, '--redis', redis]);
    assert.match(diff.stdout, /api-canary/);
    const applied = await meercat(['apply', file, '--yes', '--by', 'ada', '--redis', redis]);
    assert.is(applied.code, 0, applied.stderr);
    // The command has waited for all balancers.
    for (const port of ports) {
      const missing = await ask(port, { headers: { Host: 'example.test', 'X-Forwarded-Proto': 'https' } });
      assert.is(missing.body, 'gone\n');
      for (let i = 0; i < 5; i++) assert.is(poolOfAnswer(await ask(port, { path: '/v2/x', headers: ON_API })), 'api-canary');
    }
    const kept = await meercat(['redis-cli', '--redis', redis, 'hmget', 'meercat:site', 'version', 'applied-by']);
    assert.match(kept.stdout, /2[^]*ada/);
    const status = await meercat(['status', '--redis', redis]);
    assert.match(status.stdout, /^site: version 2, applied by ada at /m);
    const site = await meercat(['site', '--redis', redis]);
    assert.match(site.stdout, /body: "gone\\n"/);
  }));

test('a fleet that has a site keeps it: another file is not applied, and demo hosts are those of the site in force', () =>
  withRedis(({ url }) =>
    withTempDir(async (folder) => {
      const [kept, other] = [join(folder, 'kept.yaml'), join(folder, 'other.yaml')];
      await writeFile(kept, 'version: 1\npools: { kept: {} }\nroutes: [{ to: kept }]\n');
      await writeFile(other, 'version: 1\npools: { other: {} }\nroutes: [{ to: other }]\n');
      const applied = await meercat(['apply', kept, '--yes', '--force', '--no-wait', '--redis', url]);
      assert.is(applied.code, 0, applied.stderr);
      const port = await freePortsInRow(1);
      await withFleet(['--site', other, '--redis', url, '--balancers', '1', '--hosts', '1', '--port', String(port)], async (fleet) => {
        await fleet.ready();
        await fleet.waitForLine(/^the fleet has version 1 of a site, which stays in force: meercat apply \S+other\.yaml replaces it$/);
        assert.is(hostOf(await ask(port)), 'kept/h1');
      });
    }),
  ));

test.run();
