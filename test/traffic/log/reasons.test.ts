// Why a request was refused or failed, in the access log's `reason` and in a log line at `debug`. Real clients and hosts
// produce each reason.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../../lib/config/config.js';
import { until, withTempDir } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { SLOW_MS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { exchangeRaw, withRaw } from '../../support/http-client.js';
import { answerWith, hasHead, withRawProxy } from '../../support/proxy.js';
import type { RawConnection } from '../../support/raw-host.js';

const test = suite('logged reasons');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** A line of the access log. */
type Line = Readonly<Record<string, unknown>>;

/** The lines of an access log, once it has this many. */
function logged(file: string, count: number): Promise<Line[]> {
  return until(
    () => {
      const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
      return lines.length >= count && lines.map((line) => JSON.parse(line) as Line);
    },
    { timeoutMs: SLOW_MS, what: `${count} lines` },
  );
}

const told = ({ outcome, code, reason }: Line): unknown[] => [outcome, code, reason];

/** The messages of reason lines; other lines at `debug` are about Redis, which is not running. */
const EVENTS = /^(?:request|host|connection|client) (?:refused|failed|given up)/;

/** The lines of reasons at `debug` so far, each as its message and its fields. */
function debugLines({ lines }: TestBalancer): [string, Line][] {
  return lines.flatMap((line) => {
    const [, message, fields] = /^debug (.*?) (\{.*\})$/.exec(line) ?? [];
    return message === undefined || !EVENTS.test(message) ? [] : [[message, JSON.parse(fields as string) as Line] as [string, Line]];
  });
}

/** A balancer with a raw host, a JSON access log, and its log at `debug`. */
function withLogs(
  onData: (connection: RawConnection) => void,
  fn: (each: TestBalancer, file: string) => Promise<void>,
  overrides: Partial<BalancerConfig> = {},
): Promise<void> {
  return withTempDir((dir) => {
    const file = join(dir, 'access.log');
    return withRawProxy(onData, (each) => fn(each, file), { accessLog: 'json', accessLogFile: file, logLevel: 'debug', ...overrides });
  });
}

test('input refused before it becomes a request has an id and a reason in the access log, and a line at debug', () =>
  withLogs(
    answerWith(OK),
    async (each, file) => {
      await exchangeRaw(each.port, 'GET /a HTTP/1.1\r\nHost: x\r\nB(\x1b": c\r\n\r\n');
      await exchangeRaw(each.port, 'GET /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "gzip"\r\n\r\n');
      await exchangeRaw(each.port, GET);
      const [first, second, good] = await logged(file, 3);
      assert.equal(told(first as Line), ['refused', 'MEERCAT_BAD_REQUEST', '"(" in a header name']);
      assert.equal(told(second as Line), ['refused', 'MEERCAT_BAD_REQUEST', 'transfer-encoding "\\x22gzip\\x22"']);
      assert.equal(told(good as Line), ['ok', '', '']);
      assert.equal(
        [first, second, good].map((line) => String(line?.['id']).replace(/^[0-9a-f]{8}-/, '')),
        ['1', '2', '3'],
      );
      assert.equal(debugLines(each), [
        ['request refused', { id: first?.['id'], client: '127.0.0.1', code: 'MEERCAT_BAD_REQUEST', reason: '"(" in a header name' }],
        [
          'request refused',
          { id: second?.['id'], client: '127.0.0.1', code: 'MEERCAT_BAD_REQUEST', reason: 'transfer-encoding "\\x22gzip\\x22"' },
        ],
      ]);
    },
    { oddNames: 'refuse' },
  ));

test('what is refused has its request line in the access log, in any version of HTTP/1', () =>
  withLogs(answerWith(OK), async (each, file) => {
    for (const version of ['1.0', '1.1', '1.2']) await exchangeRaw(each.port, `GET /${version} HTTP/${version}\r\nHost: x y\r\n\r\n`);
    const lines = await logged(file, 3);
    assert.equal(
      lines.map((line) => [line['method'], line['target'], line['http_version']]),
      [
        ['GET', '/1.0', '1.0'],
        ['GET', '/1.1', '1.1'],
        ['GET', '/1.2', '1.1'],
      ],
    );
  }));

test('the common format has the reason between quotes, and nothing that was sent ends them', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    await withRawProxy(
      answerWith(OK),
      async ({ port }) => {
        await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " id=h4ck\r\n\r\n');
        const text = await until(() => readFileSync(file, 'utf8'), { timeoutMs: SLOW_MS, what: 'a line' });
        assert.match(text, / code=MEERCAT_BAD_REQUEST reason="transfer-encoding \\x22\\x5cx22 id=h4ck\\x22" id=[0-9a-f]{8}-1\n$/);
      },
      { accessLog: 'common', accessLogFile: file },
    );
  }));

