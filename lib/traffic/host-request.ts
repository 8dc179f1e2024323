// A request to a host on one of its keep-alive connections, with a limit on every wait and with its
// faults named. The side towards hosts that both the plain and the upgrade pass use.

import { request as httpRequest, type ClientRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { OutcomeKind } from '../routing/retry.js';
import type { Host } from './host-pool.js';

/** The limits on waiting for a host. */
export interface HostTimeouts {
  /** For the TCP (and TLS) connection. */
  readonly connectMs: number;
  /** For the answer's head, and then for each next part of it. */
  readonly responseMs: number;
}

const CONNECT_TIMEOUT = 'MEERCAT_CONNECT_TIMEOUT';
const RESPONSE_TIMEOUT = 'MEERCAT_RESPONSE_TIMEOUT';

class TimeoutError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** The connections that came about. Node's own `bytesWritten` counts also what was only waiting to be sent. */
const connected = new WeakSet<Socket>();

/** Opens a request; the caller must listen to its `error`. */
export function requestHost(host: Host, method: string, path: string, headers: readonly string[], timeouts: HostTimeouts): ClientRequest {
  const { connection } = host;
  const outgoing = (host.isTls ? httpsRequest : httpRequest)({
    agent: connection.agent,
    host: connection.host,
    port: connection.port,
    method,
    path,
    // A flat list goes out as it is: order, case and repetition are kept.
    headers: headers as string[],
    timeout: timeouts.responseMs,
  });
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => outgoing.destroy(new TimeoutError(CONNECT_TIMEOUT)), timeouts.connectMs);
    socket.once(host.isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      connected.add(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  });
  outgoing.once('timeout', () => outgoing.destroy(new TimeoutError(RESPONSE_TIMEOUT)));
  return outgoing;
}

/** What an error of a request to a host means. */
export function outcomeOf(error: Error, outgoing: ClientRequest): OutcomeKind {
  const { code = '' } = error as { code?: string };
  if (code === RESPONSE_TIMEOUT) return 'timeout';
  if (code.startsWith('HPE_')) return 'bad-response';
  // Never connected: the host has not seen a byte of it.
  const { socket } = outgoing;
  return socket !== null && connected.has(socket) ? 'reset' : 'connect-failed';
}
