// What has to be put right of a session of node:http2 on a stream of ours, such as a FrameGuard.

import type { ServerHttp2Session } from 'node:http2';
import { constants } from 'node:os';
import type { Http2Error } from '../wire/http2-frames.js';

/** What node:http2 calls on the socket that it makes of a stream. The names are private to Node, so they may be missing. */
interface WrappedStream {
  doWrite?: (request: unknown, buffers: readonly Buffer[]) => number;
  doShutdown?: (request: unknown) => number;
}

/** What a write gives after the end, as libuv says it. */
const BROKEN_PIPE = -constants.errno.EPIPE;

/**
 * Makes writes after the end of a session's socket fail as they do on real sockets. Node asserts that there are none; but
 * a session that ends by an error of the protocol may still have frames to send, and the assertion throws where nobody
 * can catch it: any client could end the process.
 */
export function refuseWritesAfterEnd(session: ServerHttp2Session): void {
  const socket = session.socket as unknown as WrappedStream;
  const { doWrite, doShutdown } = socket;
  if (doWrite === undefined || doShutdown === undefined) return;
  let hasEnded = false;
  socket.doShutdown = (request) => {
    hasEnded = true;
    return doShutdown(request);
  };
  socket.doWrite = (request, buffers) => (hasEnded ? BROKEN_PIPE : doWrite(request, buffers));
}

/** The errors of nghttp2 that a client causes, by their number (nghttp2.h), as HTTP/2 names them. */
const CAUSED: ReadonlyMap<number, Http2Error> = new Map([
  [-505, 'PROTOCOL_ERROR'],
  [-510, 'STREAM_CLOSED'],
  [-522, 'FRAME_SIZE_ERROR'],
  [-523, 'COMPRESSION_ERROR'],
  [-524, 'FLOW_CONTROL_ERROR'],
  [-903, 'PROTOCOL_ERROR'],
  [-904, 'ENHANCE_YOUR_CALM'],
  [-905, 'ENHANCE_YOUR_CALM'],
]);

/** node:http2 destroys a session by an error of the client as if it were one of ours, INTERNAL_ERROR: names it first. */
export function watchErrors(session: ServerHttp2Session, onError: (error: Http2Error) => void): void {
  const destroy = session.destroy.bind(session);
  session.destroy = (error, code) => {
    // A client that sends too many frames that are ignored has no number.
    const errno = (error as NodeJS.ErrnoException | undefined)?.errno;
    if (error instanceof Error && code === undefined) onError(CAUSED.get(errno ?? 0) ?? 'ENHANCE_YOUR_CALM');
    destroy(error, code);
  };
}
