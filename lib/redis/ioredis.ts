// Loads ioredis, the library behind all connections, and exports its two client types.

import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

// With `import`, Node parses all files of this CommonJS module a second time to find its exports: the start of each
// thread that uses Redis would take a third longer.
const require = createRequire(import.meta.url);
const library = require('ioredis') as typeof import('ioredis');

/** What ioredis opens its sockets with: it declares this member private. */
interface WithConnector {
  readonly connector: { connect(...args: unknown[]): Promise<Socket> };
}

/** Connectors whose sockets have an error listener. */
const guarded = new WeakSet<object>();

// A TLS socket emits each alert of the peer as a separate error, even while it is being closed because its certificate
// was refused, and ioredis listens for one only: the next one would crash the process. Hence every socket gets a
// listener as it is made. The patch also covers ioredis's internal connections to Sentinels and to a Cluster's servers.
const { connect } = library.Redis.prototype;
library.Redis.prototype.connect = function guardedConnect(...args) {
  const { connector } = this as unknown as WithConnector;
  if (!guarded.has(connector)) {
    guarded.add(connector);
    const open = connector.connect.bind(connector);
    connector.connect = async (...openArgs) => (await open(...openArgs)).on('error', () => undefined);
  }
  return connect.apply(this, args);
};

/** A client of a single server, directly or through Sentinel. */
export const Redis = library.Redis;
/** The same, as a type. */
export type Redis = InstanceType<typeof Redis>;

/** A client of a Cluster. */
export const Cluster = library.Cluster;
/** The same, as a type. */
export type Cluster = InstanceType<typeof Cluster>;

/** A connection for commands: to a single server, through Sentinel, or to a Cluster. */
export type Commands = Redis | Cluster;

/** Whether the client is a Cluster client. */
export function isCluster(client: Commands): client is Cluster {
  return client instanceof Cluster;
}
