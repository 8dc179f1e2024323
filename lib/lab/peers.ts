// The proxies that forwarding is compared between: http-proxy as it comes, http-proxy with undici, a balancer
// of ours, and those that others wrote. What is not installed is left out with a word.

import type { BenchContext } from './context.js';
import { LabBalancer, type LabHost, startLabRedis } from './lab-fleet.js';
import { PEER_PROGRAMS, startPeerProgram } from './peer-programs.js';
import { findProgram, startRole } from './processes.js';

/** A proxy that runs. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  /** The process whose CPU is counted, with its threads and children. */
  readonly pid: number;
}

/** The name of the proxy that the others are compared with. */
export const BARE = 'bare http-proxy';

/** The name of the quickest proxy on Node's HTTP server and another's client. */
export const UNDICI = 'http-proxy + undici';

/** The name of ours. */
export const OURS = 'meercat';

/** Starts all proxies that can be started here, bound to `core`; in the order in which they are listed. */
export async function startPeers({ entry, say, shutdown }: BenchContext, host: LabHost, core: number | null): Promise<Peer[]> {
  const options = { core, shutdown };
  const peers: Peer[] = [];
  const startNodePeer = async (name: string, role: string): Promise<void> => {
    const { child, ready } = await startRole(role, [host.url], options);
    peers.push({ name, port: Number(ready.port), pid: child.pid });
  };
  await startNodePeer(BARE, 'bare-proxy');
  if (hasUndici()) await startNodePeer(UNDICI, 'undici-proxy');
  else say('undici is not installed (npm install): http-proxy with undici is left out');

  const redis = await startLabRedis(entry, shutdown);
  const balancer = await LabBalancer.start(entry, 'b1', redis.url, [host], options);
  await balancer.untilServing(1);
  peers.push({ name: OURS, port: balancer.port, pid: balancer.process.pid });

  for (const program of PEER_PROGRAMS) {
    const path = findProgram(program.name);
    if (path === undefined) say(`${program.name} is not installed: left out`);
    else peers.push({ name: program.name, ...(await startPeerProgram(program, path, [host.port], options)) });
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
