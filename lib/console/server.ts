// The console's HTTP server: finds the page, asks the guard, answers. Invariant: no client can keep it from answering
// others or cost the process more than a few hundred connections, however slow, large or many its requests are.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { listenError } from '../listen-error.js';
import { buildGuard, type Guard } from './guard.js';

/** What a page says. */
export interface PageAnswer {
  readonly status: number;
  /** Becomes JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** One page. */
export interface Page {
  readonly path: string;
  /** Shown to everybody who can reach the console, without a token. */
  readonly isPublic: boolean;
  answer(): PageAnswer;
}

/** What one client may take. */
export interface ConsoleLimits {
  /** Longest time for a request, its head and body together, and for a client to take its answer. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** Longest body that is read, though none is used: the connection of a longer one is closed. */
  readonly maxBodyBytes: number;
  /** When there are more connections, the oldest is closed: a health check always gets in. */
  readonly maxConnections: number;
}

/** Far more than any checker or browser needs. */
export const CONSOLE_LIMITS: ConsoleLimits = {
  requestTimeoutMs: 5000,
  idleTimeoutMs: 5000,
  maxHeaderBytes: 8192,
  maxBodyBytes: 65_536,
  maxConnections: 256,
};

/** How often Node looks for requests whose time is over. */
const CHECK_EVERY_MS = 500;

/** What a console is made of. */
export interface ConsoleOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The address to listen on. */
  readonly bind: string;
  /** Asked for by every page that is not public; empty when none is set. */
  readonly token: string;
  readonly pages: readonly Page[];
  readonly limits?: ConsoleLimits;
}

/** The running console. */
export interface Console {
  readonly port: number;
  close(): void;
}

/** Starts the console. Rejects with MEERCAT_PORT_TAKEN, or MEERCAT_START_FAILED when it can't listen on its address. */
export function startConsole({ port, bind, token, pages, limits = CONSOLE_LIMITS }: ConsoleOptions): Promise<Console> {
  // Until it is known where the server listens nobody but the public may pass, and nobody can have connected.
  let guard: Guard = buildGuard('', '');
  const server = createServer(
    {
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.requestTimeoutMs),
      maxHeaderSize: limits.maxHeaderBytes,
    },
    (request, response) => {
      try {
        answer(request, response, pages, guard, limits);
      } catch {
        // Our own bug costs one answer.
        if (!response.headersSent) refuse(response, 500, 'MEERCAT_INTERNAL', 'the console failed on this request');
        else response.destroy();
      }
    },
  );
  // A client that neither sends nor takes anything.
  server.timeout = limits.requestTimeoutMs;
  const sockets = keepNewest(server, limits.maxConnections);
  return new Promise((resolve, reject) => {
    // After the start there is nobody to tell: the error is of one connection that could not be accepted.
    server.on('error', (error) =>
      reject(listenError(error, { port, bind, portFlag: '--console-port', bindFlag: '--console-bind', owner: 'the console' })),
    );
    // Exclusive: several processes behind one port have a console each.
    server.listen({ port, host: bind, exclusive: true }, () => {
      const { address, port: actual } = server.address() as AddressInfo;
      guard = buildGuard(address, token);
      resolve({
        port: actual,
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}

/** The open connections, oldest first; one too many closes the oldest. */
function keepNewest(server: Server, maxConnections: number): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (sockets.size <= maxConnections) return;
    const [oldest] = sockets as Set<Socket>;
    if (oldest === undefined) return;
    sockets.delete(oldest);
    oldest.destroy();
  });
  return sockets;
}

function answer(request: IncomingMessage, response: ServerResponse, pages: readonly Page[], guard: Guard, limits: ConsoleLimits): void {
  const { host, authorization, 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if (coding !== undefined || Number(length) > limits.maxBodyBytes) {
    response.setHeader('Connection', 'close');
    refuse(response, 413, 'MEERCAT_BODY_TOO_LARGE', 'the console takes no bodies');
    return;
  }
  const path = (request.url ?? '').split('?', 1)[0];
  const page = pages.find((each) => each.path === path);
  // Before it is said which pages there are.
  const refusal = page?.isPublic === true ? undefined : guard({ host, authorization });
  if (refusal !== undefined) {
    if (refusal.challenge !== '') response.setHeader('WWW-Authenticate', refusal.challenge);
    refuse(response, refusal.status, refusal.error, refusal.message);
  } else if (page === undefined) {
    refuse(response, 404, 'MEERCAT_NOT_FOUND', `try ${pages.map((each) => each.path).join(', ')}`);
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    refuse(response, 405, 'MEERCAT_METHOD', 'only GET and HEAD');
  } else {
    const { status, body } = page.answer();
    send(response, status, body);
  }
}

function refuse(response: ServerResponse, status: number, error: string, message: string): void {
  send(response, status, { error, message });
}

function send(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
    .end(`${JSON.stringify(body)}\n`);
}
