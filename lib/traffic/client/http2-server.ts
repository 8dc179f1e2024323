// node:http2 as it reads clients' connections: a server that never listens and is handed connections, with settings that
// bound what one of them may hold. Its requests pass http-proxy (shell.ts).

import { createServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TrafficLimits } from '../../config/traffic-config.js';
import type { ClientFacts } from '../wire/headers.js';
import { FrameGuard } from './frame-guard.js';
import { type Http2Context, Http2Session } from './http2-session.js';
import { refuseWritesAfterEnd, watchErrors } from './node-session.js';

/** Bytes of a request's body that may wait in one stream: as many as a connection to a host takes in one read. */
const STREAM_WINDOW = 256 << 10;

/** Bytes that may be on their way on one connection. node:http2 takes them at once, so this does not bound what waits. */
const CONNECTION_WINDOW = 1 << 20;

/** What HPACK adds to the size of a field (RFC 7541, section 4.1). */
const FIELD_OVERHEAD = 32;

/** Fields that a head may have beside its header lines: four pseudo-header fields, and Cookie in parts. */
const MORE_FIELDS = 32;

/** The limits of a connection. */
export type Http2Limits = Pick<TrafficLimits, 'maxHeaderSize' | 'maxHeaders' | 'maxStreams'>;

/** Returns the function that begins an HTTP/2 connection. */
export function createHttp2Server(
  { maxHeaderSize, maxHeaders, maxStreams }: Http2Limits,
  context: Http2Context,
): (socket: Socket, facts: ClientFacts) => Http2Session {
  // A head somewhat above the limits gets its answer, as in HTTP/1; one far above resets its stream.
  const maxFields = 2 * maxHeaders + MORE_FIELDS;
  const maxListSize = 2 * maxHeaderSize + maxFields * FIELD_OVERHEAD;
  const server = createServer({
    maxHeaderListPairs: maxFields,
    // Megabytes: what all streams together may hold, so that none is refused before --max-streams is reached.
    maxSessionMemory: Math.ceil((maxStreams * (2 * STREAM_WINDOW + maxListSize) + CONNECTION_WINDOW) / 1e6),
    settings: {
      maxConcurrentStreams: maxStreams,
      initialWindowSize: STREAM_WINDOW,
      maxHeaderListSize: maxListSize,
      enablePush: false,
      enableConnectProtocol: true,
    },
  });
  let present: ServerHttp2Session | undefined;
  server.on('session', (session) => {
    present = session;
    refuseWritesAfterEnd(session);
    session.setLocalWindowSize(CONNECTION_WINDOW);
  });
  server.on('sessionError', () => undefined);
  return (socket, facts) => {
    const { clock, count, onSilent } = context;
    const onRefused = (reason: string): void => onSilent(facts, reason);
    const guard = new FrameGuard(socket, { rules: { maxStreams, maxHeaderSize }, clock, count, onRefused });
    server.emit('connection', guard);
    const session = present as ServerHttp2Session;
    present = undefined;
    watchErrors(session, (error) => guard.breakOff(error));
    return new Http2Session(socket, guard, session, facts, context);
  };
}
