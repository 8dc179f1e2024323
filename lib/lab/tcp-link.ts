// A TCP forwarder on loopback that can be made slow, dripping, one-way, silent or refusing: the link between a balancer
// and its Redis, or between balancers and a host. Bytes keep their order in every state, and nothing is altered.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { MeercatError } from '../errors.js';
import { freePort } from './processes.js';
import { type LinkState, LinkWay, SOUND } from './tcp-link-way.js';

export { DRIP_EVERY_MS, type LinkState, SILENT, SOUND } from './tcp-link-way.js';

/** A running link. */
export interface TcpLink {
  /** What the client connects to on loopback. It stays the same. */
  readonly port: number;
  /** Connections that are open on the client's side. */
  readonly connections: number;
  /**
   * Puts another state in force: {@link SOUND} with these changes. Bytes that wait for their time still come first.
   * What a silent link held back is lost: its connections are cut when it is sound again, as after a partition.
   * Resolves once the port is closed or open, as the state says.
   */
  become(change: Partial<LinkState>): Promise<void>;
  /** Cuts all connections. New ones are accepted as the state says. */
  cut(): void;
  /** Closes it and all connections. */
  close(): Promise<void>;
}

/** How often a port that was refusing is tried until it listens again; a client's own port may be on it for a moment. */
const LISTEN_ATTEMPTS = 100;
const LISTEN_AGAIN_MS = 20;

/**
 * Opens a link to this port of loopback, on a free port below the ephemeral range, so that it can refuse connections and
 * listen again. `random` draws the jitter, from 0 to 1.
 */
export async function startTcpLink(targetPort: number, random: () => number = Math.random): Promise<TcpLink> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let state = SOUND;
  let isClosed = false;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const accept = (client: Socket): void => {
    clients.add(keep(client));
    client.on('close', () => clients.delete(client));
    if (!state.commandsArrive) {
      // The server does not hear of it. What is sent must be read, or the client's close would not be noticed.
      client.on('end', () => client.end()).resume();
      return;
    }
    const server = keep(connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true }));
    const there = new LinkWay(client, server, {
      state: () => state,
      arrives: () => state.commandsArrive,
      isHeard: () => state.repliesArrive,
      random,
    });
    const back = new LinkWay(server, client, {
      state: () => state,
      arrives: () => state.repliesArrive,
      isHeard: () => state.commandsArrive,
      random,
    });
    ways.add(there).add(back);
    const forget = (): void => {
      if (!client.destroyed || !server.destroyed) return;
      ways.delete(there);
      ways.delete(back);
    };
    client.on('close', forget);
    server.on('close', forget);
  };
  const ways = new Set<LinkWay>();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  let listener = await listen(port, accept);
  /** Opens and closes of the listener, one after the other. */
  let turn: Promise<void> = Promise.resolve();
  const follow = (): void => {
    turn = turn.then(async () => {
      const shouldListen = !state.isRefusing && !isClosed;
      if (shouldListen && listener === null) listener = await listen(port, accept);
      else if (!shouldListen && listener !== null) {
        const closing = listener;
        listener = null;
        await new Promise<void>((resolve) => {
          closing.close(() => resolve());
          cut();
        });
      }
    });
  };
  return {
    port,
    get connections() {
      return clients.size;
    },
    become(change) {
      const wasSilent = !state.commandsArrive || !state.repliesArrive;
      state = { ...SOUND, ...change };
      if (state.isRefusing || (wasSilent && state.commandsArrive && state.repliesArrive)) cut();
      follow();
      for (const way of ways) way.follow();
      return turn;
    },
    cut,
    async close() {
      isClosed = true;
      follow();
      await turn;
    },
  };
}

async function listen(port: number, accept: (client: Socket) => void): Promise<Server | null> {
  for (let attempt = 1; ; attempt++) {
    const server = createServer({ allowHalfOpen: true }, accept);
    const failed = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once('error', resolve).listen(port, '127.0.0.1', () => resolve(null));
    });
    if (failed === null) return server;
    if (failed.code !== 'EADDRINUSE' || attempt === LISTEN_ATTEMPTS)
      throw new MeercatError('MEERCAT_START_FAILED', `a link can't listen on port ${port}: ${failed.message}`);
    await new Promise((resolve) => setTimeout(resolve, LISTEN_AGAIN_MS));
  }
}
