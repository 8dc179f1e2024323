// A site's routes before one host, on real sockets and without a balancer: clients' connections, the router, the actions
// and attempts are the real ones; the host is the same for all pools.

import { createServer, type AddressInfo } from 'node:net';
import { counterOf } from '../../lib/table/counters.js';
import { compileRouter } from '../../lib/routing/router.js';
import { Random } from '../../lib/routing/random.js';
import type { SiteRoute } from '../../lib/site-model.js';
import { ClientConnection } from '../../lib/traffic/client/client-connection.js';
import type { ClientSide } from '../../lib/traffic/client/client-side.js';
import type { ConnectionContext } from '../../lib/traffic/client/connection-context.js';
import { Http1Lane } from '../../lib/traffic/client/http1-lane.js';
import { createNodeLane } from '../../lib/traffic/client/node-lane.js';
import { createShell } from '../../lib/traffic/client/shell.js';
import type { Host } from '../../lib/traffic/host/host.js';
import { Attempt } from '../../lib/traffic/request/attempt.js';
import { answerByRoute, answerOwn, compileActions } from '../../lib/traffic/request/route-actions.js';
import { schemeOf } from '../../lib/traffic/wire/client-scheme.js';
import { prepareOwnBodies } from '../../lib/traffic/wire/prepared-answers.js';
import { clientFacts } from '../../lib/traffic/wire/headers.js';
import { buildTrafficStage } from './traffic-context.js';

/** How the balancer of these tests names itself. */
export const PSEUDONYM = 'meercat-test';

const OWN = prepareOwnBodies({ 503: { body: '<p>bald zurück', type: 'text/html' } });

/** Serves the routes on a free port while `fn` runs. A request without a route gets MEERCAT_NO_HOST, with a body of the site. */
export async function withRoutes<T>(
  routes: readonly SiteRoute[],
  hostUrl: string,
  fn: (port: number, clients: readonly ClientSide[]) => Promise<T>,
  isTrusted = false,
): Promise<T> {
  const stage = buildTrafficStage(() => performance.now(), { maxUrlSize: 1 << 16, maxHeaderSize: 1 << 17 });
  stage.hosts.add({ slot: 0, name: 'h', url: hostUrl });
  const router = compileRouter({ routes, paths: 'as-written' });
  const actions = compileActions(routes, new Random(1));
  const clients: ClientSide[] = [];
  const faults: unknown[] = [];
  const begin = (client: ClientSide): void => {
    clients.push(client);
    const { head, facts } = client;
    const scheme = schemeOf(facts, head.headers);
    const action = actions[router.find(head, scheme)];
    if (action === undefined) {
      answerOwn(client, 'MEERCAT_NO_HOST', OWN);
      return;
    }
    if (action.kind === 'answer') {
      answerByRoute(client, action, scheme);
      return;
    }
    const host = stage.hosts.get(0) as Host;
    const owner = {
      onAttemptEnd(...end: readonly [Parameters<typeof stage.hosts.end>[2], number]): void {
        stage.hosts.end(host, attempt, ...end);
        if (end[0] !== 'ok' && end[0] !== 'client-gone') client.answer('MEERCAT_HOST_UNREACHABLE');
      },
      onAttemptFault: (error: unknown) => void faults.push(error),
    };
    const attempt = new Attempt(stage.context, client, host, 0, 1, performance.now(), owner, action.plan);
    stage.hosts.begin(host, attempt);
    client.carry(attempt);
  };
  const context: ConnectionContext<ClientConnection> = {
    rules: stage.config,
    clock: () => performance.now(),
    count: counterOf(stage.columns.counters),
    deadlines: stage.deadlines,
    isStopping: () => false,
    onRequest(connection, head) {
      const lane = new Http1Lane(connection, head);
      connection.present = lane;
      begin(lane);
    },
    onUpgrade: createNodeLane(createShell(), stage.config.maxHeaderSize, begin),
    onNamesDropped: () => undefined,
    onRefused: () => '',
    onSilent: () => undefined,
    onClosed: (connection) => void open.delete(connection),
    onFault: (error) => void faults.push(error),
  };
  const open = new Set<ClientConnection>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    const facts = clientFacts('127.0.0.1', socket.localPort ?? 0, false, isTrusted);
    open.add(new ClientConnection(socket, facts, context, () => void socket.resetAndDestroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const result = await fn((server.address() as AddressInfo).port, clients);
    if (faults.length > 0) throw faults[0];
    return result;
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { socket } of open) socket.destroy();
    await closed;
    stage.stop();
  }
}
