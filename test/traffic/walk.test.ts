// docs/traffic.md describes the path of a request in at most 15 hops. They match the code: each step is in the named
// file, and a request runs through these files and no others.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/brackets.js';
import { withBalancer } from '../support/fleet.js';
import { exchangeRaw } from '../support/http-client.js';
import { withRawHost } from '../support/raw-host.js';
import { filesCalled } from '../support/coverage.js';

const test = suite('walk');

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENT = readFileSync(`${ROOT}docs/traffic.md`, 'utf8');

interface Hop {
  readonly number: number;
  readonly steps: readonly string[];
  readonly file: string;
}

const HOPS: readonly Hop[] = [...DOCUMENT.matchAll(/^\| (\d+) \| (`[^|]+`) \| `([\w/.-]+)` \|/gm)].map(([, number, steps, file]) => ({
  number: Number(number),
  steps: (steps as string).split(', ').map((step) => step.replaceAll('`', '')),
  file: file as string,
}));

test('the walk has at most 15 hops, in order', () => {
  assert.equal(
    HOPS.map(({ number }) => number),
    Array.from({ length: HOPS.length }, (_, i) => i + 1),
  );
  assert.ok(HOPS.length > 8 && HOPS.length <= 15, `${HOPS.length} hops`);
});

for (const { number, steps, file } of HOPS) {
  test(`hop ${number} is in ${file}`, () => {
    const text = readFileSync(`${ROOT}lib/traffic/${file}`, 'utf8');
    for (const step of steps) assert.match(text, new RegExp(`(?:class|function|^  |^  async )\\s*${step}\\b`, 'm'));
  });
}

const REQUESTS = 20;

/** Files that run without being hops: rules, limits and deadlines, held bytes, sockets, and the host itself, which KnownHosts keeps. */
const BESIDE: ReadonlySet<string> = new Set([
  'client/client-patience.ts',
  'client/held-bytes.ts',
  'client/read-into.ts',
  'client/linger.ts',
  'client/connection-limits.ts',
  'client/trusted.ts',
  'request/memory-guard.ts',
  'request/exchange-rules.ts',
  'request/grpc-call.ts',
  'request/request-counts.ts',
  'host/host.ts',
  'host/host-queue.ts',
  'host/request-writer.ts',
  'host/host-socket.ts',
  'host/load-headers.ts',
]);

test('the files of client, host and request that requests run through are those of the walk', () =>
  withRawHost(
    ({ socket, text }) => void (text.endsWith('\r\n\r\n') && socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }] }, async ({ port, counter }) => {
        const called = await filesCalled(async () => {
          const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
          await exchangeRaw(port, `${request.repeat(REQUESTS)}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
          await until(() => counter('requests') === REQUESTS + 1);
        });
        const told = new Set(HOPS.map(({ file }) => file));
        const isOnWay = (file: string): boolean => /^(?:client|host|request)\//.test(file) && !BESIDE.has(file);
        assert.equal(
          [...told].filter((file) => isOnWay(file) && !called.has(file)),
          [],
          'told, and not called',
        );
        assert.equal(
          [...called].filter((file) => isOnWay(file) && !told.has(file)),
          [],
          'called, and not told',
        );
      }),
  ));

test.run();
