// Routes that can never match are refused, and no others: compared with the evaluation of every request of a small
// universe that has, for each thing that routes can leave open, a value that no route names.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RouteMatch } from '../../../lib/site-model.js';
import { problemsOf, siteOf } from '../../support/site-documents.js';

const test = suite('site: unreachable routes');

/** The numbers of the routes that a document is refused for, from 1. */
function unreachableIn(document: string): number[] {
  return problemsOf(document).map((problem) => {
    const [, route] = / route (\d+): can never match, since /.exec(problem) ?? [];
    assert.ok(route !== undefined, problem);
    return Number(route);
  });
}

const siteWith = (...matches: readonly string[]): string =>
  `version: 1\nroutes:\n${matches.map((match) => `- {match: {${match}}, to: default}\n`).join('')}`;

test('a route is refused whose requests all go to an earlier one, with the lines of both', () => {
  assert.equal(problemsOf(siteWith('path: /v2/', 'path: /', 'path: /v2')), [
    '5:3 route 3: can never match, since the route on line 3 takes every request that it is for: remove it, or match by something more',
  ]);
  assert.equal(problemsOf('version: 1\nroutes:\n- to: default\n- to: default\n'), [
    '4:3 route 2: can never match, since the route on line 3 takes every request that it is for: remove it, or match by something more',
  ]);
  const [both = ''] = problemsOf(siteWith('methods: [GET]', 'methods: [POST]', 'methods: [POST, GET]'));
  assert.match(
    both,
    /^5:3 route 3: can never match, since the routes on line 3, line 4 take every|since the routes on line 4, line 3 take/,
  );
});

test('a route with more precedence is reached wherever it stands, and one with a request of its own too', () => {
  for (const matches of [
    ['path: /', 'path: /v2'],
    ['hosts: ["*.x"]', 'hosts: [a.x]'],
    ['path: /v2', 'path: {exact: /v2}'],
    ['headers: {A: "1"}', 'headers: {A: "1", B: "2"}'],
    ['path: /v2', 'path: /v2, methods: [GET]'],
    ['hosts: [a.x], path: /v2', 'hosts: [a.x, b.x], path: /v2'],
    ['methods: [GET]', 'methods: [GET, POST]'],
    ['scheme: http', 'path: /'],
    ['headers: {A: "1"}', 'query: {A: "1"}'],
    // `OPTIONS *` has no path: only a route without one takes it.
    ['path: /', ''],
  ])
    assert.equal(unreachableIn(siteWith(...matches)), [], matches.join(' then '));
  assert.equal(unreachableIn(siteWith('', 'path: /')), [2]);
  assert.equal(unreachableIn(siteWith('scheme: http', 'scheme: https', '')), [3]);
});

interface Request {
  readonly host: string;
  readonly scheme: string;
  readonly path: string;
  readonly method: string;
  readonly headers: ReadonlySet<string>;
  readonly query: ReadonlySet<string>;
}

const HOSTS = ['a.x', 'b.x', 'c.x', 'a.b.x', 'other'];
const PATHS = ['/', '/p', '/p/q', '/p/q/other', '/p/other', '/other', '*'];
const METHODS = ['GET', 'POST', 'OTHER'];
const subsets = (items: readonly string[]): ReadonlySet<string>[] =>
  Array.from({ length: 1 << items.length }, (_, bits) => new Set(items.filter((_item, i) => (bits >> i) & 1)));
const FIELDS = ['h:1', 'g:1'];
const PARAMETERS = ['q:1'];

const UNIVERSE: readonly Request[] = HOSTS.flatMap((host) =>
  ['http', 'https'].flatMap((scheme) =>
    PATHS.flatMap((path) =>
      METHODS.flatMap((method) =>
        subsets(FIELDS).flatMap((headers) => subsets(PARAMETERS).map((query) => ({ host, scheme, path, method, headers, query }))),
      ),
    ),
  ),
);

const isBelow = (path: string, prefix: string): boolean =>
  path !== '*' && (prefix === '/' || path === prefix || path.startsWith(`${prefix}/`));
const fitsHost = (host: string, pattern: string): boolean =>
  pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;

