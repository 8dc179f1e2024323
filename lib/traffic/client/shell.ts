// http-proxy with passes of our own, which run the attempt of a request: http-proxy's own passes let an attacker kill the
// process, hang clients and smuggle requests.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import type { Startable } from './client-side.js';

/** Sends attempts through http-proxy. */
export interface Shell {
  /** Sends the attempt of a request whose client is ours to answer. */
  readonly web: (attempt: Startable) => void;
  /** Sends the attempt of a request that Node's server took for an upgrade. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, attempt: Startable) => void;
}

/** http-proxy as our passes see it: its types do not declare the passes, and know requests of Node's server only. */
interface Passed {
  webPasses: ((attempt: Startable) => void)[];
  wsPasses: ((request: IncomingMessage) => void)[];
  web(attempt: Startable, response: undefined): void;
  ws(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Sets up http-proxy. */
export function createShell(): Shell {
  const attempts = new WeakMap<IncomingMessage, Startable>();
  // http-proxy requires a target; it is not used, since the attempt knows its host.
  const server = httpProxy.createProxyServer({ target: { host: 'the attempt knows' } });
  // Our passes never emit an error; without a listener http-proxy would throw.
  server.on('error', () => undefined);
  const proxy = server as unknown as Passed;
  proxy.webPasses = [(attempt) => attempt.run()];
  proxy.wsPasses = [(request) => attempts.get(request)?.run()];
  return {
    web: (attempt) => proxy.web(attempt, undefined),
    upgrade: (request, socket, attempt) => {
      attempts.set(request, attempt);
      proxy.ws(request, socket, Buffer.alloc(0));
    },
  };
}
