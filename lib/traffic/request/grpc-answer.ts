// The answer of a host to a call of gRPC, as its attempt passes it on: whether it is a stream, and the status with which
// it ends.

import type { AnswerCode } from '../wire/answers.js';
import { GRPC_STATUS, grpcEndOf, isGrpc, NO_GRPC_STATUS, readGrpcStatus } from '../wire/grpc.js';
import { GrpcMessages } from '../wire/grpc-messages.js';
import type { ResponseHead } from '../wire/response-head.js';

/** One answer that is gRPC's. */
export class GrpcAnswer {
  /** The status; NO_GRPC_STATUS until it has come. */
  status: number = NO_GRPC_STATUS;
  /** Until it proves to be a stream. */
  #messages: GrpcMessages | undefined = new GrpcMessages();

  /** The answer that begins with this head; undefined if it is not gRPC's. */
  static of(head: ResponseHead): GrpcAnswer | undefined {
    if (!isGrpc(head.headers)) return undefined;
    const answer = new GrpcAnswer();
    if (head.framing === 'none') answer.onTrailers(head.headers);
    return answer;
  }

  /** Takes a part of the body; true, once, when it begins the second message: the answer is a stream. */
  provesStream(bytes: Buffer): boolean {
    const messages = this.#messages;
    if (messages === undefined) return false;
    messages.add(bytes);
    if (messages.count < 2) return false;
    this.#messages = undefined;
    return true;
  }

  /** Takes the trailers, or the head of an answer without a body. An answer that ends without a status has the status UNKNOWN. */
  onTrailers(fields: readonly string[]): void {
    if (this.status !== NO_GRPC_STATUS) return;
    const status = readGrpcStatus(fields);
    this.status = status === NO_GRPC_STATUS ? GRPC_STATUS.unknown : status;
  }

  /** The answer does not become whole: gives the trailers that say so. */
  breakOff(code: AnswerCode): readonly string[] {
    const { status, fields } = grpcEndOf(code);
    this.status = status;
    return fields;
  }
}
