// The baseline of the forwarding benchmarks: plain http-proxy with a keep-alive agent and nothing else.

import { Agent } from 'node:http';
import httpProxy from 'http-proxy';
import { servePeer } from './peer-server.js';

/** Runs the proxy on a free port of loopback: `bare-proxy TARGET_URL [CERT_FILE KEY_FILE]`. */
export async function runBareProxy([target = '', ...tls]: readonly string[]): Promise<() => void> {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' });
  const proxy = httpProxy.createProxyServer({ target, agent });
  const close = await servePeer(proxy, tls);
  return () => {
    close();
    agent.destroy();
  };
}
