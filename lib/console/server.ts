// The console's HTTP server, in the main thread: finds the page, asks the guard, answers. Health pages and files are
// answered here, all others in the fleet thread. Invariant: no client can keep it from answering others or cost the
// process more than a few hundred connections, however slow, large or many its requests are.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, monotonicClock } from '../clock.js';
import { listenError } from '../listen-error.js';
import type { PageEntry, PageRequest } from '../console-messages.js';
import { answerJson, answerRefusal, unavailable } from './answers.js';
import { buildGuard, type Credentials, type Guard, type GuardRefusal, type GuardReports } from './guard.js';
import type { PageBridge } from './page-bridge.js';
import { type ConsoleFile, StaticFile } from './static-files.js';

/** What a page of this thread says. */
export interface PageAnswer {
  readonly status: number;
  /** Becomes JSON. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A page that this thread answers, to everybody who can reach the console. */
export interface Page {
  readonly path: string;
  answer(): PageAnswer;
}

/** What one client may take. */
export interface ConsoleLimits {
  /** Longest time for a request, its head and body together, and for a client to take its answer. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request is kept. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  /** Longest body that is read where none is used: the connection of a longer one is closed. */
  readonly maxBodyBytes: number;
  /** Longest body that a page is given. */
  readonly maxReadBodyBytes: number;
  /** When there are more connections, the oldest that is no stream is closed: a health check always gets in. */
  readonly maxConnections: number;
}

/** Far more than any checker or browser needs. */
export const CONSOLE_LIMITS: ConsoleLimits = {
  requestTimeoutMs: 5000,
  idleTimeoutMs: 5000,
  maxHeaderBytes: 8192,
  maxBodyBytes: 65_536,
  maxReadBodyBytes: 16_384,
  maxConnections: 256,
};

/** How often Node looks for requests whose time is over. */
const CHECK_EVERY_MS = 500;

/** For a console that nobody asks about its clients. */
const NO_REPORTS: GuardReports = { onUnauthorized: () => undefined, onThrottled: () => undefined };

/** What a console is made of. */
export interface ConsoleOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** The address to listen on. */
  readonly bind: string;
  /** Asked for beyond loopback, and to act; empty when none is set. */
  readonly token: string;
  readonly pages: readonly Page[];
  readonly files?: readonly ConsoleFile[];
  /** To the pages of the fleet thread; none without it. */
  readonly bridge?: PageBridge;
  readonly limits?: ConsoleLimits;
  readonly clock?: Clock;
  readonly reports?: GuardReports;
}

/** The running console. */
export interface Console {
  readonly port: number;
  close(): void;
}

