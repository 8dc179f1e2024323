// One HTTP/2 connection of the lab's own load: repeats one request on a number of streams, each as soon as the previous
// one is answered. Status, body and grpc-status of every answer are compared with what is expected.

import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { Protocol } from './context.js';
import { GRPC_PATH } from './grpc-host.js';
import { grpcMessageOf } from './lab-bodies.js';
import type { Counts, LoadEnd } from './load-counts.js';

const IDLE_TIMEOUT_MS = 5000;

/** A request over HTTP/2, and the body of the right answer. */
export interface Http2Request {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | undefined;
  readonly expected: Buffer;
  /** Trailers must say `grpc-status: 0`. */
  readonly isGrpc: boolean;
}

/** The outcome of one request. */
export interface Http2Outcome {
  /** 0 without an answer. */
  readonly status: number;
  readonly body: Buffer;
  /** Undefined without such a trailer. */
  readonly grpcStatus: string | undefined;
  readonly isRight: boolean;
}

/** The request of a workload; `payload` is the host's small body. */
export function http2RequestOf(protocol: Exclude<Protocol, 'http1'>, payload: Buffer): Http2Request {
  if (protocol === 'h2') return { headers: { ':path': '/' }, body: undefined, expected: payload, isGrpc: false };
  const message = grpcMessageOf(payload);
  const headers = { ':method': 'POST', ':path': GRPC_PATH, 'content-type': 'application/grpc', te: 'trailers' };
  return { headers, body: message, expected: message, isGrpc: true };
}

/** Opens a connection to a port of loopback; with `ca` (PEM) over TLS 1.3 and ALPN. It gives up after 5 s without a byte. */
export function openHttp2Session(port: number, ca: string | undefined): ClientHttp2Session {
  const session =
    ca === undefined ? connect(`http://127.0.0.1:${port}`) : connect(`https://127.0.0.1:${port}`, { ca, minVersion: 'TLSv1.3' });
  session.on('error', () => undefined);
  session.setTimeout(IDLE_TIMEOUT_MS, () => session.destroy());
  return session;
}

/** Sends a request, and hands over its outcome once the stream is closed in any way. */
export function sendHttp2(
  session: ClientHttp2Session,
  { headers, body, expected, isGrpc }: Http2Request,
  onEnd: (outcome: Http2Outcome) => void,
): void {
  const stream = session.request(headers, { endStream: body === undefined });
  const chunks: Buffer[] = [];
  let status = 0;
  let grpcStatus: string | undefined;
  stream.on('error', () => undefined);
  stream.on('response', (answer) => {
    status = answer[':status'] ?? 0;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('trailers', (trailers) => {
    grpcStatus = String(trailers['grpc-status']);
  });
  stream.on('close', () => {
    const received = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const isRight = stream.rstCode === 0 && status === 200 && received.equals(expected) && (!isGrpc || grpcStatus === '0');
    onEnd({ status, body: received, grpcStatus, isRight });
  });
  if (body !== undefined) stream.end(body);
}

/** Opens a connection and starts; emits `close` once the load's time is up and all streams are answered. */
export function openHttp2Load(
  port: number,
  ca: string | undefined,
  request: Http2Request,
  streams: number,
  counts: Counts,
  isOver: LoadEnd,
): ClientHttp2Session {
  const session = openHttp2Session(port, ca);
  let open = streams;
  const next = (): void =>
    sendHttp2(session, request, ({ isRight }) => {
      counts.requests++;
      if (!isRight) counts.wrong++;
      if (session.destroyed || session.closed) return;
      if (!isOver()) next();
      else if (--open === 0) session.close();
    });
  session.on('connect', () => {
    for (let i = 0; i < streams; i++) next();
  });
  session.on('close', () => {
    if (!isOver()) counts.wrong++;
  });
  return session;
}