/** How well a route fits, most important first; null when it does not. */
function rankOf(match: RouteMatch, request: Request): number[] | null {
  const hosts = match.hosts.filter((pattern) => fitsHost(request.host, pattern));
  if (match.hosts.length > 0 && hosts.length === 0) return null;
  if (match.scheme !== null && match.scheme !== request.scheme) return null;
  const { path } = match;
  if (path !== null && !(path.kind === 'exact' ? path.value === request.path : isBelow(request.path, path.value))) return null;
  if (match.methods.length > 0 && !match.methods.includes(request.method)) return null;
  if (!match.headers.every(({ name, value }) => request.headers.has(`${name}:${value}`))) return null;
  if (!match.query.every(({ name, value }) => request.query.has(`${name}:${value}`))) return null;
  const hostRank = Math.max(-1, ...hosts.map((pattern) => (pattern.startsWith('*.') ? pattern.length : 1000)));
  const pathRank = path === null ? 1 : path.kind === 'exact' ? 1000 : path.value.length;
  return [hostRank, pathRank, match.methods.length > 0 ? 1 : 0, match.headers.length, match.query.length];
}

/** The index of the route that takes a request; -1 when none does. */
function takerOf(matches: readonly RouteMatch[], request: Request): number {
  let taker = -1;
  let best: number[] = [];
  for (const [index, match] of matches.entries()) {
    const rank = rankOf(match, request);
    if (rank === null) continue;
    const differing = rank.findIndex((value, i) => value !== best[i]);
    if (taker >= 0 && (differing < 0 || (rank[differing] as number) < (best[differing] as number))) continue;
    [taker, best] = [index, rank];
  }
  return taker;
}

const part = (key: string, values: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom('', ...values.map((value) => `${key}: ${value}`));
const listOf = (key: string, values: readonly string[]): fc.Arbitrary<string> =>
  fc
    .subarray([...values], { maxLength: Math.min(3, values.length) })
    .map((some) => (some.length === 0 ? '' : `${key}: [${some.join(', ')}]`));
const anyMatch: fc.Arbitrary<string> = fc
  .tuple(
    listOf('hosts', ['a.x', 'b.x', '"*.x"', '"*.b.x"']),
    part('scheme', ['http', 'https']),
    part('path', ['/', '/p', '/p/q', '{exact: /}', '{exact: /p}', '{exact: /p/q}']),
    listOf('methods', ['GET', 'POST']),
    part('headers', ['{h: "1"}', '{g: "1"}', '{h: "1", g: "1"}']),
    part('query', ['{q: "1"}']),
  )
  .map((parts) => parts.filter((each) => each !== '').join(', '));

test('over random sites exactly those routes are refused that no request of the universe reaches', () => {
  let refused = 0;
  // Few different matches, so that many routes are alike.
  const matches = fc
    .array(anyMatch, { minLength: 1, maxLength: 5 })
    .chain((some) => fc.array(fc.constantFrom(...some), { minLength: 1, maxLength: 7 }));
  fc.assert(
    fc.property(matches, fc.array(anyMatch, { maxLength: 3 }), (some, more) => {
      const all = [...some, ...more];
      // Each alone is a good site, so that its match can be read.
      const read = all.map((match) => siteOf(siteWith(match)).routes[0]?.match as RouteMatch);
      const reached = new Set(UNIVERSE.map((request) => takerOf(read, request)));
      const expected = all.flatMap((_, index) => (reached.has(index) ? [] : [index + 1]));
      assert.equal(unreachableIn(siteWith(...all)), expected);
      refused += expected.length;
    }),
    { numRuns: 400, seed: 17 },
  );
  assert.ok(refused > 300, `${refused} routes were refused`);
});

test('10,000 routes, with and without unreachable ones among them', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => `hosts: [h${i % 100}.test], path: /p${i >> 1}`);
  assert.equal(unreachableIn(siteWith(...many)), []);
  const twice = [...many.slice(0, 9_990), ...many.slice(0, 10)];
  assert.equal(
    unreachableIn(siteWith(...twice)),
    Array.from({ length: 10 }, (_, i) => 9_991 + i),
  );
});

test.run();