/** Starts the console. Rejects with MEERCAT_PORT_TAKEN, or MEERCAT_START_FAILED when it can't listen on its address. */
export function startConsole({
  port,
  bind,
  token,
  pages,
  files = [],
  bridge,
  limits = CONSOLE_LIMITS,
  clock = monotonicClock(),
  reports = NO_REPORTS,
}: ConsoleOptions): Promise<Console> {
  const statics = files.map((file) => new StaticFile(file));
  // Until it is known where the server listens nobody but the public may pass, and nobody can have connected.
  let guard: Guard = buildGuard('', '', clock, reports);
  const server = createServer(
    {
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.requestTimeoutMs),
      maxHeaderSize: limits.maxHeaderBytes,
    },
    (request, response) => {
      answer(request, response, { pages, files: statics, bridge, guard, limits }).catch(() => {
        // Our own bug costs one answer.
        if (!response.headersSent) answerRefusal(response, 500, 'MEERCAT_INTERNAL', 'the console failed on this request');
        else response.destroy();
      });
    },
  );
  // A client that neither sends nor takes anything.
  server.timeout = limits.requestTimeoutMs;
  const sockets = keepNewest(server, limits.maxConnections, (socket) => bridge?.isStream(socket) === true);
  return new Promise((resolve, reject) => {
    // After the start there is nobody to tell: the error is of one connection that could not be accepted.
    server.on('error', (error) =>
      reject(listenError(error, { port, bind, portFlag: '--console-port', bindFlag: '--console-bind', owner: 'the console' })),
    );
    // Exclusive: several processes behind one port have a console each.
    server.listen({ port, host: bind, exclusive: true }, () => {
      const { address, port: actual } = server.address() as AddressInfo;
      guard = buildGuard(address, token, clock, reports);
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

/** The open connections, oldest first; one too many closes the oldest that is no stream: those have a limit of their own. */
function keepNewest(server: Server, maxConnections: number, isStream: (socket: Socket) => boolean): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    if (sockets.size <= maxConnections) return;
    for (const oldest of sockets) {
      if (isStream(oldest)) continue;
      sockets.delete(oldest);
      oldest.destroy();
      break;
    }
  });
  return sockets;
}

/** What the server serves. */
interface Served extends Pick<ConsoleOptions, 'pages'> {
  readonly files: readonly StaticFile[];
  readonly bridge: PageBridge | undefined;
  readonly guard: Guard;
  readonly limits: ConsoleLimits;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  const { pages, files, bridge, limits } = served;
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if (coding !== undefined || Number(length) > limits.maxBodyBytes) {
    tooLarge(response, 'the console takes no such bodies');
    return;
  }
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const page = pages.find((each) => each.path === path);
  const file = files.find((each) => each.path === path);
  if (page !== undefined || file !== undefined) {
    if (!isAllowed(request, response, ['GET'])) return;
    if (file !== undefined) await file.answer(request, response);
    else if (page !== undefined) {
      const { status, body } = page.answer();
      answerJson(response, status, body);
    }
    return;
  }
  const entry = bridge?.pages?.find((each) => each.path === path);
  if (bridge !== undefined && entry !== undefined) await answerByFleetThread(request, response, path, entry, bridge, served);
  else if (isRefused(request, response, served, 'read')) return;
  else if (bridge !== undefined && bridge.pages === undefined)
    unavailable(response, 'this balancer has just started: try again in a second');
  else answerRefusal(response, 404, 'MEERCAT_NOT_FOUND', `try ${[...pages, ...(bridge?.pages ?? [])].map((each) => each.path).join(', ')}`);
}

/** Answers with a page of the fleet thread: who asks is judged first, and how much they send. */
async function answerByFleetThread(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  { access, methods }: PageEntry,
  bridge: PageBridge,
  served: Served,
): Promise<void> {
  const { guard, limits } = served;
  const verdict = guard.judge(credentialsOf(request), access === 'act' ? 'act' : 'read');
  if (verdict.refusal !== undefined && access !== 'public') {
    sayRefusal(response, verdict.refusal);
    return;
  }
  if (!isAllowed(request, response, methods)) return;
  const { headers } = request;
  if (Number(headers['content-length'] ?? '0') > limits.maxReadBodyBytes) {
    tooLarge(response, `a body has at most ${limits.maxReadBodyBytes} bytes here`);
    return;
  }
  const body = request.method === 'POST' ? await readBody(request) : '';
  if (body === null) return;
  bridge.forward(response, {
    method: request.method as PageRequest['method'],
    path,
    query: (request.url ?? '').slice(path.length + 1),
    accept: headers.accept ?? '',
    acceptEncoding: String(headers['accept-encoding'] ?? ''),
    origin: headers.origin,
    contentType: headers['content-type'] ?? '',
    host: headers.host ?? '',
    remoteAddress: request.socket.remoteAddress ?? '',
    body,
    mayRead: verdict.refusal === undefined,
    mayAct: verdict.refusal === undefined && verdict.hasToken,
    hasToken: guard.hasToken,
  });
}

/** The whole body, whose length was checked; null when the client went before its end. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request) parts.push(part as Buffer);
  } catch {
    return null;
  }
  return Buffer.concat(parts).toString('utf8');
}

function credentialsOf({ headers, socket }: IncomingMessage): Credentials {
  return {
    host: headers.host,
    authorization: headers.authorization,
    origin: headers.origin,
    fetchSite: headers['sec-fetch-site'] as string,
    remoteAddress: socket.remoteAddress ?? '',
  };
}

/** Answers who may not do this; false: they may. */
function isRefused(request: IncomingMessage, response: ServerResponse, { guard }: Served, access: 'read' | 'act'): boolean {
  const { refusal } = guard.judge(credentialsOf(request), access);
  if (refusal !== undefined) sayRefusal(response, refusal);
  return refusal !== undefined;
}

function sayRefusal(response: ServerResponse, { challenge, status, error, message, retryAfterSeconds }: GuardRefusal): void {
  if (challenge !== '') response.setHeader('WWW-Authenticate', challenge);
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
  answerRefusal(response, status, error, message);
}

/** Whether the method is one of these, or HEAD in the place of GET; else it is refused. */
function isAllowed({ method }: IncomingMessage, response: ServerResponse, methods: readonly string[]): boolean {
  const allowed = methods.flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each]));
  if (method !== undefined && allowed.includes(method)) return true;
  response.setHeader('Allow', allowed.join(', '));
  answerRefusal(response, 405, 'MEERCAT_METHOD', `only ${allowed.join(' and ')}`);
  return false;
}

function tooLarge(response: ServerResponse, message: string): void {
  response.setHeader('Connection', 'close');
  answerRefusal(response, 413, 'MEERCAT_BODY_TOO_LARGE', message);
}
