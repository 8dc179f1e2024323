// The listening socket: accepts connections, counts them against their limits, reads PROXY headers of trusted peers,
// terminates TLS, and hands out a stream of HTTP with the facts of its client.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { formatDuration } from '../../config/config.js';
import { listenError } from '../../listen-error.js';
import type { Count } from '../../table/counters.js';
import { startTimeout } from '../../timeout.js';
import { type AnswerCode, answerText } from '../wire/answers.js';
import type { ConnectionLimits } from './connection-limits.js';
import { type ClientFacts, clientFacts } from '../wire/headers.js';
import { idLine } from '../wire/own-lines.js';
import { describeError } from '../wire/reason-text.js';
import { readPreface } from './http2-preface.js';
import { endSoon } from './linger.js';
import { type ProxiedClient, readProxyHeader } from './proxy-protocol.js';
import type { TlsContexts } from './tls-contexts.js';
import { plainAddress } from './trusted.js';

/** Dependencies and settings of the listener. */
export interface ListenerOptions {
  readonly port: number;
  readonly bind: string;
  /** For a TLS handshake, and for a PROXY header. */
  readonly headerTimeoutMs: number;
  readonly isTrusted: (address: string) => boolean;
  /** Whether connections of trusted peers begin with a PROXY header. */
  readonly isProxyAccepted: boolean;
  /** Whether plain connections may speak HTTP/2 (--h2c). */
  readonly isH2cAccepted: boolean;
  /** Whether HTTP/2 is not offered over TLS (--http1-only). */
  readonly isHttp1Only: boolean;
  readonly limits: ConnectionLimits;
  /** Undefined for plain HTTP. */
  readonly tls: TlsContexts | undefined;
  readonly count: Count;
  /** A connection was refused or ended before any HTTP. @param code of the answer; empty: there was none */
  readonly onTurnedAway: (facts: ClientFacts, code: AnswerCode | '', reason: string) => string;
  /**
   * @param isHttp2 whether it speaks HTTP/2, else HTTP/1
   * @param resetTcp resets the TCP connection, below TLS if there is any
   * @param first bytes of HTTP/1 that were read already; left out: none
   */
  readonly onConnection: (socket: Socket, facts: ClientFacts, isHttp2: boolean, resetTcp: () => void, first?: Buffer) => void;
}

/** Above the longest PROXY header that is accepted. */
const MAX_PROXY_HEADER = 5000;

