// The ids of requests through a real balancer: which ids are kept, and that host, client and access log have the same one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withTempDir } from '../../support/brackets.js';
import { SLOW_MS, withBalancer } from '../../support/fleet.js';
import { exchangeRaw } from '../../support/http-client.js';
import { answerWith } from '../../support/proxy.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('request ids');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: of-the-host\r\nx-request-id: again\r\n\r\nok';
const LOCAL = ['127.0.0.1/32'];
const OWN = /^[0-9a-f]{8}-[0-9a-z]+$/;

/** All values of a field in a text of heads; fields of bodies count too, so that nothing is missed. */
const valuesIn = (text: string, name = 'X-Request-Id'): string[] =>
  [...text.matchAll(new RegExp(`^${name}: (.*)\\r$`, 'gim'))].map(([, value = '']) => value);

const request = (...lines: readonly string[]): string =>
  `GET / HTTP/1.1\r\n${['Host: x', ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`;

test('host and client get one and the same id: that of a trusted client if it is one, else one of ours', () =>
  withRawHost(answerWith(OK), async (host) => {
    const cases: readonly (readonly [trust: readonly string[], lines: readonly string[], kept: string | undefined])[] = [
      [LOCAL, ['X-Request-Id: AZaz09._~+/=:@-'], 'AZaz09._~+/=:@-'],
      [LOCAL, [`x-request-id: ${'i'.repeat(128)}`], 'i'.repeat(128)],
      [LOCAL, [`X-Request-Id: ${'i'.repeat(129)}`], undefined],
      [LOCAL, ['X-Request-Id:'], undefined],
      [LOCAL, ['X-Request-Id: a b'], undefined],
      [LOCAL, ['X-Request-Id: a"b'], undefined],
      [LOCAL, ['X-Request-Id: caf\xe9'], undefined],
      [LOCAL, ['X-Request-Id: a', 'X-Request-Id: a'], undefined],
      [LOCAL, [], undefined],
      [[], ['X-Request-Id: forged'], undefined],
      [[], ['X-Request-Id: forged', 'Connection: X-Request-Id'], undefined],
      [[], ['X_Request_Id: forged', 'x.request.id: forged'], undefined],
    ];
    for (const trust of [LOCAL, []]) {
      await withBalancer({ statics: [{ name: 'h', url: host.url }], trust, oddNames: 'pass' }, async ({ port }) => {
        for (const [by, lines, kept] of cases) {
          if (by !== trust && by.length !== trust.length) continue;
          const before = host.connections.map(({ text }) => text).join('').length;
          const ids = valuesIn(await exchangeRaw(port, request(...lines)));
          const seen = host.connections
            .map(({ text }) => text)
            .join('')
            .slice(before);
          assert.equal(valuesIn(seen, 'X.Request.Id'), ids, lines.join());
          assert.is(ids.length, 1, lines.join());
          if (kept === undefined) assert.match(ids[0] ?? '', OWN, lines.join());
          else assert.is(ids[0], kept);
        }
      });
    }
  }));

test('answers of our own have the id too: no host, a loop, a body that is malformed, a head that is', () =>
  withTempDir((dir) => {
    const file = join(dir, 'access.log');
    return withBalancer({ accessLog: 'json', accessLogFile: file, trust: LOCAL }, async ({ port, balancer }) => {
      const given = 'X-Request-Id: given';
      const table: readonly (readonly [text: string, status: string, id: RegExp])[] = [
        [request(), '503', OWN],
        [request(given), '503', /^given$/],
        ['GET / HTTP/1.0\r\n\r\n', '503', OWN],
        [request('Content-Length: +1'), '400', OWN],
        ['no request\r\n\r\n', '400', OWN],
      ];
      const sent: string[] = [];
      for (const [text, status, id] of table) {
        const answer = await exchangeRaw(port, text);
        assert.is(answer.split(' ')[1], status);
        const ids = valuesIn(answer);
        assert.is(ids.length, 1, answer);
        assert.match(ids[0] ?? '', id);
        sent.push(ids[0] ?? '');
      }
      balancer.reopenLogs();
      const logged = await until(
        () => {
          const lines = readFileSync(file, 'utf8').trim().split('\n');
          return lines.length === sent.length && lines.map((line) => (JSON.parse(line) as { readonly id: string }).id);
        },
        { timeoutMs: SLOW_MS, what: 'all lines' },
      );
      assert.equal(logged, sent);
    });
  }));

test('a retry has the same id on the next host, and so has the answer', () =>
  withRawHost(
    ({ socket }) => socket.destroy(),
    (broken) =>
      withRawHost(answerWith(OK), (good) =>
        withBalancer(
          {
            statics: [
              { name: 'a', url: broken.url },
              { name: 'b', url: good.url },
            ],
            ejectAfter: 100,
            retryBudgetPercent: 100,
          },
          async ({ port, counter }) => {
            for (let i = 0; counter('requests_retried') === 0; i++) {
              assert.ok(i < 10, 'round-robin comes to the broken host');
              const [id] = valuesIn(await exchangeRaw(port, request()));
              const seen = [good, broken].map(({ connections }) => valuesIn(connections.at(-1)?.text ?? '').at(-1));
              if (counter('requests_retried') > 0) assert.equal(seen, [id, id]);
            }
          },
        ),
      ),
  ));

test('requests of one connection have an id each, although their other lines are composed once', () =>
  withRawHost(answerWith(OK), (host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }] }, async ({ port }) => {
      const one = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
      const answers = valuesIn(await exchangeRaw(port, `${one}${one}${request()}`));
      assert.is(new Set(answers).size, 3);
      assert.equal(valuesIn(host.connections.map(({ text }) => text).join('')), answers);
    }),
  ));

test.run();
