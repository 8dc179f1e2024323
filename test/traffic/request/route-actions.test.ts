// What routes do, on real sockets: forwarded requests arrive changed as the route says, redirects and fixed answers are
// whole answers on a connection that goes on, and lines that were composed for one route are not used for another.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RouteAction, SiteRoute } from '../../../lib/site-model.js';
import { type PreparedAnswer, prepareOwnBodies, preparedText } from '../../../lib/traffic/wire/prepared-answers.js';
import { until } from '../../support/brackets.js';
import { type RawClient, withRaw } from '../../support/http-client.js';
import { hasHead } from '../../support/proxy.js';
import { withRawHost } from '../../support/raw-host.js';
import { PSEUDONYM, withRoutes } from '../../support/routed-clients.js';
import { exactly, forwardTo, routeOf, under } from '../../support/site-routes.js';

const test = suite('route actions');

const ANSWER = 'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: h\r\nX-In: 1\r\nContent-Length: 2\r\n\r\nok';

/** Runs the routes before a host that gives ANSWER to every request; hands out a client's connection and the heads that the host got. */
async function withRouted(
  routes: readonly SiteRoute[],
  fn: (raw: RawClient, heads: readonly string[], codes: () => readonly string[]) => Promise<void>,
  isTrusted = false,
): Promise<void> {
  const heads: string[] = [];
  await withRawHost(
    (connection) => {
      if (!hasHead(connection)) return;
      heads.push(connection.text);
      connection.text = '';
      connection.socket.write(ANSWER);
    },
    ({ url }) =>
      withRoutes(
        routes,
        url,
        (port, clients) =>
          withRaw(port, (raw) => fn(raw, heads, () => clients.map(({ status, code, bytesOut }) => `${status} ${code} ${bytesOut}`))),
        isTrusted,
      ),
  );
}

/** Sends a request and gives its whole answer; the connection stays open. */
async function tell(raw: RawClient, request: string, end: RegExp): Promise<string> {
  raw.text = '';
  raw.send(request);
  await raw.receives(end);
  return raw.text.replace(/Date: [^\r]*\r\n/, '');
}

