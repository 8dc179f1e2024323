// Offers to speak another protocol, on real connections: a host that declines one has answered a plain request, whose
// connection goes on; and one that accepts gets the connection, whatever was offered on it before.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withCertificates } from '../../support/certificates.js';
import { until } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { type RawClient, withRaw } from '../../support/http-client.js';
import { withRawHost } from '../../support/raw-host.js';
import { readRequests } from '../../support/reference-parser.js';

const test = suite('upgrade offers');

const offer = (path: string, method = 'GET', protocol = 'websocket'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
const plain = (path: string, ...lines: readonly string[]): string =>
  ['GET', path, 'HTTP/1.1\r\nHost: x\r\n'].join(' ') + lines.map((line) => `${line}\r\n`).join('') + '\r\n';

const DECLINED: Readonly<Record<string, string>> = {
  '/length': 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 9\r\n\r\ndeclined.',
  '/chunked': 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndeclined.\r\n0\r\nX-T: 1\r\n\r\n',
  '/empty': 'HTTP/1.1 204 No\r\n\r\n',
  '/garbage': 'no answer at all\r\n',
  '/late': '',
};

interface Stage {
  readonly each: TestBalancer;
  readonly raw: RawClient;
  /** Method, target and offers of the requests that the host saw. */
  readonly seen: string[];
  /** Answers the request for /late. */
  answerLate(): void;
}

/** A client of a balancer whose host accepts the offers for /accept, echoes then, and answers everything else. */
async function withStage(
  fn: (stage: Stage) => Promise<void>,
  { isTls = false, ...overrides }: { isTls?: boolean; utf8Targets?: 'pass'; responseTimeoutMs?: number } = {},
): Promise<void> {
  const seen: string[] = [];
  let answerLate = (): void => undefined;
  const run = (files: object, ca?: string): Promise<void> =>
    withRawHost(
      (connection) => {
        if (connection.text.startsWith('raw:')) {
          connection.socket.write(connection.text.slice(4), 'latin1');
          connection.text = 'raw:';
          return;
        }
        const { requests, rest } = readRequests(connection.text);
        connection.text = rest;
        for (const { method, target, headers } of requests) {
          const offers = headers.find(([name]) => name === 'Upgrade')?.[1];
          if (target === '/late') answerLate = () => void connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
          seen.push(`${method} ${target}${offers === undefined ? '' : ` (${offers})`}`);
          if (target.startsWith('/accept')) {
            connection.socket.write(`HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: ${offers?.split(', ')[0]}\r\n\r\n`);
            connection.text = 'raw:';
          } else {
            connection.socket.write(DECLINED[target] ?? `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`, 'latin1');
          }
        }
      },
      (host) =>
        withBalancer({ statics: [{ name: 'h', url: host.url }], ...files, ...overrides }, (each) =>
          withRaw(each.port, (raw) => fn({ each, raw, seen, answerLate: () => answerLate() }), ca),
        ),
    );
  if (!isTls) return run({});
  await withCertificates(({ certFile, keyFile, ca }) => run({ tlsCerts: [certFile], tlsKeys: [keyFile] }, ca));
}

for (const isTls of [false, true]) {
  test(`after an offer that was declined the connection goes on, offers included${isTls ? ', over TLS too' : ''}`, () =>
    withStage(
      async ({ each, raw, seen }) => {
        await raw.send(offer('/length')).receives(/426 [^]*declined\.$/);
        await raw.send(plain('/1')).receives(/\/1$/);
        await raw.send(offer('/chunked')).receives(/403 No[^]*\r\n0\r\nX-T: 1\r\n\r\n$/);
        await raw.send(offer('/chunked')).receives(/403 No[^]*403 No[^]*\r\n0\r\nX-T: 1\r\n\r\n$/);
        await raw.send(plain('/2') + plain('/3')).receives(/\/2HTTP[^]*\/3$/);
        await raw.send(offer('/empty')).receives(/204 No\r\n[^]*\r\n\r\n$/);
        await raw.send(`POST /4 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc`).receives(/\/4$/);
        assert.not.match(raw.text, /Connection: close/);
        await raw
          .send(offer('/accept'))
          .receives(/101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Request-Id: .+\r\n\r\n$/);
        await raw.send('as it is\r\n\r\n').receives(/\r\n\r\nas it is\r\n\r\n$/);
        assert.equal(seen, [
          'GET /length (websocket)',
          'GET /1',
          'GET /chunked (websocket)',
          'GET /chunked (websocket)',
          'GET /2',
          'GET /3',
          'GET /empty (websocket)',
          'POST /4',
          'GET /accept (websocket)',
        ]);
        assert.is(each.counter('internal_errors'), 0);
      },
      { isTls },
    ));
}

test('a host that fails on an offer costs an answer of our own, and the connection goes on', () =>
  withStage(
    async ({ each, raw }) => {
      await raw.send(offer('/garbage')).receives(/502 [^]*MEERCAT_BAD_RESPONSE[^]*\n$/);
      await raw.send(offer('/late')).receives(/504 [^]*MEERCAT_HOST_TIMEOUT[^]*\n$/);
      await raw.send(plain('/1')).receives(/\/1$/);
      assert.equal([each.counter('requests'), each.counter('requests_failed')], [3, 2]);
    },
    { responseTimeoutMs: 1000 },
  ));

test('an offer that is answered at once, since there is no host, leaves the connection usable', () =>
  withBalancer({}, ({ port, counter }) =>
    withRaw(port, async (raw) => {
      for (let i = 1; i <= 3; i++) {
        raw.text = '';
        await raw
          .send(i === 2 ? plain('/') : offer('/'))
          .receives(/^HTTP\/1\.1 503 [^]*\r\nConnection: keep-alive\r\n[^]*MEERCAT_NO_HOST[^]*\n$/);
        assert.is(counter('requests_refused_no_host'), i);
      }
      raw.text = '';
      raw.send(offer('/') + plain('/hidden'));
      assert.is((await raw.ends()).match(/MEERCAT_NO_HOST/g)?.length, 1);
    }),
  ));

for (const [what, early] of [
  ['a request', plain('/hidden')],
  ['bytes of the other protocol', '\x81\x85\x01\x02\x03\x04hello'],
  ['more than is kept', plain('/hidden').repeat(5000)],
] as const) {
  test(`${what} right behind an offer that is declined is read by nobody: the connection ends with the answer`, () =>
    withStage(async ({ each, raw, seen }) => {
      raw.send(offer('/length') + early);
      const text = await raw.ends();
      assert.match(text, /^HTTP\/1\.1 426 [^]*\r\nConnection: close\r\n\r\ndeclined\.$/);
      assert.equal(seen, ['GET /length (websocket)']);
      assert.equal([each.counter('requests'), each.counter('internal_errors')], [1, 0]);
    }));
}

test('a client that closes its half after its offer was declined still gets the whole answer to its next request', () =>
  withStage(async ({ raw }) => {
    await raw.send(offer('/length')).receives(/declined\.$/);
    raw.send(plain('/1'));
    raw.socket.end();
    assert.match(await raw.ends(), /declined\.HTTP\/1\.1 200 [^]*\/1$/);
  }));

test('a connection whose offer was declined is idle again: a drain closes it', () =>
  withStage(async ({ each, raw }) => {
    await raw.send(offer('/length')).receives(/declined\.$/);
    await until(() => each.inflight().balancer === 0);
    await each.balancer.stop();
    await until(() => raw.hasEnded || raw.isClosed, { what: 'the end of an idle connection' });
  }));

test('what a host is offered: the protocols that may pass, in their order, WebSocket by GET alone', () =>
  withStage(async ({ raw, seen }) => {
    const offers: readonly (readonly [method: string, protocols: string, seen: string])[] = [
      ['GET', 'h2c, websocket, x/1', ' (websocket, x/1)'],
      ['GET', 'x/1,TLS/1.0 , WebSocket', ' (x/1, WebSocket)'],
      ['POST', 'websocket', ''],
      ['GET', 'websocket', ' (websocket)'],
      ['get', 'websocket', ''],
      ['POST', 'websocket, tcp', ' (tcp)'],
      ['POST', 'SPDY/3.1', ' (SPDY/3.1)'],
      // Methods that Node's own parser does not know.
      ['LIST', 'x/1', ' (x/1)'],
      ['A_METHOD', 'x/1', ' (x/1)'],
    ];
    for (const [index, [method, protocols, expected]] of offers.entries()) {
      await raw.send(offer(`/${index}`, method, protocols)).receives(new RegExp(`/${index}$`));
      assert.is(seen.at(-1), `${method} /${index}${expected}`);
    }
  }));

test('an offer in several lines is one list', () =>
  withStage(async ({ raw, seen }) => {
    raw.send(
      'GET /1 HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: keep-alive\r\nupgrade: a/1\r\nConnection: upgrade\r\nUPGRADE: b\r\n\r\n',
    );
    await raw.receives(/\/1$/);
    assert.equal(seen, ['GET /1 (a/1, b)']);
  }));

test('a target in UTF-8 passes with an offer too, byte by byte', () =>
  withStage(
    async ({ raw, seen }) => {
      await raw.send(offer('/accept/caf\xc3\xa9\xc3\xa0')).receives(/101 Switching/);
      assert.equal(seen, ['GET /accept/caf\xc3\xa9\xc3\xa0 (websocket)']);
      await raw.send('hello').receives(/hello$/);
    },
    { utf8Targets: 'pass' },
  ));

test('a client that has closed its sending side offers no other protocol: the answers before the offer are all that it gets', () =>
  withStage(async ({ each, raw, seen, answerLate }) => {
    raw.send(plain('/late') + offer('/accept'));
    raw.socket.end();
    // So it is looked at whether the client is still there: its end has been seen.
    await raw.receives(/100 Continue/);
    answerLate();
    assert.match(await raw.ends(), /HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nlate$/);
    assert.equal(seen, ['GET /late']);
    assert.is(each.inflight().balancer, 0);
  }));

test.run();
