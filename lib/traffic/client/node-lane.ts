// The Node lane: upgrades pass through Node's HTTP server and http-proxy (shell.ts). Our parser has read the head strictly
// and taken the connection out of HTTP/1; Node's server gets that head, and its `upgrade` event hands request and socket to
// http-proxy.

import { createServer, type IncomingMessage, METHODS } from 'node:http';
import type { Socket } from 'node:net';
import { headText } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ClientConnection } from './client-connection.js';
import type { Shell } from './shell.js';
import { UpgradeLane } from './upgrade-lane.js';

/** Returns the handler for connections whose request offers another protocol; `onLane` receives the request's lane. */
export function createNodeLane(
  shell: Pick<Shell, 'upgrade'>,
  maxHeaderSize: number,
  onLane: (lane: UpgradeLane) => void,
): (connection: ClientConnection, head: RequestHead) => void {
  /** The connection whose head Node's server is parsing now. */
  let present: { readonly connection: ClientConnection; readonly head: RequestHead } | undefined;
  // It never listens: it is handed connections. The head was checked before, and may be slightly longer when written out again.
  const server = createServer({
    maxHeaderSize: 2 * maxHeaderSize,
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 2 ** 30,
    requireHostHeader: false,
  });
  server.maxHeadersCount = 0;
  server.on('upgrade', (request: IncomingMessage) => {
    if (present === undefined) return;
    const { connection, head } = present;
    present = undefined;
    onLane(new UpgradeLane(shell, connection, request, head));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  return (connection, head) => {
    const { socket } = connection;
    const before = new Set(socket.listeners('data'));
    present = { connection, head };
    server.emit('connection', socket);
    const bytes = Buffer.from(headText(nodeLine(head), head.headers), 'latin1');
    for (const listener of addedListeners(socket, before)) listener.call(socket, bytes);
    // Node's parser disagrees with ours: the connection can't be used.
    if (present !== undefined) socket.destroy();
    present = undefined;
  };
}

const NODE_METHODS: ReadonlySet<string> = new Set(METHODS);

/** A request line that Node's server accepts: a known method, ASCII only. It has no effect otherwise: hosts get the client's own. */
function nodeLine({ method, target }: RequestHead): string {
  const ascii = target.replace(/[^!-~]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  return `${NODE_METHODS.has(method) ? method : 'GET'} ${ascii} HTTP/1.1`;
}

function addedListeners(socket: Socket, before: ReadonlySet<unknown>): ((bytes: Buffer) => void)[] {
  return (socket.listeners('data') as ((bytes: Buffer) => void)[]).filter((listener) => !before.has(listener));
}
