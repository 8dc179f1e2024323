// Sites and requests for `bench route`: one mixture as a fleet may have it, and the cases that cost a router the most.

import type { RoutableRequest } from '../routing/router.js';
import { Random } from '../routing/random.js';
import type { RouteMatch, Site, SiteRoute } from '../site-model.js';

/** A site, and requests to it. */
export interface RouteCase {
  readonly site: Pick<Site, 'routes' | 'paths'>;
  readonly requests: readonly RoutableRequest[];
}

/** The length of long targets: the largest `--max-url-size` that a router is likely to see. */
const LONG = 64 << 10;

/** How many different requests a case has. */
const REQUESTS = 1000;

const FITS_ALL: RouteMatch = { hosts: [], scheme: null, path: null, methods: [], headers: [], query: [] };
const NO_CHANGES = { set: [], add: [], remove: [] };

function routeOf(match: Partial<RouteMatch>): SiteRoute {
  return {
    line: 1,
    match: { ...FITS_ALL, ...match },
    action: { kind: 'forward', to: [{ pool: 'default', weight: 1 }], rewrite: null },
    headers: { request: NO_CHANGES, response: NO_CHANGES },
    rateLimit: null,
  };
}

/** The header lines that browsers send, besides `own`. */
function usualHeaders(own: readonly string[]): string[] {
  const usual = ['Host', 'example.test', 'User-Agent', 'Mozilla/5.0', 'Accept', '*/*', 'Accept-Encoding', 'gzip', 'Cookie', 'id=1'];
  return [...usual, ...own];
}

/** A part of a longer text, as a parser hands it out. */
function asParsed(text: string): string {
  return `GET ${text}`.slice(4);
}

function requestTo(target: string, host: string, headers: readonly string[] = []): RoutableRequest {
  return { method: 'GET', target: asParsed(target), host: asParsed(host), headers: usualHeaders(headers) };
}

/** The match of route i of the mixture: by host, wildcard, prefix, method and header, exact path and query, in turn. */
function mixedMatch(i: number): Partial<RouteMatch> {
  const shop = ['shop.example.test'];
  switch (i % 5) {
    case 0:
      return { hosts: [`svc-${i}.example.test`], path: { kind: 'prefix', value: '/api' } };
    case 1:
      return { hosts: [`*.tenant-${i}.example.test`] };
    case 2:
      return { path: { kind: 'prefix', value: `/v${i}/items` } };
    case 3:
      return {
        hosts: shop,
        path: { kind: 'prefix', value: `/p${i}` },
        methods: ['GET', 'HEAD'],
        headers: [{ name: 'x-version', value: String(i) }],
      };
    default:
      return { hosts: shop, path: { kind: 'exact', value: `/p${i}/start` }, query: [{ name: 'page', value: String(i) }] };
  }
}

/** A request that fits route i of the mixture, if there are that many. */
function mixedRequest(i: number): RoutableRequest {
  switch (i % 5) {
    case 0:
      return requestTo(`/api/users/${i}?full=1`, `svc-${i}.example.test:8080`);
    case 1:
      return requestTo(`/static/app-${i}.js`, `www.tenant-${i}.example.test`);
    case 2:
      return requestTo(`/v${i}/items/17/parts`, 'api.example.test');
    case 3:
      return requestTo(`/p${i}/cart`, 'SHOP.example.test', ['X-Version', String(i)]);
    default:
      return requestTo(`/p${i}/start?lang=en&page=${i}`, 'shop.example.test.');
  }
}

/** The mixture, with a last route that fits everything; a tenth of the requests fit only that one. */
function mixed(routes: number, random: Random): RouteCase {
  const matches = Array.from({ length: routes - 1 }, (_, i) => mixedMatch(i));
  const draw = (): number => random.below(Math.max(1, Math.ceil(routes * 1.1)));
  return {
    site: { paths: 'as-written', routes: [...matches, {}].map(routeOf) },
    requests: Array.from({ length: REQUESTS }, () => mixedRequest(draw())),
  };
}

/** Routes that only differ in one condition, and requests that fit none of them. */
function alike(
  matches: readonly Partial<RouteMatch>[],
  requests: readonly RoutableRequest[],
  paths: Site['paths'] = 'as-written',
): RouteCase {
  return { site: { paths, routes: matches.map(routeOf) }, requests };
}

const CASES: Readonly<Record<string, (routes: number, random: Random) => RouteCase>> = {
  mixed,
  'the same path, other headers': (routes) =>
    alike(
      Array.from({ length: routes }, (_, i) => ({ headers: [{ name: 'x-user', value: `user-${i}` }] })),
      // The name a hundred times, which is as often as a head may have it.
      [
        requestTo(
          '/',
          'example.test',
          Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? 'X-User' : `user-${routes + i}`)),
        ),
      ],
    ),
  'a query of 64 KiB': (routes) =>
    alike(
      Array.from({ length: routes }, (_, i) => ({ query: [{ name: `q${i}`, value: '1' }] })),
      [requestTo(`/?${'q1=2&'.repeat(LONG / 5)}`, 'example.test')],
    ),
  'a path of 64 KiB': (routes) =>
    alike(
      Array.from({ length: routes }, (_, i) => ({ path: { kind: 'prefix', value: `/v${i}/items` } })),
      [requestTo(`/${'x'.repeat(LONG)}`, 'example.test')],
    ),
  '32,000 segments, prefixes of 30': (routes) =>
    alike(
      Array.from({ length: routes }, (_, i) => ({
        hosts: ['*.b.c', '*.c', '*.a.b.c', `*.${i}.c`],
        path: { kind: 'prefix', value: `${'/a'.repeat(29)}/${i}` },
      })),
      [requestTo('/a'.repeat(LONG / 2), 'a.a.b.c')],
    ),
  'a path of 64 KiB, strict': (routes) =>
    alike(
      Array.from({ length: routes }, (_, i) => ({ path: { kind: 'prefix', value: `/v${i}/items` } })),
      [requestTo(`/${'%C3%BC'.repeat(LONG / 6)}`, 'example.test')],
      'strict',
    ),
};

/** The names of the cases; the first one is the mixture. */
export const ROUTE_CASES = Object.keys(CASES);

/** A case with this number of routes. */
export function routeCaseOf(name: string, routes: number): RouteCase {
  const build = CASES[name];
  if (build === undefined) throw new Error(`no such case: ${name}`);
  return build(routes, new Random(7));
}
