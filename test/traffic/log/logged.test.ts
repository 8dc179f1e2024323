// The access log of requests with different outcomes, read from the file that a balancer wrote.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withTempDir } from '../../support/brackets.js';
import { ask, exchangeRaw } from '../../support/http-client.js';
import { answerWith, withRawProxy } from '../../support/proxy.js';

const test = suite('logged requests');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('each request has a line with its outcome: answered, refused, failed by the client, abandoned by it', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    await withRawProxy(
      (connection) => {
        if (!/slow|malformed|left/.test(connection.text)) answerWith(OK)(connection);
      },
      async ({ port }, { connections }) => {
        await ask(port, { path: '/good', headers: { 'User-Agent': 'me' } });
        await exchangeRaw(port, 'GET /odd HTTP/1.1\r\nHost: x\r\nA_b: c\r\n\r\n');
        await exchangeRaw(port, 'POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsl');
        await exchangeRaw(port, 'POST /malformed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n');
        const socket = connect(port, '127.0.0.1');
        socket.write('GET /left HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => connections.some(({ text }) => text.includes('/left')), { what: 'the request to reach the host' });
        socket.resetAndDestroy();
        const lines = await until(
          () => {
            const text = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
            return text.length === 5 && text.map((line) => JSON.parse(line) as Record<string, unknown>);
          },
          { timeoutMs: 10_000, what: 'five lines' },
        );
        const told = lines.map(({ method, target, status, bytes_in: bytesIn, outcome, code, host, attempts }) => [
          method,
          target,
          status,
          bytesIn,
          outcome,
          code,
          host,
          attempts,
        ]);
        assert.equal(told, [
          ['GET', '/good', 200, 0, 'ok', '', 'raw', 1],
          ['GET', '/odd', 400, 0, 'refused', 'MEERCAT_BAD_REQUEST', '', 0],
          ['POST', '/slow', 408, 2, 'client-failed', 'MEERCAT_REQUEST_TIMEOUT', 'raw', 1],
          ['POST', '/malformed', 400, 0, 'client-failed', 'MEERCAT_BAD_REQUEST', 'raw', 1],
          ['GET', '/left', 0, 0, 'client-gone', '', 'raw', 1],
        ]);
        assert.is(lines[0]?.bytes_out, 2);
        for (const line of lines.slice(1, 4)) assert.ok((line.bytes_out as number) > 50, 'the body of our own answer');
      },
      { accessLog: 'json', accessLogFile: file, clientTimeoutMs: 200, oddNames: 'refuse' },
    );
  }));

test.run();
