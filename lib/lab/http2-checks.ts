// The checks of the workloads over HTTP/2: a proxy is measured only if many requests on one connection, all at once,
// bring back status, body and trailers as the host sends them.

import { TLSSocket } from 'node:tls';
import { MeercatError } from '../errors.js';
import { type Protocol, STREAMS_PER_CONNECTION } from './context.js';
import { type Http2Outcome, http2RequestOf, openHttp2Session, sendHttp2 } from './http2-load.js';
import type { LabHost } from './lab-fleet.js';
import type { Peer } from './peers.js';

/** GETs over HTTP/2 to hosts that speak HTTP/1.1. */
export function checkHttp2(peer: Peer, host: LabHost): Promise<void> {
  return checkStreams(peer, host, 'h2');
}

/** gRPC calls to hosts that speak HTTP/2. */
export function checkGrpc(peer: Peer, host: LabHost): Promise<void> {
  return checkStreams(peer, host, 'grpc');
}

async function checkStreams({ name, port, ca }: Peer, host: LabHost, protocol: Exclude<Protocol, 'http1'>): Promise<void> {
  const session = openHttp2Session(port, ca);
  const request = http2RequestOf(protocol, Buffer.from(host.body));
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('connect', () => resolve());
      session.once('error', reject).once('close', () => reject(new Error('closed')));
    });
    const { socket } = session;
    const version = socket instanceof TLSSocket ? socket.getProtocol() : 'no TLS';
    const outcomes = await Promise.all(
      Array.from({ length: STREAMS_PER_CONNECTION }, () => new Promise<Http2Outcome>((resolve) => sendHttp2(session, request, resolve))),
    );
    const wrong = outcomes.find(({ isRight }) => !isRight);
    if (wrong === undefined && version === 'TLSv1.3') return;
    const { status, body, grpcStatus } = wrong ?? { status: 200, body: version ?? '', grpcStatus: undefined };
    const text = JSON.stringify(body.toString('latin1', 0, 120));
    throw new MeercatError(
      'MEERCAT_START_FAILED',
      `${name} answers ${protocol === 'grpc' ? 'a gRPC call' : 'GET / over HTTP/2'} wrongly: status ${status}, ${text}${grpcStatus === undefined ? '' : `, grpc-status ${grpcStatus}`}`,
    );
  } finally {
    session.destroy();
  }
}
