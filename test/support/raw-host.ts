// A host that is only a TCP server: it sees the bytes of each request as they came, and may answer
// anything, also what is no HTTP.

import { createServer, type AddressInfo, type Socket } from 'node:net';

/** One connection to a raw host. */
export interface RawConnection {
  readonly socket: Socket;
  /** All that came on it so far. */
  text: string;
  isClosed: boolean;
}

/** A running raw host. */
export interface RawHost {
  readonly url: string;
  readonly port: number;
  readonly connections: readonly RawConnection[];
}

/**
 * Listens on a free port of loopback, then closes the server and every connection.
 * @param onData called with each connection after bytes came on it; what it writes is the answer
 */
export async function withRawHost<T>(onData: (connection: RawConnection) => void, fn: (host: RawHost) => T | Promise<T>): Promise<T> {
  const connections: RawConnection[] = [];
  const server = createServer((socket) => {
    const connection: RawConnection = { socket, text: '', isClosed: false };
    connections.push(connection);
    socket.on('data', (chunk) => {
      connection.text += chunk.toString('latin1');
      onData(connection);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => (connection.isClosed = true));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await fn({ url: `http://127.0.0.1:${port}`, port, connections });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { socket } of connections) socket.destroy();
    await closed;
  }
}
