// A route's redirect, compiled: where a client is sent, from how and where it asked. The location is always absolute and
// in ASCII; its authority is the site's or a valid one of the client, so that no header can be injected into the answer.

import type { RouteAction } from '../../site-model.js';
import { isAuthority, type Scheme, usualAuthority } from './authority.js';
import { encodeBytes, pathEnd, targetPathOf } from './rewrite.js';

/** The location for a request; undefined without a valid authority, which deserves a 400. */
export type Redirect = (scheme: Scheme, authority: string | undefined, target: string) => string | undefined;

const AUTHORITY_PARTS = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/;

/**
 * Compiles a redirect. What the site leaves open is as in the request; but a port stays only if the scheme does: the
 * port of one scheme is not that of another. A port that its scheme has anyway is left out.
 */
export function compileRedirect(action: Extract<RouteAction, { readonly kind: 'redirect' }>): Redirect {
  const path = action.path === null ? undefined : targetPathOf(action.path);
  return (scheme, authority, target) => {
    const toScheme = action.scheme ?? scheme;
    if (authority !== undefined && !isAuthority(authority)) return undefined;
    const [, name, port] = AUTHORITY_PARTS.exec(authority ?? '') ?? [];
    const toName = action.host ?? name;
    if (toName === undefined || toName === '') return undefined;
    const toPort = action.port ?? (toScheme === scheme ? port : undefined) ?? '';
    const to = usualAuthority(`${toName}:${toPort}`, toScheme);
    return `${toScheme}://${to}${redirectedPath(path, target)}`;
  };
}

/** The path and query of the location. @param path of the site; undefined: as in the request */
function redirectedPath(path: string | undefined, target: string): string {
  // `*` is about the server as a whole.
  if (!target.startsWith('/')) return path ?? '/';
  return path === undefined ? encodeBytes(target) : path + encodeBytes(target.slice(pathEnd(target)));
}
