// What the access log says of requests that went different ways, read from the file that a balancer wrote.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withTempDir } from '../support/brackets.js';
import { ask, exchangeRaw } from '../support/http-client.js';
import { answerWith, withRawProxy } from '../support/proxy.js';

const test = suite('logged requests');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('a line tells of each request how it ended: answered, refused, too late', () => withTempDir(async (dir) => {
  const file = join(dir, 'access.log');
  await withRawProxy(
    (connection) => {
      if (!connection.text.includes('POST')) answerWith(OK)(connection);
    },
    async ({ port }) => {
      await ask(port, { path: '/good', headers: { 'User-Agent': 'me' } });
      await exchangeRaw(port, 'GET /odd HTTP/1.1\r\nHost: x\r\nA_b: c\r\n\r\n');
      await exchangeRaw(port, 'POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsl');
      const lines = await until(() => {
        const text = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
        return text.length === 3 && text.map((line) => JSON.parse(line) as Record<string, unknown>);
      }, { timeoutMs: 10_000, what: 'three lines' });
      const told = lines.map(({ method, target, status, bytes_in: bytesIn, outcome, code, host, attempts }) => [method, target, status, bytesIn, outcome, code, host, attempts]);
      assert.equal(told, [
        ['GET', '/good', 200, 0, 'ok', '', 'raw', 1],
        ['GET', '/odd', 400, 0, 'refused', 'MEERCAT_BAD_REQUEST', '', 0],
        ['POST', '/slow', 408, 2, 'client-gone', 'MEERCAT_REQUEST_TIMEOUT', 'raw', 1],
      ]);
      assert.is(lines[0]?.bytes_out, 2);
      for (const line of lines.slice(1)) assert.ok((line.bytes_out as number) > 50, 'the body of our own answer');
    },
    { accessLog: 'json', accessLogFile: file, clientTimeoutMs: 200 },
  );
}));

test.run();
