// The server that clients connect to: listens, hands each request to its story, and ends in good order.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { MeercatError, messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { type ExchangeContext, exchange, type Lane } from './exchange.js';
import type { HostTimeouts } from './host-request.js';
import { createProxyLanes } from './proxy-lane.js';

/** A client has so long to send a request's head. */
const HEADERS_TIMEOUT_MS = 10_000;

/** An idle client connection is kept so long: longer than the load balancers in front of us keep theirs. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** A client that has closed its half is taken to be gone when so long nothing could be sent to it. */
const HALF_CLOSED_MS = 700;

/** How often Node looks for clients that are too slow. */
const CHECK_EVERY_MS = 1000;

/** What the server is handed. */
export interface TrafficOptions {
  readonly port: number;
  readonly bind: string;
  readonly context: ExchangeContext;
  readonly timeouts: HostTimeouts;
  readonly log: Log;
}

/** The running server. */
export interface Traffic {
  /** The port it listens on, also when 0 was asked for. */
  readonly port: number;
  /** Lets requests through; those that came before have waited for it. */
  open(): void;
  /** Stops accepting, finishes what is in flight, and after `timeoutMs` ends what is left; gives how many that were. */
  drain(timeoutMs: number): Promise<number>;
}

/**
 * Ends a connection on which nothing more is sent. From here a client that has gone and one that only
 * closed its half look alike; what is sent to the one that has gone ends the connection by itself.
 */
function endWhenStill(socket: Socket): void {
  let sent = socket.bytesWritten;
  const timer = setInterval(() => {
    if (socket.bytesWritten === sent) socket.destroy();
    sent = socket.bytesWritten;
  }, HALF_CLOSED_MS);
  socket.once('close', () => clearInterval(timer));
}

/** Starts to listen; requests wait for `open`. Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED. */
export async function startTraffic({ port, bind, context, timeouts, log }: TrafficOptions): Promise<Traffic> {
  const lanes = createProxyLanes(timeouts, () => isDraining);
  /** Stories that are not at their end. */
  let running = 0;
  let onIdle: (() => void) | undefined;
  const upgraded = new Set<Duplex>();
  let isDraining = false;
  /** Requests that came before the first host was known; undefined once open. */
  let early: (() => void)[] | undefined = [];

  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    noDelay: true,
  });
  // A client that closes its half after the request still gets its answer, if it comes soon.
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true;
  server.on('connection', (socket) => {
    socket.once('end', () => {
      if (!upgraded.has(socket)) endWhenStill(socket);
    });
  });

  function begin(story: () => void): void {
    if (early === undefined) story();
    else early.push(story);
  }

  /** Carries a story through; should it fail by our own bug, that costs one request, not the process. */
  async function tell(lane: Lane, abort: () => void): Promise<void> {
    running++;
    try {
      await exchange(context, lane);
    } catch (error) {
      context.count('internal_errors');
      log('error', 'a request failed inside the balancer', { reason: messageOf(error) });
      abort();
    }
    running--;
    if (running === 0) onIdle?.();
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A client that resets: `close` follows, and the story acts on that.
    response.on('error', () => undefined);
    begin(() => void tell(lanes.forRequest(request, response), () => response.destroy()));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    context.count('websockets');
    socket.on('error', () => undefined);
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    const lane = lanes.forUpgrade(request, socket, head);
    // Node gives the body to nobody here, and the host would take the next request for it.
    if (lane.hasBody) lane.answer('MEERCAT_BAD_REQUEST');
    else begin(() => void tell(lane, () => socket.destroy()));
  });

  await listen();
  server.on('error', (error) => log('error', 'the server failed', { reason: error.message }));

  function listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(
          error.code === 'EADDRINUSE'
            ? new MeercatError('MEERCAT_PORT_TAKEN', `port ${port} on ${bind} is taken: choose another with --port`, { cause: error })
            : new MeercatError('MEERCAT_START_FAILED', `can't listen on ${bind}:${port} (${error.code ?? error.message}): check --bind and --port`, { cause: error }),
        );
      });
      server.listen({ port, host: bind }, () => {
        server.removeAllListeners('error');
        resolve();
      });
    });
  }

  return {
    port: (server.address() as AddressInfo).port,
    open() {
      const waiting = early ?? [];
      early = undefined;
      for (const story of waiting) story();
    },
    async drain(timeoutMs) {
      isDraining = true;
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
        if (running === 0) resolve();
      });
      await Promise.race([idle, timeout]);
      const left = running;
      for (const socket of upgraded) socket.destroy();
      server.closeIdleConnections();
      // What has been answered may still be on its way to the client: it gets a moment, not the whole time.
      await Promise.race([closed, left > 0 ? timeout : new Promise((resolve) => setTimeout(resolve, 500))]);
      clearTimeout(timer);
      server.closeAllConnections();
      await closed;
      return left;
    },
  };
}
