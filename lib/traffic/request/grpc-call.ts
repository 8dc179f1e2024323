// A call of gRPC as its exchange knows it: when its client stops waiting, and the status that the client got.

import { type AnswerCode, statusOf } from '../wire/answers.js';
import { grpcEndOf, grpcTimeoutLine, grpcTimeoutMs, isGrpcCall, NO_GRPC_STATUS } from '../wire/grpc.js';
import type { RequestHead } from '../wire/request-head.js';

/** A request that is a call. */
export interface GrpcCall {
  /** When its head arrived (process's clock). */
  readonly startedMs: number;
  /** When the client stops waiting; Infinity: it set no deadline. */
  readonly deadlineMs: number;
}

/** The line of a call for a host that is asked now, in place of the client's: what is left of its deadline, if some of it was spent here; else empty. */
export function timeoutLineOf(call: GrpcCall | undefined, nowMs: number): string {
  if (call === undefined || call.deadlineMs === Number.POSITIVE_INFINITY || nowMs <= call.startedMs) return '';
  return grpcTimeoutLine(call.deadlineMs - nowMs);
}

/** The call that a request is; undefined for any other request. @param startedMs when its head arrived (process's clock) */
export function grpcCallOf(head: RequestHead, startedMs: number): GrpcCall | undefined {
  return isGrpcCall(head) ? { startedMs, deadlineMs: startedMs + grpcTimeoutMs(head.headers) } : undefined;
}

/** What the end of a call is known by. */
export interface CallEnd {
  readonly call: GrpcCall | undefined;
  /** The last attempt. */
  readonly attempt: { readonly grpcStatus: number } | undefined;
}

/**
 * The status of gRPC that the client got, in our own answer or in the host's; NO_GRPC_STATUS if the request is no call, or
 * got none.
 * @param code of our own answer; empty without one
 */
export function grpcStatusOf({ call, attempt }: CallEnd, code: AnswerCode | ''): number {
  if (call === undefined) return NO_GRPC_STATUS;
  return code === '' ? (attempt?.grpcStatus ?? NO_GRPC_STATUS) : grpcEndOf(code).status;
}

/**
 * The status of HTTP by which an answer is judged: the one that the client got, except that our own answer to a call, which
 * is always 200, counts as the answer that other requests get with its code.
 */
export function judgedStatus({ call }: CallEnd, code: AnswerCode | '', status: number): number {
  return call === undefined || code === '' ? status : statusOf(code);
}
