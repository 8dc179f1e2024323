// The server around an http-proxy baseline: the few lines from its own documentation, for requests and WebSockets, with
// or without TLS.

import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** The part of http-proxy's interface used here. */
interface Peer {
  web(request: IncomingMessage, response: ServerResponse, options: undefined, onError: () => void): void;
  ws(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  on(event: 'error', listener: () => void): unknown;
}

/** Serves on a free loopback port, with TLS if given a certificate and a key, and announces the port on the channel; returns a function that closes it. */
export async function servePeer(proxy: Peer, [certFile, keyFile]: readonly string[]): Promise<() => void> {
  const upgraded = new Set<Duplex>();
  proxy.on('error', () => undefined);
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    proxy.web(request, response, undefined, () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  };
  const server =
    certFile === undefined || keyFile === undefined
      ? createServer(onRequest)
      : createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, onRequest);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.on('error', () => undefined).on('close', () => upgraded.delete(socket));
    proxy.ws(request, socket, head);
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => {
    server.close();
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  };
}
