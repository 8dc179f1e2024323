// One request over HTTP/2 on a connection of its own, as health checks need it: by ALPN over TLS, by prior knowledge
// without. Whatever the host does, it ends within one timeout, holds little memory, and closes its connection.

import {
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { HostTls } from '../config/traffic-config.js';
import { startTimeout } from '../timeout.js';
import type { HostAddress } from './host-address.js';
import type { tryEach } from './host-addresses.js';

/** Maximum bytes read of a response body. */
export const MAX_ANSWER_BYTES = 64 << 10;

/** Where to connect to and, for a host with a name, how to try its addresses. */
export type Target = HostAddress & Partial<ReturnType<typeof tryEach>>;

/** A request and where it goes. */
export interface Http2Question {
  readonly target: Target;
  readonly tls: HostTls;
  /** With all pseudo-headers but `:scheme`. */
  readonly headers: OutgoingHttpHeaders;
  /** Empty: none. */
  readonly body: Buffer;
  readonly timeoutMs: number;
}

/** A response. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty when there are none. */
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body is longer than {@link MAX_ANSWER_BYTES}: the rest was not read. */
  readonly isCut: boolean;
}

/** The response; undefined when no whole one came within `timeoutMs`. Never rejects. */
export function askHttp2({ target, tls, headers, body, timeoutMs }: Http2Question): Promise<Http2Answer | undefined> {
  return new Promise((resolve) => {
    const end = (answer: Http2Answer | undefined): void => {
      timeout.clear();
      socket.destroy();
      resolve(answer);
    };
    const timeout = startTimeout(timeoutMs, () => end(undefined));
    const socket = openSocket(target, tls);
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.once(target.isTls ? 'secureConnect' : 'connect', () => {
      // Without HTTP/2, what follows would be an answer to something else.
      if (target.isTls && (socket as TLSSocket).alpnProtocol !== 'h2') end(undefined);
      else askOn(socket, { ':scheme': target.isTls ? 'https' : 'http', ...headers }, body, end);
    });
  });
}

function openSocket(target: Target, { ca, isInsecure }: HostTls): Socket {
  if (!target.isTls) return connect(target);
  return connectTls({ ...target, ALPNProtocols: ['h2'], ...(ca !== undefined && { ca }), rejectUnauthorized: !isInsecure });
}

/** @param end may be called several times; the first one counts */
function askOn(socket: Socket, headers: OutgoingHttpHeaders, body: Buffer, end: (answer: Http2Answer | undefined) => void): void {
  const session = connectHttp2('http://host', { createConnection: () => socket, settings: { enablePush: false } });
  session.on('error', () => end(undefined));
  session.on('close', () => end(undefined));
  const stream = session.request(headers, { endStream: body.length === 0 });
  let head: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  let trailers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  let bytes = 0;
  const answer = (isCut: boolean): Http2Answer => ({
    status: head[':status'] ?? 0,
    headers: head,
    trailers,
    body: Buffer.concat(chunks, bytes),
    isCut,
  });
  // A reset without an error ends a stream of Node without a sign: only the end that the host itself has sent comes while
  // the stream is open.
  let isWhole = false;
  const { push } = stream;
  stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    isWhole ||= chunk === null && !stream.closed;
    return push.call(stream, chunk, encoding);
  };
  stream.on('response', (fields, flags) => {
    head = fields;
    isWhole ||= (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) end(answer(true));
  });
  stream.on('error', () => end(undefined));
  stream.on('close', () =>
    end(isWhole && stream.readableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR ? answer(false) : undefined),
  );
  if (body.length > 0) stream.end(body);
}
