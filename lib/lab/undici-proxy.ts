// A second baseline for forwarding: http-proxy with its `stream` pass replaced by one on undici, the fastest HTTP client
// for Node. undici is needed only here, and is not installed with Meercat.

import type { IncomingMessage, ServerResponse } from 'node:http';
import httpProxy from 'http-proxy';
import type { Dispatcher, Pool } from 'undici';
import { servePeer } from './peer-server.js';

type Pass = (
  request: IncomingMessage,
  response: ServerResponse,
  options: unknown,
  head: unknown,
  server: unknown,
  onError: () => void,
) => void;

/** Hop-by-hop headers that undici sets itself or rejects. */
const LEFT_OUT: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect', 'proxy-connection']);

/** Runs the proxy on a free loopback port: `undici-proxy TARGET_URL [CERT_FILE KEY_FILE]`. Rejects if undici is not installed. */
export async function runUndiciProxy([target = '', ...tls]: readonly string[]): Promise<() => void> {
  const undici = await import('undici');
  const pool = new undici.Pool(target, { connections: 256, pipelining: 1, keepAliveTimeout: 60_000 });
  const proxy = httpProxy.createProxyServer({ target });
  // http-proxy's passes are a plain array that is missing in its types; the last one is `stream`.
  const passes = proxy as unknown as { webPasses: Pass[] };
  passes.webPasses = [
    ...passes.webPasses.filter(({ name }) => name !== 'stream'),
    (request, response, _options, _head, _server, onError) => stream(pool, request, response, onError),
  ];
  const close = await servePeer(proxy, tls);
  return () => {
    close();
    void pool.destroy();
  };
}

function stream(pool: Pool, request: IncomingMessage, response: ServerResponse, onError: () => void): void {
  const { method = 'GET', url = '/', headers, rawHeaders } = request;
  const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  let abort: (() => void) | undefined;
  response.on('close', () => {
    if (!response.writableFinished) abort?.();
  });
  // The older handler interface passes raw headers, which is cheaper than the newer one.
  const handler: Dispatcher.DispatchHandler = {
    onConnect(abortRequest) {
      abort = abortRequest;
    },
    onHeaders(status, raw, resume, reason) {
      if (status < 200) return true;
      response.on('drain', resume);
      response.writeHead(status, reason, passable(raw.map((part) => part.toString('latin1'))));
      return true;
    },
    onData: (chunk) => response.write(chunk),
    onComplete: () => void response.end(),
    onError,
  };
  pool.dispatch(
    { path: url, method: method as Dispatcher.HttpMethod, headers: passable(rawHeaders), body: hasBody ? request : null },
    handler,
  );
}

function passable(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (!LEFT_OUT.has((raw[i] as string).toLowerCase())) kept.push(raw[i] as string, raw[i + 1] as string);
  }
  return kept;
}
