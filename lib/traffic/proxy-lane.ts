// The lane that can carry everything: http-proxy as a shell round passes of our own, on Node's http.Server.
// http-proxy's own `stream` passes can be made to kill the process, hang clients and smuggle requests;
// they are replaced, and so are the passes that change what must go through unchanged.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import { type AnswerCode, answer, answerBytes } from './answers.js';
import type { Lane, Outcome } from './exchange.js';
import { requestHeaders, responseHeaders } from './headers.js';
import type { Host } from './host-pool.js';
import { type HostTimeouts, outcomeOf, requestHost } from './host-request.js';

/** How long a client or host may take to close a connection that we have ended. */
const LINGER_MS = 5000;

/** One attempt, as it is handed through http-proxy to our pass. */
interface Attempt {
  readonly host: Host;
  /** Whether the balancer is stopping: then an answer ends its connection. */
  readonly isDraining: () => boolean;
  /** To be called once, when the attempt has ended; later calls are ignored. */
  readonly settle: (outcome: Outcome) => void;
}

/** The options that our passes get from http-proxy: ours, copied. */
interface PassOptions {
  readonly attempt: Attempt;
}

/** http-proxy's passes, which are plain arrays that its types do not know. */
interface Passes {
  webPasses: ((request: IncomingMessage, response: ServerResponse, options: PassOptions) => void)[];
  wsPasses: ((request: IncomingMessage, socket: Duplex, options: PassOptions, head: Buffer) => void)[];
}

/** Makes lanes for requests and upgrades. */
export interface ProxyLanes {
  forRequest(request: IncomingMessage, response: ServerResponse): Lane;
  forUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Lane;
}

/** Sets up http-proxy with our passes. While `isDraining`, every answer is the last one on its connection. */
export function createProxyLanes(timeouts: HostTimeouts, isDraining: () => boolean): ProxyLanes {
  const proxy = httpProxy.createProxyServer({});
  const passes = proxy as unknown as Passes;
  passes.webPasses = [(request, response, { attempt }) => streamRequest(request, response, attempt, timeouts)];
  passes.wsPasses = [(request, socket, { attempt }, head) => streamUpgrade(request, socket, head, attempt, timeouts)];
  // Nothing of ours emits here; without a listener http-proxy would throw.
  proxy.on('error', () => undefined);

  const forward = (host: Host, start: (options: httpProxy.ServerOptions & PassOptions) => void): Promise<Outcome> =>
    new Promise((resolve) => {
      const attempt: Attempt = { host, isDraining, settle: resolve };
      try {
        start({ target: host.target, attempt });
      } catch {
        resolve({ kind: 'bad-response', hasStarted: false });
      }
    });

  return {
    forRequest(request, response) {
      return {
        method: request.method ?? 'GET',
        hasBody: hasBody(request),
        forward: (host) => forward(host, (options) => proxy.web(request, response, options)),
        answer(code) {
          if (response.headersSent || response.destroyed) return;
          // A body that nobody reads any more: nothing after it on this connection is of use.
          if (!request.complete || isDraining()) response.shouldKeepAlive = false;
          answer(response, code);
        },
      };
    },
    forUpgrade(request, socket, head) {
      return {
        method: request.method ?? 'GET',
        hasBody: hasBody(request),
        forward: (host) => forward(host, (options) => proxy.ws(request, socket, head, options)),
        answer(code: AnswerCode) {
          socket.write(answerBytes(code));
          closeSoon(socket);
        },
      };
    },
  };
}

/** Ends a connection: the other side gets what is on its way to it, and some time to close its own half. */
function closeSoon(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end();
  // What still comes is not read by anyone; unread, it would hide that the other side has closed.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Whether a request has a body; one of length 0 has none. */
function hasBody({ headers }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined) return true;
  const length = headers['content-length'];
  return length !== undefined && length !== '0';
}

/** Methods whose requests have no body unless they say so; Node gives all others a chunked one. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

function headersFor(request: IncomingMessage, host: Host, upgrade: string | undefined): string[] {
  const { socket, headers, rawHeaders, method = 'GET' } = request;
  return requestHeaders(rawHeaders, {
    clientAddress: socket.remoteAddress ?? 'unknown',
    isTls: 'encrypted' in socket,
    host: headers.host,
    target: host.target.host,
    isEmpty: !BODILESS.has(method) && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined,
    isChunked: headers['transfer-encoding'] !== undefined,
    upgrade,
  });
}

/** A whole body up to this size goes out in one piece with its head: copying it costs less than a second write. */
const MAX_COPIED = 16 << 10;

/** The declared length of a body; -1 when it has none. */
function contentLength(headers: readonly string[]): number {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(headers[i + 1]);
  }
  return -1;
}

/** Whether a head can be passed on: its status is a final one (no switch that nobody asked for), its reason has no control bytes. */
function hasPassableHead({ statusCode = 0, statusMessage = '' }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode <= 999 && /^[\t\x20-\x7e\x80-\xff]*$/.test(statusMessage);
}

