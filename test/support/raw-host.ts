// A host that is only a TCP server, or one with TLS: it sees the bytes of each request as they came, and may answer
// anything, also what is no HTTP.

import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** One connection to a raw host. */
export interface RawConnection {
  /** Where its bytes come from and go to; over TLS those within. */
  readonly socket: Socket;
  /** The host's port. */
  readonly port: number;
  /** All that came on it so far. */
  text: string;
  isClosed: boolean;
  /** Ends it with a TCP reset, over TLS too. */
  reset(): void;
}

/** A running raw host. */
export interface RawHost {
  readonly url: string;
  readonly port: number;
  readonly connections: readonly RawConnection[];
}

/** What a server with TLS shows. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Listens on a free port of loopback, then closes the server and every connection.
 * @param onData called with each connection after bytes came on it; what it writes is the answer
 * @param tls undefined for plain TCP
 */
export async function withRawHost<T>(
  onData: (connection: RawConnection) => void,
  fn: (host: RawHost) => T | Promise<T>,
  tls?: TlsPair,
): Promise<T> {
  const connections: RawConnection[] = [];
  const secureContext = tls && createSecureContext({ cert: tls.cert, key: tls.key });
  const server = createServer((accepted) => {
    const socket = secureContext === undefined ? accepted : new TLSSocket(accepted, { isServer: true, secureContext });
    const connection: RawConnection = {
      socket,
      port: accepted.localPort ?? 0,
      text: '',
      isClosed: false,
      reset: () => void accepted.resetAndDestroy(),
    };
    connections.push(connection);
    socket.on('data', (chunk) => {
      connection.text += chunk.toString('latin1');
      onData(connection);
    });
    for (const each of new Set([socket, accepted])) each.on('error', () => undefined).on('close', () => (connection.isClosed = true));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await fn({ url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, port, connections });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { socket } of connections) socket.destroy();
    await closed;
  }
}
