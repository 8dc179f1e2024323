// A host's 101 opens a tunnel only if it switches to exactly one protocol, and one that the client offered. Otherwise the
// bytes that follow would bypass every rule, and the client gets 502.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withRaw } from '../../support/http-client.js';
import { withRawProxy } from '../../support/proxy.js';

const test = suite('protocol switch');

/** What a client offers, and what a host's 101 says. */
interface Switch {
  readonly offered: string;
  readonly lines: readonly string[];
}

const GOOD: readonly Switch[] = [
  { offered: 'foo', lines: ['Upgrade: foo', 'Connection: Upgrade'] },
  { offered: 'foo', lines: ['upgrade: FOO'] },
  { offered: 'Foo/2', lines: ['Upgrade: foo/2'] },
  { offered: 'foo, bar', lines: ['Upgrade: foo'] },
  { offered: 'foo ,\tbar', lines: ['Upgrade: \t bar '] },
  { offered: 'foo, bar/1.0', lines: ['Upgrade: BAR/1.0'] },
  { offered: 'WebSocket', lines: ['Upgrade: websocket', 'Connection: Upgrade'] },
];

const BAD: readonly Switch[] = [
  { offered: 'foo', lines: ['Upgrade: bar', 'Connection: Upgrade'] },
  { offered: 'foo', lines: ['Connection: Upgrade'] },
  { offered: 'foo', lines: ['Upgrade:'] },
  { offered: 'foo,', lines: ['Upgrade:'] },
  { offered: 'foo', lines: ['Upgrade: foo2'] },
  { offered: 'foo', lines: ['Upgrade: fo'] },
  { offered: 'foo/2', lines: ['Upgrade: foo'] },
  { offered: 'foo', lines: ['Upgrade: foo, bar'] },
  { offered: 'foo, bar', lines: ['Upgrade: foo, bar'] },
  { offered: 'foo, bar', lines: ['Upgrade: foo', 'Upgrade: bar'] },
  { offered: 'foo', lines: ['Upgrade: foo', 'Upgrade: foo'] },
  { offered: 'foo', lines: ['Upgrade: h2c'] },
  { offered: 'websocket', lines: ['Upgrade: websockets'] },
];

/** What came of one row. */
interface Outcome {
  readonly text: string;
  readonly hostSaw: string;
  readonly badResponses: number;
}

/** Runs the rows through one balancer, whose host answers 101 with the row's lines, then speaks its protocol and echoes. */
async function switchEach(rows: readonly Switch[], check: (outcome: Outcome, name: string) => void): Promise<void> {
  let lines: readonly string[] = [];
  await withRawProxy(
    ({ socket, text }) => {
      if (text.endsWith('\r\n\r\n'))
        socket.write(`${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\nhost speaks first`);
      else if (text.endsWith('client speaks')) socket.write(' and again');
    },
    async ({ port, counter, inflight }, host) => {
      for (const [i, row] of rows.entries()) {
        lines = row.lines;
        await withRaw(port, async (raw) => {
          raw.send(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${row.offered}\r\n\r\n`);
          await raw.receives(/host speaks first|"error"/);
          raw.send('client speaks');
          if (raw.text.startsWith('HTTP/1.1 101')) await raw.receives(/and again/);
          else await until(() => host.connections[i]?.isClosed, { what: 'the end of the connection to the host' });
          const hostSaw = host.connections[i]?.text ?? '';
          check({ text: raw.text, hostSaw, badResponses: counter('hosts_bad_response') - i }, JSON.stringify(row));
        });
        await until(() => inflight().balancer === 0, { what: 'the end of the request' });
      }
      assert.is(host.connections.length, rows.length, 'one connection each');
    },
    { ejectAfter: 1000 },
  );
}

test('a client keeps its tunnel if the host switches to one protocol that it offered', () =>
  switchEach(GOOD, ({ text, hostSaw }, name) => {
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*host speaks first and again$/, name);
    assert.match(hostSaw, /client speaks$/, name);
  }));

test('a client gets 502 if the host switches to anything else', () =>
  switchEach(BAD, ({ text, hostSaw, badResponses }, name) => {
    assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n[^]*"MEERCAT_BAD_RESPONSE"/, name);
    assert.not.match(text, /host speaks/, name);
    assert.not.match(hostSaw, /client speaks/, name);
    assert.is(badResponses, 1, name);
  }));

test.run();
