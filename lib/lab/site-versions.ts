// The sites that `bench site` applies, one version after the other: with each some pools and hosts go and others come, and
// rules of the rest change. All versions have the same requests, so that clients need not know which is in force. Pure.

/** The size of the site. */
export const SITE_POOLS = 50;
export const SITE_ROUTES = 200;
export const POOL_HOSTS = 4;

/** Pools that are replaced by others with each version. */
export const REPLACED_POOLS = 12;

/** One pool in so many gets another set of hosts with each version. */
const MOVED_EVERY = 5;

/** Hosts that run: those of all pools of one version, and some that it does not use. */
export const RUNNING_HOSTS = SITE_POOLS * POOL_HOSTS + 40;

/** The host name to ask for the version in force. */
export const VERSION_HOST = 'version.test';

/** The body of the answer to that. */
export const versionBody = (version: number): string => `version ${version}\n`;

const poolName = (pool: number, version: number): string => (pool < SITE_POOLS - REPLACED_POOLS ? `p${pool}` : `p${pool}-of-${version}`);

/** Which of the running hosts serve in a pool, by their numbers. */
export function hostsOf(pool: number, version: number): number[] {
  const moved = pool % MOVED_EVERY === version % MOVED_EVERY ? version : 0;
  return Array.from({ length: POOL_HOSTS }, (_, host) => (pool * POOL_HOSTS + host + moved) % RUNNING_HOSTS);
}

/** The pool of a route; it changes for one route in seven. */
export function poolOfRoute(route: number, version: number): number {
  return (route + (route % 7 === version % 7 ? version : 0)) % SITE_POOLS;
}

/** A request of a route: its host name and path. */
export function requestOf(route: number): { readonly host: string; readonly path: string } {
  return { host: `s${route % SITE_POOLS}.test`, path: `/r${Math.floor(route / SITE_POOLS)}/x` };
}

/** The document of a version. @param ports those of the running hosts */
export function siteDocument(version: number, ports: readonly number[]): string {
  const names = Array.from({ length: SITE_POOLS }, (_, pool) => poolName(pool, version));
  const pools = names.map((name, pool) => [
    name,
    {
      hosts: hostsOf(pool, version).map((host) => `http://127.0.0.1:${ports[host]}`),
      algorithm: (pool + version) % 3 === 0 ? 'round-robin' : 'adaptive',
      retries: { attempts: 1 + ((pool + version) % 2) },
      timeouts: { response: `${30 + (version % 10)}s` },
    },
  ]);
  const routes = Array.from({ length: SITE_ROUTES }, (_, route) => {
    const { host, path } = requestOf(route);
    return {
      match: { hosts: [host], path: path.replace(/\/x$/, '') },
      to: names[poolOfRoute(route, version)],
      headers: { request: { set: { 'X-Version': String(version) } } },
      ...(route % 2 === 0 && { rewrite: { path: `/v${version}` } }),
    };
  });
  const version200 = { match: { hosts: [VERSION_HOST] }, respond: { status: 200, body: versionBody(version), type: 'text/plain' } };
  return JSON.stringify({ version: 1, pools: Object.fromEntries(pools), routes: [...routes, version200] });
}
