// The shape of a whole site document: each key with what it may be. The reader and the JSON Schema both come from here;
// how keys depend on one another is in build-pools.ts and build-routes.ts.

import { MINUTE } from '../../clock.js';
import { isPoolName, POOL_RULE } from '../../redis/names.js';
import { NUMBER_FIELDS } from '../fields.js';
import { MAX_METHOD_LENGTH } from '../methods.js';
import { FIELD_KEYS, headerValue, hostName, hostPattern, MATCH_KEYS, PARAMETER_KEYS, path, prefix, queryValue } from './names-and-paths.js';
import { code, quoted } from './problems.js';
import { either, type Fitted, type KeyRule, list, needed, object, optional, placed, record } from './shapes.js';
import {
  algorithm,
  choice,
  durationBetween,
  fieldName,
  healthPath,
  integer,
  numberChoice,
  parameterName,
  percentage,
  statuses,
  text,
} from './value-shapes.js';

/** The version of documents that this Meercat reads. */
export const SITE_VERSION = 1;

/** Most pools of a site, `default` among them. */
export const MAX_SITE_POOLS = 1024;

/** Most routes of a site. */
export const MAX_SITE_ROUTES = 10_000;

/** Most hosts of a site that its document names. */
export const MAX_SITE_HOSTS = 16_384;

/** Most header fields, parameters, methods and pools of one route, as in the Gateway API. */
const MAX_OF_ROUTE = 16;

/** Most host names of one route. */
const MAX_HOSTS_OF_ROUTE = 1024;

/** Longest body of a fixed answer, in characters. */
const MAX_BODY = 64 << 10;

/** A request is counted in 32 bits. */
const MAX_REQUESTS = 1e9;

/** Browsers keep cookies for at most 400 days (RFC 6265bis, section 5.5). */
const MAX_COOKIE_TTL = 400 * 24 * 60 * MINUTE;

const HOUR = 60 * MINUTE;

const some = { min: 1, max: MAX_OF_ROUTE };

/** A field of flags that the site has too, with the same bounds. */
const asFlag = (field: keyof typeof NUMBER_FIELDS) => integer(NUMBER_FIELDS[field].min, NUMBER_FIELDS[field].max);
const durationAsFlag = (field: keyof typeof NUMBER_FIELDS) => durationBetween(NUMBER_FIELDS[field].min, NUMBER_FIELDS[field].max);

const poolName = text({ wanted: `the name of a pool (${POOL_RULE})`, pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/, maxLength: 63 });

const POOL_KEYS: KeyRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
  check: (key) => (isPoolName(key) ? undefined : `${quoted(key)} can't be the name of a pool: ${POOL_RULE}`),
};

const body = text({ wanted: 'text', pattern: /^/, maxLength: MAX_BODY });
const mediaType = text({
  wanted: 'a media type such as text/plain',
  pattern: /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/,
  maxLength: 256,
});

const BODY_FIELDS = {
  body: optional(body, 'The body. Default: none.', ''),
  type: optional(mediaType, 'Its Content-Type. Default: text/plain; charset=utf-8.', 'text/plain; charset=utf-8'),
};

const fixedAnswer = object({ status: needed(integer(200, 599), 'The status, 200 to 599.'), ...BODY_FIELDS });
const ownBody = object(BODY_FIELDS);

const keyByName = {
  header: optional(fieldName, 'The value of this header field.', null),
  cookie: optional(fieldName, 'The value of this cookie.', null),
  query: optional(parameterName, 'The value of this query parameter.', null),
};
const keyOf = <const Word extends string>(words: readonly Word[]) =>
  either(choice(words), object(keyByName, ['header', 'cookie', 'query']));

