// Hosts that answer with their name, sites that name them, and clients that keep the cookie they get: for tests of affinity.

import type { RequestListener } from 'node:http';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { applySite } from '../../lib/redis/site-store.js';
import { withServer } from './brackets.js';
import { KEYS, SLOW_MS, type TestBalancer } from './fleet.js';
import { type Answered, type Asked, ask } from './http-client.js';
import { until } from './until.js';

/** The name of the cookie. */
export const COOKIE = 'MEERCATID';

/** Opens a server for each name; `handlerOf` says how it answers, by its name unless said otherwise. */
export async function withHosts<T>(
  names: readonly string[],
  fn: (urls: ReadonlyMap<string, string>) => Promise<T>,
  handlerOf: (name: string) => RequestListener = (name) => (_request, response) => void response.end(name),
): Promise<T> {
  const open = (left: readonly string[], urls: ReadonlyMap<string, string>): Promise<T> => {
    const [name, ...rest] = left;
    return name === undefined ? fn(urls) : withServer(handlerOf(name), ({ url }) => open(rest, new Map([...urls, [name, url]])));
  };
  return open(names, new Map());
}

/** The hosts of a pool, as a site has them. */
export const hostsOf = (urls: ReadonlyMap<string, string>): string =>
  `[${[...urls].map(([name, url]) => `{ name: ${name}, url: "${url}" }`).join(', ')}]`;

/** Applies a site, and waits until all balancers go by it. */
export async function applyTo(client: Commands, balancers: readonly TestBalancer[], document: string): Promise<void> {
  const outcome = await applySite(client, KEYS, { document, expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() });
  if (outcome.kind !== 'applied') throw new Error(`the site was not applied: ${outcome.kind}`);
  const version = String(outcome.site.version);
  for (const { name, lines } of balancers)
    await until(async () => (await client.hget(KEYS.balancer(name), 'site')) === version || undefined, {
      timeoutMs: SLOW_MS,
      everyMs: 20,
      what: () => `${name} to go by version ${version}; its log:\n${lines.join('\n')}`,
    });
}

/** The cookie that an answer sets, as `NAME=VALUE`; undefined: none. */
export function cookieIn({ headers }: Answered): string | undefined {
  return headers['set-cookie']?.find((line) => line.startsWith(`${COOKIE}=`))?.split(';')[0];
}

/** A request with this cookie. */
export function askWith(port: number, cookie: string, asked: Asked = {}): Promise<Answered> {
  return ask(port, { ...asked, headers: { Cookie: `theme=dark; ${cookie}` } });
}

/** The first answer that sets a cookie: the secret may be on its way. */
export function firstCookie(each: TestBalancer, path = '/'): Promise<{ readonly cookie: string; readonly body: string }> {
  return until(
    async () => {
      const answer = await ask(each.port, { path });
      const cookie = cookieIn(answer);
      return cookie === undefined ? undefined : { cookie, body: answer.body };
    },
    { timeoutMs: SLOW_MS, everyMs: 20, what: () => `a cookie of ${each.name}; its log:\n${each.lines.join('\n')}` },
  );
}

/** A client with this cookie comes to this host again and again, through each balancer, and gets no new cookie. */
export async function stays(balancers: readonly TestBalancer[], cookie: string, host: string, path = '/'): Promise<void> {
  for (let i = 0; i < 4; i++)
    for (const { port, name } of balancers) {
      const answer = await askWith(port, cookie, { path });
      assert.equal([answer.body, cookieIn(answer)], [host, undefined], `through ${name}`);
    }
}

/** A client with this cookie is picked a host as if it had none, and gets a new cookie. */
export async function movesOn({ port }: TestBalancer, cookie: string, path = '/'): Promise<Answered> {
  const answer = await askWith(port, cookie, { path });
  assert.is.not(cookieIn(answer), undefined, 'a new cookie');
  assert.is.not(cookieIn(answer), cookie);
  return answer;
}
