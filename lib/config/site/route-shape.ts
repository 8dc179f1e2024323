// The shape of a route in a site document: what it matches, and what happens then.

import { MINUTE } from '../../clock.js';
import { MAX_METHOD_LENGTH } from '../methods.js';
import { FIELD_KEYS, headerValue, hostName, hostPattern, MATCH_KEYS, PARAMETER_KEYS, path, prefix, queryValue } from './names-and-paths.js';
import { either, list, needed, object, optional, placed, record } from './shapes.js';
import { FIXED_ANSWER, keyShape, MAX_LIMIT, POOL_KEYS, POOL_NAME } from './shared-shapes.js';
import { choice, durationBetween, fieldName, integer, numberChoice, text } from './value-shapes.js';

/** Most header fields, parameters, methods and pools of one route, as in the Gateway API. */
const MAX_OF_ROUTE = 16;

/** Most host names of one route. */
const MAX_HOSTS_OF_ROUTE = 1024;

const some = { min: 1, max: MAX_OF_ROUTE };

const methodText = text({ wanted: 'a method such as GET', pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, maxLength: MAX_METHOD_LENGTH });

const match = object({
  hosts: optional(
    list(hostPattern, { min: 1, max: MAX_HOSTS_OF_ROUTE }),
    'Host names; *.example.test fits all names below it. Default: every name.',
    [],
  ),
  scheme: optional(choice(['http', 'https']), 'How the client came. Default: both.', null),
  path: optional(
    placed(
      either(
        prefix,
        object({ exact: optional(path, 'This path alone.', null), prefix: optional(prefix, 'This path and all below it.', null) }, [
          'exact',
          'prefix',
        ]),
      ),
    ),
    'A path and all below it, by segments; or {exact: /x}. Default: every path.',
    null,
  ),
  methods: optional(list(methodText, some), 'Methods. Default: every method.', []),
  headers: optional(record(MATCH_KEYS, headerValue, some), 'Header fields and their values, compared exactly.', []),
  query: optional(record(PARAMETER_KEYS, queryValue, some), 'Query parameters and their values, compared exactly.', []),
});

const changes = object({
  set: optional(record(FIELD_KEYS, headerValue, some), 'Fields that replace all of their name.', []),
  add: optional(record(FIELD_KEYS, headerValue, some), 'Fields that are added.', []),
  remove: optional(list(fieldName, some), 'Names of fields that are removed.', []),
});

/** A route. */
export const ROUTE_SHAPE = object(
  {
    match: optional(match, 'Which requests it is for. Default: all.', null),
    to: optional(
      placed(either(POOL_NAME, record(POOL_KEYS, integer(0, 1_000_000), some))),
      'The pool that gets the requests, or several with their weights: {api: 95, api-canary: 5}.',
      null,
    ),
    redirect: optional(
      placed(
        object({
          scheme: optional(choice(['http', 'https']), 'Default: that of the request.', null),
          host: optional(hostName, 'Default: that of the request.', null),
          port: optional(integer(1, 65_535), 'Default: that of the request.', null),
          path: optional(path, 'Default: that of the request.', null),
          status: optional(numberChoice([301, 302, 303, 307, 308]), 'Default: 302.', 302 as const),
        }),
      ),
      'Sends the client elsewhere.',
      null,
    ),
    respond: optional(FIXED_ANSWER, 'Answers by itself.', null),
    rewrite: optional(
      object(
        {
          stripPrefix: optional(prefix, 'Takes this prefix off the path.', null),
          replacePrefix: optional(
            object({ prefix: needed(prefix, 'The prefix that goes.'), by: needed(prefix, 'What takes its place.') }),
            'Puts one prefix in the place of another.',
            null,
          ),
          path: optional(path, 'The path that every request gets.', null),
        },
        ['stripPrefix', 'replacePrefix', 'path'],
      ),
      'Changes the path that goes to the host.',
      null,
    ),
    headers: optional(
      object({
        request: optional(changes, 'Of requests, before they go to a host.', null),
        response: optional(changes, 'Of answers, before they go to the client.', null),
      }),
      'Changes header fields: removes, then sets, then adds.',
      null,
    ),
    rateLimit: optional(
      object({
        requests: needed(integer(1, MAX_LIMIT), 'How many requests.'),
        per: needed(durationBetween(1000, 60 * MINUTE), 'In which time, 1s to 60m.'),
        burst: optional(integer(1, MAX_LIMIT), 'How many may come at once. Default: as `requests`.', null),
        key: needed(
          keyShape(['route', 'client']),
          'Who is limited: route (all together), client (each address), or one of {header: X}, {cookie: x}, {query: x}.',
        ),
      }),
      'Limits requests over the whole fleet.',
      null,
    ),
  },
  ['to', 'redirect', 'respond'],
);

/** A route that has the shape. */
export type RouteDocument = NonNullable<ReturnType<typeof ROUTE_SHAPE.read>>;

/** Changes of header fields of one side. */
export type ChangesDocument = NonNullable<ReturnType<typeof changes.read>>;
