// The answers that a balancer makes itself: a small JSON body with a stable code, and no internal detail.

import { USUAL_METHODS } from '../../config/methods.js';
import { CLOSED, dateLine, KEPT } from './connection-lines.js';

/** Why a balancer answered instead of a host. Stable: scripts may rely on them. */
export type AnswerCode =
  | 'MEERCAT_BAD_REQUEST'
  | 'MEERCAT_NO_ROUTE'
  | 'MEERCAT_METHOD_NOT_ALLOWED'
  | 'MEERCAT_REQUEST_TIMEOUT'
  | 'MEERCAT_BODY_TOO_LARGE'
  | 'MEERCAT_URL_TOO_LONG'
  | 'MEERCAT_EXPECTATION_FAILED'
  | LimitCode
  | 'MEERCAT_HEAD_TOO_LARGE'
  | 'MEERCAT_INTERNAL'
  | 'MEERCAT_METHOD_UNKNOWN'
  | 'MEERCAT_HOST_UNREACHABLE'
  | 'MEERCAT_BAD_RESPONSE'
  | 'MEERCAT_GRPC_NEEDS_HTTP2'
  | 'MEERCAT_NO_HOST'
  | 'MEERCAT_BUSY'
  | 'MEERCAT_MAINTENANCE'
  | 'MEERCAT_OVERLOADED'
  | 'MEERCAT_TOO_MANY_CONNECTIONS'
  | 'MEERCAT_HOST_TIMEOUT'
  | 'MEERCAT_DEADLINE_EXCEEDED'
  | 'MEERCAT_LOOP';

/** Why a limit of the fleet refused a request. */
export type LimitCode = 'MEERCAT_RATE_LIMITED' | 'MEERCAT_FLEET_LIMIT';

/** All answers of our own; docs/http.md lists them. */
export const ANSWERS: Readonly<Record<AnswerCode, { readonly status: number; readonly reason: string; readonly message: string }>> = {
  MEERCAT_BAD_REQUEST: { status: 400, reason: 'Bad Request', message: 'the request is not one that every parser reads in the same way' },
  MEERCAT_NO_ROUTE: { status: 404, reason: 'Not Found', message: 'no route of the site fits this request' },
  MEERCAT_METHOD_NOT_ALLOWED: { status: 405, reason: 'Method Not Allowed', message: 'the method is not served' },
  MEERCAT_REQUEST_TIMEOUT: { status: 408, reason: 'Request Timeout', message: 'the request did not come in time' },
  MEERCAT_BODY_TOO_LARGE: { status: 413, reason: 'Content Too Large', message: "the request's body or a part of its framing is too large" },
  MEERCAT_URL_TOO_LONG: { status: 414, reason: 'URI Too Long', message: "the request's target is too long" },
  MEERCAT_EXPECTATION_FAILED: { status: 417, reason: 'Expectation Failed', message: 'only 100-continue can be expected' },
  MEERCAT_RATE_LIMITED: { status: 429, reason: 'Too Many Requests', message: 'there are more requests than the rate limit allows' },
  MEERCAT_FLEET_LIMIT: { status: 429, reason: 'Too Many Requests', message: 'as many requests are in flight as may be' },
  MEERCAT_HEAD_TOO_LARGE: { status: 431, reason: 'Request Header Fields Too Large', message: "the request's head is too large" },
  MEERCAT_INTERNAL: { status: 500, reason: 'Internal Server Error', message: 'the balancer failed on this request' },
  MEERCAT_METHOD_UNKNOWN: { status: 501, reason: 'Not Implemented', message: 'the method is too long to be known' },
  MEERCAT_HOST_UNREACHABLE: { status: 502, reason: 'Bad Gateway', message: 'the host could not be reached' },
  MEERCAT_BAD_RESPONSE: { status: 502, reason: 'Bad Gateway', message: "the host's answer could not be read" },
  MEERCAT_GRPC_NEEDS_HTTP2: { status: 502, reason: 'Bad Gateway', message: 'the host speaks HTTP/1, and gRPC needs HTTP/2' },
  MEERCAT_NO_HOST: { status: 503, reason: 'Service Unavailable', message: 'no host can take this request' },
  MEERCAT_BUSY: { status: 503, reason: 'Service Unavailable', message: 'all hosts have as many requests as they may' },
  MEERCAT_MAINTENANCE: { status: 503, reason: 'Service Unavailable', message: 'the service is in maintenance' },
  MEERCAT_OVERLOADED: { status: 503, reason: 'Service Unavailable', message: 'the balancer is short of memory' },
  MEERCAT_TOO_MANY_CONNECTIONS: { status: 503, reason: 'Service Unavailable', message: 'there are too many connections' },
  MEERCAT_HOST_TIMEOUT: { status: 504, reason: 'Gateway Timeout', message: 'the host did not answer in time' },
  MEERCAT_DEADLINE_EXCEEDED: { status: 504, reason: 'Gateway Timeout', message: 'the deadline of the call has passed' },
  MEERCAT_LOOP: { status: 508, reason: 'Loop Detected', message: 'the request has been here before' },
};

interface Prepared {
  readonly body: string;
  readonly statusLine: string;
  /** The header lines except Date, Connection and Allow. */
  readonly lines: string;
}

const PREPARED = new Map(
  Object.entries(ANSWERS).map(([code, { status, reason, message }]): [string, Prepared] => {
    const body = `${JSON.stringify({ error: code, message })}\n`;
    const lines = ['Content-Type: application/json', `Content-Length: ${body.length}`, 'Cache-Control: no-store'];
    if (status === 503) lines.push('Retry-After: 1');
    return [code, { body, statusLine: `HTTP/1.1 ${status} ${reason}`, lines: `\r\n${lines.join('\r\n')}` }];
  }),
);

/** How one of our answers is sent. */
export interface AnswerForm {
  /** Whether the request's method was HEAD: no body follows. */
  readonly isHead: boolean;
  /** Whether the connection is kept. */
  readonly isKept: boolean;
  /** The methods that are served, for the Allow of a 405; empty or left out: any. */
  readonly methods?: readonly string[];
  /** Lines for this answer alone; left out: none. */
  readonly ownLines?: string;
}

/** One of our answers as a client gets it, in latin1. */
export function answerText(code: AnswerCode, { isHead, isKept, methods = [], ownLines = '' }: AnswerForm): string {
  const { statusLine, body } = PREPARED.get(code) as Prepared;
  return `${statusLine}${isKept ? KEPT : CLOSED}${dateLine()}${answerLinesOf(code, methods)}${ownLines}\r\n\r\n${isHead ? '' : body}`;
}

/** The header lines of one of our answers except Date and Connection, each with the line end before it. @param methods those that are served; empty: any */
export function answerLinesOf(code: AnswerCode, methods: readonly string[]): string {
  const { lines } = PREPARED.get(code) as Prepared;
  // If any method is served, Allow can't list them all: it names the usual ones.
  return code === 'MEERCAT_METHOD_NOT_ALLOWED'
    ? `${lines}\r\nAllow: ${(methods.length === 0 ? USUAL_METHODS : methods).join(', ')}`
    : lines;
}

/** The body of one of our answers: JSON. */
export function ownBodyOf(code: AnswerCode): string {
  return (PREPARED.get(code) as Prepared).body;
}

/** The body length (bytes) of one of our answers. */
export function lengthOf(code: AnswerCode): number {
  return (PREPARED.get(code) as Prepared).body.length;
}

/** The status of one of our answers. */
export function statusOf(code: AnswerCode): number {
  return ANSWERS[code].status;
}
