// When a request may be sent a second time. Pure; the caller applies it, within the retry budget.

/** The outcome of one attempt at a request. */
export type OutcomeKind =
  /** The host answered, and the whole response was passed on. */
  | 'ok'
  /** No connection was established: the host has seen nothing of the request. */
  | 'connect-failed'
  /** The host said that it did not process the request (HTTP/2: GOAWAY, REFUSED_STREAM). */
  | 'unprocessed'
  /** The connection ended before the response did. */
  | 'reset'
  | 'timeout'
  /** The host's response is not valid HTTP. */
  | 'bad-response'
  /** The host does not speak the protocol that the client asks for in an upgrade: not a failure of the host. */
  | 'unsupported'
  /** The client went away; never the host's fault. */
  | 'client-gone'
  /** The deadline that the client had set passed first; never the host's fault, which may have had no time at all. */
  | 'deadline';

/** The facts the retry rule depends on. */
export interface Attempted {
  readonly outcome: OutcomeKind;
  /** Whether any part of a response was passed on to the client. */
  readonly hasStarted: boolean;
  readonly method: string;
  readonly hasBody: boolean;
  /** Whether any part of the body was consumed: bodies are streamed, so it is gone. */
  readonly isBodyTaken: boolean;
  /** Attempts so far, including this one. */
  readonly attempts: number;
  /** Maximum attempts, the first included. */
  readonly maxAttempts: number;
}

/** Idempotent methods (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Whether a method is idempotent. */
export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/**
 * Whether the request may be retried, on another host if there is one: before the first byte to the client, and only if it
 * is safe. It is safe if the host has seen nothing of it or says that it did not process it (RFC 9113, section 8.7), and
 * otherwise for an idempotent request without a body. So no POST is ever delivered twice.
 */
export function mayRetry({ outcome, hasStarted, method, hasBody, isBodyTaken, attempts, maxAttempts }: Attempted): boolean {
  if (hasStarted || isBodyTaken || attempts >= maxAttempts) return false;
  if (outcome === 'connect-failed' || outcome === 'unprocessed') return true;
  return (outcome === 'reset' || outcome === 'bad-response') && !hasBody && isIdempotent(method);
}

/**
 * Whether a request may be resent to the same host on a new connection, after a reused one closed before the response:
 * only if no part of its body was consumed, and if it is idempotent or was not delivered at all. The host may have
 * closed an idle connection, but it may also have processed the request first.
 */
export function maySendAgain(method: string, isBodyTaken: boolean, isUndelivered: boolean): boolean {
  return !isBodyTaken && (isUndelivered || isIdempotent(method));
}
