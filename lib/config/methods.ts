// The methods of HTTP that a balancer serves: any token is one (RFC 9110, section 9.1), whatever the Node that runs it
// knows of them, unless an operator lists those that are wanted.

import { MeercatError } from '../errors.js';

/** No method is longer; the longest that is registered with IANA has 17 characters. */
export const MAX_METHOD_LENGTH = 32;

/** The methods that most services know. */
export const USUAL_METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const METHOD = new RegExp(`^[!#$%&'*+.^_\`|~0-9A-Za-z-]{1,${MAX_METHOD_LENGTH}}$`);

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}

/** Reads methods separated by commas, case-sensitive; `any` for no restriction, which is an empty list. Throws MEERCAT_BAD_CONFIG. */
export function parseMethods(flag: string, text: string): string[] {
  if (text.trim() === 'any') return [];
  const methods = text.split(',').map((part) => part.trim());
  for (const method of methods) {
    const quoted = JSON.stringify(method.slice(0, 80));
    if (!METHOD.test(method)) refuse(`${flag}: methods separated by commas, such as GET,HEAD,POST, or any; ${quoted} is no method`);
    const upper = method.toUpperCase();
    if (upper === 'CONNECT' || upper === 'TRACE') refuse(`${flag}: ${upper} is never served: leave it out`);
    // It would be another method than the one that is meant, and every request would be refused.
    if (method !== upper && USUAL_METHODS.includes(upper)) refuse(`${flag}: methods are case-sensitive: write ${upper}, not ${quoted}`);
  }
  return [...new Set(methods)];
}
