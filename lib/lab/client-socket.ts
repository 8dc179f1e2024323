// Sockets of the lab's clients: plain TCP, or TLS 1.3 to a proxy whose certificate is verified.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Opens a connection to a port of loopback; `onOpen` is called after the handshake. With `ca` (PEM) it uses TLS 1.3. */
export function openClientSocket(port: number, ca: string | undefined, onOpen: () => void): Socket {
  const socket =
    ca === undefined
      ? connect({ port, host: '127.0.0.1' }, onOpen)
      : connectTls({ port, host: '127.0.0.1', ca, minVersion: 'TLSv1.3' }, onOpen);
  return socket.setNoDelay(true);
}