const get = (target: string, fields = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: example.test\r\nCookie: a=b\r\nX-A: 1\r\n${fields}\r\n`;

const forward = (rewrite: Extract<RouteAction, { readonly kind: 'forward' }>['rewrite']): RouteAction =>
  ({ ...forwardTo('p'), rewrite }) as RouteAction;

const CHANGED: SiteRoute = {
  ...routeOf({ path: under('/v2') }, forward({ kind: 'strip-prefix', prefix: '/v2' })),
  headers: {
    request: { set: [{ name: 'X-A', value: '2' }], add: [{ name: 'X-Forwarded-Prefix', value: '/v2' }], remove: ['cookie'] },
    response: { set: [{ name: 'Server', value: 'ours' }], add: [{ name: 'X-Out', value: 'ü' }], remove: ['x-in'] },
  },
};

const OURS = (port: number): string =>
  `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example.test\r\nX-Forwarded-Port: ${port}\r\n` +
  `Forwarded: for=127.0.0.1;host="example.test";proto=http\r\nVia: 1.1 ${PSEUDONYM}\r\n`;

const CHANGED_HEAD = (port: number, target: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: example.test\r\nX-A: 2\r\nX-Forwarded-Prefix: /v2\r\n${OURS(port)}Connection: keep-alive\r\n\r\n`;
const PLAIN_HEAD = (port: number, target: string): string =>
  `GET ${target} HTTP/1.1\r\nHost: example.test\r\nCookie: a=b\r\nX-A: 1\r\n${OURS(port)}Connection: keep-alive\r\n\r\n`;

const CHANGED_ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: ours\r\nX-Out: \u00c3\u00bc\r\nConnection: keep-alive\r\n\r\nok';
const PLAIN_ANSWER = 'HTTP/1.1 200 OK\r\nServer: h\r\nX-In: 1\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok';

test('target and fields change as the route says, in turn with a route without changes, on one connection on each side', () =>
  withRouted([CHANGED, routeOf({})], async (raw, heads) => {
    for (let i = 0; i < 3; i++) {
      assert.is(await tell(raw, get(`/v2/x?i=${i}`), /ok$/), CHANGED_ANSWER);
      assert.is(await tell(raw, get(`/v3/x?i=${i}`), /ok$/), PLAIN_ANSWER);
    }
    const port = raw.socket.remotePort ?? 0;
    assert.equal(
      heads,
      [0, 1, 2].flatMap((i) => [CHANGED_HEAD(port, `/x?i=${i}`), PLAIN_HEAD(port, `/v3/x?i=${i}`)]),
    );
  }));

test('a field that the client names in Connection does not take away what the route sets', () =>
  withRouted([CHANGED], async (raw, heads) => {
    await tell(raw, get('/v2/x', 'Connection: X-A, X-Forwarded-Prefix\r\n'), /ok$/);
    assert.is(heads[0], CHANGED_HEAD(raw.socket.remotePort ?? 0, '/x'));
  }));

test('an offer of another protocol is forwarded with the changes, and the answer that declines it has them too', () =>
  withRouted([CHANGED], async (raw, heads) => {
    assert.is(await tell(raw, get('/v2/ws', 'Connection: Upgrade\r\nUpgrade: x\r\n'), /ok$/), CHANGED_ANSWER);
    assert.ok(
      heads[0]?.startsWith('GET /ws HTTP/1.1\r\nHost: example.test\r\nX-A: 2\r\nX-Forwarded-Prefix: /v2\r\n') &&
        heads[0].endsWith('Upgrade: x\r\n\r\n'),
      heads[0],
    );
    assert.is(await tell(raw, get('/v2/x'), /ok$/), CHANGED_ANSWER);
  }));

const TO_HTTPS = routeOf({ scheme: 'http' }, { kind: 'redirect', status: 308, scheme: 'https', host: null, port: null, path: null });
const REDIRECTED =
  'HTTP/1.1 308 Permanent Redirect\r\nConnection: keep-alive\r\nContent-Length: 0\r\nLocation: https://example.test/a?b\r\n\r\n';

test('what the route removes or sets does not come back in a trailer, in either direction', async () => {
  const heads: string[] = [];
  await withRawHost(
    (connection) => {
      if (!connection.text.endsWith('0\r\nX-Keep: 1\r\n\r\n')) return;
      heads.push(connection.text);
      connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nServer: h\r\nX-In: 1\r\nX-Keep: 2\r\n\r\n');
    },
    ({ url }) =>
      withRoutes([CHANGED], url, (port) =>
        withRaw(port, async (raw) => {
          raw.send('POST /v2/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: 3\r\nX-Keep: 1\r\n\r\n');
          await raw.receives(/\r\n\r\n0\r\nX-Keep: 2\r\n\r\n$/);
        }),
      ),
  );
  assert.match(heads[0] ?? '', /\r\nX-A: 2\r\n[\s\S]*\r\n\r\n0\r\nX-Keep: 1\r\n\r\n$/);
});

test('a redirect is a whole answer, and the connection goes on', () =>
  withRouted([TO_HTTPS], async (raw, heads, codes) => {
    for (const request of [get('/a?b'), get('/a?b').replace('GET', 'HEAD'), get('/a?b', 'Connection: Upgrade\r\nUpgrade: x\r\n')])
      assert.is(await tell(raw, request, /\r\n\r\n$/), REDIRECTED);
    assert.equal(codes(), ['308  0', '308  0', '308  0']);
    assert.equal(heads, []);
  }));

test('a redirect without a host to name is a 400', () =>
  withRouted([TO_HTTPS], async (raw) => {
    raw.send('GET / HTTP/1.0\r\n\r\n');
    assert.match(await raw.ends(), /^HTTP\/1\.1 400 [\s\S]*MEERCAT_BAD_REQUEST/);
  }));

test('a trusted proxy says by which scheme its client came; another client can not', async () => {
  const claim = get('/a?b', 'X-Forwarded-Proto: HTTPS\r\n');
  await withRouted([TO_HTTPS, routeOf({})], async (raw) => void assert.is(await tell(raw, claim, /ok$/), PLAIN_ANSWER), true);
  await withRouted([TO_HTTPS, routeOf({})], async (raw) => void assert.is(await tell(raw, claim, /\r\n\r\n$/), REDIRECTED));
});

const fixed = (status: number, body: string): RouteAction => ({ kind: 'respond', status, body, type: 'text/plain' });

test('a fixed answer has its body, unless the method or the status has none', () => {
  const routes = [
    routeOf({ path: exactly('/204') }, fixed(204, 'lost')),
    routeOf({ path: exactly('/304') }, fixed(304, 'lost')),
    routeOf({ path: exactly('/205') }, fixed(205, 'lost')),
    routeOf({ path: exactly('/299') }, fixed(299, '')),
    {
      ...routeOf({}, fixed(404, 'nicht hier: ü\n')),
      headers: {
        ...CHANGED.headers,
        response: { set: [{ name: 'Content-Type', value: 'text/html' }], add: [{ name: 'X-Out', value: '1' }], remove: ['Content-Length'] },
      },
    },
  ];
  const head404 = 'HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\nContent-Type: text/html\r\nX-Out: 1\r\nContent-Length: 15\r\n\r\n';
  return withRouted(routes, async (raw, heads, codes) => {
    assert.is(await tell(raw, get('/x'), /\n$/), `${head404}nicht hier: \u00c3\u00bc\n`);
    assert.is(await tell(raw, get('/x').replace('GET', 'HEAD'), /\r\n\r\n$/), head404);
    assert.is(await tell(raw, get('/204'), /\r\n\r\n$/), 'HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n');
    assert.is(await tell(raw, get('/304'), /\r\n\r\n$/), 'HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n');
    assert.is(
      await tell(raw, get('/205'), /\r\n\r\n$/),
      'HTTP/1.1 205 Reset Content\r\nConnection: keep-alive\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n',
    );
    assert.is(
      await tell(raw, get('/299'), /\r\n\r\n$/),
      'HTTP/1.1 299 \r\nConnection: keep-alive\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n',
    );
    assert.equal(codes(), ['404  15', '404  0', '204  0', '304  0', '205  0', '299  0']);
    assert.equal(heads, []);
  });
});

test('a fixed answer to an offer of another protocol declines it, and the connection goes on', () =>
  withRouted([routeOf({}, fixed(503, 'later'))], async (raw) => {
    for (const fields of ['Connection: Upgrade\r\nUpgrade: websocket\r\n', ''])
      assert.match(await tell(raw, get('/', fields), /later$/), /^HTTP\/1\.1 503 Service Unavailable\r\nConnection: keep-alive\r\n/);
  }));

test('a fixed answer before the body of the request ends the connection, so that the body is not read as a request', () =>
  withRouted([routeOf({}, fixed(403, 'no'))], async (raw, heads) => {
    raw.send('POST / HTTP/1.1\r\nHost: example.test\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\n');
    assert.match(await raw.ends(), /^HTTP\/1\.1 403 Forbidden\r\nConnection: close\r\n[\s\S]*\r\n\r\nno$/);
    assert.equal(heads, []);
  }));

test('a request that a lost connection repeats has the changes again', async () => {
  const heads: string[] = [];
  await withRawHost(
    (connection) => {
      if (!hasHead(connection)) return;
      heads.push(connection.text);
      connection.text = '';
      // A kept connection is closed on its second request, before an answer.
      if (heads.length === 2) connection.socket.destroy();
      else connection.socket.write(ANSWER);
    },
    ({ url }) =>
      withRoutes([CHANGED], url, (port) =>
        withRaw(port, async (raw) => {
          for (let i = 0; i < 2; i++) assert.is(await tell(raw, get('/v2/x'), /ok$/), CHANGED_ANSWER);
          await until(() => heads.length === 3, { what: 'the second attempt' });
          assert.equal(heads, Array(3).fill(CHANGED_HEAD(port, '/x')));
        }),
      ),
  );
});

test('our own answers may have a body of the site, and keep their code, status and Retry-After', () =>
  withRouted([], async (raw, _heads, codes) => {
    assert.is(
      await tell(raw, get('/'), /zur..ck$/),
      'HTTP/1.1 503 Service Unavailable\r\nConnection: keep-alive\r\nContent-Type: text/html\r\nCache-Control: no-store\r\nRetry-After: 1\r\n' +
        'Content-Length: 15\r\n\r\n<p>bald zur\u00c3\u00bcck',
    );
    assert.equal(codes(), ['503 MEERCAT_NO_HOST 15']);
  }));

test('a body of the site is for all codes of its status, and for no other', () => {
  const bodies = prepareOwnBodies({ 502: { body: 'x', type: 'a/b' } });
  assert.equal([...bodies.keys()].toSorted(), ['MEERCAT_BAD_RESPONSE', 'MEERCAT_GRPC_NEEDS_HTTP2', 'MEERCAT_HOST_UNREACHABLE']);
  const text = preparedText(bodies.get('MEERCAT_BAD_RESPONSE') as PreparedAnswer, true, false, '');
  assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\nConnection: close\r\n[\s\S]*Content-Length: 1\r\n\r\n$/);
  assert.not.match(text, /Retry-After/);
});

test.run();
