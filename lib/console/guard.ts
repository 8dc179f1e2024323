// Who may see a page of the console that is not public. On loopback everybody on this machine may, but no web page
// whose name was made to point here; with a token only who has it may; else nobody may. Anything unclear is refused.

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';

/** What a request says of itself. */
export interface Credentials {
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

/** Why a request is refused. */
export interface GuardRefusal {
  readonly status: 401 | 403;
  readonly error: string;
  readonly message: string;
  /** The value of WWW-Authenticate; empty where no token would help. */
  readonly challenge: string;
}

/** Judges requests; undefined lets one pass. */
export type Guard = (credentials: Credentials) => GuardRefusal | undefined;

/** Whether an address, as a listening socket gives it, can only be reached from this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/**
 * The guard of a console that listens on `address`. A token is asked for wherever one is set, on loopback too.
 * @param token empty when none is set
 */
export function buildGuard(address: string, token: string): Guard {
  if (token !== '') {
    const expected = digestOf(token);
    return ({ authorization }) => checkToken(expected, authorization);
  }
  if (isLoopback(address)) return ({ host }) => checkHost(host);
  const message =
    'this page needs a token, and this balancer has none: give it one with --console-token-file FILE or MEERCAT_CONSOLE_TOKEN, or leave --console-bind on loopback';
  return () => ({ status: 403, error: 'MEERCAT_FORBIDDEN', message, challenge: '' });
}

function checkToken(expected: Buffer, authorization: string | undefined): GuardRefusal | undefined {
  const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  // Digests have one length, so that the comparison tells nothing of the token, not even how long it is.
  if (given !== undefined && timingSafeEqual(digestOf(given), expected)) return undefined;
  const message = 'send "Authorization: Bearer TOKEN" with the token of --console-token-file or MEERCAT_CONSOLE_TOKEN';
  return {
    status: 401,
    error: 'MEERCAT_UNAUTHORIZED',
    message,
    challenge: `Bearer realm="meercat"${authorization === undefined ? '' : ', error="invalid_token"'}`,
  };
}

/**
 * DNS rebinding: a browser sends a foreign page's requests here, under that page's host name, when its name points to
 * this machine. An address or `localhost` can't be made to.
 */
function checkHost(host: string | undefined): GuardRefusal | undefined {
  const [, v6, name = ''] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  if (v6 !== undefined ? isIP(v6) === 6 : isIP(name) === 4 || /^(?:[\w-]+\.)*localhost$/i.test(name)) return undefined;
  return {
    status: 403,
    error: 'MEERCAT_FORBIDDEN',
    message: 'without a token only an address or localhost is served here: check the Host header',
    challenge: '',
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
