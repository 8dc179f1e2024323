// The proxies that are compared: Meercat, bare http-proxy, http-proxy with undici, nginx, HAProxy and Caddy. Programs
// that are not installed are left out with a message.

import type { BenchContext, Protocol } from './context.js';
import type { LabCertificate } from './lab-certificate.js';
import { LabBalancer, type LabHost } from './lab-fleet.js';
import { PEER_PROGRAMS, startPeerProgram } from './peer-programs.js';
import { type Core, findProgram, startRole } from './processes.js';

/** A running proxy. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  /** The process whose CPU is counted, with its threads and children. */
  readonly pid: number;
  /** Certificate (PEM) for clients to trust if it uses TLS 1.3; undefined for plain HTTP. */
  readonly ca: string | undefined;
  /** Stops it. */
  readonly stop: () => Promise<void>;
}

/** The names of the proxies, in the order of the report. */
export const PEER = {
  bare: 'bare http-proxy',
  undici: 'http-proxy + undici',
  ours: 'meercat',
  nginx: 'nginx',
  haproxy: 'haproxy',
  caddy: 'caddy',
} as const;

/** The name of a proxy. */
export type ProxyName = (typeof PEER)[keyof typeof PEER];

/** Which proxies to start, and how. */
export interface PeerWishes {
  readonly redisUrl: string;
  readonly core: Core;
  /** All by default. */
  readonly names?: readonly ProxyName[];
  /** HTTP/1.1 by default. The two with http-proxy speak nothing else and are left out otherwise. */
  readonly protocol?: Protocol;
  /** If set, they listen with TLS 1.3. */
  readonly certificate?: LabCertificate | undefined;
  /** Connections that nginx and HAProxy must be able to hold. */
  readonly maxConnections?: number | undefined;
}

/** Starts the wanted proxies that are installed, in the order of {@link PEER}. */
export async function startPeers({ entry, say, shutdown }: BenchContext, host: LabHost, wishes: PeerWishes): Promise<Peer[]> {
  const { redisUrl, core, protocol = 'http1', certificate, maxConnections } = wishes;
  const options = { core, shutdown };
  const ca = certificate?.cert;
  const isWanted = (name: ProxyName): boolean =>
    (wishes.names?.includes(name) ?? true) && (protocol === 'http1' || (name !== PEER.bare && name !== PEER.undici));
  const peers: Peer[] = [];
  const startNodePeer = async (name: ProxyName, role: string): Promise<void> => {
    const { child, ready } = await startRole(
      role,
      [host.url, ...(certificate === undefined ? [] : [certificate.certFile, certificate.keyFile])],
      options,
    );
    peers.push({ name, port: Number(ready.port), pid: child.pid, ca, stop: child.stop });
  };
  if (isWanted(PEER.bare)) await startNodePeer(PEER.bare, 'bare-proxy');
  if (isWanted(PEER.undici)) {
    if (hasUndici()) await startNodePeer(PEER.undici, 'undici-proxy');
    else say('undici is not installed (npm install): http-proxy with undici is left out');
  }
  if (isWanted(PEER.ours)) {
    const tlsFlags = certificate === undefined ? [] : ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile];
    const balancer = await LabBalancer.start(entry, 'b1', redisUrl, [host], options, tlsFlags);
    await balancer.untilServing(1);
    peers.push({ name: PEER.ours, port: balancer.port, pid: balancer.process.pid, ca, stop: () => balancer.process.stop() });
  }
  for (const program of PEER_PROGRAMS.filter(({ name }) => isWanted(name))) {
    const path = findProgram(program.name);
    if (path === undefined) say(`${program.name} is not installed: left out`);
    else
      peers.push({
        name: program.name,
        ca,
        ...(await startPeerProgram(program, path, [host.port], options, { protocol, certificate, maxConnections })),
      });
  }
  return peers;
}

function hasUndici(): boolean {
  try {
    return import.meta.resolve('undici') !== '';
  } catch {
    return false;
  }
}
