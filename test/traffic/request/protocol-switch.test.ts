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

/** A host that answers 101 with these lines, then speaks its protocol and echoes. */
async function switchTo(
  { offered, lines }: Switch,
  fn: (text: string, hostSaw: () => string, badResponses: number) => void | Promise<void>,
): Promise<void> {
  await withRawProxy(
    ({ socket, text }) => {
      if (text.endsWith('\r\n\r\n'))
        socket.write(`${['HTTP/1.1 101 Switching Protocols', ...lines].join('\r\n')}\r\n\r\nhost speaks first`);
      else if (text.endsWith('client speaks')) socket.write(' and again');
    },
    async ({ port, counter, inflight }, host) => {
      await withRaw(port, async (raw) => {
        raw.send(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${offered}\r\n\r\n`);
        await raw.receives(/host speaks first|"error"/);
        raw.send('client speaks');
        if (raw.text.startsWith('HTTP/1.1 101')) await raw.receives(/and again/);
        else await until(() => host.connections[0]?.isClosed, { what: 'the end of the connection to the host' });
        await fn(raw.text, () => host.connections[0]?.text ?? '', counter('hosts_bad_response'));
      });
      await until(() => inflight().balancer === 0, { what: 'the end of the request' });
    },
    { ejectAfter: 1000 },
  );
}

for (const each of GOOD) {
  test(`a client that offers ${JSON.stringify(each.offered)} keeps its tunnel after ${JSON.stringify(each.lines.join('\n'))}`, () =>
    switchTo(each, (text, hostSaw) => {
      assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*host speaks first and again$/);
      assert.match(hostSaw(), /client speaks$/);
    }));
}

for (const each of BAD) {
  test(`a client that offers ${JSON.stringify(each.offered)} gets 502 after ${JSON.stringify(each.lines.join('\n'))}`, () =>
    switchTo(each, (text, hostSaw, badResponses) => {
      assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n[^]*"MEERCAT_BAD_RESPONSE"/);
      assert.not.match(text, /host speaks/);
      assert.not.match(hostSaw(), /client speaks/);
      assert.is(badResponses, 1);
    }));
}

test.run();
