// A link between one balancer and its Redis: a TCP forwarder on loopback that a test can make slow, one-way or dead.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers';

/** What a link does with what comes. */
export interface LinkState {
  /** Added to each way. */
  readonly delayMs: number;
  /** Silent: connections stay open and nothing arrives. */
  readonly commandsArrive: boolean;
  readonly repliesArrive: boolean;
}

/** A link without faults. */
export const SOUND: LinkState = { delayMs: 0, commandsArrive: true, repliesArrive: true };

/** A running link. */
export interface RedisLink {
  /** What the balancer connects to. */
  readonly url: string;
  /**
   * Puts another state in force, also for what is on its way. What a silent link held back is lost: its connections are
   * cut when it is sound again, as after a partition of the network.
   */
  become(state: Partial<LinkState>): void;
}

/** Opens a link to the Redis on this port of loopback, hands it out and closes it. */
export async function withRedisLink<T>(redisPort: number, fn: (link: RedisLink) => T | Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  let state = SOUND;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    return socket;
  };
  const forward = (from: Socket, to: Socket, arrives: () => boolean): void => {
    from.on('data', (bytes: Buffer) => {
      // Timers of one length fire in their order, so bytes keep theirs.
      const pass = (): void => {
        if (arrives() && !to.destroyed) to.write(bytes);
      };
      if (state.delayMs > 0) later(pass, state.delayMs);
      else pass();
    });
    from.on('close', () => to.destroy());
  };
  const server = createServer((balancer) => {
    keep(balancer);
    const redis = keep(connect(redisPort, '127.0.0.1'));
    forward(balancer, redis, () => state.commandsArrive);
    forward(redis, balancer, () => state.repliesArrive);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  try {
    return await fn({
      url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
      become(change) {
        const wasSilent = !state.commandsArrive || !state.repliesArrive;
        const wasSlow = state.delayMs > 0;
        state = { ...SOUND, ...change };
        // Bytes that wait for their time must not be overtaken.
        if (wasSlow || (wasSilent && state.commandsArrive && state.repliesArrive)) cut();
      },
    });
  } finally {
    server.close();
    cut();
  }
}
