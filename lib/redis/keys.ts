// Builds every key and channel of Meercat. (ioredis's keyPrefix does not apply to channels.)

/** All names under one namespace; docs/redis.md lists them. */
export interface Keys {
  readonly namespace: string;
  readonly lease: string;
  readonly term: string;
  readonly master: string;
  readonly balancers: string;
  readonly hosts: string;
  readonly pools: string;
  readonly table: string;
  readonly settings: string;
  /** The pools and routes of the fleet. */
  readonly site: string;
  /** What sticky cookies are signed with, in a fleet without a fleet key. */
  readonly secret: string;
  /** Marks for a minute that the settings were restored after Redis lost its data. */
  readonly restored: string;
  readonly costs: string;
  readonly reports: string;
  readonly load: string;
  readonly stats: string;
  readonly events: string;
  /** What balancers tell the master of their traffic. */
  readonly figures: string;
  /** The whole fleet's figures: the channel, and the key that keeps the last ones. */
  readonly view: string;
  balancer(name: string): string;
  host(name: string): string;
  pool(name: string): string;
  /** The answer to one question of `meercat why`. */
  why(token: string): string;
}

/** The keys of a fleet; on Redis Cluster the namespace must be a hash tag (`{meercat}`). */
export function buildKeys(namespace: string): Keys {
  return {
    namespace,
    lease: `${namespace}:lease`,
    term: `${namespace}:term`,
    master: `${namespace}:master`,
    balancers: `${namespace}:balancers`,
    hosts: `${namespace}:hosts`,
    pools: `${namespace}:pools`,
    table: `${namespace}:table`,
    settings: `${namespace}:settings`,
    site: `${namespace}:site`,
    secret: `${namespace}:secret`,
    restored: `${namespace}:restored`,
    costs: `${namespace}:costs`,
    reports: `${namespace}:reports`,
    load: `${namespace}:load`,
    stats: `${namespace}:stats`,
    events: `${namespace}:events`,
    figures: `${namespace}:figures`,
    view: `${namespace}:view`,
    balancer: (name) => `${namespace}:balancer:${name}`,
    host: (name) => `${namespace}:host:${name}`,
    pool: (name) => `${namespace}:pool:${name}`,
    why: (token) => `${namespace}:why:${token}`,
  };
}
