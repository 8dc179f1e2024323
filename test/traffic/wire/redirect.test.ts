// The locations of redirects: what the site says, the rest as in the request, and nothing that a client could inject.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Scheme } from '../../../lib/traffic/wire/authority.js';
import { compileRedirect } from '../../../lib/traffic/wire/redirect.js';

const test = suite('redirect');

interface To {
  readonly scheme?: Scheme;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
}

function locationOf({ scheme, host, port, path }: To, from: Scheme, authority: string | undefined, target: string): string | undefined {
  const action = {
    kind: 'redirect',
    status: 301,
    scheme: scheme ?? null,
    host: host ?? null,
    port: port ?? null,
    path: path ?? null,
  } as const;
  return compileRedirect(action)(from, authority, target);
}

const CASES: readonly (readonly [to: To, from: Scheme, authority: string | undefined, target: string, location: string])[] = [
  [{ scheme: 'https' }, 'http', 'example.test', '/a?b=c', 'https://example.test/a?b=c'],
  [{ scheme: 'https' }, 'http', 'Example.test:80', '/', 'https://example.test/'],
  [{ scheme: 'https' }, 'http', 'example.test:8080', '/', 'https://example.test/'],
  [{ scheme: 'https' }, 'https', 'example.test:8443', '/', 'https://example.test:8443/'],
  [{ scheme: 'https', port: 8443 }, 'http', 'example.test:8080', '/', 'https://example.test:8443/'],
  [{ scheme: 'https', port: 443 }, 'http', 'example.test', '/', 'https://example.test/'],
  [{ scheme: 'http', port: 443 }, 'http', 'example.test', '/', 'http://example.test:443/'],
  [{ host: 'www.test' }, 'http', 'example.test:8080', '/x', 'http://www.test:8080/x'],
  [{ host: 'www.test' }, 'http', undefined, '/x', 'http://www.test/x'],
  [{ host: '[::1]', port: 81 }, 'http', 'example.test', '/x', 'http://[::1]:81/x'],
  [{ scheme: 'https' }, 'http', '[2001:db8::1]:8080', '/x', 'https://[2001:db8::1]/x'],
  [{ path: '/new' }, 'https', 'example.test:443', '/old?q=1', 'https://example.test/new?q=1'],
  [{ path: '/ü x' }, 'http', 'example.test', '/old', 'http://example.test/%C3%BC%20x'],
  [{ path: '//evil.test' }, 'http', 'example.test', '/old', 'http://example.test/evil.test'],
  [{ scheme: 'https' }, 'http', 'example.test', '//evil.test/..', 'https://example.test//evil.test/..'],
  [{ scheme: 'https' }, 'http', 'example.test', '/\xc3\xbc?\xff', 'https://example.test/%C3%BC?%FF'],
  [{ scheme: 'https' }, 'http', 'example.test', '*', 'https://example.test/'],
  [{ path: '/p' }, 'http', 'example.test', '*', 'http://example.test/p'],
  [{ scheme: 'https' }, 'http', 'example.test.', '/', 'https://example.test./'],
];

for (const [to, from, authority, target, location] of CASES) {
  test(`${JSON.stringify(to)}: ${from}, ${authority}, ${target} is sent to ${location}`, () => {
    assert.is(locationOf(to, from, authority, target), location);
  });
}

test('a client that names no valid host is sent nowhere, unless the site names one', () => {
  for (const authority of [
    undefined,
    '',
    ':80',
    'a b',
    'a/b',
    'user@evil.test',
    'evil.test\r\nX: y',
    'a:b',
    '[::1',
    'a\\b',
    'a?b',
    'a#b',
    'a:99999',
  ])
    assert.is(locationOf({ scheme: 'https' }, 'http', authority, '/'), undefined, JSON.stringify(authority));
  assert.is(locationOf({ host: 'www.test' }, 'http', 'user@evil.test', '/'), undefined);
});

test.run();
