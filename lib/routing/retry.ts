// When a request may be sent a second time, and how long a host that refused connections is left alone.
// Pure rules; the request's story applies them.

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
  /** Attempts so far, this one included. */
  readonly attempts: number;
}

/** One other host is tried, never more: a fleet whose hosts die must not be hammered. */
const MAX_ATTEMPTS = 2;

/** Methods that may be done twice with the effect of once (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * Whether one other host may be tried: before the first byte to the client, and only for a request
 * without a body (a body is passed on as it comes, and is gone). A request that the first host may
 * have begun to work on is sent again only if its method is idempotent.
 */
export function mayRetry({ outcome, hasStarted, method, hasBody, attempts }: Attempted): boolean {
  if (hasStarted || hasBody || attempts >= MAX_ATTEMPTS) return false;
  if (outcome === 'connect-failed') return true;
  return (outcome === 'reset' || outcome === 'bad-response') && IDEMPOTENT.has(method);
}

const FIRST_AVOID_MS = 1000;
const MAX_AVOID_MS = 30_000;

/** How long (ms) a host is left alone after so many failed connects in a row: 1 s, then twice as long each time, up to 30 s. */
export function avoidForMs(failures: number): number {
  return Math.min(FIRST_AVOID_MS * 2 ** Math.min(failures - 1, 10), MAX_AVOID_MS);
}
