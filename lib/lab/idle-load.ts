// The clients of `idle`: connections that each get one checked answer, then stay idle until they send a second
// request, which shows that they were kept.

import { KeptConnection } from './kept-connection.js';

/** Connections that are opened, or send a request, at the same time. */
const AT_ONCE = 100;

/** Orders to the load: open connections up to a number, send a request on each, or close all. */
export type IdleOrder =
  | { readonly type: 'open'; readonly port: number; readonly connections: number }
  | { readonly type: 'ask' }
  | { readonly type: 'close' };

/** The reply to an order: the number of open connections, and of requests of this order without a right answer. */
export interface IdleState {
  readonly type: 'done';
  readonly open: number;
  readonly wrong: number;
}

/** Runs it: `idle-load BODY`, where BODY is the host's answer. Sends `ready`, and an {@link IdleState} after each {@link IdleOrder}. */
export async function runIdleLoad([body = '']: readonly string[]): Promise<() => void> {
  const expected = Buffer.from(body);
  let connections: KeptConnection[] = [];

  /** Sends a request on each of these; returns the number without a right answer. */
  async function askAll(list: Iterable<KeptConnection>): Promise<number> {
    let wrong = 0;
    const each = list[Symbol.iterator]();
    const askInTurn = async (): Promise<void> => {
      for (let next = each.next(); next.done !== true; next = each.next()) if ((await next.value.asked()) !== 'right') wrong++;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, askInTurn));
    return wrong;
  }

  /** Opens connections one by one, as they are taken. */
  function* opening(port: number, count: number): Iterable<KeptConnection> {
    while (connections.length < count) {
      const connection = new KeptConnection(port, undefined, expected);
      connections.push(connection);
      yield connection;
    }
  }

  process.on('message', async (order: IdleOrder) => {
    let wrong = 0;
    if (order.type === 'open') wrong = await askAll(opening(order.port, order.connections));
    if (order.type === 'ask') wrong = await askAll(connections);
    if (order.type === 'close') {
      for (const connection of connections) connection.close();
      connections = [];
    }
    process.send?.({ type: 'done', open: connections.filter(({ isOpen }) => isOpen).length, wrong } satisfies IdleState);
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}
