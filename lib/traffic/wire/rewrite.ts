// A route's rewrite of the target, compiled. Prefixes are found as the router finds them, by segments and whatever the
// percent-encoding; the rest of the path and the query stay as they came. The result is always a path: it begins with
// one slash that no host can take for the beginning of an authority.

import { endOfPrefix, latin1Of, tokensOf } from '../../routing/target-tokens.js';
import type { Rewrite } from '../../site-model.js';

/** Gives the target that the host gets. A target that is no path (`*`) stays. */
export type TargetRewrite = (target: string) => string;

/** Characters that end a path. */
const PATH_ENDS = '?#';

/** Compiles a rewrite. A target without the prefix stays. */
export function compileRewrite(rewrite: Rewrite): TargetRewrite {
  if (rewrite.kind === 'path') {
    const path = targetPathOf(rewrite.path);
    return (target) => (target.startsWith('/') ? path + target.slice(pathEnd(target)) : target);
  }
  const prefix = tokensOf(rewrite.prefix, PATH_ENDS);
  const by = rewrite.kind === 'strip-prefix' ? '' : targetPathOf(rewrite.by).replace(/\/+$/, '');
  return (target) => {
    const end = endOfPrefix(target, prefix);
    return end < 0 ? target : asPath(by + target.slice(end));
  };
}

/** A path of the site as it stands in a target: ASCII, without a query. */
export function targetPathOf(path: string): string {
  const encoded = encodeBytes(latin1Of(path)).replace(/[?#]/g, (end) => (end === '?' ? '%3F' : '%23'));
  return asPath(encoded);
}

/** Bytes that may stand in no URL, percent-encoded. @param text latin1 */
export function encodeBytes(text: string): string {
  return text.replace(/[^!-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** Where the path of a target ends. */
export function pathEnd(target: string): number {
  const end = target.search(/[?#]/);
  return end < 0 ? target.length : end;
}

/** With exactly one slash at its start: `//name/x` and `/\name/x` would be read as an authority and a path. */
function asPath(text: string): string {
  const second = text.charCodeAt(1);
  if (text.startsWith('/') && second !== SLASH && second !== BACKSLASH) return text;
  return `/${text.replace(/^[/\\]+/, '')}`;
}

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