/** Listens. Rejects with MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED. */
export async function openListener(options: ListenerOptions): Promise<{ readonly server: Server; readonly port: number }> {
  const { port, bind } = options;
  // A client that closes its half after the request still gets its answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => accept(socket, options));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, { port, bind, portFlag: '--port', bindFlag: '--bind' })));
    server.listen({ port, host: bind, backlog: BACKLOG }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** Listen backlog: connections that the system queues while we are busy. */
const BACKLOG = 1024;

function accept(socket: Socket, options: ListenerOptions): void {
  socket.on('error', () => undefined);
  const peer = plainAddress(socket.remoteAddress);
  const isTrusted = options.isTrusted(peer);
  const own: Peer = { address: peer, port: socket.localPort ?? 0, isTrusted, peer };
  if (!options.isProxyAccepted || !isTrusted) {
    admit(socket, own, options);
    return;
  }
  const refuse = (reason: string): void => {
    options.onTurnedAway(factsOf(own, false), '', reason);
    socket.destroy();
  };
  readProxy(socket, options, refuse, (source) => {
    if (source === undefined) {
      admit(socket, own, options);
      return;
    }
    // The PROXY header vouches for its client's address only: claims of origin count only if that client is trusted too.
    const address = plainAddress(source.address);
    admit(socket, { address, port: source.toPort || own.port, isTrusted: options.isTrusted(address), peer }, options);
  });
}

/** The client of a connection: the peer itself, or the client in its PROXY header. */
interface Peer {
  readonly address: string;
  /** The port that it connected to: ours, or the proxy's. */
  readonly port: number;
  readonly isTrusted: boolean;
  /** The address of the peer itself. */
  readonly peer: string;
}

const factsOf = ({ address, port, isTrusted, peer }: Peer, isTls: boolean): ClientFacts =>
  clientFacts(address, port, isTls, isTrusted, peer);

/** Reads the PROXY header that the connection must begin with, and puts back the bytes after it. */
function readProxy(
  socket: Socket,
  { headerTimeoutMs, count }: ListenerOptions,
  onRefused: (reason: string) => void,
  onRead: (source: ProxiedClient | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  const refuse = (): void => {
    count('refused_proxy_header');
    onRefused(bytes.length === 0 ? 'closed without a PROXY header' : 'no PROXY header (--accept-proxy)');
  };
  const timeout = startTimeout(headerTimeoutMs, () => {
    count('timeouts_header');
    onRefused(`no whole PROXY header within ${formatDuration(headerTimeoutMs)} (--header-timeout)`);
  });
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header.kind === 'incomplete' && bytes.length <= MAX_PROXY_HEADER) return;
    stop();
    if (header.kind !== 'done') {
      refuse();
      return;
    }
    socket.pause();
    if (header.length < bytes.length) socket.unshift(bytes.subarray(header.length));
    onRead(header.source);
  };
  const onEnd = (): void => {
    stop();
    refuse();
  };
  const stop = (): void => {
    timeout.clear();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', stop);
  };
  socket.on('data', onData);
  socket.resume();
  socket.on('end', onEnd);
  socket.on('close', stop);
}

/** Counts the connection, terminates TLS, and hands it out. */
function admit(socket: Socket, peer: Peer, options: ListenerOptions): void {
  const { limits, tls, count } = options;
  const { address } = peer;
  if (socket.destroyed) return;
  const verdict = limits.open(address);
  const facts = factsOf(peer, tls !== undefined);
  if (verdict !== 'ok') {
    count(verdict === 'all' ? 'refused_connections' : 'refused_connections_per_client');
    const id = options.onTurnedAway(
      facts,
      tls === undefined ? 'MEERCAT_TOO_MANY_CONNECTIONS' : '',
      verdict === 'all'
        ? `${limits.count} connections are open (--max-connections)`
        : 'the client has too many connections open (--max-connections-per-client)',
    );
    if (tls === undefined) socket.write(answerText('MEERCAT_TOO_MANY_CONNECTIONS', { isHead: false, isKept: false, ownLines: idLine(id) }));
    if (tls === undefined) endSoon(socket);
    else socket.destroy();
    return;
  }
  socket.once('close', () => limits.close(address));
  if (tls !== undefined) takeTlsOff(socket, facts, tls, options);
  else if (options.isH2cAccepted) readPreface(socket, facts, options);
  else options.onConnection(socket, facts, false, () => void socket.resetAndDestroy());
}

function takeTlsOff(socket: Socket, facts: ClientFacts, tls: TlsContexts, options: ListenerOptions): void {
  const { headerTimeoutMs, isHttp1Only, count, onConnection, onTurnedAway } = options;
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: tls.secureContext,
    SNICallback: tls.SNICallback,
    ALPNProtocols: isHttp1Only ? ['http/1.1', 'http/1.0'] : ['h2', 'http/1.1', 'http/1.0'],
  });
  const timeout = startTimeout(headerTimeoutMs, () => {
    count('timeouts_header');
    onTurnedAway(facts, '', `no whole TLS handshake within ${formatDuration(headerTimeoutMs)} (--header-timeout)`);
    socket.destroy();
  });
  const end = (): void => timeout.clear();
  let isSecure = false;
  secured.once('secure', () => {
    isSecure = true;
    end();
    // A TLS socket can't send a TCP reset: the socket below it can.
    onConnection(secured, facts, secured.alpnProtocol === 'h2', () => void socket.resetAndDestroy());
  });
  secured.on('error', (error) => {
    if (!isSecure) {
      count('refused_tls');
      onTurnedAway(facts, '', describeError(error));
    }
    socket.destroy();
  });
  socket.once('close', () => {
    end();
    secured.destroy();
  });
}
