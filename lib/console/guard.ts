// Who may see a page of the console that is not public, and who may act. On loopback everybody on this machine may see,
// but no web page whose name was made to point here; elsewhere only who has the token may. To act needs the token
// everywhere, and no page of another origin may use it. Anything unclear is refused.

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '../clock.js';
import { TokenGuesses } from './token-guesses.js';

/** What a request says of itself. */
export interface Credentials {
  readonly host: string | undefined;
  readonly authorization: string | undefined;
  /** What browsers add: the origin of the page that asks, and how that relates to this one. */
  readonly origin?: string | undefined;
  readonly fetchSite?: string | undefined;
  /** Where the connection comes from. */
  readonly remoteAddress: string;
}

/** Why a request is refused. */
export interface GuardRefusal {
  readonly status: 401 | 403 | 429;
  readonly error: string;
  readonly message: string;
  /** The value of WWW-Authenticate; empty where no token would help. */
  readonly challenge: string;
  /** When to try again, of 429 alone. */
  readonly retryAfterSeconds?: number;
}

/** What the guard tells of requests that it refuses. */
export interface GuardReports {
  /** A token was asked for, and was missing or wrong. `isGuess`: it was wrong. */
  readonly onUnauthorized: (remoteAddress: string, isGuess: boolean) => void;
  /** A token was not looked at: too many wrong ones came from there, or from everywhere. */
  readonly onThrottled: (remoteAddress: string) => void;
}

/** The verdict on a request: why it is refused, or whether it came with the right token. */
export type GuardVerdict = { readonly refusal: GuardRefusal } | { readonly refusal?: undefined; readonly hasToken: boolean };

/** Judges requests for pages that not everybody may see. */
export interface Guard {
  /** Whether this console has a token. */
  readonly hasToken: boolean;
  judge(credentials: Credentials, access: 'read' | 'act'): GuardVerdict;
}

/** Whether an address, as a listening socket gives it, can only be reached from this machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/**
 * The guard of a console that listens on `address`. On loopback everybody on this machine may read; elsewhere, and to act
 * anywhere, the token is asked for. Who gives a token is judged by it.
 * @param token empty when none is set
 */
export function buildGuard(address: string, token: string, clock: Clock, reports: GuardReports): Guard {
  const isLocal = isLoopback(address);
  if (token !== '') {
    const check = tokenCheck(token, clock, reports);
    return {
      hasToken: true,
      judge(credentials, access) {
        const { host, authorization } = credentials;
        if (isLocal && access === 'read' && authorization === undefined) return verdictOf(checkHost(host), false);
        return verdictOf(check(credentials) ?? (access === 'act' ? checkOrigin(credentials) : undefined), true);
      },
    };
  }
  return {
    hasToken: false,
    judge({ host }, access) {
      if (isLocal && access === 'read') return verdictOf(checkHost(host), false);
      return verdictOf(forbidden(isLocal ? NO_TOKEN_TO_ACT : NO_TOKEN_TO_READ), false);
    },
  };
}

const NO_TOKEN_TO_ACT =
  'to change anything needs a token, and this balancer has none: give it one with --console-token-file FILE or MEERCAT_CONSOLE_TOKEN, or use the command line (meercat drain …)';

const NO_TOKEN_TO_READ =
  'this page needs a token, and this balancer has none: give it one with --console-token-file FILE or MEERCAT_CONSOLE_TOKEN, or leave --console-bind on loopback';

function verdictOf(refusal: GuardRefusal | undefined, hasToken: boolean): GuardVerdict {
  return refusal === undefined ? { hasToken } : { refusal };
}

function forbidden(message: string): GuardRefusal {
  return { status: 403, error: 'MEERCAT_FORBIDDEN', message, challenge: '' };
}

/**
 * Cross-site requests: a browser says which page asks, and what it says can't be forged by that page. Programs that are no
 * browsers say nothing; they have the token, which no browser sends by itself.
 */
function checkOrigin({ host, origin, fetchSite }: Credentials): GuardRefusal | undefined {
  const isSame = origin === undefined || (host !== undefined && /^https?:\/\//i.test(origin) && hostOf(origin) === host.toLowerCase());
  if (isSame && (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none')) return undefined;
  return forbidden('a page of another origin may not act here: check the Origin header, and that a proxy in front keeps the Host header');
}

/** What follows the scheme: an origin has no path. */
function hostOf(origin: string): string {
  return origin.replace(/^https?:\/\//i, '').toLowerCase();
}

/** Builds the check of a token. A token is compared only while its address has a try. */
function tokenCheck(token: string, clock: Clock, reports: GuardReports): (credentials: Credentials) => GuardRefusal | undefined {
  const expected = digestOf(token);
  const guesses = new TokenGuesses(clock());
  return ({ authorization, remoteAddress }) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    if (given === undefined) {
      reports.onUnauthorized(remoteAddress, false);
      return unauthorized(authorization === undefined);
    }
    const waitMs = guesses.waitMs(remoteAddress, clock());
    if (waitMs > 0) {
      reports.onThrottled(remoteAddress);
      return throttled(waitMs);
    }
    // Digests have one length, so that the comparison tells nothing of the token, not even how long it is.
    if (timingSafeEqual(digestOf(given), expected)) {
      guesses.onRight(remoteAddress);
      return undefined;
    }
    guesses.onWrong(remoteAddress, clock());
    reports.onUnauthorized(remoteAddress, true);
    return unauthorized(false);
  };
}

function unauthorized(isMissing: boolean): GuardRefusal {
  return {
    status: 401,
    error: 'MEERCAT_UNAUTHORIZED',
    message: 'send "Authorization: Bearer TOKEN" with the token of --console-token-file or MEERCAT_CONSOLE_TOKEN',
    challenge: `Bearer realm="meercat"${isMissing ? '' : ', error="invalid_token"'}`,
  };
}

function throttled(waitMs: number): GuardRefusal {
  return {
    status: 429,
    error: 'MEERCAT_TOO_MANY_GUESSES',
    message: 'too many wrong tokens were given: for a moment none is looked at, right or wrong',
    challenge: '',
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  };
}

/**
 * DNS rebinding: a browser sends a foreign page's requests here, under that page's host name, when its name points to
 * this machine. An address or `localhost` can't be made to.
 */
function checkHost(host: string | undefined): GuardRefusal | undefined {
  const [, v6, name = ''] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  if (v6 !== undefined ? isIP(v6) === 6 : isIP(name) === 4 || /^(?:[\w-]+\.)*localhost$/i.test(name)) return undefined;
  return forbidden('without a token only an address or localhost is served here: check the Host header');
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
