// Routes in a few words, for people: what a route matches, on one line. Pure.

import type { NameValue, RouteMatch } from '../../site-model.js';
import { visible } from './problems.js';

/** Most host names and methods that are told. */
const MAX_TOLD = 3;

function some(words: readonly string[], separator: string): string {
  const told = words.slice(0, MAX_TOLD).join(separator);
  return words.length > MAX_TOLD ? `${told} and ${words.length - MAX_TOLD} more` : told;
}

/** What a route matches: `GET,POST http://api.example.test/v2 with x-beta: 1`, a prefix with a slash and a star behind it; `any request` when it is everything. */
export function describeMatch({ hosts, scheme, path, methods, headers, query }: RouteMatch): string {
  const place = `${scheme === null ? '' : `${scheme}://`}${hosts.length === 0 && scheme !== null ? '*' : some(hosts, ',')}${pathText(path)}`;
  const fields = headers.map(({ name, value }) => `${name}: ${value}`);
  const parameters = query.map(({ name, value }) => `?${name}=${value}`);
  const conditions = [...fields, ...parameters];
  const what = [some(methods, ','), place].filter((word) => word !== '').join(' ') || 'any request';
  return visible(conditions.length === 0 ? what : `${what} with ${some(conditions, ', ')}`);
}

function pathText(path: RouteMatch['path']): string {
  if (path === null) return '';
  return path.kind === 'exact' ? path.value : `${path.value === '/' ? '' : path.value}/*`;
}

/** A text that is the same for two matches exactly when they match the same requests, whatever the order of their parts. */
export function matchKey({ hosts, scheme, path, methods, headers, query }: RouteMatch): string {
  const sorted = (pairs: readonly NameValue[]): string[] => pairs.map(({ name, value }) => JSON.stringify([name, value])).toSorted();
  return JSON.stringify([hosts.toSorted(), scheme, path, methods.toSorted(), sorted(headers), sorted(query)]);
}