/** Our `stream` pass: the request to the host, the answer back, both streamed with backpressure. */
function streamRequest(request: IncomingMessage, response: ServerResponse, attempt: Attempt, timeouts: HostTimeouts): void {
  if (response.destroyed) {
    attempt.settle({ kind: 'client-gone', hasStarted: false });
    return;
  }
  const outgoing = requestHost(attempt.host, request.method ?? 'GET', request.url ?? '/', headersFor(request, attempt.host, undefined), timeouts);
  let isSettled = false;

  const onClientGone = (): void => {
    if (response.writableFinished) return;
    outgoing.destroy();
    settle({ kind: 'client-gone', hasStarted: response.headersSent });
  };
  const settle = (outcome: Outcome): void => {
    isSettled = true;
    response.off('close', onClientGone);
    request.unpipe(outgoing);
    attempt.settle(outcome);
  };
  /** The host failed. Once bytes were passed on, the client must see that the answer is not whole. */
  const fail = (error: Error): void => {
    // Of an attempt that has ended nothing is done any more: the response may be another attempt's by now.
    if (isSettled) return;
    const hasStarted = response.headersSent;
    outgoing.destroy();
    settle({ kind: outcomeOf(error, outgoing), hasStarted });
    if (hasStarted) response.destroy();
  };

  response.on('close', onClientGone);
  outgoing.on('error', fail);
  // A host may not switch protocols unasked: what follows would not be HTTP.
  outgoing.on('upgrade', (_incoming, socket) => {
    socket.destroy();
    settle({ kind: 'bad-response', hasStarted: response.headersSent });
  });
  outgoing.on('response', (message) => {
    message.on('error', fail);
    const headers = responseHeaders(message.rawHeaders);
    const length = contentLength(headers);
    if (!hasPassableHead(message)) {
      outgoing.destroy();
      settle({ kind: 'bad-response', hasStarted: false });
      return;
    }
    if (attempt.isDraining()) response.shouldKeepAlive = false;
    response.writeHead(message.statusCode as number, message.statusMessage, headers);
    message.on('data', (chunk: Buffer) => {
      if (chunk.length === length && length <= MAX_COPIED) {
        response.end(chunk.toString('latin1'), 'latin1');
        return;
      }
      if (response.write(chunk)) return;
      message.pause();
      response.once('drain', () => message.resume());
    });
    message.on('end', () => {
      if (!message.complete) {
        fail(new Error('the answer is not whole'));
        return;
      }
      if (!response.writableEnded) response.end();
      settle({ kind: 'ok', hasStarted: true });
    });
  });

  if (hasBody(request)) request.pipe(outgoing);
  else outgoing.end();
}

/** Our `ws` pass: the handshake to the host, then bytes both ways until either side ends. */
function streamUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, attempt: Attempt, timeouts: HostTimeouts): void {
  if (socket.destroyed) {
    attempt.settle({ kind: 'client-gone', hasStarted: false });
    return;
  }
  let hasStarted = false;
  const outgoing = requestHost(attempt.host, request.method ?? 'GET', request.url ?? '/', headersFor(request, attempt.host, request.headers.upgrade), timeouts);

  const onClientGone = (): void => {
    outgoing.destroy();
    attempt.settle({ kind: 'client-gone', hasStarted });
  };
  const fail = (error: Error): void => {
    outgoing.destroy();
    socket.off('close', onClientGone);
    attempt.settle({ kind: outcomeOf(error, outgoing), hasStarted });
    if (hasStarted) socket.destroy();
  };

  // Should the client reset, `close` follows: it alone is acted on.
  socket.on('error', () => undefined);
  socket.on('close', onClientGone);
  outgoing.on('error', fail);

  outgoing.on('upgrade', (incoming, hostSocket, hostHead) => {
    hasStarted = true;
    hostSocket.setTimeout(0);
    socket.write(statusLines(incoming, ['Connection', 'Upgrade', 'Upgrade', incoming.headers.upgrade ?? '']), 'latin1');
    if (hostHead.length > 0) socket.write(hostHead);
    if (head.length > 0) hostSocket.write(head);
    const endWith = (other: Duplex) => (): void => {
      socket.off('close', onClientGone);
      closeSoon(other);
      attempt.settle({ kind: 'ok', hasStarted });
    };
    // After an error comes `close`.
    hostSocket.on('error', () => undefined);
    hostSocket.on('close', endWith(socket));
    socket.on('close', endWith(hostSocket));
    hostSocket.pipe(socket);
    socket.pipe(hostSocket);
  });

  // The host refused to switch: its answer is passed on, and ends with the connection.
  outgoing.on('response', (incoming) => {
    incoming.on('error', fail);
    if (!hasPassableHead(incoming)) {
      socket.off('close', onClientGone);
      outgoing.destroy();
      attempt.settle({ kind: 'bad-response', hasStarted });
      return;
    }
    hasStarted = true;
    socket.write(statusLines(incoming, ['Connection', 'close']), 'latin1');
    incoming.on('end', () => {
      socket.off('close', onClientGone);
      closeSoon(socket);
      attempt.settle({ kind: 'ok', hasStarted });
    });
    incoming.pipe(socket);
  });
  outgoing.end();
}

/** The head of a host's answer as bytes. */
function statusLines(incoming: IncomingMessage, extra: readonly string[]): string {
  const headers = [...responseHeaders(incoming.rawHeaders), ...extra];
  let text = `HTTP/1.1 ${incoming.statusCode} ${incoming.statusMessage}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}\r\n`;
}
