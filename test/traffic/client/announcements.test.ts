// How Node's server is told of requests: by its parser's own call, or by a head where it has another way inside.
// Whichever it is, the server must make the same of it.

import { createServer, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { announcerOf } from '../../../lib/traffic/client/announcements.js';
import { AnnouncedRequest, OneWriteResponse } from '../../../lib/traffic/client/one-write-response.js';
import { readRequestHead, type RequestHead } from '../../../lib/traffic/wire/request-head.js';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';

const test = suite('announcements');

/** What depends on a request in the answer to it. */
interface Seen {
  readonly method: string | undefined;
  readonly minorVersion: number;
  readonly isKeptAlive: boolean;
  readonly isChunkedByDefault: boolean;
}

/** The socket as Node's server left it, with one of the two ways alone. */
const WAYS = {
  call: (socket: Socket) => ({ listeners: () => [], parser: (socket as unknown as { readonly parser: unknown }).parser }),
  head: (socket: Socket) => ({ listeners: () => socket.listeners('data') }),
};

/** Tells a server of requests on one connection, each after the answer to the one before it; gives what it saw. */
function tell(way: keyof typeof WAYS, heads: readonly RequestHead[]): Seen[] {
  const seen: Seen[] = [];
  const server = createServer({ IncomingMessage: AnnouncedRequest as typeof IncomingMessage, ServerResponse: OneWriteResponse, requireHostHeader: false });
  server.on('request', (request, response) => {
    const { method, httpVersionMinor: minorVersion } = request;
    seen.push({ method, minorVersion, isKeptAlive: response.shouldKeepAlive, isChunkedByDefault: response.useChunkedEncodingByDefault });
    response.emit('finish');
  });
  const socket = new Socket();
  socket.destroySoon = () => undefined;
  server.emit('connection', socket);
  const announce = announcerOf(WAYS[way](socket) as unknown as Socket);
  for (const head of heads) announce(head);
  socket.destroy();
  return seen;
}

function headOf(method: string, version: string, ...lines: readonly string[]): RequestHead {
  return readRequestHead([`${method} /path HTTP/${version}`, 'Host: x', ...lines, '', ''].join('\r\n'), { ...TRAFFIC_DEFAULTS }) as RequestHead;
}

const PLAIN = ['GET', 'HEAD', 'POST'].flatMap((method) => ['1.0', '1.1'].flatMap((version) => ['keep-alive', 'close'].map((connection) => headOf(method, version, `Connection: ${connection}`))));

test('both ways make the same of every plain request', () => {
  for (const head of PLAIN) {
    const [seen] = tell('call', [head]);
    assert.equal(tell('head', [head]), [seen]);
    assert.equal(seen, {
      method: head.method === 'HEAD' ? 'HEAD' : 'GET', minorVersion: head.minorVersion, isKeptAlive: head.isKeptAlive, isChunkedByDefault: head.minorVersion === 1,
    });
  }
});

test('one connection carries requests of each kind, one after the other', () => {
  const kept = PLAIN.filter(({ isKeptAlive }) => isKeptAlive);
  assert.equal(tell('call', kept).map(({ method, minorVersion }) => [method, minorVersion]), kept.map(({ method, minorVersion }) => [method === 'HEAD' ? 'HEAD' : 'GET', minorVersion]));
});

test('an upgrade is told by a head, also after plain requests', () => {
  const heads: string[] = [];
  const announce = announcerOf({ listeners: () => [(bytes: Buffer) => heads.push(bytes.toString())], parser: { onIncoming: () => heads.push('call') } } as unknown as Socket);
  announce(headOf('GET', '1.1'));
  announce(headOf('GET', '1.1', 'Connection: Upgrade', 'Upgrade: websocket'));
  assert.equal(heads, ['call', 'GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n']);
});

test.run();
