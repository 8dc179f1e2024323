// What forwarding is measured against: http-proxy as it comes, with a keep-alive agent, and nothing else.

import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from 'http-proxy';

/** Runs the proxy on a free port of loopback: `bare-proxy TARGET_URL`. */
export async function runBareProxy([target = '']: readonly string[]): Promise<() => void> {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' });
  const proxy = httpProxy.createProxyServer({ target, agent });
  proxy.on('error', () => undefined);
  const server = createServer((request, response) => {
    proxy.web(request, response, undefined, () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  });
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => {
    server.close();
    server.closeAllConnections();
    agent.destroy();
  };
}
