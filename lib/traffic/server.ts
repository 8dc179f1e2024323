// The traffic plane as a whole: accepts connections, starts an exchange for each request, and drains at shutdown.
// Requests that arrive before `open` wait; a fault of our own costs its request, never the process.

import type { Socket } from 'node:net';
import type { TrafficConfig } from '../config/traffic-config.js';
import type { Deadlines } from '../deadlines.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { ClientConnection } from './client/client-connection.js';
import type { ClientSide } from './client/client-side.js';
import type { ClientTransport, ConnectionContext } from './client/connection-context.js';
import { ConnectionLimits } from './client/connection-limits.js';
import { Http1Lane } from './client/http1-lane.js';
import { openListener } from './client/listener.js';
import { createHttp2Server } from './client/http2-server.js';
import { createNodeLane } from './client/node-lane.js';
import { createShell } from './client/shell.js';
import type { TlsContexts } from './client/tls-contexts.js';
import { watchDroppedNames } from './client/dropped-names.js';
import { exchange } from './request/exchange.js';
import type { ExchangeContext } from './request/exchange-context.js';
import { NO_POOL_INDEX, recordAnswer } from '../table/traffic-cells.js';
import { logRefused } from './request/refused.js';
import { type AnswerCode, lengthOf, statusOf } from './wire/answers.js';
import type { ClientFacts } from './wire/headers.js';

/** Dependencies and settings of the server. */
export interface TrafficOptions {
  readonly port: number;
  readonly bind: string;
  /** Other processes serve the same port: listen only at `open`, so that they get the connections until then. */
  readonly isPortShared?: boolean;
  readonly config: TrafficConfig;
  readonly context: ExchangeContext;
  readonly deadlines: Deadlines;
  /** Undefined for plain HTTP. */
  readonly tls: TlsContexts | undefined;
  readonly log: Log;
}

/** The running server. */
export interface Traffic {
  /** The port it listens on: the real one when 0 was asked for. */
  readonly port: number;
  /** Open connections of clients. */
  readonly connections: number;
  /** Those of them that speak HTTP/2. */
  readonly http2Connections: number;
  /** Lets requests through, first those that have been waiting. If it only begins to listen now, rejects as `startTraffic` does. */
  open(): Promise<void>;
  /** Stops accepting and lets requests in flight finish; after `timeoutMs`, aborts the rest and returns their number. */
  drain(timeoutMs: number): Promise<number>;
}

/** A drain closes connections idle for at least this long; on one idle for less, the next request may be on its way. */
const IDLE_BEFORE_CLOSE_MS = 1000;

/** Poll interval of a drain. */
const DRAIN_LOOK_MS = 25;

/** Time after a drain for the last answers to reach their clients. */
const FAREWELL_MS = 500;

