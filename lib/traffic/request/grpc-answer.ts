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
  readonly #mayHaveTrailers: boolean;

  /** The answer that begins with this head; undefined if it is not gRPC's. */
  static of(head: ResponseHead): GrpcAnswer | undefined {
    if (!isGrpc(head.headers)) return undefined;
    return new GrpcAnswer(head);
  }

  private constructor({ headers, framing }: ResponseHead) {
    if (framing === 'none') this.status = readGrpcStatus(headers);
    this.#mayHaveTrailers = framing === 'chunked';
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

  /** The answer has ended, with these trailers. Without a status in them or in the head of an answer without a body, it is UNKNOWN. */
  onEnd(fields: readonly string[]): void {
    if (this.status !== NO_GRPC_STATUS) return;
    const status = readGrpcStatus(fields);
    this.status = status === NO_GRPC_STATUS ? GRPC_STATUS.unknown : status;
  }

  /** The answer does not become whole: gives the trailers that say so, or undefined if none can be sent. */
  breakOff(code: AnswerCode): readonly string[] | undefined {
    if (!this.#mayHaveTrailers) return undefined;
    const { status, fields } = grpcEndOf(code);
    this.status = status;
    return fields;
  }
}
