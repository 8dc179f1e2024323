// A gRPC service with minimal cost, over HTTP/2 without TLS (prior knowledge): each call is answered with the bytes it sent
// and status 0. It trusts its input.

import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** The method that the benchmarks call. */
export const GRPC_PATH = '/bench.Echo/Say';

const ANSWER = { ':status': 200, 'content-type': 'application/grpc' };
const TRAILERS = { 'grpc-status': '0' };

/** Above what any proxy has in flight on one connection, so that the host is no limit. */
const MAX_STREAMS = 1000;

/** Runs the role `grpc-host NAME [PORT]` on loopback; without a port, on any free one. */
export async function runGrpcHost([, port = '0']: readonly string[]): Promise<() => void> {
  const server = createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } });
  server.on('sessionError', () => undefined);
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', answer);
  await new Promise<void>((resolve) => {
    server.listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 }, resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => void server.close();
}

function answer(stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on('error', () => stream.close());
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    // A load that ends resets what it still waits for.
    if (stream.destroyed || stream.closed) return;
    stream.respond(ANSWER, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS));
    stream.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
}