const hostObject = object({
  url: needed(
    placed(text({ wanted: 'a URL such as http://10.0.0.7:3000', pattern: /^[a-z+]+:\/\//i, maxLength: 512 })),
    'The URL: http, https, dns+http, dns+https, srv+http or srv+https.',
  ),
  name: optional(
    placed(text({ wanted: 'a name', pattern: /^\S+$/, maxLength: 128 })),
    'The name in the fleet. Default: from the URL.',
    null,
  ),
  weight: optional(integer(1, 1000), 'The share of requests compared with other hosts. Default: 1.', 1),
});

const host = either(
  text({ wanted: 'a URL such as http://10.0.0.7:3000, or a map with `url`', pattern: /^[a-z+]+:\/\//i, maxLength: 512 }),
  hostObject,
);

const pool = object({
  algorithm: optional(algorithm, 'How hosts are picked. Default: as the flag --algorithm says.', null),
  hosts: optional(list(host, { min: 1, max: MAX_SITE_HOSTS }), 'Hosts that the document names. Default: none; agents name theirs.', []),
  health: optional(
    object({
      path: optional(healthPath, 'What is asked for. Default: --health-path.', null),
      interval: optional(durationAsFlag('healthIntervalMs'), 'How often. Default: --health-interval.', null),
      timeout: optional(durationAsFlag('healthTimeoutMs'), 'How long an answer may take. Default: --health-timeout.', null),
      statuses: optional(statuses, 'Statuses of a host that is well, such as 200-399. Default: --health-expect.', null),
    }),
    'Active checks.',
    null,
  ),
  limits: optional(
    object({
      perHost: optional(asFlag('hostMaxInflight'), 'Requests in flight from one balancer to one host. Default: --host-max-inflight.', null),
      fleet: optional(integer(1, MAX_REQUESTS), 'Requests in flight from the whole fleet to the pool. Default: no limit.', null),
      queue: optional(asFlag('hostQueue'), 'Requests that wait in one balancer. Default: --host-queue.', null),
      queueTimeout: optional(durationAsFlag('queueTimeoutMs'), 'How long they wait. Default: --queue-timeout.', null),
    }),
    'Limits of requests in flight.',
    null,
  ),
  retries: optional(
    object({
      budget: optional(percentage, 'Retries within ten seconds, as a percentage of the requests. Default: --retry-budget.', null),
      attempts: optional(integer(1, 10), 'Attempts for one request, the first among them. Default: 2.', null),
    }),
    'Retries.',
    null,
  ),
  timeouts: optional(
    object({
      connect: optional(durationAsFlag('connectTimeoutMs'), 'For a connection to a host. Default: --connect-timeout.', null),
      response: optional(durationAsFlag('responseTimeoutMs'), 'How long a host may be silent. Default: --response-timeout.', null),
    }),
    'How long hosts may take.',
    null,
  ),
  affinity: optional(
    object(
      {
        cookie: optional(fieldName, 'The name of a cookie that binds a client to a host.', null),
        ttl: optional(
          durationBetween(1000, MAX_COOKIE_TTL),
          'How long the cookie is kept, such as 8h. Default: until the browser is closed.',
          null,
        ),
        hash: optional(keyOf(['path', 'client']), 'What is hashed: path, client, or one of {header: X}, {cookie: x}, {query: x}.', null),
      },
      ['cookie', 'hash'],
    ),
    'How requests of one client come to one host. Default: they do not.',
    null,
  ),
  respond: optional(fixedAnswer, 'Answers every request of the pool itself: maintenance.', null),
  answers: optional(
    object({
      '502': optional(ownBody, 'The body of 502 Bad Gateway.', null),
      '503': optional(ownBody, 'The body of 503 Service Unavailable.', null),
      '504': optional(ownBody, 'The body of 504 Gateway Timeout.', null),
    }),
    "Bodies of a balancer's own answers.",
    null,
  ),
});

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
  remove: optional(
    list(text({ wanted: 'the name of a header field', pattern: /^\S+$/, maxLength: 256 }), some),
    'Names of fields that are removed.',
    [],
  ),
});

const route = object(
  {
    match: optional(match, 'Which requests it is for. Default: all.', null),
    to: optional(
      placed(either(poolName, record(POOL_KEYS, integer(0, 1_000_000), some))),
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
    respond: optional(fixedAnswer, 'Answers by itself.', null),
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
        requests: needed(integer(1, MAX_REQUESTS), 'How many requests.'),
        per: needed(durationBetween(1000, HOUR), 'In which time, 1s to 60m.'),
        burst: optional(integer(1, MAX_REQUESTS), 'How many may come at once. Default: as `requests`.', null),
        key: needed(
          keyOf(['route', 'client']),
          'Who is limited: route (all together), client (each address), or one of {header: X}, {cookie: x}, {query: x}.',
        ),
      }),
      'Limits requests over the whole fleet.',
      null,
    ),
  },
  ['to', 'redirect', 'respond'],
);

/** The whole document. */
export const SITE_SHAPE = object({
  version: needed(integer(SITE_VERSION, SITE_VERSION), `The version of the format: ${SITE_VERSION}.`),
  paths: optional(
    choice(['as-written', 'strict']),
    'How paths are read: strict refuses those that a host might read differently. Default: as-written.',
    'as-written' as const,
  ),
  pools: optional(
    record(POOL_KEYS, pool, { min: 0, max: MAX_SITE_POOLS }, (name) => `pool ${code(name)}`),
    'The pools by name. `default` always exists.',
    [],
  ),
  routes: optional(
    list(route, { min: 0, max: MAX_SITE_ROUTES }, (index) => `route ${index + 1}`),
    'The routes. Default: everything goes to the only pool, or else to `default`.',
    [],
  ),
});

/** A document that has the shape. */
export type SiteDocument = NonNullable<ReturnType<typeof SITE_SHAPE.read>>;

/** A pool of it. */
export type PoolDocument = NonNullable<ReturnType<typeof pool.read>>;

/** A host of it: a URL, or a map. */
export type HostDocument = NonNullable<ReturnType<typeof host.read>>;

/** A route of it. */
export type RouteDocument = NonNullable<ReturnType<typeof route.read>>;

/** Changes of header fields of one side. */
export type ChangesDocument = NonNullable<ReturnType<typeof changes.read>>;

/** The name of a field, cookie or parameter whose value is a key. */
export type KeyByName = Fitted<typeof keyByName>;
