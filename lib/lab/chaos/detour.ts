// Loaded into a balancer's threads before anything else (`node --import`): connections to a host's port go to this
// balancer's own link to the host. All balancers know a host by one URL, and still each can be cut off from it alone.

import { Socket } from 'node:net';

/** The search parameter of this module's URL: `FROM-TO,FROM-TO`, ports on loopback. */
export const DETOURS = 'detours';

/** The URL to import with these detours, from the port of each host to that of the link. */
export function detourUrl(links: ReadonlyMap<number, number>): string {
  const url = new URL(import.meta.url);
  url.search = new URLSearchParams({ [DETOURS]: [...links].map(([from, to]) => `${from}-${to}`).join(',') }).toString();
  return url.href;
}

const detours = new Map(
  (new URL(import.meta.url).searchParams.get(DETOURS) ?? '')
    .split(',')
    .filter(Boolean)
    .map((each) => each.split('-').map(Number) as [number, number]),
);

interface Target {
  readonly port?: number | string;
}

if (detours.size > 0) {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function detoured(this: Socket, ...args: unknown[]) {
    // `net.connect` passes its arguments as one array, which Node marks: it is changed in place.
    const list = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
    const [target] = list as [Target | number | string];
    const port = typeof target === 'object' && target !== null ? detours.get(Number(target.port)) : undefined;
    if (port !== undefined) list[0] = { ...(target as Target), port };
    return Reflect.apply(connect, this, args) as Socket;
  } as typeof connect;
}
