// Loads ioredis, the library behind all connections, and exports its two client types.

import { createRequire } from 'node:module';

// With `import`, Node parses all files of this CommonJS module a second time to find its exports: the start of each
// thread that uses Redis would take a third longer.
const require = createRequire(import.meta.url);
const library = require('ioredis') as typeof import('ioredis');

/** Connections whose sockets have an error listener. */
const guarded = new WeakSet<object>();

// After the handshake a TLS socket emits each alert of the peer as a separate error, and ioredis listens for one only:
// the next one would crash the process. The patch also covers ioredis's internal connections to Sentinels.
const { connect } = library.Redis.prototype;
library.Redis.prototype.connect = function guardedConnect(...args) {
  if (!guarded.has(this)) this.on('connect', () => this.stream?.on('error', () => undefined));
  guarded.add(this);
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
