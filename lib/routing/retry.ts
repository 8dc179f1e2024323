// When a request may be sent a second time. Pure; the request's story applies it, within its budget.

/** How an attempt to have a host answer a request can end. */
export type OutcomeKind =
  /** The host answered, and all of the answer was passed on. */
  | 'ok'
  /** No connection came about: the host has seen nothing of the request. */
  | 'connect-failed'
  /** The connection ended before the answer did. */
  | 'reset'
  | 'timeout'
  /** What the host sent is not an HTTP answer. */
  | 'bad-response'
  /** The client went away; never the host's fault. */
  | 'client-gone';

/** What the retry rule looks at. */
export interface Attempted {
  readonly outcome: OutcomeKind;
  /** Whether anything of an answer was passed on to the client. */
  readonly hasStarted: boolean;
  readonly method: string;
  readonly hasBody: boolean;
  /** Whether a part of the body was taken: it is passed on as it comes, and is gone. */
  readonly isBodyTaken: boolean;
  /** Attempts so far, this one included. */
  readonly attempts: number;
}

/** One other host is tried, never more: a fleet whose hosts die must not be hammered. */
const MAX_ATTEMPTS = 2;

/** Methods that may be done twice with the effect of once (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Whether a method may be done twice with the effect of once. */
export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/**
 * Whether one other host may be tried: before the first byte to the client, and only if that is safe. It is
 * when the connection was refused, for then the host has seen nothing; else only for an idempotent request
 * without a body. So no POST is ever delivered twice.
 */
export function mayRetry({ outcome, hasStarted, method, hasBody, isBodyTaken, attempts }: Attempted): boolean {
  if (hasStarted || isBodyTaken || attempts >= MAX_ATTEMPTS) return false;
  if (outcome === 'connect-failed') return true;
  return (outcome === 'reset' || outcome === 'bad-response') && !hasBody && isIdempotent(method);
}

/**
 * Whether a request may go out once more to the same host, on a new connection, after a kept one ended before a byte of
 * an answer: only if nothing of its body was taken, and if it is idempotent or nothing of it has left this process.
 * The host may have closed the connection for lying idle, but it may as well have done the request first.
 */
export function maySendAgain(method: string, isBodyTaken: boolean, isUndelivered: boolean): boolean {
  return !isBodyTaken && (isUndelivered || isIdempotent(method));
}
