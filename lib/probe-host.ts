// Placeholder until the merge: whether a host accepts a connection.
import { connect } from 'node:net';
import type { HostTls } from './traffic-config.js';
/** Placeholder. */
export function probeHost(origin: string, _path: string, timeoutMs: number, _tls: HostTls): Promise<boolean> {
  const url = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) });
    const end = (ok: boolean): void => { clearTimeout(timer); socket.destroy(); resolve(ok); };
    const timer = setTimeout(end, timeoutMs, false);
    socket.on('connect', () => end(true)); socket.on('error', () => end(false));
  });
}
