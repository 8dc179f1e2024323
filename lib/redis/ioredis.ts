// The library behind all connections, loaded the quick way, and the two kinds of client that it has.

import { createRequire } from 'node:module';

// By `import`, Node would read all files of this CommonJS module a second time for the names that it exports:
// each thread that speaks with Redis would start a third later.
const require = createRequire(import.meta.url);
const library = require('ioredis') as typeof import('ioredis');

/** Connections whose sockets are listened to. */
const guarded = new WeakSet<object>();

// After the handshake a TLS socket emits every alert of the other side as an error of its own, and ioredis listens to
// one: the next one would end the process. This reaches the connections too that ioredis makes itself, to Sentinels.
const { connect } = library.Redis.prototype;
library.Redis.prototype.connect = function guardedConnect(...args) {
  if (!guarded.has(this)) this.on('connect', () => this.stream?.on('error', () => undefined));
  guarded.add(this);
  return connect.apply(this, args);
};

/** A client of one server, or of what a Sentinel points at. */
export const Redis = library.Redis;
/** The same, as a type. */
export type Redis = InstanceType<typeof Redis>;

/** A client of a Cluster. */
export const Cluster = library.Cluster;
/** The same, as a type. */
export type Cluster = InstanceType<typeof Cluster>;

/** A connection for commands; a single server, what a Sentinel points at, or a Cluster. */
export type Commands = Redis | Cluster;

/** Whether it speaks with a Cluster. */
export function isCluster(client: Commands): client is Cluster {
  return client instanceof Cluster;
}
