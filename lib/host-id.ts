// The id of a host in the fleet: its name in the pool `default`, and `POOL/NAME` in any other, so that one machine may serve
// in several pools. Everything that names a host to the fleet uses the id: the table, load messages, Redis keys. The classes
// of requests are named for the fleet in the same way.

import { DEFAULT_POOL } from './site-model.js';

/** The id of the host `name` in this pool. */
export function hostIdOf(pool: string, name: string): string {
  return pool === DEFAULT_POOL ? name : `${pool}/${name}`;
}

/** The pool of the host with this id. */
export function poolOf(id: string): string {
  const slash = id.indexOf('/');
  return slash < 0 ? DEFAULT_POOL : id.slice(0, slash);
}

/** The name of the host with this id, without its pool. */
export function bareNameOf(id: string): string {
  return id.slice(id.indexOf('/') + 1);
}

/** The name of a class of requests in the whole fleet: `GET /users/:id` in the pool `default`, else with the pool before it. */
export function classKeyOf(pool: string, name: string): string {
  return hostIdOf(pool, name);
}

/** The pool of the class with this key: a pool has no space in its name, and a method no slash. */
export function poolOfClassKey(key: string): string {
  const pool = poolOf(key);
  return pool.includes(' ') ? DEFAULT_POOL : pool;
}
