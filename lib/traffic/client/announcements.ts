// How Node's server is told of requests: by what its answer depends on, and nothing that a client wrote. So what
// clients send is parsed once, by us, and no second parser can read it in another way.

import type { Socket } from 'node:net';
import { AnnouncedRequest } from './one-write-response.js';
import type { RequestHead } from '../wire/request-head.js';

const PLAIN = ['GET', 'HEAD'].map((method) =>
  ['1.0', '1.1'].map((version) => ['close', 'keep-alive'].map((connection) => Buffer.from(`${method} / HTTP/${version}\r\nConnection: ${connection}\r\n\r\n`))),
);

const UPGRADE = Buffer.from('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: any\r\n\r\n');

/** The announcement of a request as a head. */
function headOf({ method, minorVersion, isKeptAlive, upgrade }: RequestHead): Buffer {
  if (upgrade !== undefined) return UPGRADE;
  return PLAIN[method === 'HEAD' ? 1 : 0]?.[minorVersion]?.[isKeptAlive ? 1 : 0] as Buffer;
}

/** What Node's server sets on a connection; the names are Node's own, and looked for rather than relied on. */
interface ServedSocket {
  readonly parser?: { readonly onIncoming?: (request: AnnouncedRequest, isKeptAlive: boolean) => void } | null;
}

/**
 * Gives what tells Node's server of each request on a connection that it was handed. A plain request is told by the
 * call that Node's parser would make, always with the same object: a head to be parsed and a readable
 * stream for each would be a tenth of a small request's cost. A head it is where Node has another way
 * inside, and for upgrades, with which Node lets go of the connection.
 */
export function announcerOf(socket: Socket): (head: RequestHead) => void {
  const [parse] = socket.listeners('data') as ((bytes: Buffer) => void)[];
  const onIncoming = (socket as ServedSocket).parser?.onIncoming;
  let request: AnnouncedRequest | undefined;
  return (head) => {
    if (onIncoming === undefined || head.upgrade !== undefined) {
      parse?.(headOf(head));
      return;
    }
    request ??= new AnnouncedRequest(socket);
    request.announce(head.method === 'HEAD' ? 'HEAD' : 'GET', head.minorVersion);
    onIncoming(request, head.isKeptAlive);
  };
}
