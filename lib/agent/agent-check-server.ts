// Answers HAProxy's agent checks: each connection gets one line at once and is closed. What a client sends is
// thrown away, and one that does not close is closed.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { listenError } from '../listen-error.js';

/** Connections at once: each lives for one line. */
const MAX_CONNECTIONS = 64;

/** How long a client may take to close. */
const CLOSE_TIMEOUT_MS = 1000;

/** Who asked so lately will ask again; and so long it is waited for at most. HAProxy asks every 2 s by default. */
const ASKS_AGAIN_MS = 10_000;
const LAST_WORD_MS = 3000;

/** A server that is asked how its host is. */
export interface AgentCheckServer {
  /** The port it listens on, also when 0 was asked for. */
  readonly port: number;
  /** Resolves when the line as it is now was said once, or when nobody is there to hear it. */
  untilHeard(): Promise<void>;
  close(): void;
}

/**
 * Starts to answer. Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED.
 * @param line what to say now, without the line's end
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
  // A connection that can't be accepted is that client's loss.
  server.on('error', () => undefined);
}
