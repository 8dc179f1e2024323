// Answers HAProxy's agent checks: each connection gets one line at once and is closed. Client input is discarded, and
// clients that do not close are disconnected.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { listenError } from '../listen-error.js';

/** Maximum concurrent connections: each lives for one line. */
const MAX_CONNECTIONS = 64;

/** How long a client may take to close. */
const CLOSE_TIMEOUT_MS = 1000;

/** A client that checked within this time is expected to check again; also the longest wait for it. HAProxy's default interval is 2 s. */
const ASKS_AGAIN_MS = 10_000;
const LAST_WORD_MS = 3000;

/** A running agent-check server. */
export interface AgentCheckServer {
  /** The port it listens on; the actual one if 0 was requested. */
  readonly port: number;
  /** Resolves once the current line has been sent, or if no client is expected. */
  untilHeard(): Promise<void>;
  close(): void;
}

/**
 * Starts the server. Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED.
 * @param line returns the current line, without its line ending
 */
export async function openAgentCheckServer(port: number, bind: string, line: () => string): Promise<AgentCheckServer> {
  const sockets = new Set<Socket>();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let heard: (() => void) | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.setTimeout(CLOSE_TIMEOUT_MS, () => socket.destroy());
    socket.resume();
    socket.end(`${line()}\n`, 'latin1', () => heard?.());
    askedAtMs = performance.now();
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, port, bind);
  return {
    port: (server.address() as AddressInfo).port,
    async untilHeard() {
      if (performance.now() - askedAtMs > ASKS_AGAIN_MS) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        heard = resolve;
        timer = setTimeout(resolve, LAST_WORD_MS);
      });
      clearTimeout(timer);
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function listen(server: Server, port: number, bind: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(listenError(error, { port, bind, portFlag: '--listen-agent-check', bindFlag: '--agent-check-bind' })),
    );
    server.listen(port, bind, resolve);
  });
  server.removeAllListeners('error');
  // A failed accept affects only that client.
  server.on('error', () => undefined);
}
