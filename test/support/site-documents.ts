// Site documents for tests: the example of deploy/, what reading one gives, and problems as lines of text.

import { readSite } from '../../lib/config/site/read-site.js';
import type { Site } from '../../lib/site-model.js';
import { readPage } from './documents.js';

/** The example that is shipped. */
export const EXAMPLE = readPage('deploy/site.yaml').text;

/** The site of a document that is good. */
export function siteOf(text: string): Site {
  const reading = readSite(text);
  if ('site' in reading) return reading.site;
  throw new Error(`refused:\n${problemsOf(text).join('\n')}`);
}

/** What is wrong with a document, each as `LINE:COLUMN message`; empty when it is good. */
export function problemsOf(text: string): string[] {
  const reading = readSite(text);
  return 'problems' in reading ? reading.problems.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

/** What a good document is warned of, each as `LINE:COLUMN message`. */
export function warningsOf(text: string): string[] {
  const reading = readSite(text);
  if ('problems' in reading) throw new Error(`refused:\n${problemsOf(text).join('\n')}`);
  return reading.warnings.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** A document that has every key there is, as JSON. */
export const WITH_EVERY_KEY = {
  version: 1,
  paths: 'strict',
  pools: {
    web: {
      algorithm: 'least-request',
      protocol: 'h2',
      hosts: ['http://10.0.0.7:3000', 'h2://10.0.0.9:50051', { url: 'dns+https://web.internal', name: 'web-2', weight: 2 }],
      health: { path: '/healthz?deep=1', interval: '1s', timeout: 500, statuses: '200-299,401' },
      limits: { perHost: 10, fleet: 100, queue: 5, queueTimeout: '1s' },
      retries: { budget: '20%', attempts: 3 },
      timeouts: { connect: '2s', response: '1m' },
      affinity: { cookie: 'MEERCATID', ttl: '8h' },
      respond: { status: 503, body: 'back soon\n', type: 'text/plain' },
      answers: {
        '502': { body: 'bad', type: 'text/plain' },
        '503': { body: 'full', type: 'text/html' },
        '504': { body: '', type: 'text/html' },
      },
    },
    orders: { hosts: ['h2://10.0.1.1:50051'], health: { grpc: 'shop.Orders' } },
    cache: { affinity: { hash: { header: 'X-User' } } },
    users: { affinity: { hash: { cookie: 'sid' } } },
    pages: { affinity: { hash: { query: 'page' } } },
    paths: { affinity: { hash: 'path' } },
  },
  routes: [
    {
      match: {
        hosts: ['api.example.test', '*.example.test'],
        scheme: 'https',
        path: '/v2/',
        methods: ['GET', 'POST'],
        headers: { 'X-Beta': '1' },
        query: { debug: 'on' },
      },
      to: { web: 95, cache: 5 },
      rewrite: { stripPrefix: '/v2' },
      headers: {
        request: { set: { 'X-Host': 'api.internal' }, add: { 'X-Api': '2' }, remove: ['Cookie'] },
        response: { set: { 'X-A': 'a' }, add: { 'X-B': 'b' }, remove: ['Server'] },
      },
      rateLimit: { requests: 100, per: '1s', burst: 50, key: 'client' },
    },
    {
      match: { path: { prefix: '/old' } },
      to: 'users',
      rewrite: { replacePrefix: { prefix: '/old', by: '/new' } },
      rateLimit: { requests: 1, per: '1m', key: { header: 'X-Key' } },
    },
    {
      match: { path: { exact: '/one' } },
      to: 'pages',
      rewrite: { path: '/two' },
      rateLimit: { requests: 1, per: '1s', key: { cookie: 'sid' } },
    },
    { match: { path: '/paths' }, to: 'paths', rateLimit: { requests: 1, per: '1s', key: { query: 'key' } } },
    { match: { scheme: 'http' }, redirect: { scheme: 'https', host: 'www.example.test', port: 8443, path: '/', status: 308 } },
    { respond: { status: 404, body: 'not here\n', type: 'text/plain' } },
  ],
};
