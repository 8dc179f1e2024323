// The heads by which Node's server is told of requests: what its answer depends on, and nothing that a client
// wrote. So what clients send is parsed once, by us, and no second parser can read it in another way.

import type { RequestHead } from './request-head.js';

const PLAIN = ['GET', 'HEAD'].map((method) =>
  ['1.0', '1.1'].map((version) => ['close', 'keep-alive'].map((connection) => Buffer.from(`${method} / HTTP/${version}\r\nConnection: ${connection}\r\n\r\n`))),
);

const UPGRADE = Buffer.from('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n');

/** The announcement of a request. */
export function announcementOf({ method, minorVersion, isKeptAlive, upgrade }: RequestHead): Buffer {
  if (upgrade !== undefined) return UPGRADE;
  return PLAIN[method === 'HEAD' ? 1 : 0]?.[minorVersion]?.[isKeptAlive ? 1 : 0] as Buffer;
}