const BAD_ANSWERS: readonly (readonly [answer: string, outcome: string, code: string, reason: string])[] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n', 'bad-response', 'MEERCAT_BAD_RESPONSE', 'content-length "+1"'],
  [`HTTP/1.1 200 OK\r\nA: ${'x'.repeat(40_000)}\r\n\r\n`, 'bad-response', 'MEERCAT_BAD_RESPONSE', 'answer head of '],
  ['HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n', 'bad-response', 'MEERCAT_BAD_RESPONSE', '101 to "x", asked for none'],
  ['hello', 'bad-response', 'MEERCAT_BAD_RESPONSE', 'no status line'],
  ['', 'reset', 'MEERCAT_HOST_UNREACHABLE', 'closed before a byte of the answer'],
  ['HTTP/1.1 200 OK\r\n', 'reset', 'MEERCAT_HOST_UNREACHABLE', 'closed before the answer was whole'],
];

test('what is wrong with an answer, or with the end of its connection, is logged as the reason', () => {
  let answer = '';
  return withLogs(
    (connection) => {
      if (hasHead(connection)) connection.socket.end(answer, 'latin1');
    },
    async (each, file) => {
      for (const [i, [bytes, outcome, code, reason]] of BAD_ANSWERS.entries()) {
        answer = bytes;
        await exchangeRaw(each.port, GET.replace('GET', 'POST').replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n'));
        const line = (await logged(file, i + 1))[i];
        assert.equal([line?.['outcome'], line?.['code']], [outcome, code], reason);
        assert.ok(String(line?.['reason']).startsWith(reason), String(line?.['reason']));
        const [message, fields] = debugLines(each)[i] ?? ['', {}];
        assert.equal(
          [message, fields['id'], fields['host'], fields['outcome'], fields['reason']],
          ['host failed a request', line?.['id'], 'raw', outcome, line?.['reason']],
        );
      }
    },
    { ejectAfter: 1000 },
  );
});

test('an unreachable host and an untrusted certificate are logged with their errors', () =>
  withTempDir((dir) =>
    withCertificates(async ({ cert, key }) => {
      const secure = createServer({ cert, key }, (_request, response) => void response.end('ok'));
      await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
      try {
        const file = join(dir, 'access.log');
        for (const [url, reason] of [
          ['http://127.0.0.1:1', /^connect ECONNREFUSED 127\.0\.0\.1:1$/],
          [`https://127.0.0.1:${(secure.address() as AddressInfo).port}`, /certificate.* \([A-Z_]+\)$/],
        ] as const) {
          await withBalancer({ statics: [{ name: 'h', url }], accessLog: 'json', accessLogFile: file }, async ({ port }) => {
            await exchangeRaw(port, GET);
          });
          const line = (await logged(file, 1)).at(-1);
          assert.equal([line?.['outcome'], line?.['code'], line?.['attempts']], ['connect-failed', 'MEERCAT_HOST_UNREACHABLE', 1]);
          assert.match(String(line?.['reason']), reason);
        }
      } finally {
        secure.closeAllConnections();
        secure.close();
      }
    }),
  ));

test('a timeout is logged with the flag that sets it', () =>
  withLogs(
    (connection) => {
      if (!/silent|late/.test(connection.text)) answerWith(OK)(connection);
    },
    async (each, file) => {
      const { port } = each;
      await exchangeRaw(port, GET.replace('/', '/silent'));
      await exchangeRaw(port, 'POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsl');
      await exchangeRaw(port, 'GET / HTTP/1.1\r\nHo');
      await exchangeRaw(port, '');
      assert.equal((await logged(file, 3)).map(told), [
        ['timeout', 'MEERCAT_HOST_TIMEOUT', 'no byte sent for 700ms (--response-timeout)'],
        ['client-failed', 'MEERCAT_REQUEST_TIMEOUT', 'no byte of the body for 300ms (--client-timeout)'],
        ['refused', 'MEERCAT_REQUEST_TIMEOUT', 'no whole head within 500ms (--header-timeout)'],
      ]);
      const messages = debugLines(each).map(([message, { reason }]) => [message, reason]);
      assert.equal(messages.at(1), ['request failed', 'no byte of the body for 300ms (--client-timeout)']);
    },
    { clientTimeoutMs: 300, headerTimeoutMs: 500, responseTimeoutMs: 700 },
  ));

test('a client that sends nothing is logged at debug only', () =>
  withLogs(
    answerWith(OK),
    async (each, file) => {
      await withRaw(each.port, async (raw) => {
        await until(() => raw.hasEnded, { timeoutMs: SLOW_MS, what: 'the end of the connection' });
      });
      await exchangeRaw(each.port, GET);
      assert.equal(debugLines(each), [
        ['client given up', { client: '127.0.0.1', reason: 'no byte of a request within 300ms (--header-timeout)' }],
      ]);
      assert.equal((await logged(file, 1)).map(told), [['ok', '', '']]);
    },
    { headerTimeoutMs: 300 },
  ));

test('a client that does not read its answer is logged with that reason and the status it was sent', () =>
  withLogs(
    ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 << 20}\r\n\r\n`);
      socket.write(Buffer.alloc(24 << 20));
    },
    async (each, file) => {
      await withRaw(each.port, async (raw) => {
        raw.socket.pause();
        raw.send(GET);
        const [line] = await logged(file, 1);
        const reason = 'took nothing of the answer for 300ms (--client-timeout)';
        assert.equal([line?.['status'], ...told(line as Line)], [200, 'client-gone', '', reason]);
        assert.equal(
          debugLines(each).map(([message, fields]) => [message, fields['outcome'], fields['reason']]),
          [['request failed', 'client-gone', reason]],
        );
      });
    },
    { clientTimeoutMs: 300 },
  ));

test('a failed TLS handshake or a missing PROXY header is logged at debug', () =>
  withCertificates(async ({ certFile, keyFile }) => {
    await withLogs(
      answerWith(OK),
      async (each) => {
        await exchangeRaw(each.port, GET);
        const [[message, fields] = ['', {}]] = await until(() => debugLines(each).length > 0 && debugLines(each), {
          timeoutMs: SLOW_MS,
          what: 'a line',
        });
        assert.equal([message, fields['client']], ['connection refused', '127.0.0.1']);
        assert.match(String(fields['reason']), /^TLS: http request/);
      },
      { tlsCerts: [certFile], tlsKeys: [keyFile] },
    );
    await withLogs(
      answerWith(OK),
      async (each) => {
        await exchangeRaw(each.port, GET);
        assert.equal(debugLines(each), [['connection refused', { client: '127.0.0.1', reason: 'no PROXY header (--accept-proxy)' }]]);
      },
      { trust: ['127.0.0.0/8'], isProxyAccepted: true },
    );
  }));

test('a connection above the limit is logged', () =>
  withLogs(
    answerWith(OK),
    async ({ port }, file) => {
      await withRaw(port, async (raw) => {
        raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await raw.receives(/ok$/);
        assert.match(await exchangeRaw(port, ''), /^HTTP\/1\.1 503 /);
      });
      const line = (await logged(file, 2)).find(({ outcome }) => outcome === 'refused') as Line;
      assert.equal(
        [line['status'], line['client'], ...told(line)],
        [503, '127.0.0.1', 'refused', 'MEERCAT_TOO_MANY_CONNECTIONS', '1 connections are open (--max-connections)'],
      );
    },
    { maxConnections: 1 },
  ));

test('a request that no host can take is logged with that reason', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    await withBalancer({ accessLog: 'json', accessLogFile: file }, async ({ port }) => {
      await exchangeRaw(port, GET);
    });
    assert.equal((await logged(file, 1)).map(told), [
      ['refused', 'MEERCAT_NO_HOST', 'no host can be picked: all are down or taken out, or there is none'],
    ]);
  }));

test('above debug no reasons are logged', () =>
  withLogs(
    answerWith(OK),
    async (each) => {
      await exchangeRaw(each.port, 'G(T / HTTP/1.1\r\nHost: x\r\n\r\n');
      assert.equal(debugLines(each), []);
    },
    { logLevel: 'info' },
  ));

test('a flood of bad requests writes a few lines at debug, which say how many were left out', () =>
  withLogs(answerWith(OK), async (each, file) => {
    for (let i = 0; i < 120; i++) await exchangeRaw(each.port, 'G(T / HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.is((await logged(file, 120)).length, 120);
    const lines = debugLines(each);
    const leftOut = lines.reduce((sum, [, { left_out: more = 0 }]) => sum + Number(more), 0);
    assert.ok(lines.length >= 50 && lines.length + leftOut <= 120, `${lines.length} lines, ${leftOut} left out`);
  }));

test('behind a trusted proxy the client is logged together with the peer; for an untrusted peer only the peer is', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    const forwarded = 'X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.2\r\n';
    for (const [overrides, text] of [
      [{ trust: ['127.0.0.0/8'] }, GET.replace('Host', `${forwarded}Host`)],
      [{}, GET.replace('Host', `${forwarded}Host`)],
      [{ trust: ['127.0.0.0/8'], isProxyAccepted: true }, `PROXY TCP4 192.0.2.9 127.0.0.1 4444 80\r\n${GET}`],
    ] as const) {
      await withRawProxy(answerWith(OK), async ({ port }) => void (await exchangeRaw(port, text)), {
        accessLog: 'json',
        accessLogFile: file,
        ...overrides,
      });
    }
    assert.equal(
      (await logged(file, 3)).map(({ client, peer }) => [client, peer]),
      [
        ['203.0.113.7', '127.0.0.1'],
        ['127.0.0.1', '127.0.0.1'],
        ['192.0.2.9', '127.0.0.1'],
      ],
    );
    await withRawProxy(answerWith(OK), async ({ port }) => void (await exchangeRaw(port, GET.replace('Host', `${forwarded}Host`))), {
      accessLog: 'common',
      accessLogFile: `${file}.common`,
      trust: ['127.0.0.0/8'],
    });
    assert.match(readFileSync(`${file}.common`, 'utf8'), /^203\.0\.113\.7 - - /);
  }));

test.run();