/** Starts to listen; requests wait for `open`. Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED. */
export async function startTraffic({
  port,
  bind,
  isPortShared = false,
  config,
  context,
  deadlines,
  tls,
  log,
}: TrafficOptions): Promise<Traffic> {
  const { count, clock, isTrusted } = context;
  const connections = new Set<ClientTransport>();
  /** Requests in progress, tunnels included. */
  let running = 0;
  let isDraining = false;
  const limits = new ConnectionLimits(config.maxConnections, config.maxConnectionsPerClient, isTrusted);
  /** Requests that arrived before `open`, when no host was known yet; undefined once open. */
  let early: ClientSide[] | undefined = [];

  function begin(client: ClientSide): void {
    if (early === undefined) carryThrough(client);
    else early.push(client);
  }

  function carryThrough(client: ClientSide): void {
    running++;
    exchange(context, client, onExchangeEnd);
  }

  /** Counts and logs input that was refused before it became a request; gives its id. */
  function refuse(facts: ClientFacts, code: AnswerCode, line: string, reason: string): string {
    recordAnswer(context.columns, NO_POOL_INDEX, line.slice(0, line.indexOf(' ')), statusOf(code), false, Number.NaN, 0, lengthOf(code));
    return logRefused(context, facts, code, line, reason);
  }

  /** A fault of our own ends its request, not the process. */
  function onExchangeEnd(client: ClientSide, fault: Error | undefined): void {
    running--;
    if (fault === undefined) return;
    onFault(fault);
    try {
      client.breakOff();
    } catch (error) {
      onFault(error);
    }
  }

  function onFault(error: unknown): void {
    count('internal_errors');
    log('error', 'a request failed inside the balancer', { reason: messageOf(error) });
  }

  const shell = createShell();
  const connectionContext: ConnectionContext<ClientConnection> = {
    rules: config,
    clock,
    count,
    deadlines,
    onFault,
    isStopping: () => isDraining,
    onRequest(connection, head) {
      const lane = new Http1Lane(connection, head);
      connection.present = lane;
      begin(lane);
    },
    onUpgrade: createNodeLane(shell, config.maxHeaderSize, (lane) => {
      count('websockets');
      begin(lane);
    }),
    onNamesDropped: watchDroppedNames({ clock, count, log }),
    onRefused: refuse,
    onSilent: ({ address }, reason) => context.reasonLog?.note('client given up', { client: address, reason }),
    onClosed: (connection) => connections.delete(connection),
  };

  let http2Connections = 0;
  const openHttp2 = createHttp2Server(config, {
    ...connectionContext,
    shell,
    onLane: begin,
    onClosed(connection) {
      if (connections.delete(connection)) http2Connections--;
    },
  });

  function onConnection(socket: Socket, facts: ClientFacts, isHttp2: boolean, resetTcp: () => void, first?: Buffer): void {
    if (isHttp2) http2Connections++;
    connections.add(isHttp2 ? openHttp2(socket, facts) : new ClientConnection(socket, facts, connectionContext, resetTcp, first));
  }

  const listen = async (): ReturnType<typeof openListener> => {
    const opened = await openListener({
      port,
      bind,
      headerTimeoutMs: config.headerTimeoutMs,
      isTrusted,
      isProxyAccepted: config.isProxyAccepted,
      isH2cAccepted: config.isH2cAccepted,
      isHttp1Only: config.isHttp1Only,
      tls,
      count,
      onConnection,
      onTurnedAway(facts, code, reason) {
        if (code !== '') return refuse(facts, code, '', reason);
        context.reasonLog?.note('connection refused', { client: facts.address, reason });
        return '';
      },
      limits,
    });
    opened.server.on('error', (error) => log('error', 'the server failed', { reason: error.message }));
    return opened;
  };
  let listener = isPortShared ? undefined : await listen();

  /** Requests in flight, not counting tunnels. */
  const requests = (): number => running - context.tunnels.size;

  function closeIdle(olderThanMs: number): void {
    const nowMs = clock();
    for (const connection of connections) {
      if (!connection.isBusy && nowMs - connection.idleSinceMs >= olderThanMs) connection.close();
    }
  }

  /**
   * Resolves when `isOver` is true, or at the deadline. Each poll comes after the event loop has read what had arrived:
   * a connection on which a request waits to be read is not idle, however long the process did not run.
   */
  async function until(isOver: () => boolean, deadlineMs: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (!isOver() && clock() < deadlineMs) {
      // oxlint-disable-next-line no-await-in-loop -- the pause between two polls
      await new Promise((resolve) => setTimeout(() => setImmediate(resolve), DRAIN_LOOK_MS));
    }
  }

  return {
    port: listener?.port ?? port,
    get connections() {
      return limits.count;
    },
    get http2Connections() {
      return http2Connections;
    },
    async open() {
      listener ??= await listen();
      const waiting = early ?? [];
      early = undefined;
      for (const client of waiting) carryThrough(client);
    },
    async drain(timeoutMs) {
      isDraining = true;
      listener?.server.close();
      for (const connection of connections) connection.retire();
      const deadlineMs = clock() + timeoutMs;
      const isQuiet = (): boolean => {
        closeIdle(IDLE_BEFORE_CLOSE_MS);
        // Clients that still read their answers keep their own deadlines.
        return requests() === 0 && [...connections].every((connection) => connection.hasLeft);
      };
      await until(isQuiet, deadlineMs);
      const left = requests();
      for (const tunnel of context.tunnels) tunnel.sayGoodbye();
      closeIdle(0);
      await until(() => connections.size === 0, clock() + Math.min(FAREWELL_MS, Math.max(timeoutMs, 50)));
      for (const connection of connections) connection.destroy();
      return left;
    },
  };
}
