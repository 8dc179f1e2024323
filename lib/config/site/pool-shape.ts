// The shape of a pool in a site document, and of its hosts. What a flag of balancers also says has that flag's bounds.

import { MINUTE } from '../../clock.js';
import { POOL_PROTOCOLS } from '../../site-model.js';
import { NUMBER_FIELDS } from '../fields.js';
import { MAX_SITE_HOSTS } from './limits.js';
import { either, list, needed, object, optional, placed } from './shapes.js';
import { FIXED_ANSWER, keyShape, MAX_LIMIT, OWN_BODY } from './shared-shapes.js';
import {
  algorithm,
  choice,
  durationBetween,
  fieldName,
  grpcService,
  healthPath,
  integer,
  percentage,
  statuses,
  text,
} from './value-shapes.js';

/** Browsers keep cookies for at most 400 days (RFC 6265bis, section 5.5). */
const MAX_COOKIE_TTL_MS = 400 * 24 * 60 * MINUTE;

/** A field of flags that the site has too, with the same bounds. */
const asFlag = (field: keyof typeof NUMBER_FIELDS) => integer(NUMBER_FIELDS[field].min, NUMBER_FIELDS[field].max);
const durationAsFlag = (field: keyof typeof NUMBER_FIELDS) => durationBetween(NUMBER_FIELDS[field].min, NUMBER_FIELDS[field].max);

const hostObject = object({
  url: needed(
    placed(text({ wanted: 'a URL such as http://10.0.0.7:3000', pattern: /^[a-z][a-z\d+]*:\/\//i, maxLength: 512 })),
    'The URL: http, https, h2 or h2+tls, perhaps with dns+ or srv+ before it.',
  ),
  name: optional(
    placed(text({ wanted: 'a name', pattern: /^\S+$/, maxLength: 128 })),
    'The name in the fleet. Default: from the URL.',
    null,
  ),
  weight: optional(integer(1, 1000), 'The share of requests compared with other hosts. Default: 1.', 1),
});

const host = either(
  text({ wanted: 'a URL such as http://10.0.0.7:3000, or a map with `url`', pattern: /^[a-z][a-z\d+]*:\/\//i, maxLength: 512 }),
  hostObject,
);

/** A pool. */
export const POOL_SHAPE = object({
  algorithm: optional(algorithm, 'How hosts are picked. Default: as the flag --algorithm says.', null),
  protocol: optional(
    choice(POOL_PROTOCOLS),
    'What hosts with http:// and https:// speak: http1 or h2 (HTTP/2). Hosts with h2:// and h2+tls:// speak HTTP/2 in any case. Default: http1.',
    'http1' as const,
  ),
  hosts: optional(list(host, { min: 1, max: MAX_SITE_HOSTS }), 'Hosts that the document names. Default: none; agents name theirs.', []),
  health: optional(
    object({
      path: optional(healthPath, 'What is asked for. Default: --health-path.', null),
      grpc: optional(
        grpcService,
        'The service that the health service of gRPC is asked about; empty for the whole server. Default: --health-grpc.',
        null,
      ),
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
      fleet: optional(integer(1, MAX_LIMIT), 'Requests in flight from the whole fleet to the pool. Default: no limit.', null),
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
          durationBetween(1000, MAX_COOKIE_TTL_MS),
          'How long the cookie is kept, such as 8h. Default: until the browser is closed.',
          null,
        ),
        hash: optional(keyShape(['path', 'client']), 'What is hashed: path, client, or one of {header: X}, {cookie: x}, {query: x}.', null),
      },
      ['cookie', 'hash'],
    ),
    'How requests of one client come to one host. Default: they do not.',
    null,
  ),
  respond: optional(FIXED_ANSWER, 'Answers every request of the pool itself: maintenance.', null),
  answers: optional(
    object({
      '502': optional(OWN_BODY, 'The body of 502 Bad Gateway.', null),
      '503': optional(OWN_BODY, 'The body of 503 Service Unavailable.', null),
      '504': optional(OWN_BODY, 'The body of 504 Gateway Timeout.', null),
    }),
    "Bodies of a balancer's own answers.",
    null,
  ),
});

/** A pool that has the shape. */
export type PoolDocument = NonNullable<ReturnType<typeof POOL_SHAPE.read>>;

/** A host of it: a URL, or a map. */
export type HostDocument = NonNullable<ReturnType<typeof host.read>>;
