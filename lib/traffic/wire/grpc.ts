// What a balancer must know of gRPC: which requests are calls, their deadlines, how a call ended, and how our own answers
// say so. Messages pass unread. Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Pure.

import { type AnswerCode, ANSWERS } from './answers.js';
import { linesOf } from './headers.js';
import type { RequestHead } from './request-head.js';

/** The status codes of gRPC (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md) that a balancer gives by itself. */
export const GRPC_STATUS = {
  unknown: 2,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** The call has no status: it is no call of gRPC, or it has not ended. */
export const NO_GRPC_STATUS = -1;

/** `application/grpc`, with or without a format such as `+proto`; not `application/grpc-web`, which keeps its status in the body. */
const CONTENT_TYPE = /^application\/grpc(?:\+|[\t ]*(?:;|$))/i;

/** Whether fields say that a message is gRPC's. @param headers name, value, …; names in any case */
export function isGrpc(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 12 && name.toLowerCase() === 'content-type') return CONTENT_TYPE.test(headers[i + 1] as string);
  }
  return false;
}

/** Whether a request is a call of gRPC: a POST over HTTP/2. Any other request costs two comparisons. */
export function isGrpcCall({ version, method, headers }: Pick<RequestHead, 'version' | 'method' | 'headers'>): boolean {
  return version === '2.0' && method === 'POST' && isGrpc(headers);
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * How long the client waits for the whole call (`grpc-timeout`), in ms; Infinity without a limit. A value that is
 * malformed or given more than once sets no limit here: it passes, and the host, whom it is meant for, refuses the call.
 */
export function grpcTimeoutMs(headers: readonly string[]): number {
  let timeoutMs = Number.NaN;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 12 || name.toLowerCase() !== 'grpc-timeout') continue;
    if (!Number.isNaN(timeoutMs)) return Number.POSITIVE_INFINITY;
    const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(headers[i + 1] as string) ?? [];
    timeoutMs = digits === undefined ? Number.POSITIVE_INFINITY : Number(digits) * (UNIT_MS[unit as string] as number);
  }
  return Number.isNaN(timeoutMs) ? Number.POSITIVE_INFINITY : timeoutMs;
}

/** More digits are not allowed. */
const MAX_TIMEOUT = 99_999_999;

/** The line by which a host learns how long is left of a call, rounded up; with the line end before it. @param leftMs above 0 */
export function grpcTimeoutLine(leftMs: number): string {
  const ms = Math.ceil(leftMs);
  return `\r\ngrpc-timeout: ${ms <= MAX_TIMEOUT ? `${ms}m` : `${Math.min(Math.ceil(leftMs / 60_000), MAX_TIMEOUT)}M`}`;
}

/**
 * The status in a host's trailers, or in the head of an answer without a body (trailers-only): 0 to 16, or UNKNOWN for
 * any other value; NO_GRPC_STATUS if there is none.
 */
export function readGrpcStatus(fields: readonly string[]): number {
  let status: number = NO_GRPC_STATUS;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== 11 || name.toLowerCase() !== 'grpc-status') continue;
    if (status !== NO_GRPC_STATUS) return GRPC_STATUS.unknown;
    const value = fields[i + 1] as string;
    status = /^(?:\d|1[0-6])$/.test(value) ? Number(value) : GRPC_STATUS.unknown;
  }
  return status;
}

const { deadlineExceeded, resourceExhausted, unimplemented, internal, unavailable } = GRPC_STATUS;

/**
 * Our codes as statuses. UNAVAILABLE says that the same call may be tried again: so it is only given where no host has
 * begun to work on it, or the host has gone. UNIMPLEMENTED says that this will not help before somebody changes the site.
 */
const STATUS_OF: Readonly<Record<AnswerCode, number>> = {
  MEERCAT_BAD_REQUEST: internal,
  MEERCAT_NO_ROUTE: unimplemented,
  MEERCAT_METHOD_NOT_ALLOWED: unimplemented,
  MEERCAT_REQUEST_TIMEOUT: deadlineExceeded,
  MEERCAT_BODY_TOO_LARGE: resourceExhausted,
  MEERCAT_URL_TOO_LONG: resourceExhausted,
  MEERCAT_EXPECTATION_FAILED: internal,
  MEERCAT_RATE_LIMITED: resourceExhausted,
  MEERCAT_FLEET_LIMIT: resourceExhausted,
  MEERCAT_HEAD_TOO_LARGE: resourceExhausted,
  MEERCAT_INTERNAL: internal,
  MEERCAT_METHOD_UNKNOWN: unimplemented,
  MEERCAT_HOST_UNREACHABLE: unavailable,
  MEERCAT_BAD_RESPONSE: internal,
  MEERCAT_GRPC_NEEDS_HTTP2: unimplemented,
  MEERCAT_NO_HOST: unavailable,
  MEERCAT_BUSY: unavailable,
  MEERCAT_MAINTENANCE: unavailable,
  MEERCAT_OVERLOADED: unavailable,
  MEERCAT_TOO_MANY_CONNECTIONS: unavailable,
  MEERCAT_HOST_TIMEOUT: deadlineExceeded,
  MEERCAT_DEADLINE_EXCEEDED: deadlineExceeded,
  MEERCAT_LOOP: internal,
};

/** One of our own answers as the end of a call: its fields `grpc-status` and `grpc-message`, as trailers or in a trailers-only head. */
export interface GrpcEnd {
  readonly status: number;
  /** Name, value, name, value. The message is printable ASCII without `%`, which needs no encoding. */
  readonly fields: readonly string[];
}

const ENDS: ReadonlyMap<string, GrpcEnd> = new Map(
  Object.entries(STATUS_OF).map(([code, status]): [string, GrpcEnd] => [
    code,
    { status, fields: ['grpc-status', String(status), 'grpc-message', `${code}: ${ANSWERS[code as AnswerCode].message}`] },
  ]),
);

/** How one of our own answers ends a call. */
export function grpcEndOf(code: AnswerCode): GrpcEnd {
  return ENDS.get(code) as GrpcEnd;
}

const LINES: ReadonlyMap<string, string> = new Map(
  [...ENDS].map(([code, { fields }]): [string, string] => [code, linesOf(['content-type', 'application/grpc', ...fields])]),
);

/** One of our own answers to a call as the lines of a trailers-only head, each with the line end before it. */
export function grpcLinesOf(code: AnswerCode): string {
  return LINES.get(code) as string;
}
