// A link between one balancer and its Redis, as a bracket: a TCP forwarder on loopback that a test can make slow, one-way
// or dead.

import { startTcpLink, type TcpLink } from '../../lib/lab/tcp-link.js';

/** A running link. */
export interface RedisLink extends Pick<TcpLink, 'become' | 'cut'> {
  /** What the balancer connects to. */
  readonly url: string;
}

/** Opens a link to the Redis on this port of loopback, hands it out and closes it. */
export async function withRedisLink<T>(redisPort: number, fn: (link: RedisLink) => T | Promise<T>): Promise<T> {
  const link = await startTcpLink(redisPort);
  try {
    return await fn({ url: `redis://127.0.0.1:${link.port}`, become: (change) => link.become(change), cut: () => link.cut() });
  } finally {
    await link.close();
  }
}
